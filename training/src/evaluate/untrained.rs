//! Untrained worlds, to measure speed before any training and as a reference of pure chance.

use std::collections::{BTreeMap, HashMap};

use candle_core::{Device, Tensor};
use genie_model::checkpoint::Checkpoint;
use genie_model::{ActionLabel, Error, GenieConfig, ParameterSpec, parameter_specs};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A checkpoint of seeded random weights: norms and scales are one, biases zero, everything else is drawn evenly with a
/// spread that keeps activations near one.
///
/// # Errors
/// [`Error::Config`] if the configuration is not valid.
pub fn untrained_checkpoint(config: &GenieConfig, seed: u64) -> Result<Checkpoint, Error> {
    let mut config = config.clone();
    config.latent_actions.decoder = None;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut tensors = HashMap::new();
    for spec in parameter_specs(&config)? {
        let values = values(&spec, &mut rng);
        let tensor = Tensor::from_vec(values, spec.shape.as_slice(), &Device::Cpu)?;
        tensors.insert(spec.name, tensor);
    }
    let actions = (0..config.latent_actions.actions)
        .map(|action| ActionLabel {
            name: format!("action_{action}"),
            keys: Vec::new(),
            ..ActionLabel::default()
        })
        .collect();
    Ok(Checkpoint {
        config,
        actions,
        provenance: BTreeMap::from([("training".to_owned(), "none".to_owned())]),
        tensors,
        adjacency: None,
        agent: None,
    })
}

fn values(spec: &ParameterSpec, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let last = spec.name.rsplit('.').next().unwrap_or_default();
    if last == "norm" || last.ends_with("_scale") {
        return vec![1.0; spec.len()];
    }
    if last == "bias" {
        return vec![0.0; spec.len()];
    }
    let fan_in = spec.shape.last().copied().unwrap_or(1).max(1);
    let bound = (3.0 / fan_in as f32).sqrt();
    (0..spec.len())
        .map(|_| rng.random_range(-bound..bound))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use genie_model::{Frame, WorldModel};

    #[test]
    fn it_plays_without_breaking_down() {
        let config = GenieConfig::tiny();
        let world =
            WorldModel::new(untrained_checkpoint(&config, 3).unwrap(), &Device::Cpu).unwrap();
        let mut rollout = world
            .prompt(&Frame::filled(64, 64, [80, 120, 200]), 1)
            .unwrap();
        for step in 0..6 {
            rollout.step(step % world.action_count()).unwrap();
        }
        let same = untrained_checkpoint(&config, 3).unwrap();
        let again = WorldModel::new(same, &Device::Cpu).unwrap();
        assert_eq!(world.fingerprint(), again.fingerprint());
        let other =
            WorldModel::new(untrained_checkpoint(&config, 4).unwrap(), &Device::Cpu).unwrap();
        assert_ne!(world.fingerprint(), other.fingerprint());
    }
}
