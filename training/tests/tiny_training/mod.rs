//! A training of a tiny world that takes seconds, and footage for it.

// Not every test uses all of it.
#![allow(dead_code)]

use std::path::Path;

use genie_model::GenieConfig;
use genie_training::gameplay::{GameplayOptions, generate_dataset};
use genie_training::train::{
    CorruptionConfig, DecayCurve, OptimiserConfig, PhaseConfig, TrainConfig,
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

/// All that a training of the shipped platformer does, in few steps.
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
