//! `genie train`: from footage to a checkpoint.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::Device;
use genie_training::train::{Ended, TrainConfig, train};

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

/// Trains both phases to their end, or until Ctrl-C.
pub(crate) fn run(args: Args) -> CliResult {
    let text = std::fs::read_to_string(&args.config)
        .map_err(|e| format!("{}: {e}", args.config.display()))?;
    let config: TrainConfig =
        toml::from_str(&text).map_err(|e| format!("{}: {e}", args.config.display()))?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))?;
    let stop = |_: &str, _: u64| interrupted.load(Ordering::Relaxed);
    let ended = train(
        &config,
        &args.data,
        &args.run,
        args.resume,
        &Device::Cpu,
        &stop,
    )?;
    match ended {
        Ended::Complete => println!(
            "the world is {}",
            args.run.join("world.genie.safetensors").display()
        ),
        Ended::Stopped => println!("stopped and saved; --resume goes on"),
    }
    Ok(())
}
