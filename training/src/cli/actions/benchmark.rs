//! All games of a folder, some seeds each, beside the hand-written rule.

use std::path::{Path, PathBuf};
use std::time::Instant;

use genie_training::actions::{
    ActionScore, AgentError, AgentSettings, AnchoredAgent, FrameSource, HandRule, Labelled,
    few_label_actions, visible_actions,
};
use genie_training::dataset::{Dataset, TrueActions};
use genie_training::label::name_codes;
use serde::Serialize;

use super::{CliResult, Scores};

/// The whole benchmark.
#[derive(Debug, Serialize)]
struct Benchmark {
    games: Vec<Game>,
    /// Means over the games.
    share: Option<f64>,
    share_of_names: Option<f64>,
    share_of_decisions: Option<f64>,
    share_of_symbols: Option<f64>,
    share_with_label_table: Option<f64>,
    share_with_label_head: Option<f64>,
    /// Mean information of the encoder over that of the codes that it was trained on.
    encoder_over_codes: f64,
    games_above_half: usize,
}

/// A line of the benchmark.
#[derive(Debug, Serialize)]
struct Game {
    name: String,
    entropy: f64,
    rule: f64,
    /// Information of each seed.
    information: Vec<f64>,
    /// The same where codes of one name are taken for each other.
    named_information: Vec<f64>,
    accuracy: Vec<f64>,
    /// The same where transitions are read by the encoder that was trained on the codes.
    encoder_information: Vec<f64>,
    /// What a classifier sees, by its probabilities or its decisions, whichever is more.
    visible: Option<f64>,
    /// Information of its decisions alone.
    visible_decisions: Option<f64>,
    /// Information of its probabilities as far as symbols tell it, as many as there are codes.
    visible_symbols: Option<f64>,
    /// Mean information over the visible; means over games count it as 1 at most.
    share: Option<f64>,
    share_of_decisions: Option<f64>,
    share_of_symbols: Option<f64>,
    /// Information with one label in a hundred, by a table from codes and by a classifier of the track.
    label_table: Option<f64>,
    label_head: Option<f64>,
    margin: Vec<f32>,
    /// Transitions that were fitted.
    transitions: u64,
    /// Wall-clock seconds of a fit, without applying it.
    seconds: Vec<f64>,
}

/// Prints the table, or its lines as JSON.
pub(super) fn run(
    train: &Path,
    held_out: &Path,
    settings: &AgentSettings,
    skip_visible: bool,
    seeds: u64,
    json: bool,
) -> CliResult {
    let mut games = Vec::new();
    for folder in datasets(train)? {
        let Some(name) = folder.file_name() else {
            continue;
        };
        let other = held_out.join(name);
        if !other.is_dir() {
            continue;
        }
        let game = measure(&folder, &other, settings, skip_visible, seeds)?;
        if !json {
            if games.is_empty() {
                println!(
                    "| game | entropy | visible (decisions, as many symbols) | rule | information (spread) | by name | encoder | share (of decisions, of symbols) | 1 % labels: table / head | accuracy | margin | seconds |"
                );
                println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
            }
            print_line(&game);
        }
        games.push(game);
    }
    let benchmark = Benchmark::new(games);
    if json {
        println!("{}", serde_json::to_string_pretty(&benchmark)?);
    } else if let (
        Some(share),
        Some(names),
        Some(decisions),
        Some(symbols),
        Some(labels),
        Some(head),
    ) = (
        benchmark.share,
        benchmark.share_of_names,
        benchmark.share_of_decisions,
        benchmark.share_of_symbols,
        benchmark.share_with_label_table,
        benchmark.share_with_label_head,
    ) {
        println!(
            "\nmean share {share:.3} over {} games, {} above 0.5, and {names:.3} of names; {decisions:.3} of the information of a classifier's decisions, {symbols:.3} of that of as many symbols; with 1 % labels {labels:.3} by a table, {head:.3} by a classifier",
            benchmark.games.len(),
            benchmark.games_above_half,
        );
    }
    Ok(())
}

impl Benchmark {
    fn new(games: Vec<Game>) -> Self {
        let capped = |share: &dyn Fn(&Game) -> Option<f64>| {
            let shares: Vec<f64> = (games.iter())
                .filter_map(share)
                .map(|share| share.clamp(0.0, 1.0))
                .collect();
            (!shares.is_empty()).then(|| mean(&shares))
        };
        let sum = |of: &dyn Fn(&Game) -> f64| games.iter().map(of).sum::<f64>();
        let of_visible = |value: Option<f64>, game: &Game| {
            let visible = game.visible.filter(|&visible| visible > 0.0)?;
            Some(value? / visible)
        };
        Self {
            share: capped(&|game| game.share),
            share_of_names: capped(&|game| of_visible(Some(mean(&game.named_information)), game)),
            share_of_decisions: capped(&|game| game.share_of_decisions),
            share_of_symbols: capped(&|game| game.share_of_symbols),
            share_with_label_table: capped(&|game| of_visible(game.label_table, game)),
            share_with_label_head: capped(&|game| of_visible(game.label_head, game)),
            encoder_over_codes: sum(&|game| mean(&game.encoder_information))
                / sum(&|game| mean(&game.information)).max(f64::MIN_POSITIVE),
            games_above_half: (games.iter())
                .filter(|game| game.share.is_some_and(|share| share > 0.5))
                .count(),
            games,
        }
    }
}

