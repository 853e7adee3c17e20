//! `genie train`: from footage to a checkpoint.

use std::path::{Path, PathBuf};
#[cfg(feature = "mpi")]
use std::rc::Rc;
use std::sync::atomic::Ordering;

use genie_training::dataset::FrameFormat;
use genie_training::train::{Ended, TrainConfig, TrainError, train};
#[cfg(feature = "mpi")]
use genie_training::train::{MpiRanks, Ranks, with_ranks};

use super::CliResult;
use super::device_args::DeviceArgs;
use super::interruption::Interruption;

/// Arguments of `genie train`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Another value for a setting of the configuration, such as `dynamics.steps=500` or `model.dynamics.conditioning="prepended"`
    /// (a value that is not TOML is taken as text); can be given several times.
    #[arg(long = "set", value_name = "SETTING=VALUE")]
    settings: Vec<String>,
    /// Folder of the dataset.
    #[arg(long)]
    data: PathBuf,
    /// Folder of the run: states, metrics, pictures and the world.
    #[arg(long)]
    run: PathBuf,
    /// Resume the run that is in the folder.
    #[arg(long)]
    resume: bool,
    /// Train although the dataset has another number of frames a second than the configuration.
    #[arg(long)]
    any_pace: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Where a configuration comes from.
#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// TOML file with the model, the phases and the seed; see `training/configs`.
    #[arg(long)]
    config: Option<PathBuf>,
    /// A configuration by name: `platformer`, or the paper's `coinrun` and `paper-41M` to `paper-10.1B` with its hyperparameters.
    #[arg(long)]
    preset: Option<String>,
}

impl Source {
    /// The configuration as a table, and what to call it in messages.
    fn read(&self) -> Result<(toml::Table, String), String> {
        if let Some(path) = &self.config {
            let table = toml::from_str(&config_text(path)?)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            return Ok((table, path.display().to_string()));
        }
        let name = self.preset.as_deref().unwrap_or("platformer");
        let config = TrainConfig::preset(name).ok_or_else(|| {
            format!("--preset {name}: there are platformer, coinrun and paper-41M to paper-10.1B")
        })?;
        let table = toml::Table::try_from(config).map_err(|e| format!("--preset {name}: {e}"))?;
        Ok((table, format!("--preset {name}")))
    }
}

/// Refuses footage of another pace than the configuration's: the world would run too fast or too slow.
fn check_pace(config: &TrainConfig, data: &Path) -> CliResult {
    let configured = f64::from(config.model.frames_per_second);
    let format = FrameFormat::of_dataset(data)?;
    if format.has_pace(configured) {
        return Ok(());
    }
    let pace = format.frames_per_second;
    Err(format!(
        "{} has {pace} frames a second, the configuration {configured}: import it with --fps {configured}, or train with \
         --set model.frames_per_second={pace} (or --any-pace, if the difference is meant)",
        data.display()
    )
    .into())
}

/// The configuration of a file or a preset with other values for some of its settings.
fn read_config(
    source: &Source,
    settings: &[String],
) -> Result<TrainConfig, Box<dyn std::error::Error + Send + Sync>> {
    if let (Some(path), []) = (&source.config, settings) {
        // So that an error says in which line it is.
        let config: TrainConfig = toml::from_str(&config_text(path)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        config.validate(path)?;
        return Ok(config);
    }
    let (mut config, mut name) = source.read()?;
    for setting in settings {
        set(&mut config, setting)?;
        name = format!("{name} --set {setting}");
    }
    let config: TrainConfig = config
        .try_into()
        .map_err(|error: toml::de::Error| format!("{name}: {error}"))?;
    config.validate(Path::new(&name))?;
    Ok(config)
}

/// The text of a configuration file.
fn config_text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| {
        let name = path.display();
        format!(
            "--config {name}: {error}; expected a TOML file, or --preset with one of platformer, coinrun and paper-41M to \
             paper-10.1B"
        )
    })
}

/// Puts the value of `a.b.c=value` into a table.
fn set(config: &mut toml::Table, setting: &str) -> Result<(), String> {
    let (key, value) = setting
        .split_once('=')
        .ok_or_else(|| format!("--set {setting}: expected SETTING=VALUE"))?;
    let value = value.trim();
    let value = value
        .parse::<toml::Value>()
        .unwrap_or_else(|_| toml::Value::String(value.to_owned()));
    let mut path: Vec<&str> = key.trim().split('.').collect();
    let name = path.pop().unwrap_or_default();
    let mut table = config;
    for part in path {
        table = table
            .entry(part)
            .or_insert_with(|| toml::Table::new().into())
            .as_table_mut()
            .ok_or_else(|| format!("--set {setting}: {part} is a value, not a table"))?;
    }
    table.insert(name.to_owned(), value);
    Ok(())
}

/// Trains as one of the processes that MPI started, or alone. Also says whether this process writes files.
#[cfg(feature = "mpi")]
fn in_ranks(
    work: impl FnOnce() -> Result<Ended, TrainError>,
) -> Result<(Ended, bool), Box<dyn std::error::Error + Send + Sync>> {
    let ranks = Rc::new(MpiRanks::start().ok_or("MPI cannot be started twice")?);
    let result = with_ranks(ranks.clone(), work);
    if let (Err(error), true) = (&result, ranks.count() > 1) {
        // The others would wait for this one for ever.
        tracing::error!("{ranks:?}: {error}");
        ranks.abort();
    }
    Ok((result?, ranks.rank() == 0))
}

