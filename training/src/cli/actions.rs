//! `genie actions`: the player and its actions, found in a dataset.

mod benchmark;
mod transitions;

use std::path::{Path, PathBuf};

use genie_model::{ActionLabel, atomic_file};
use genie_training::actions::{
    ActionScore, AgentSettings, AnchoredAgent, CLOSE_MARGIN, ClipActions, FrameSource, Labelled,
    SomeClips, VisibleActions, candidate_examples, code_examples, visible_actions,
};
use genie_training::dataset::{Dataset, DatasetError, TrueActions};
use genie_training::evaluate::plain_actions;
use genie_training::label::name_codes;
use genie_training::pictures::{RgbFrame, write_sheet};
use serde::Serialize;

use super::CliResult;

/// Transitions that a picture of a code shows.
const EXAMPLES: usize = 24;
/// Transitions side by side.
const EXAMPLES_PER_ROW: usize = 6;

/// Arguments of `genie actions`.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // Flags of a command line are independent.
pub(crate) struct Args {
    /// Folder of the dataset that the player is looked for in.
    data: PathBuf,
    /// Folder of a dataset of other play of the same game, which the codes are judged by; without one they are judged by the same footage.
    #[arg(long)]
    held_out: Option<PathBuf>,
    /// Number of actions, or `auto` to choose it from the footage, from 4 to 20, as `genie train --preset game` does.
    #[arg(long, default_value = "auto", value_parser = parse_count)]
    count: Count,
    /// The same seed finds the same.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// File for what was found, to apply it to other footage.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Which of the things that were ranked is the player, from 1, the likeliest: `--pictures` shows them.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256), conflicts_with = "benchmark")]
    player: u16,
    /// Folder for a picture of the things that may be the player, a row for each, and of each code: frames before and after, with a box around the player.
    #[arg(long)]
    pictures: Option<PathBuf>,
    /// File for a table of every transition (of the held-out footage, if there is any), as comma-separated values.
    #[arg(long)]
    transitions: Option<PathBuf>,
    /// The same for the footage that the player was found in.
    #[arg(long)]
    fitted_transitions: Option<PathBuf>,
    /// Read transitions by the encoder that is trained on the codes, instead of the codes' own model.
    #[arg(long)]
    encoder: bool,
    /// Print figures as JSON.
    #[arg(long)]
    json: bool,
    /// Do not measure how much of the true actions can be seen, which takes longest.
    #[arg(long)]
    skip_visible: bool,
    /// Take DATA and the held-out folder as folders of datasets of the same names, and print a table of all.
    #[arg(long, requires = "held_out", conflicts_with = "encoder")]
    benchmark: bool,
    /// Seeds of each game in the benchmark.
    #[arg(long, default_value_t = 3, requires = "benchmark", value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
}

/// A number of actions; `None` chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Count(Option<usize>);

fn parse_count(text: &str) -> Result<Count, String> {
    if text == "auto" {
        return Ok(Count(None));
    }
    match text.parse() {
        Ok(count @ 2..=256) => Ok(Count(Some(count))),
        _ => Err("expected a number from 2 to 256, or auto".to_owned()),
    }
}

/// Figures as JSON.
#[derive(Serialize)]
struct Report<'a> {
    data: &'a Path,
    held_out: Option<&'a Path>,
    seed: u64,
    agent: &'a genie_training::actions::AgentReport,
    margin: f32,
    /// Share of the transitions of each code.
    usage: &'a [f64],
    /// What the player does under each code.
    names: Vec<&'a str>,
    actions: Option<Judged>,
}

/// How the codes compare with true actions.
#[derive(Debug, Clone, Copy, Serialize)]
struct Judged {
    information: f64,
    /// Where codes of one name are taken for each other.
    named_information: f64,
    entropy: f64,
    decoding_accuracy: f64,
    visible_information: Option<f64>,
    ratio: Option<f64>,
}

/// Finds the player and says what was found.
pub(crate) fn run(args: Args) -> CliResult {
    let settings = AgentSettings {
        actions: args.count.0,
        use_encoder: args.encoder,
        player: usize::from(args.player),
        ..AgentSettings::default()
    };
    if let (true, Some(held_out)) = (args.benchmark, &args.held_out) {
        return benchmark::run(
            &args.data,
            held_out,
            &settings,
            args.skip_visible,
            args.seeds,
            args.json,
        );
    }
    let data = Dataset::open(&args.data)?;
    let (agent, found) = AnchoredAgent::fit(&data, &settings, args.seed)?;
    let usage = usage(&found, agent.actions());
    let labels = name_codes(&agent, &found);
    write_transitions(args.fitted_transitions.as_deref(), &found, &data)?;
    let judged = if let Some(folder) = &args.held_out {
        let held_out = Dataset::open(folder)?;
        let held_found = agent.apply(&held_out)?;
        write_transitions(args.transitions.as_deref(), &held_found, &held_out)?;
        judge(
            (&data, &found),
            (&held_out, &held_found),
            &labels,
            args.skip_visible,
            args.seed,
        )?
    } else {
        write_transitions(args.transitions.as_deref(), &found, &data)?;
        judge_by_halves(&data, &found, &labels, args.skip_visible, args.seed)?
    };
    if args.json {
        let report = Report {
            data: &args.data,
            held_out: args.held_out.as_deref(),
            seed: args.seed,
            agent: agent.report(),
            margin: agent.margin(),
            usage: &usage,
            names: labels.iter().map(|label| &*label.name).collect(),
            actions: judged,
        };
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        describe(&agent, &found, &usage, &labels);
        if let Some(judged) = judged {
            print_judged(judged);
        }
    }
    if let Some(path) = &args.out {
        agent.save(path)?;
    }
    if let Some(folder) = &args.pictures {
        write_pictures(&data, &agent, &found, folder)?;
    }
    Ok(())
}

