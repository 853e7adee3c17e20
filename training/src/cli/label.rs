//! `genie label`: how a trained world is sampled in play, and names and keys for its latent actions.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use genie_model::checkpoint::{Checkpoint, WeightFormat};
use genie_model::{CheckpointError, WorldModel};
use genie_training::dataset::Dataset;
use genie_training::evaluate::{EvaluateError, choose_sampling, pressed_actions};
use genie_training::label::{LabelOptions, label};
use safetensors::{Dtype, SafeTensors};

use super::CliResult;
use super::device_args::DeviceArgs;
use super::outputs::check_output;
use super::sampler_args::SamplerArgs;

/// Arguments of `genie label`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The checkpoint, with its latent action encoder.
    #[arg(long)]
    checkpoint: PathBuf,
    /// Folder of a dataset of the same game.
    #[arg(long)]
    data: PathBuf,
    /// File for the labelled checkpoint; without it the checkpoint itself is rewritten.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Segments of real footage that are measured, for a world of up to eight actions; one of more has as many more.
    #[arg(long, default_value_t = 64)]
    clips: usize,
    /// Prompts from which every action is held, and ways to sample are tried.
    #[arg(long, default_value_t = 24)]
    prompts: usize,
    /// Share of the dataset's transitions of which the true action is read, such as `2%`: actions are named by the keys that they belong
    /// to, where that is clear and the dataset names its true actions (`true_actions.json`)
    #[arg(long, value_name = "SHARE", value_parser = share)]
    labelled: Option<f64>,
    /// Leave the temperature and the action guidance with which the world is played as they are, in place of choosing those under which dreams
    /// are near the footage and obey. Nothing is chosen either where one of the two is given for the measurements.
    #[arg(long)]
    keep_sampling: bool,
    /// How the file holds the weights; as it did unless given.
    #[arg(long, value_enum)]
    weights: Option<Weights>,
    /// Seed of everything that is random.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    sampler: SamplerArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// How a file holds weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Weights {
    /// Four bytes each.
    F32,
    /// Two bytes each, as training writes them.
    F16,
    /// One byte each in the dynamics, with a step for each row of a matrix, and two elsewhere: two thirds of the file, and nearly the same world.
    Int8,
}

impl From<Weights> for WeightFormat {
    fn from(weights: Weights) -> Self {
        match weights {
            Weights::F32 => Self::F32,
            Weights::F16 => Self::F16,
            Weights::Int8 => Self::Int8,
        }
    }
}

/// Names the actions, prints the measurements behind the names, and writes the checkpoint.
pub(crate) fn run(args: Args) -> CliResult {
    let out = args.out.as_ref().unwrap_or(&args.checkpoint);
    check_output("--out", out, &[])?;
    let options = LabelOptions {
        clips: args.clips,
        prompts: args.prompts,
        sampler: args.sampler.settings()?,
        seed: args.seed,
        labelled: args.labelled,
        ..LabelOptions::default()
    };
    options.check().map_err(|error| match error {
        EvaluateError::Count { .. } => format!("--{error}"),
        error => error.to_string(),
    })?;
    let mut checkpoint = Checkpoint::read(&args.checkpoint)?;
    let format = match args.weights {
        Some(weights) => weights.into(),
        None => weight_format(&args.checkpoint)?,
    };
    let device = args.device.open()?;
    let mut world = WorldModel::new(checkpoint.clone(), &device)?;
    let dataset = Dataset::open(&args.data)?;
    if options.labelled.is_some() {
        pressed_actions(&dataset)?;
    }
    if !args.keep_sampling && !args.sampler.say_how_to_play() {
        let choice = choose_sampling(&world, &dataset, args.prompts, args.seed, &|_| Ok(()))?;
        let played = &checkpoint.config.dynamics;
        println!(
            "played at a temperature of {} (it was {}) and an action guidance of {} (it was {})",
            choice.temperature, played.temperature, choice.action_guidance, played.action_guidance
        );
        choice.apply(&mut checkpoint.config);
        world = WorldModel::new(checkpoint.clone(), &device)?;
    }
    let labels = label(&world, &dataset, &options, &|_| Ok(()))?;
    print!("{labels}");
    checkpoint.actions = labels.labels;
    checkpoint.write(out, format)?;
    println!("labels written to {}", out.display());
    Ok(())
}

