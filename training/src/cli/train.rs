//! `genie train`: from footage to a checkpoint.

use std::path::PathBuf;

use candle_core::Device;
use genie_training::train::{TrainConfig, train};

use super::CliResult;

/// Arguments of `genie train`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// TOML file with the model, the phases and the seed; see `training/configs`.
    #[arg(long)]
    config: PathBuf,
    /// Folder of the dataset.
    #[arg(long)]
    data: PathBuf,
    /// Folder of the run: states, metrics, pictures and the world.
    #[arg(long)]
    run: PathBuf,
    /// Go on with the run that is in the folder.
    #[arg(long)]
    resume: bool,
}

/// Trains both phases to their end.
pub(crate) fn run(args: Args) -> CliResult {
    let text = std::fs::read_to_string(&args.config)
        .map_err(|e| format!("{}: {e}", args.config.display()))?;
    let config: TrainConfig =
        toml::from_str(&text).map_err(|e| format!("{}: {e}", args.config.display()))?;
    train(&config, &args.data, &args.run, args.resume, &Device::Cpu)?;
    println!(
        "the world is {}",
        args.run.join("world.genie.safetensors").display()
    );
    Ok(())
}