#[cfg(not(feature = "mpi"))]
fn in_ranks(work: impl FnOnce() -> Result<Ended, TrainError>) -> Result<(Ended, bool), TrainError> {
    Ok((work()?, true))
}

/// Trains both phases to their end, or until it is asked to stop.
pub(crate) fn run(args: Args) -> CliResult {
    let config = read_config(&args.source, &args.settings)?;
    if !args.any_pace {
        check_pace(&config, &args.data)?;
    }
    let device = args.device.open()?;
    let interruption = Interruption::listen()?;
    let stop = |_: &str, _: u64| interruption.flag().load(Ordering::Relaxed);
    let (ended, writes) =
        in_ranks(|| train(&config, &args.data, &args.run, args.resume, &device, &stop))?;
    match ended {
        Ended::Complete if !writes => {}
        Ended::Complete => println!(
            "the world is {}",
            args.run.join("world.genie.safetensors").display()
        ),
        Ended::Stopped => {
            return Err(interruption
                .ended("stopped and saved; the same command with --resume goes on")
                .into());
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use genie_model::{ActionConditioning, LatentActionInput};

    fn shipped() -> Source {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/platformer.toml");
        Source {
            config: Some(path),
            preset: None,
        }
    }

    fn preset(name: &str) -> Source {
        Source {
            config: None,
            preset: Some(name.to_owned()),
        }
    }

    #[test]
    fn presets_need_no_file_and_take_settings() {
        for name in ["platformer", "coinrun", "paper-41M", "paper-10.1B"] {
            let config = read_config(&preset(name), &[]).unwrap();
            assert_eq!(Some(config), TrainConfig::preset(name), "{name}");
        }
        let settings = ["tokenizer.batch=3", "bf16=false"].map(str::to_owned);
        let mut expected = TrainConfig::preset("coinrun").unwrap();
        expected.tokenizer.batch = 3;
        expected.bf16 = false;
        assert_eq!(
            read_config(&preset("coinrun"), &settings).unwrap(),
            expected
        );
        let error = read_config(&preset("paper-12M"), &[])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("paper-12M") && error.contains("paper-41M"),
            "{error}"
        );
    }

    #[test]
    fn a_configuration_has_one_source() {
        use clap::Parser;
        #[derive(Debug, Parser)]
        struct Cli {
            #[command(flatten)]
            args: Args,
        }
        let rest = ["genie", "--data", "d", "--run", "r"];
        let with = |more: &[&str]| Cli::try_parse_from(rest.iter().chain(more));
        assert!(with(&["--preset", "coinrun"]).is_ok());
        assert!(with(&["--config", "c.toml", "--device", "cuda:1"]).is_ok());
        assert!(with(&[]).is_err());
        assert!(with(&["--preset", "coinrun", "--config", "c.toml"]).is_err());
    }

    #[test]
    fn settings_replace_those_of_the_file_and_leave_the_others() {
        let settings = [
            "dynamics.steps=7",
            "model.dynamics.conditioning=prepended",
            "model.latent_actions.input=\"differences\"",
            "model.dynamics.transformer = { layers = 2, width = 64, heads = 2, head_width = 32, feed_forward = 4, window = 8, rotary_space = true }",
            "fully_masked=0.25",
        ]
        .map(str::to_owned);
        let config = read_config(&shipped(), &settings).unwrap();
        let mut expected = TrainConfig::platformer();
        expected.dynamics.steps = 7;
        expected.model.dynamics.conditioning = ActionConditioning::Prepended;
        expected.model.latent_actions.input = LatentActionInput::Differences;
        let transformer = &mut expected.model.dynamics.transformer;
        (transformer.layers, transformer.width) = (2, 64);
        (transformer.heads, transformer.window) = (2, 8);
        expected.fully_masked = 0.25;
        assert_eq!(config, expected);
    }

    #[test]
    fn what_is_wrong_is_named_with_the_file_that_was_given() {
        let error = read_config(&shipped(), &["dynamics.batch=0".to_owned()]).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("platformer.toml"), "{error}");
        assert!(error.contains("--set dynamics.batch=0"), "{error}");
        assert!(error.contains("must be at least 1"), "{error}");
        // A name in place of a file.
        let named = Source {
            config: Some(PathBuf::from("platformer")),
            preset: None,
        };
        let error = read_config(&named, &[]).unwrap_err().to_string();
        assert!(
            error.contains("--config platformer") && error.contains("--preset with one of"),
            "{error}"
        );
    }

    #[test]
    fn footage_of_another_pace_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let format = FrameFormat {
            height: 4,
            width: 4,
            frames_per_second: 60.0,
        };
        let data = folder.path().join("data");
        let mut writer = genie_training::dataset::DatasetWriter::create(&data, format).unwrap();
        writer.push_clip(&[1; 48], None).unwrap();
        writer.finish().unwrap();
        let mut config = TrainConfig::platformer();
        let error = check_pace(&config, &data).unwrap_err().to_string();
        assert!(error.contains("60") && error.contains("10"), "{error}");
        config.model.frames_per_second = 59.94;
        assert!(check_pace(&config, &data).is_ok());
    }

    #[test]
    fn settings_that_cannot_be_are_named() {
        for (setting, said) in [
            ("dynamics.steps", "expected SETTING=VALUE"),
            ("seed.steps=1", "seed is a value"),
            ("dynamics.step=1", "unknown field `step`"),
            ("dynamics.steps=many", "invalid type"),
            ("=1", "unknown field"),
        ] {
            let error = read_config(&shipped(), &[setting.to_owned()]).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(said), "{setting}: {error}");
            assert!(error.contains(setting), "{setting}: {error}");
        }
    }
}
