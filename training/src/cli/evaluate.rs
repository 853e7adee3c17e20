//! `genie evaluate`: how good a world is, as a table and as JSON.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use genie_model::WorldModel;
use genie_training::dataset::{Dataset, DatasetError, TrueActions};
use genie_training::evaluate::{EvaluateOptions, Evaluation, evaluate, write_json};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::CliResult;
use super::sampler_args::SamplerArgs;

/// Arguments of `genie evaluate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The checkpoint, with its latent action encoder.
    #[arg(long)]
    checkpoint: PathBuf,
    /// Folder of the dataset to compare with; best one that training did not see.
    #[arg(long)]
    data: PathBuf,
    /// File for the figures as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Number of prompts, each a world of its own.
    #[arg(long, default_value_t = 64)]
    clips: usize,
    /// Longest horizon at which faithfulness is judged, in frames.
    #[arg(long, default_value_t = 256)]
    horizon: usize,
    /// Longest horizon at which heroes are counted, in frames: 20, 100 and 1000 up to this.
    #[arg(long, default_value_t = 100)]
    survival: usize,
    /// The same seed gives the same figures.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    sampler: SamplerArgs,
}

/// The JSON file: the figures and what they are of.
#[derive(Serialize)]
struct Report<'a> {
    checkpoint: &'a Path,
    fingerprint: String,
    data: &'a Path,
    #[serde(flatten)]
    evaluation: &'a Evaluation,
}

/// Judges the world and prints the figures.
pub(crate) fn run(args: Args) -> CliResult {
    let world = WorldModel::load(&args.checkpoint)?;
    let dataset = Dataset::open(&args.data)?;
    let truth = known_actions(&args.data)?;
    let options = EvaluateOptions {
        clips: args.clips,
        sampler: args.sampler.settings()?,
        seed: args.seed,
        horizon: args.horizon,
        survival: args.survival,
    };
    let bar = ProgressBar::new(1000).with_style(ProgressStyle::with_template(
        "{bar:40} {percent} %, {eta} left",
    )?);
    let evaluation = evaluate(&world, &dataset, truth.as_ref(), &options, &|share| {
        bar.set_position((1000.0 * share) as u64);
    })?;
    bar.finish_and_clear();
    print!("{evaluation}");
    if let Some(path) = &args.json {
        let report = Report {
            checkpoint: &args.checkpoint,
            fingerprint: format!("{:016x}", world.fingerprint()),
            data: &args.data,
            evaluation: &evaluation,
        };
        write_json(path, &report)?;
    }
    Ok(())
}

/// The true actions of a dataset, or `None` where they are not known.
fn known_actions(folder: &Path) -> Result<Option<TrueActions>, DatasetError> {
    match TrueActions::open(folder) {
        Ok(actions) => Ok(Some(actions)),
        Err(DatasetError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
