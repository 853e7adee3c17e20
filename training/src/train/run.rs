//! A run as a whole: both phases, one after the other.

use std::path::Path;
use std::time::Duration;

use candle_core::Device;
use genie_model::checkpoint::Checkpoint;
use genie_model::{LatentActionInput, QuantizerConfig};

use super::batches::open_footage;
use super::config::{ActionSource, TrainConfig};
use super::dynamics_phase::{DynamicsPhase, Inherited, TokenFolder};
use super::error::TrainError;
use super::found_actions::FoundActions;
use super::given_actions::GivenActions;
use super::phase::{Phase, Start};
use super::phase_run::{Ended, Steps, Stop, run_phase};
use super::precision::with_precision;
use super::ranks::current_ranks;
use super::run_data::keep_footage;
use super::run_folder::RunFolder;
use super::short_clips;
use super::stage_choice::choose_stages;
use super::tokenizer_phase::TokenizerPhase;
use super::world_start::{keep_start_world, refuse_other_keys};
use crate::dataset::Dataset;
use crate::ingest::Inspection;

/// Trains a world on a dataset, or resumes the run in `run`.
///
/// `stop` is called after every step with the phase's name and the number of its steps; when it returns true, the run saves
/// its state and ends.
///
/// # Errors
/// [`TrainError`] says which file or setting is to blame.
pub fn train(
    config: &TrainConfig,
    data: &Path,
    run: &Path,
    resume: bool,
    device: &Device,
    stop: &dyn Fn(&str, u64) -> bool,
) -> Result<Ended, TrainError> {
    train_shown(config, data, (run, resume), device, stop, true)
}

fn train_shown(
    config: &TrainConfig,
    data: &Path,
    (run, resume): (&Path, bool),
    device: &Device,
    stop: &dyn Fn(&str, u64) -> bool,
    show: bool,
) -> Result<Ended, TrainError> {
    let ranks = current_ranks();
    if !ranks.writes() {
        return train_beside(config, data, run, device, stop);
    }
    RunFolder::check(run, resume)?;
    let config = &config.with_start_world(run)?;
    let dataset = open_footage(config, &run.join("config.toml"), data)?;
    let config = &with_stages(config, &dataset, run)?;
    let begun = RunFolder::is_begun(run);
    if show && !begun {
        let mut findings = Inspection::of(&dataset)?.findings();
        findings.extend(short_clips::findings(&dataset, config));
        for finding in findings {
            tracing::warn!("{}: {}", finding.what, finding.remedy);
        }
    }
    keep_start_world(config, run)?;
    let (config, found) = with_actions(config, &dataset, run)?;
    let folder = RunFolder::open(run, &config, resume)?;
    keep_footage(run, begun, &dataset)?;
    ranks.wait();
    with_precision(&config, device, || {
        train_phases(&config, (&dataset, found), &folder, device, (stop, show))
    })
}

/// What a rank does that does not write: it takes up what the first one has decided.
fn train_beside(
    config: &TrainConfig,
    data: &Path,
    run: &Path,
    device: &Device,
    stop: &dyn Fn(&str, u64) -> bool,
) -> Result<Ended, TrainError> {
    let dataset = open_footage(
        &config.with_start_world(run)?,
        &run.join("config.toml"),
        data,
    )?;
    current_ranks().wait();
    let (folder, config) = RunFolder::opened_by_another(run)?;
    let found = known_actions(&config, &dataset, run)?;
    with_precision(&config, device, || {
        train_phases(&config, (&dataset, found), &folder, device, (stop, false))
    })
}

/// As [`train`], without a progress bar: `stop` is called after each step.
///
/// # Errors
/// As [`train`].
pub fn train_quietly(
    config: &TrainConfig,
    data: &Path,
    run: &Path,
    resume: bool,
    device: &Device,
    stop: &dyn Fn(&str, u64) -> bool,
) -> Result<Ended, TrainError> {
    train_shown(config, data, (run, resume), device, stop, false)
}

/// The configuration with the stages that the run in the folder `run` has, or that the footage takes if it has not begun.
fn with_stages(
    config: &TrainConfig,
    dataset: &Dataset,
    run: &Path,
) -> Result<TrainConfig, TrainError> {
    let (Some(choice), QuantizerConfig::Vq { .. }) =
        (&config.choose_stages, &config.model.tokenizer.quantizer)
    else {
        return Ok(config.clone());
    };
    let chosen = if let Some(begun) = RunFolder::config_of(run)? {
        begun.model.tokenizer.quantizer.stages()
    } else {
        tracing::info!("choosing the number of codes of a token");
        let chosen = choose_stages(dataset, &config.model, choice, config.seed)?;
        let psnr: Vec<_> = chosen.psnr.iter().map(|it| format!("{it:.1}")).collect();
        tracing::info!(
            "{} per token; PSNR of held-out frames with one and more: {} dB",
            chosen.stages,
            psnr.join(", ")
        );
        chosen.stages
    };
    let mut config = config.clone();
    if let QuantizerConfig::Vq { stages, .. } = &mut config.model.tokenizer.quantizer {
        *stages = chosen;
    }
    Ok(config)
}

