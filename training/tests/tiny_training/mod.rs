//! A training of a tiny world that takes seconds, and footage for it.

// Not every test uses all of it.
#![allow(dead_code)]

use std::path::Path;

use genie_model::{GenieConfig, LatentActionInput, QuantizerConfig};
use genie_training::gameplay::{GameplayOptions, generate_dataset};
use genie_training::train::{
    CorruptionConfig, DecayCurve, InitialWeights, OptimiserConfig, PhaseConfig, TrainConfig,
};

/// Steps of two small clips.
fn phase(steps: u64) -> PhaseConfig {
    PhaseConfig {
        steps,
        batch: 2,
        accumulate: 1,
        clip_frames: 4,
        learning_rate: 1e-3,
        warmup: 2,
        decay: 0.4,
        decay_curve: DecayCurve::Linear,
        final_share: 0.0,
        optimiser: OptimiserConfig::default(),
        pictures_every: 50,
    }
}

/// All that a training of actions by an encoder does, in few steps: it starts from the rule for motion, and goes on learning.
pub(crate) fn config() -> TrainConfig {
    TrainConfig {
        seed: 3,
        bf16: false,
        tokenizer: phase(7),
        // Past the first revival and the first comparison.
        dynamics: phase(24),
        corruption: CorruptionConfig {
            impossible_actions: 0.5,
            scheduled_sampling: 1.0,
            ..CorruptionConfig::default()
        },
        gravity: true,
        actions_frozen: 5,
        choose_stages: None,
        model: GenieConfig::tiny(),
        ..TrainConfig::platformer()
    }
}

/// Writes six clips of the aligned game.
pub(crate) fn footage(folder: &Path) {
    generate_dataset(folder, 6, 16, 5, GameplayOptions::ALIGNED, &|_| ())
        .expect("a new folder takes footage");
}

/// A training with something changed.
pub(crate) fn changed(config: &TrainConfig, change: impl Fn(&mut TrainConfig)) -> TrainConfig {
    let mut config = config.clone();
    change(&mut config);
    config
}

/// The same training of other kinds of tokens and latent actions.
pub(crate) fn kinds(config: &TrainConfig) -> Vec<(&'static str, TrainConfig)> {
    let quantizer = |quantizer: QuantizerConfig| {
        changed(config, |c| c.model.tokenizer.quantizer = quantizer.clone())
    };
    vec![
        (
            "several codes per token",
            quantizer(QuantizerConfig::Vq {
                codes: 64,
                dim: 16,
                stages: 3,
            }),
        ),
        (
            "finite scalar quantisation",
            quantizer(QuantizerConfig::Fsq {
                levels: vec![5, 4, 3],
            }),
        ),
        (
            "the paper's latent actions",
            changed(config, |c| {
                let actions = &mut c.model.latent_actions;
                actions.input = LatentActionInput::Pixels;
                actions.decoder = Some(actions.encoder.clone());
                c.dynamics_trains_actions = false;
                c.initial_weights = InitialWeights::Random;
            }),
        ),
        (
            "actions of the player that is found",
            changed(config, |c| {
                c.model.latent_actions.input = LatentActionInput::Agent;
                c.model.latent_actions.actions = 4;
            }),
        ),
    ]
}
