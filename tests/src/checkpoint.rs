//! Checkpoints without training.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use genie_model::checkpoint::Checkpoint;
use genie_model::{
    ActionLabel, GenieConfig, LatentActionInput, QuantizerConfig, TransformerConfig,
    parameter_specs,
};

/// A configuration that takes next to no time: 16x16 frames of 4 tokens, 3 latent actions.
pub fn tiny_config() -> GenieConfig {
    let transformer = |layers| TransformerConfig {
        layers,
        width: 16,
        heads: 2,
        head_width: 8,
        feed_forward: 2,
        window: 4,
        rotary_space: true,
    };
    let mut config = GenieConfig::platformer();
    config.frame_height = 16;
    config.frame_width = 16;
    config.tokenizer.quantizer = QuantizerConfig::Vq {
        codes: 32,
        dim: 8,
        stages: 1,
    };
    config.tokenizer.encoder = transformer(1);
    config.tokenizer.decoder = transformer(1);
    config.latent_actions.actions = 3;
    config.latent_actions.input = LatentActionInput::Motion;
    config.latent_actions.encoder = transformer(1);
    config.dynamics.transformer = transformer(2);
    config
}

/// A checkpoint of [`tiny_config`] with the actions `idle`, `left` and `right` and random weights from `seed`.
pub fn tiny_checkpoint(seed: u64) -> Checkpoint {
    untrained_checkpoint(&tiny_config(), seed)
}

/// A checkpoint with random weights from `seed`. Its first three actions are `idle`, `left` and `right`, on the arrow
/// keys; the others are numbered.
///
/// # Panics
/// If the configuration is not valid.
pub fn untrained_checkpoint(config: &GenieConfig, seed: u64) -> Checkpoint {
    let specs = parameter_specs(config).expect("the configuration is valid");
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = move || {
        // Xorshift: any spread of values does.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    let mut tensors = HashMap::new();
    for spec in specs {
        let trained_only = ["latent_actions.encoder.", "latent_actions.decoder."];
        if trained_only
            .iter()
            .any(|prefix| spec.name.starts_with(prefix))
        {
            continue;
        }
        let scale = spec.name.contains("norm") || spec.name.ends_with("scale");
        // Wide enough for actions and tokens to make a difference.
        let spread = 1.5 / (*spec.shape.last().unwrap_or(&1) as f32).sqrt();
        let values: Vec<f32> = (0..spec.len())
            .map(|_| if scale { 1.0 } else { spread * random() })
            .collect();
        let tensor = Tensor::from_vec(values, spec.shape.as_slice(), &Device::Cpu);
        tensors.insert(spec.name, tensor.expect("as many values as the shape has"));
    }
    let actions = (0..config.latent_actions.actions).map(|number| {
        let (name, keys): (_, &[&str]) = match number {
            0 => ("idle".to_owned(), &[]),
            1 => ("left".to_owned(), &["ArrowLeft"]),
            2 => ("right".to_owned(), &["ArrowRight"]),
            _ => (format!("action_{number}"), &[]),
        };
        let keys = keys.iter().map(|&key| vec![key.to_owned()]).collect();
        ActionLabel {
            name,
            keys,
            ..ActionLabel::default()
        }
    });
    Checkpoint {
        config: config.clone(),
        actions: actions.collect(),
        provenance: [("weights".to_owned(), "random".to_owned())].into(),
        tensors,
        adjacency: None,
        agent: None,
    }
}
