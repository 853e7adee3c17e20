//! Small worlds with random weights, for tests.
#![allow(dead_code)]
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};

use candle_core::{Device, Tensor, Var};
use genie_model::checkpoint::Checkpoint;
use genie_model::{
    ActionConditioning, ActionLabel, GenieConfig, LatentActionInput, QuantizerConfig, WorldModel,
    parameter_specs,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The platformer preset with everything small: 4x4 tokens of 24 codes, 4 actions, a window of 5.
pub(crate) fn small_config() -> GenieConfig {
    let mut config = GenieConfig::platformer();
    config.frame_height = 32;
    config.frame_width = 32;
    config.tokenizer.quantizer = QuantizerConfig::Vq {
        codes: 24,
        dim: 12,
        stages: 1,
    };
    config.latent_actions.actions = 4;
    let actions = &mut config.latent_actions;
    actions.input = LatentActionInput::Motion;
    (actions.encoder.layers, actions.encoder.window) = (2, 4);
    let dynamics = &mut config.dynamics.transformer;
    (dynamics.layers, dynamics.width, dynamics.window) = (3, 32, 5);
    let transformers = [
        &mut config.tokenizer.encoder,
        &mut config.tokenizer.decoder,
        &mut config.latent_actions.encoder,
        &mut config.dynamics.transformer,
    ];
    for transformer in transformers {
        transformer.width = 32;
        transformer.heads = 2;
        transformer.head_width = 16;
        transformer.feed_forward = 2;
    }
    config
}

/// The same with the action as a token of its own.
pub(crate) fn prepended_config() -> GenieConfig {
    let mut config = small_config();
    config.dynamics.conditioning = ActionConditioning::Prepended;
    config
}

/// The same with three codes for every token.
pub(crate) fn residual_config() -> GenieConfig {
    let mut config = small_config();
    config.tokenizer.quantizer = QuantizerConfig::Vq {
        codes: 24,
        dim: 12,
        stages: 3,
    };
    config
}

/// Random values for every parameter, scales around one.
pub(crate) fn random_tensors(config: &GenieConfig, seed: u64) -> HashMap<String, Tensor> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    parameter_specs(config)
        .unwrap()
        .into_iter()
        .map(|spec| {
            let fan_in = *spec.shape.last().unwrap() as f32;
            let scale = spec.name.ends_with("norm") || spec.name.ends_with("scale");
            let values: Vec<f32> = (0..spec.len())
                .map(|_| {
                    let value = rng.random::<f32>() * 2.0 - 1.0;
                    if scale {
                        1.0 + 0.3 * value
                    } else {
                        2.0 * value / fan_in.sqrt()
                    }
                })
                .collect();
            let tensor = Tensor::from_vec(values, spec.shape, &Device::Cpu).unwrap();
            (spec.name, tensor)
        })
        .collect()
}

/// The same as variables.
pub(crate) fn random_vars(config: &GenieConfig, seed: u64) -> BTreeMap<String, Var> {
    random_tensors(config, seed)
        .into_iter()
        .map(|(name, tensor)| (name, Var::from_tensor(&tensor).unwrap()))
        .collect()
}

/// A checkpoint with random weights.
pub(crate) fn random_checkpoint(config: &GenieConfig, seed: u64) -> Checkpoint {
    let mut tensors = random_tensors(config, seed);
    tensors.retain(|name, _| !name.starts_with("latent_actions.decoder."));
    Checkpoint {
        config: config.clone(),
        actions: (0..config.latent_actions.actions)
            .map(|action| ActionLabel {
                name: format!("action_{action}"),
                keys: Vec::new(),
                ..ActionLabel::default()
            })
            .collect(),
        provenance: BTreeMap::new(),
        tensors,
        adjacency: None,
        agent: None,
    }
}

/// A world with random weights.
pub(crate) fn random_world(config: &GenieConfig, seed: u64) -> WorldModel {
    WorldModel::new(random_checkpoint(config, seed), &Device::Cpu).unwrap()
}

/// A colourful picture.
pub(crate) fn picture(side: usize, seed: u64) -> genie_model::Frame {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let pixels = (0..side * side * 3).map(|_| rng.random()).collect();
    genie_model::Frame::from_rgb(side, side, pixels).unwrap()
}
