//! For the tests of both phases: a step whose loss is not finite.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use genie_model::GenieConfig;
use tempfile::TempDir;

use super::batches::open_footage;
use super::config::TrainConfig;
use super::phase::{Phase, step_rng};
use super::saved_state::Part;
use super::variables::Variables;
use crate::dataset::Dataset;
use crate::gameplay::{GameplayOptions, generate_dataset};

/// A small world.
pub(super) fn tiny() -> TrainConfig {
    let mut config = TrainConfig {
        bf16: false,
        actions_frozen: 0,
        choose_stages: None,
        model: GenieConfig::tiny(),
        ..TrainConfig::platformer()
    };
    for phase in [&mut config.tokenizer, &mut config.dynamics] {
        (phase.batch, phase.clip_frames, phase.steps) = (2, 4, 200);
    }
    // What it learns beside the step is none of this.
    config.corruption.impossible_actions = 0.0;
    config
}

fn values(state: &HashMap<String, Tensor>) -> Vec<(&String, Vec<u32>)> {
    let mut values: Vec<_> = state.iter().collect();
    values.sort_by_key(|(name, _)| *name);
    let bits = |tensor: &Tensor| {
        let tensor = tensor.to_dtype(DType::F32).unwrap();
        let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        values.into_iter().map(f32::to_bits).collect()
    };
    values
        .into_iter()
        .map(|(name, it)| (name, bits(it)))
        .collect()
}

/// A state as it is now.
pub(super) fn copies(parts: Vec<(String, Part<'_>)>) -> HashMap<String, Tensor> {
    let parts = parts.into_iter();
    parts
        .map(|(name, part)| (name, part.copied().unwrap()))
        .collect()
}

/// Footage for it, in a folder that lives as long as the first of the two.
pub(super) fn footage(config: &TrainConfig) -> (TempDir, Dataset) {
    let folder = tempfile::tempdir().unwrap();
    let options = GameplayOptions::ALIGNED;
    generate_dataset(folder.path(), 3, 16, 5, options, &|_| ()).unwrap();
    let dataset = open_footage(config, Path::new("tiny"), folder.path()).unwrap();
    (folder, dataset)
}

/// Spoils the `weight` of a phase, and checks that a step leaves the whole `state` as it is; and that the phase goes on when the
/// weight is right again.
pub(super) fn assert_spoiled_steps_change_nothing<P: Phase>(
    phase: &mut P,
    (variables, weight): (&Variables, &str),
    state: impl Fn(&P) -> HashMap<String, Tensor>,
) {
    let right = variables.get(weight).unwrap().as_tensor().copy().unwrap();
    let endless = Tensor::full(f32::INFINITY, right.shape(), &Device::Cpu).unwrap();
    variables.set(weight, &endless).unwrap();
    let before = state(phase);
    // Ones that revive codes, too.
    for step in [24, 39] {
        let figures = phase.step(step, &mut step_rng::<P>(1, step)).unwrap();
        let finite = figures["loss"].is_finite() && figures["gradient_norm"].is_finite();
        assert!(!finite, "{figures:?}");
        assert_eq!(values(&before), values(&state(phase)));
    }
    variables.set(weight, &right).unwrap();
    let figures = phase.step(40, &mut step_rng::<P>(1, 40)).unwrap();
    assert!(figures["loss"].is_finite() && figures["gradient_norm"].is_finite());
    assert_ne!(values(&before), values(&state(phase)));
}
