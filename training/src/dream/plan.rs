//! Which training fits the footage. How many of its steps fit the time turns out while it runs.

use genie_model::{LatentActionConfig, LatentActionInput, TransformerConfig};

use super::{DreamError, DreamOptions};
use crate::dataset::{Dataset, ShortClips};
use crate::train::{ActionCount, ActionSource, PhaseConfig, TrainConfig};

/// Share of the training time that the tokenizer gets; the shipped world had about as much.
pub(super) const TOKENIZER_SHARE: f64 = 0.2;
/// Most steps of a phase, times the usual.
const MOST_TIMES: u64 = 20;
/// More steps than any training of a dream has.
const MORE_THAN_ALL_STEPS: u64 = 1_000_000;
/// Fewest frames of a training window.
const LEAST_WINDOW: usize = 6;
/// Share of the frames that a training sees at least, of those that it can see at all.
const LEAST_SEEN: f64 = 0.9;

/// The training for the footage, with the usual numbers of steps.
pub(super) fn configuration(
    dataset: &Dataset,
    options: &DreamOptions,
) -> Result<TrainConfig, DreamError> {
    let format = dataset.format();
    let mut config = TrainConfig::game();
    config.seed = options.seed;
    config.agent.player = options.player;
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
    if options.actions == ActionSource::Labelled {
        config.action_source = ActionSource::Labelled;
    }
    let longest = dataset.longest_clip();
    if longest < LEAST_WINDOW {
        return Err(DreamError::Request(format!(
            "the longest clip of the footage has {longest} frames between two cuts: a world needs {LEAST_WINDOW} at least"
        )));
    }
    let lengths = dataset.clip_lengths();
    for phase in [&mut config.tokenizer, &mut config.dynamics] {
        phase.clip_frames = window(&lengths, phase.clip_frames);
    }
    config.model.validate()?;
    Ok(config)
}

/// The longest window, up to the usual one, that fits into clips which have most of the frames.
fn window(lengths: &[usize], usual: usize) -> usize {
    let seen = |window| 1.0 - ShortClips::of_lengths(lengths, window).share();
    let most = seen(LEAST_WINDOW);
    (LEAST_WINDOW..=usual)
        .rev()
        .find(|&window| seen(window) >= LEAST_SEEN * most)
        .unwrap_or(LEAST_WINDOW)
}

/// The same training for footage in which no player is found: actions are distinguished by what moves, by a rule (`motion_start` of the
/// training).
pub(super) fn without_player(config: &TrainConfig) -> TrainConfig {
    let usual = actions_by_rule();
    let mut config = config.clone();
    if config.action_count == ActionCount::Model {
        let actions = config.model.latent_actions.actions;
        config.model.latent_actions = LatentActionConfig { actions, ..usual };
    } else {
        config.model.latent_actions = usual;
    }
    config.action_count = ActionCount::Model;
    config.action_source = ActionSource::Learned;
    config.agent.player = 1;
    config.actions_frozen = MORE_THAN_ALL_STEPS;
    config
}

/// Latent actions by what moves, where there is no player to follow.
fn actions_by_rule() -> LatentActionConfig {
    let transformer = TransformerConfig {
        layers: 2,
        width: 96,
        heads: 3,
        head_width: 32,
        feed_forward: 4,
        window: 4,
        rotary_space: false,
    };
    LatentActionConfig {
        input: LatentActionInput::Motion,
        encoder: transformer,
        ..TrainConfig::platformer().model.latent_actions
    }
}

/// Sets the number of steps of a phase, and what goes with it.
pub(super) fn set_steps(phase: &mut PhaseConfig, usual: &PhaseConfig, steps: u64) {
    phase.steps = steps.min(usual.steps * MOST_TIMES);
    phase.warmup = usual.warmup.min(phase.steps / 8).max(1);
    phase.pictures_every = phase.steps.div_ceil(2).max(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_fits_into_clips_that_have_most_of_the_frames() {
        assert_eq!(window(&[200, 300, 16], 16), 16);
        // One long clip does not decide for a hundred short ones.
        let mut lengths = vec![9; 100];
        lengths.push(40);
        assert_eq!(window(&lengths, 16), 9);
        assert_eq!(window(&lengths, 8), 8);
        // A few short clips do not decide for the long ones.
        assert_eq!(window(&[500, 500, 9, 9, 9], 16), 16);
        // What is shorter than any window counts for nothing.
        let mut lengths = vec![3; 100];
        lengths.push(40);
        assert_eq!(window(&lengths, 16), 16);
        assert_eq!(window(&[6], 16), 6);
    }
}
