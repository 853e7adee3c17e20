//! `genie evaluate`: how good a world is, as a table and as JSON.

use std::path::{Path, PathBuf};

use genie_model::WorldModel;
use genie_model::checkpoint::Checkpoint;
use genie_training::dataset::{Dataset, DatasetError, TrueActions};
use genie_training::evaluate::{
    EvaluateError, EvaluateOptions, Evaluation, KnownActions, Spread, evaluate, write_json,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::CliResult;
use super::device_args::DeviceArgs;
use super::outputs::check_output;
use super::sampler_args::SamplerArgs;

/// Arguments of `genie evaluate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The checkpoint, with its latent action encoder.
    #[arg(long)]
    checkpoint: PathBuf,
    /// Folder of the dataset to compare with; best one that training did not see. Several show how the figures vary with the
    /// footage.
    #[arg(long, required = true, num_args = 1..)]
    data: Vec<PathBuf>,
    /// Folder of another dataset of the same game whose true actions are known: the judge of obedience learns from it instead of half
    /// of the clips of --data, all of which are then scored.
    #[arg(long)]
    learn: Option<PathBuf>,
    /// File for the figures as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Number of prompts, each a world of its own.
    #[arg(long, default_value_t = 64)]
    clips: usize,
    /// Longest horizon at which faithfulness and obedience are judged, in frames.
    #[arg(long, default_value_t = 256)]
    horizon: usize,
    /// Longest horizon at which heroes are counted, in frames: 20, 100 and 1000 up to this.
    #[arg(long, default_value_t = 100)]
    survival: usize,
    /// Most real transitions that the judge of obedience learns from, where true actions are known; it is tried on half as many, and
    /// with 0 there is no judge.
    #[arg(long, default_value_t = 8_000)]
    judged_transitions: usize,
    /// The same seed gives the same figures.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Evaluations on each dataset, with successive seeds: they show how the figures vary with prompts and chance.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    #[command(flatten)]
    sampler: SamplerArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// The JSON file: the figures and their source.
#[derive(Serialize)]
struct Report<'a> {
    checkpoint: &'a Path,
    fingerprint: String,
    #[serde(flatten)]
    figures: Figures<'a>,
}

/// The figures of one dataset, or of several evaluations.
#[derive(Serialize)]
#[serde(untagged)]
enum Figures<'a> {
    One(&'a Evaluated<'a>),
    Several {
        evaluations: &'a [Evaluated<'a>],
        spread: &'a Spread,
    },
}

/// The figures of one evaluation.
#[derive(Serialize)]
struct Evaluated<'a> {
    data: &'a Path,
    #[serde(flatten)]
    evaluation: Evaluation,
}

/// Evaluates the world and prints the figures.
pub(crate) fn run(args: Args) -> CliResult {
    let mut options = EvaluateOptions {
        clips: args.clips,
        sampler: args.sampler.settings()?,
        seed: args.seed,
        horizon: args.horizon,
        survival: args.survival,
        judged_transitions: args.judged_transitions,
    };
    options.check().map_err(|error| match error {
        EvaluateError::Count { .. } => format!("--{error}"),
        error => error.to_string(),
    })?;
    if let Some(path) = &args.json {
        check_output("--json", path, &[&args.checkpoint])?;
    }
    let checkpoint = Checkpoint::read(&args.checkpoint)?;
    let world = WorldModel::new(checkpoint, &args.device.open()?)?;
    let datasets = args
        .data
        .iter()
        .map(|data| {
            let dataset = Dataset::open(data)?;
            let truth = TrueActions::of(&dataset)?;
            Ok((dataset, truth))
        })
        .collect::<Result<Vec<_>, DatasetError>>()?;
    let learn = args
        .learn
        .as_deref()
        .map(|folder| footage_to_learn(folder, &datasets))
        .transpose()?;
    let bar = ProgressBar::new(1000).with_style(ProgressStyle::with_template(
        "{bar:40} {percent} %, {eta} left",
    )?);
    let rounds = args.data.len() as u64 * args.seeds;
    let mut evaluated = Vec::new();
    for (data, (dataset, truth)) in args.data.iter().zip(&datasets) {
        for seed in 0..args.seeds {
            options.seed = args.seed.wrapping_add(seed);
            let done = evaluated.len() as f64;
            let progress = |share: f64| {
                bar.set_position((1000.0 * (done + share) / rounds as f64) as u64);
                Ok(())
            };
            let known = truth.as_ref().map(|actions| KnownActions {
                actions,
                learn: learn.as_ref().map(|(dataset, truth)| (dataset, truth)),
            });
            let evaluation = evaluate(&world, dataset, known, &options, &progress)?;
            if rounds > 1 {
                bar.suspend(|| println!("{}", data.display()));
            }
            bar.suspend(|| println!("{evaluation}"));
            evaluated.push(Evaluated { data, evaluation });
        }
    }
    bar.finish_and_clear();
    let all: Vec<_> = evaluated.iter().map(|it| it.evaluation.clone()).collect();
    let spread = Spread::of(&all);
    let figures = if let [one] = &evaluated[..] {
        Figures::One(one)
    } else {
        print!("{spread}");
        Figures::Several {
            evaluations: &evaluated,
            spread: &spread,
        }
    };
    if let Some(path) = &args.json {
        let report = Report {
            checkpoint: &args.checkpoint,
            fingerprint: format!("{:016x}", world.fingerprint()),
            figures,
        };
        write_json(path, &report)?;
    }
    Ok(())
}

/// What the judge learns from: footage whose true actions are known, and that is not scored.
fn footage_to_learn(
    folder: &Path,
    scored: &[(Dataset, Option<TrueActions>)],
) -> Result<(Dataset, TrueActions), Box<dyn std::error::Error + Send + Sync>> {
    let dataset = Dataset::open(folder)?;
    let place = |folder: &Path| folder.canonicalize().ok();
    if scored
        .iter()
        .any(|(it, _)| place(it.folder()) == place(folder))
    {
        return Err(format!(
            "--learn {}: this is the footage of --data, and a judge must not have seen what it is tried on",
            folder.display()
        )
        .into());
    }
    let truth = TrueActions::of(&dataset)?.ok_or_else(|| {
        format!(
            "--learn {}: its true actions are not known, there is no true_actions.bin",
            folder.display()
        )
    })?;
    Ok((dataset, truth))
}
