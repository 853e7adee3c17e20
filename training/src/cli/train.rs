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
use super::configuration::{Source, read_config};
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
    /// Go on from a finished world in place of a new one, with its sizes, its tokenizer and its weights: for more footage of the same game, or
    /// more steps. Its actions stay what they are.
    #[arg(long, value_name = "WORLD", conflicts_with = "actions")]
    from: Option<PathBuf>,
    /// With --from: find the actions anew in the footage, as many as the world has.
    #[arg(long, requires = "from")]
    new_actions: bool,
    /// Number of latent actions in place of the configuration's; `auto` chooses it from the footage, from 4 to 20, where the player is found in it.
    #[arg(long, value_name = "COUNT", value_parser = action_settings)]
    actions: Option<String>,
    /// Which of the things that move by themselves is the player, from 1, the likeliest: `genie actions DATA --pictures FOLDER` shows them, with the
    /// seed of the training.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    player: Option<u16>,
    /// The type of activations on graphics processors, in place of the configuration's: `bf16` takes half the memory of `f32` and is
    /// several times as fast there; `f16` is for those without it.
    #[arg(long, value_parser = ["f32", "bf16", "f16"])]
    precision: Option<String>,
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

/// Refuses footage of another pace than the configuration's: the world would run too fast or too slow.
fn check_pace(config: &TrainConfig, data: &Path) -> CliResult {
    let configured = f64::from(config.model.frames_per_second);
    let format = FrameFormat::of_dataset(data)?;
    if format.has_pace(configured) {
        return Ok(());
    }
    let pace = format.frames_per_second;
    if let Some(world) = &config.start_from {
        return Err(format!(
            "{} has {pace} frames a second, the world {} {configured}: import it with --fps {configured} (or --any-pace, if the difference is meant)",
            data.display(),
            world.display()
        )
        .into());
    }
    Err(format!(
        "{} has {pace} frames a second, the configuration {configured}: import it with --fps {configured}, or train with \
         --set model.frames_per_second={pace} (or --any-pace, if the difference is meant)",
        data.display()
    )
    .into())
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

/// The setting for a number of actions as it was typed.
fn action_settings(typed: &str) -> Result<String, String> {
    if typed == "auto" {
        return Ok("action_count=footage".to_owned());
    }
    match typed.parse::<usize>() {
        Ok(count @ 2..=256) => Ok(format!("model.latent_actions.actions={count}")),
        _ => Err("expected a number from 2 to 256, or auto".to_owned()),
    }
}

/// The setting by which a number of actions that somebody gives is the one that there are, whatever the configuration says.
fn counted(settings: &[String]) -> Option<String> {
    let sets = |name: &str| {
        let mut names = settings.iter().filter_map(|it| it.split_once('='));
        names.any(|(key, _)| key.trim() == name)
    };
    (sets("model.latent_actions.actions") && !sets("action_count"))
        .then(|| "action_count=model".to_owned())
}

/// Trains both phases to their end, or until it is asked to stop.
pub(crate) fn run(args: Args) -> CliResult {
    let mut settings = args.settings;
    settings.extend(args.actions);
    settings.extend(counted(&settings));
    settings.extend(args.player.map(|it| format!("agent.player={it}")));
    settings.extend(args.precision.map(|it| format!("precision={it}")));
    if let Some(world) = &args.from {
        if args.player.is_some() && !args.new_actions {
            return Err("--player does not go with --from: the player is that of the world (or --new-actions)".into());
        }
        if let Some(setting) = settings
            .iter()
            .find(|it| it.trim_start().starts_with("model."))
        {
            return Err(format!(
                "--set {setting} does not go with --from: the model is that of the world"
            )
            .into());
        }
        let world = std::path::absolute(world)?;
        let world = toml::Value::String(world.to_string_lossy().into_owned());
        settings.push(format!("start_from={world}"));
        settings.push(format!("new_actions={}", args.new_actions));
    }
    let config = read_config(&args.source, &settings)?.with_start_world(&args.run)?;
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
    use genie_training::train::ActionCount;

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
        // A world that a training goes on from keeps its number of actions.
        let from = ["--preset", "game", "--from", "w"];
        assert!(with(&from).is_ok());
        assert!(with(&[&from[..], &["--new-actions"]].concat()).is_ok());
        assert!(with(&[&from[..], &["--actions", "8"]].concat()).is_err());
        assert!(with(&["--preset", "game", "--new-actions"]).is_err());
    }

    #[test]
    fn actions_are_counted_or_chosen_from_the_footage() {
        let source = Source {
            config: None,
            preset: Some("game".to_owned()),
        };
        let config = |settings: &[String]| {
            let mut settings = settings.to_vec();
            settings.extend(counted(&settings));
            read_config(&source, &settings).unwrap()
        };
        let typed = |typed| config(&[action_settings(typed).unwrap()]);
        assert_eq!(typed("auto").action_count, ActionCount::Footage);
        let twelve = ["model.latent_actions.actions = 12".to_owned()];
        for config in [typed("12"), config(&twelve)] {
            assert_eq!(config.model.latent_actions.actions, 12);
            assert_eq!(config.action_count, ActionCount::Model);
        }
        for wrong in ["", "1", "257", "Auto", "8.0"] {
            assert!(action_settings(wrong).is_err(), "{wrong}");
        }
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
}