/// A share from what was typed: `2%` or `0.02`.
fn share(typed: &str) -> Result<f64, String> {
    let (number, whole) = match typed.trim().strip_suffix('%') {
        Some(percent) => (percent, 100.0),
        None => (typed, 1.0),
    };
    let share = number
        .trim()
        .parse::<f64>()
        .map_err(|error| error.to_string())?
        / whole;
    if share > 0.0 && share <= 1.0 {
        Ok(share)
    } else {
        Err("a share is above 0 and at most 100%".to_owned())
    }
}

/// How a checkpoint file holds the weights, so that rewriting it neither grows it nor loses precision.
fn weight_format(path: &Path) -> Result<WeightFormat, CheckpointError> {
    let source_name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| CheckpointError::Io {
        source_name: source_name.clone(),
        error,
    })?;
    let (_, header) =
        SafeTensors::read_metadata(&bytes).map_err(|error| CheckpointError::Damaged {
            source_name,
            reason: error.to_string(),
        })?;
    let tensors = header.tensors();
    let has = |dtype| tensors.values().any(|info| info.dtype == dtype);
    // Not all that is f32 is a weight, nor is every weight one byte where some are.
    Ok(if has(Dtype::I8) {
        WeightFormat::Int8
    } else if has(Dtype::F16) {
        WeightFormat::F16
    } else {
        WeightFormat::F32
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use genie_model::{AdjacentPairs, GenieConfig, TokenAdjacency};
    use genie_training::evaluate::untrained_checkpoint;
    use genie_training::gameplay::{GameplayOptions, generate_dataset};

    #[test]
    fn shares_are_read_as_people_write_them() {
        assert_eq!(share("2%"), Ok(0.02));
        assert_eq!(share("0.5"), Ok(0.5));
        assert_eq!(share("100 %"), Ok(1.0));
        for wrong in ["0", "-1%", "200%", "2", "few", "%", "nan"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }

    /// A dataset and the path of a world in a folder.
    fn in_folder(folder: &Path) -> (PathBuf, PathBuf) {
        let data = folder.join("data");
        generate_dataset(&data, 3, 20, 1, GameplayOptions::default(), &|_| ()).unwrap();
        (data, folder.join("world.genie.safetensors"))
    }

    fn args(checkpoint: &Path, data: &Path, out: &Path) -> Args {
        Args {
            checkpoint: checkpoint.to_owned(),
            data: data.to_owned(),
            out: Some(out.to_owned()),
            clips: 3,
            prompts: 2,
            labelled: None,
            keep_sampling: false,
            weights: None,
            seed: 0,
            sampler: SamplerArgs::default(),
            device: DeviceArgs::default(),
        }
    }

    #[test]
    fn labels_go_into_the_file_and_nothing_else_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (data, path) = in_folder(folder.path());
        let config = GenieConfig::tiny();
        for format in [WeightFormat::F16, WeightFormat::F32, WeightFormat::Int8] {
            let mut checkpoint = untrained_checkpoint(&config, 1).unwrap();
            let pairs = AdjacentPairs::default();
            checkpoint.adjacency = TokenAdjacency::new(64, 8, pairs, 2.0);
            checkpoint.write(&path, format).unwrap();
            let before = WorldModel::load(&path).unwrap().fingerprint();
            let bytes = std::fs::metadata(&path).unwrap().len();
            let out = folder.path().join("labelled.genie.safetensors");
            run(Args {
                keep_sampling: true,
                ..args(&path, &data, &out)
            })
            .unwrap();
            let labelled = WorldModel::load(&out).unwrap();
            assert_eq!(labelled.fingerprint(), before);
            assert!(labelled.adjacency().is_some());
            assert!(std::fs::metadata(&out).unwrap().len().abs_diff(bytes) < 2000);
            assert_eq!(weight_format(&out).unwrap(), format);
            // Another format on request, of the same labels.
            let smaller = folder.path().join("smaller.genie.safetensors");
            run(Args {
                keep_sampling: true,
                weights: Some(Weights::Int8),
                ..args(&path, &data, &smaller)
            })
            .unwrap();
            assert_eq!(weight_format(&smaller).unwrap(), WeightFormat::Int8);
            let smaller = WorldModel::load(&smaller).unwrap();
            assert_eq!(smaller.action_count(), labelled.action_count());
            let names: std::collections::BTreeSet<_> =
                labelled.actions().iter().map(|label| &label.name).collect();
            assert_eq!(names.len(), labelled.action_count());
        }
    }
}
