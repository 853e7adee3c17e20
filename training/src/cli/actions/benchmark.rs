//! All games of a folder, three seeds each, beside the hand-written rule.

use std::path::{Path, PathBuf};
use std::time::Instant;

use genie_training::actions::{
    ActionScore, AgentError, AgentSettings, AnchoredAgent, FrameSource, HandRule, Labelled,
    visible_actions,
};
use genie_training::dataset::{Dataset, TrueActions};
use serde::Serialize;

use super::CliResult;

const SEEDS: u64 = 3;

/// A line of the table.
#[derive(Debug, Serialize)]
struct Game {
    name: String,
    entropy: f64,
    rule: f64,
    /// Information of each seed.
    information: Vec<f64>,
    accuracy: Vec<f64>,
    visible: Option<f64>,
    /// Mean information over the visible, at most 1.
    share: Option<f64>,
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
        let game = measure(&folder, &other, settings, skip_visible)?;
        if !json {
            if games.is_empty() {
                println!(
                    "| game | entropy | visible | rule | information (spread) | share | accuracy | margin | seconds |"
                );
                println!("|---|---|---|---|---|---|---|---|---|");
            }
            print_line(&game);
        }
        games.push(game);
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&games)?);
    } else {
        let shares: Vec<f64> = games.iter().filter_map(|game| game.share).collect();
        if !shares.is_empty() {
            println!(
                "\nmean share {:.3} over {} games, {} above 0.5",
                mean(&shares),
                shares.len(),
                shares.iter().filter(|&&share| share > 0.5).count()
            );
        }
    }
    Ok(())
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
        accuracy: Vec::new(),
        visible: None,
        share: None,
        margin: Vec::new(),
        transitions: data.total_frames() - FrameSource::clip_count(&data) as u64,
        seconds: Vec::new(),
    };
    for seed in 0..SEEDS {
        let start = Instant::now();
        let (agent, found) = match AnchoredAgent::fit(&data, settings, seed) {
            Ok(fitted) => fitted,
            // No player is a result too: it tells nothing.
            Err(AgentError::NotFound(_)) => {
                game.information.push(0.0);
                game.accuracy.push(0.0);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        game.seconds.push(start.elapsed().as_secs_f64());
        let held_found = agent.apply(&held_out)?;
        let score = ActionScore::new(&held_found, &held_truth);
        game.information.push(score.information);
        game.accuracy.push(score.accuracy);
        game.margin.push(agent.margin());
        if !skip_visible && game.visible.is_none() {
            let visible = visible_actions(
                Labelled {
                    source: &data,
                    found: &found,
                    truth: &truth,
                },
                Labelled {
                    source: &held_out,
                    found: &held_found,
                    truth: &held_truth,
                },
                seed,
            )?;
            game.visible = Some(visible.information);
        }
    }
    game.share = game
        .visible
        .filter(|&visible| visible > 0.0)
        .map(|visible| (mean(&game.information) / visible).clamp(0.0, 1.0));
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
        "| {} | {:.2} | {} | {:.2} | {:.3} ({:.3}) | {} | {:.2} | {margin:.1} | {:.1} |",
        game.name,
        game.entropy,
        optional(game.visible),
        game.rule,
        mean(&game.information),
        spread(&game.information),
        optional(game.share),
        mean(&game.accuracy),
        mean(&game.seconds),
    );
}