/// Sub-folders with a dataset, by name.
fn datasets(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)?
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.join("dataset.json").is_file())
        .collect();
    found.sort();
    Ok(found)
}

fn measure(
    train: &Path,
    held_out: &Path,
    settings: &AgentSettings,
    skip_visible: bool,
    seeds: u64,
) -> Result<Game, Box<dyn std::error::Error + Send + Sync>> {
    let (data, held_out) = (Dataset::open(train)?, Dataset::open(held_out)?);
    let (truth, held_truth) = (
        TrueActions::open(data.folder())?,
        TrueActions::open(held_out.folder())?,
    );
    let rule = HandRule::fit(&data, settings.actions.unwrap_or(8))?.apply(&held_out)?;
    let rule = ActionScore::of_codes(&rule, &held_truth);
    let mut game = Game {
        name: train
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        entropy: rule.entropy,
        rule: rule.information,
        information: Vec::new(),
        named_information: Vec::new(),
        accuracy: Vec::new(),
        encoder_information: Vec::new(),
        visible: None,
        visible_decisions: None,
        visible_symbols: None,
        share: None,
        share_of_decisions: None,
        share_of_symbols: None,
        label_table: None,
        label_head: None,
        margin: Vec::new(),
        transitions: data.total_frames() - FrameSource::clip_count(&data) as u64,
        seconds: Vec::new(),
    };
    for seed in 0..seeds {
        let start = Instant::now();
        let (agent, found) = match AnchoredAgent::fit(&data, settings, seed) {
            Ok(fitted) => fitted,
            // No player is a result too: it tells nothing.
            Err(AgentError::NotFound(_)) => {
                game.information.push(0.0);
                game.named_information.push(0.0);
                game.accuracy.push(0.0);
                game.encoder_information.push(0.0);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        game.seconds.push(start.elapsed().as_secs_f64());
        let held_found = agent.apply(&held_out)?;
        let labels = name_codes(&agent, &found);
        let scores = Scores::new(&held_found, &labels, &held_truth);
        let score = scores.codes;
        game.information.push(score.information);
        game.named_information.push(scores.names.information);
        game.accuracy.push(score.accuracy);
        game.margin.push(agent.margin());
        let learnt = Labelled {
            source: &data,
            found: &found,
            truth: &truth,
        };
        let scored = Labelled {
            source: &held_out,
            found: &held_found,
            truth: &held_truth,
        };
        if game.label_table.is_none() {
            let few = few_label_actions(learnt, scored, seed)?;
            game.label_table = Some(few.table);
            game.label_head = Some(few.head);
        }
        if !skip_visible && game.visible.is_none() {
            let visible = visible_actions(learnt, scored, seed)?;
            game.visible = Some(visible.information);
            game.visible_decisions = Some(visible.decisions);
            game.visible_symbols = Some(visible.symbols);
        }
        let encoded = agent.with_encoder().apply(&held_out)?;
        let encoded = ActionScore::new(&encoded, &held_truth);
        game.encoder_information.push(encoded.information);
    }
    let told = mean(&game.information);
    let share = |of: Option<f64>| of.filter(|&of| of > 0.0).map(|of| told / of);
    game.share = share(game.visible);
    game.share_of_decisions = share(game.visible_decisions);
    game.share_of_symbols = share(game.visible_symbols);
    Ok(game)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Largest less smallest.
fn spread(values: &[f64]) -> f64 {
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    (most - least).max(0.0)
}

fn print_line(game: &Game) {
    let optional =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
    let margin = game.margin.iter().copied().fold(f32::INFINITY, f32::min);
    println!(
        "| {} | {:.2} | {} ({}, {}) | {:.2} | {:.3} ({:.3}) | {:.3} | {:.3} | {} ({}, {}) | {} / {} | {:.2} | {margin:.1} | {:.1} |",
        game.name,
        game.entropy,
        optional(game.visible),
        optional(game.visible_decisions),
        optional(game.visible_symbols),
        game.rule,
        mean(&game.information),
        spread(&game.information),
        mean(&game.named_information),
        mean(&game.encoder_information),
        optional(game.share),
        optional(game.share_of_decisions),
        optional(game.share_of_symbols),
        optional(game.label_table),
        optional(game.label_head),
        mean(&game.accuracy),
        mean(&game.seconds),
    );
}