/// The actions that the footage shows, where the model has no encoder for them, and the configuration with their number.
fn with_actions(
    config: &TrainConfig,
    dataset: &Dataset,
    run: &Path,
) -> Result<(TrainConfig, Option<FoundActions>), TrainError> {
    let mut config = config.clone();
    let given = config.action_source == ActionSource::Given;
    let looks = !given && config.model.latent_actions.input == LatentActionInput::Agent;
    if looks && !RunFolder::is_begun(run) {
        // What was found for a training that never took a step may be of other footage or settings.
        FoundActions::forget(run);
    }
    let known = known_actions(&config, dataset, run)?;
    if let Some(known) = &known {
        let wanted = config.model.latent_actions.actions;
        if config.start_from.is_some() && known.actions() != wanted {
            return Err(TrainError::Footage {
                found: format!("of {} actions", known.actions()),
                wanted: format!("{wanted}, as the world that it goes on from has"),
            });
        }
        if let (true, Some(labels)) = (given && config.start_from.is_some(), known.labels()) {
            refuse_other_keys(labels, run)?;
        }
        config.model.latent_actions.actions = known.actions();
    }
    Ok((config, known))
}

/// The actions that are given with the footage, or found in it, where no encoder infers them.
fn known_actions(
    config: &TrainConfig,
    dataset: &Dataset,
    run: &Path,
) -> Result<Option<FoundActions>, TrainError> {
    if config.action_source == ActionSource::Given {
        return Ok(Some(FoundActions::given(GivenActions::of(dataset)?)));
    }
    if config.model.latent_actions.input != LatentActionInput::Agent {
        return Ok(None);
    }
    FoundActions::open(config, dataset, run).map(Some)
}

fn train_phases(
    config: &TrainConfig,
    (dataset, found): (&Dataset, Option<FoundActions>),
    folder: &RunFolder,
    device: &Device,
    (stop, show): (Stop<'_>, bool),
) -> Result<Ended, TrainError> {
    let save_every = Duration::from_secs_f64(config.save_every);
    let start = phase_start(config, folder, TokenizerPhase::NAME)?;
    refuse_other_tokens(config, folder, &start)?;
    let (mut tokenizer, at) = TokenizerPhase::open(config, dataset, start, device)?;
    if config.start_from.is_some()
        && !folder.has_state(TokenizerPhase::NAME)
        && current_ranks().writes()
    {
        // It takes no steps, so that nothing else would save it.
        tokenizer.save(folder, at)?;
    }
    let steps = Steps {
        phase: &config.tokenizer,
        start: at,
        stop,
        show,
        save_every,
    };
    if run_phase(&mut tokenizer, steps, config.seed, folder)? == Ended::Stopped {
        return Ok(Ended::Stopped);
    }
    let (mut dynamics, at) = DynamicsPhase::open(
        config,
        dataset,
        phase_start(config, folder, DynamicsPhase::NAME)?,
        Inherited {
            tokenizer: tokenizer.into_variables(),
            found,
            tokens: Some(TokenFolder {
                path: folder.tokens(),
                shared: true,
            }),
        },
        device,
    )?;
    let steps = Steps {
        phase: &config.dynamics,
        start: at,
        stop,
        show,
        save_every,
    };
    let ended = run_phase(&mut dynamics, steps, config.seed, folder)?;
    let writes = current_ranks().writes();
    let step = at.step.max(config.dynamics.steps);
    if writes && ended == Ended::Complete && !folder.has_world_after(step) {
        tracing::info!("the world in the run's folder is not that of its end: written again");
        dynamics.save_world(folder, step)?;
    }
    Ok(ended)
}

/// Dynamics that were trained on the tokens of one tokenizer do not know those of another.
fn refuse_other_tokens(
    config: &TrainConfig,
    folder: &RunFolder,
    tokenizer: &Start,
) -> Result<(), TrainError> {
    let trained = match tokenizer {
        Start::Saved(saved) => saved.progress.step,
        Start::New(_) | Start::World(_) => 0,
    };
    let wanted = config.tokenizer.steps;
    if folder.has_state(DynamicsPhase::NAME) && trained < wanted {
        return Err(TrainError::TokenizerInUse {
            path: folder.root().to_owned(),
            trained,
            wanted,
        });
    }
    Ok(())
}

/// What a phase of a run begins with.
fn phase_start(config: &TrainConfig, folder: &RunFolder, phase: &str) -> Result<Start, TrainError> {
    if let Some(saved) = folder.saved_state(phase)? {
        return Ok(Start::Saved(saved));
    }
    if config.start_from.is_none() {
        return Ok(Start::New(config.initial_weights));
    }
    let world = Checkpoint::read(folder.start())?;
    Ok(Start::World(Box::new(world)))
}