/// Writes a table of the transitions of a dataset, where one is wanted.
fn write_transitions(path: Option<&Path>, found: &[ClipActions], data: &Dataset) -> CliResult {
    match path {
        Some(path) => transitions::write(path, found, TrueActions::of(data)?.as_ref()),
        None => Ok(()),
    }
}

/// Share of the transitions of each code.
fn usage(found: &[ClipActions], actions: usize) -> Vec<f64> {
    let mut counts = vec![0_u64; actions];
    for transition in found.iter().flatten() {
        counts[transition.code] += 1;
    }
    let total: u64 = counts.iter().sum();
    counts
        .into_iter()
        .map(|count| count as f64 / total.max(1) as f64)
        .collect()
}

/// Footage and what was found in it.
type Found<'a> = (&'a Dataset, &'a [ClipActions]);

/// Compares with the true actions of held-out footage, if they are known.
fn judge(
    learnt: Found<'_>,
    held_out: Found<'_>,
    labels: &[ActionLabel],
    skip_visible: bool,
    seed: u64,
) -> Result<Option<Judged>, DatasetError> {
    let Some(truth) = TrueActions::of(held_out.0)? else {
        return Ok(None);
    };
    let score = Scores::new(held_out.1, labels, &truth);
    let learnt_truth = if skip_visible {
        None
    } else {
        TrueActions::of(learnt.0)?
    };
    let visible = learnt_truth
        .map(|learnt_truth| {
            visible_actions(
                Labelled {
                    source: learnt.0,
                    found: learnt.1,
                    truth: &learnt_truth,
                },
                Labelled {
                    source: held_out.0,
                    found: held_out.1,
                    truth: &truth,
                },
                seed,
            )
        })
        .transpose()?;
    Ok(Some(Judged::new(score, visible)))
}

/// Compares with the true actions of the same footage, if they are known; what can be seen is learnt from one half of the clips and looked
/// for in the other.
fn judge_by_halves(
    data: &Dataset,
    found: &[ClipActions],
    labels: &[ActionLabel],
    skip_visible: bool,
    seed: u64,
) -> Result<Option<Judged>, DatasetError> {
    let Some(truth) = TrueActions::of(data)? else {
        return Ok(None);
    };
    let score = Scores::new(found, labels, &truth);
    let clips = FrameSource::clip_count(data);
    if skip_visible || clips < 2 {
        return Ok(Some(Judged::new(score, None)));
    }
    let half = |odd: usize| -> (Vec<usize>, Vec<ClipActions>, TrueActions) {
        let clips: Vec<usize> = (odd..clips).step_by(2).collect();
        let found = clips.iter().map(|&clip| found[clip].clone()).collect();
        let truth = truth.select(&clips);
        (clips, found, truth)
    };
    let (learnt_clips, learnt_found, learnt_truth) = half(0);
    let (scored_clips, scored_found, scored_truth) = half(1);
    let visible = visible_actions(
        Labelled {
            source: &SomeClips::new(data, learnt_clips),
            found: &learnt_found,
            truth: &learnt_truth,
        },
        Labelled {
            source: &SomeClips::new(data, scored_clips),
            found: &scored_found,
            truth: &scored_truth,
        },
        seed,
    )?;
    Ok(Some(Judged::new(score, Some(visible))))
}

/// How much codes tell of true actions.
struct Scores {
    codes: ActionScore,
    /// Where codes of one name are taken for each other.
    names: ActionScore,
}

impl Scores {
    fn new(found: &[ClipActions], labels: &[ActionLabel], truth: &TrueActions) -> Self {
        let plain = plain_actions(labels);
        let named: Vec<Vec<usize>> = (found.iter())
            .map(|clip| clip.iter().map(|step| plain[step.code]).collect())
            .collect();
        Self {
            codes: ActionScore::new(found, truth),
            names: ActionScore::of_codes(&named, truth),
        }
    }
}

impl Judged {
    fn new(scores: Scores, visible: Option<VisibleActions>) -> Self {
        let visible = visible.map(|visible| visible.information);
        let score = scores.codes;
        Self {
            information: score.information,
            named_information: scores.names.information,
            entropy: score.entropy,
            decoding_accuracy: score.accuracy,
            visible_information: visible,
            ratio: visible
                .filter(|&visible| visible > 0.0)
                .map(|visible| score.information / visible),
        }
    }
}

