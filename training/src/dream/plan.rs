//! Which training fits the footage, and how many of its steps fit the time.

use std::path::Path;
use std::time::Duration;

use candle_core::Device;
use genie_model::LatentActionConfig;

use super::{DreamError, DreamOptions};
use crate::dataset::Dataset;
use crate::train::{ActionCount, ActionSource, TrainConfig, TrainingPhase, time_steps};

/// Share of the training time that the tokenizer gets; the shipped world had about as much.
pub(super) const TOKENIZER_SHARE: f64 = 0.2;
/// Fewest steps of a phase: less is no training.
const LEAST_STEPS: u64 = 10;
/// Most steps of a phase, times those of the shipped world.
const MOST_TIMES: u64 = 20;
/// Steps of the dynamics late in the training draw samples of their own, which takes longer.
const SAMPLING: f64 = 1.2;
/// Steps that are timed.
const TIMED: usize = 3;
/// Fewest frames of a training window.
const LEAST_WINDOW: usize = 6;

/// The training for the footage, without its numbers of steps.
pub(super) fn configuration(
    dataset: &Dataset,
    options: &DreamOptions,
) -> Result<TrainConfig, DreamError> {
    let format = dataset.format();
    let mut config = TrainConfig::game();
    config.seed = options.seed;
    config.model.frame_height = format.height;
    config.model.frame_width = format.width;
    config.model.frames_per_second = format.frames_per_second as f32;
    if let Some(actions) = options.latent_actions {
        config.model.latent_actions.actions = actions;
        config.action_count = ActionCount::Model;
    }
    if options.actions == ActionSource::Given {
        config = without_player(&config);
        config.action_source = ActionSource::Given;
        // What could have been pressed is known.
        config.corruption.impossible_actions = 0.0;
    }
    let longest = dataset.longest_clip();
    if longest < LEAST_WINDOW {
        return Err(DreamError::Request(format!(
            "the longest clip of the footage has {longest} frames between two cuts: a world needs {LEAST_WINDOW} at least"
        )));
    }
    for phase in [&mut config.tokenizer, &mut config.dynamics] {
        phase.clip_frames = phase.clip_frames.min(longest);
    }
    config.model.validate()?;
    Ok(config)
}

/// The same training for footage in which no player is found: actions are told apart by what moves.
pub(super) fn without_player(config: &TrainConfig) -> TrainConfig {
    let usual = TrainConfig::platformer().model.latent_actions;
    let mut config = config.clone();
    if config.action_count == ActionCount::Model {
        let actions = config.model.latent_actions.actions;
        config.model.latent_actions = LatentActionConfig { actions, ..usual };
    } else {
        config.model.latent_actions = usual;
    }
    config.action_count = ActionCount::Model;
    config.actions_frozen = TrainConfig::platformer().actions_frozen;
    config
}

/// Sets the numbers of steps so that the training takes about that long on this machine, which it is timed on.
pub(super) fn fit_time(
    config: &mut TrainConfig,
    data: &Path,
    time: Duration,
    device: &Device,
) -> Result<(), DreamError> {
    let seconds = |phase| -> Result<f64, DreamError> {
        let times = time_steps(config, data, phase, TIMED, device)?;
        let mut times: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
        times.sort_by(f64::total_cmp);
        Ok(times[times.len() / 2].max(1e-4))
    };
    let tokenizer = seconds(TrainingPhase::Tokenizer)?;
    let dynamics = seconds(TrainingPhase::Dynamics)? * SAMPLING;
    let time = time.as_secs_f64();
    let usual = TrainConfig::game();
    let steps = |share: f64, each: f64, usual: u64| {
        ((time * share / each) as u64).clamp(LEAST_STEPS, usual * MOST_TIMES)
    };
    config.tokenizer.steps = steps(TOKENIZER_SHARE, tokenizer, usual.tokenizer.steps);
    config.dynamics.steps = steps(1.0 - TOKENIZER_SHARE, dynamics, usual.dynamics.steps);
    for phase in [&mut config.tokenizer, &mut config.dynamics] {
        phase.warmup = phase.warmup.min(phase.steps / 8).max(1);
        phase.pictures_every = phase.steps.div_ceil(2).max(1);
    }
    Ok(())
}