/// Says in words what was found.
fn describe(agent: &AnchoredAgent, found: &[ClipActions], usage: &[f64], labels: &[ActionLabel]) {
    let report = agent.report();
    let Some(anchor) = report.anchor() else {
        return;
    };
    let [red, green, blue] = anchor.colour.map(|part| part.round() as u8);
    let kind = report.player_in_words();
    let activity = 100.0 * anchor.activity;
    if let Some(forward) = agent.up_is_forward() {
        let up = if forward { "goes forward" } else { "looks up" };
        println!("the player: {kind}; up is where it {up}; moves in {activity:.0} % of the frames");
    } else {
        println!(
            "the player: {kind}, mean colour #{red:02x}{green:02x}{blue:02x}, there in {:.0} % of the frames, {:.2} of it at a time; moves in {activity:.0} %",
            100.0 * anchor.presence,
            anchor.count,
        );
    }
    println!(
        "its motion surprises by {:.2} nats given the past; it ranks {:.1} times {} candidates",
        anchor.surprise,
        agent.margin(),
        if report.player == 0 {
            format!("higher than the next of {}", report.candidates.len())
        } else {
            format!(
                "as high as the likeliest of the other {}",
                report.candidates.len() - 1
            )
        }
    );
    println!(
        "the camera {}; looks carry {:.2} of {:.2} nats of information about its direction",
        if report.camera_moves {
            "moves"
        } else {
            "stands still"
        },
        report.looks_tell[0],
        report.looks_tell[1]
    );
    if report.player == 0 && agent.margin() < CLOSE_MARGIN {
        println!(
            "another thing may be the player: --pictures shows them in their order, and --player says which one it is"
        );
    }
    for (code, share) in usage.iter().enumerate() {
        let motions: Vec<[f32; 2]> = found
            .iter()
            .flatten()
            .filter(|step| step.code == code)
            .map(|step| step.displacement)
            .collect();
        let mean = |axis: usize| {
            motions.iter().map(|motion| motion[axis]).sum::<f32>() / motions.len().max(1) as f32
        };
        println!(
            "  code {code:>2} {:<14} {:5.1} %, moves by {:+.1} {:+.1} pixels on average",
            labels[code].name,
            100.0 * share,
            mean(0),
            mean(1)
        );
    }
}

fn print_judged(judged: Judged) {
    println!(
        "codes carry {:.3} of {:.2} nats of information about the true action, their names {:.3}; the best table gets {:.1} % right",
        judged.information,
        judged.entropy,
        judged.named_information,
        100.0 * judged.decoding_accuracy
    );
    if let (Some(visible), Some(ratio)) = (judged.visible_information, judged.ratio) {
        println!(
            "a classifier trained on true actions finds {visible:.3} nats: the codes carry {ratio:.2} of it"
        );
    }
}

/// Writes a sheet of the candidates and one for each code, and what was found beside them.
fn write_pictures(
    data: &Dataset,
    agent: &AnchoredAgent,
    found: &[ClipActions],
    folder: &Path,
) -> CliResult {
    let (height, width) = data.frame_size();
    for code in 0..agent.actions() {
        let examples = code_examples(data, agent, found, code, EXAMPLES)?;
        let frames: Vec<RgbFrame<'_>> = examples
            .iter()
            .flatten()
            .map(|frame| RgbFrame::new(height, width, frame))
            .collect::<Result<_, _>>()?;
        let rows: Vec<Vec<RgbFrame<'_>>> = frames
            .chunks(2 * EXAMPLES_PER_ROW)
            .map(<[_]>::to_vec)
            .collect();
        if !rows.is_empty() {
            write_sheet(&folder.join(format!("code-{code:02}.png")), &rows, 2)?;
        }
    }
    let text = serde_json::to_vec_pretty(agent.report())?;
    atomic_file::write_in_new_folders(&folder.join("agent.json"), &text)?;
    let candidates = candidate_examples(data, agent, EXAMPLES / 2)?;
    let rows: Vec<Vec<RgbFrame<'_>>> = (candidates.iter())
        .map(|frames| {
            let frames = frames.iter();
            frames
                .map(|frame| RgbFrame::new(height, width, frame))
                .collect()
        })
        .collect::<Result<_, _>>()?;
    if rows.iter().any(|row| !row.is_empty()) {
        // A row for each makes a sheet many times as high as those of codes.
        let scale = if height.max(width) > 256 { 1 } else { 2 };
        write_sheet(&folder.join("candidates.png"), &rows, scale)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_numbers_or_auto() {
        assert_eq!(parse_count("auto"), Ok(Count(None)));
        assert_eq!(parse_count("6"), Ok(Count(Some(6))));
        for wrong in ["", "0", "1", "257", "-3", "many"] {
            assert!(parse_count(wrong).is_err(), "{wrong}");
        }
    }
}
