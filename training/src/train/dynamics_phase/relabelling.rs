//! Relabelling: some transitions are trained under an action that is not the one inferred from them.
//!
//! Footage has no example of an action that is impossible where a player tries it (a jump below a ceiling, a step into a wall).
//! A transition with the same effect under a possible action (standing still) becomes such an example by relabelling.

use std::collections::HashMap;

use candle_core::{Device, Result, Tensor};
use genie_model::{
    LatentActionInput, MOTION_FEATURES, MotionSigns, motion_features, motion_signs, ops, patch_grid,
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::train::action_effect::ActionEffects;
use crate::train::action_prior::ActionPrior;
use crate::train::config::TrainConfig;
use crate::train::ranks::Ranks;
use crate::train::saved_state::SavedTensors;

/// Estimates which actions are impossible after a frame, and learns that during the training.
pub(super) struct ImpossibleActions {
    prior: ActionPrior,
    effects: ActionEffects,
}

impl ImpossibleActions {
    pub(super) fn new(config: &TrainConfig, device: &Device) -> Result<Self> {
        Ok(Self {
            prior: ActionPrior::new(&config.model, config.seed, device)?,
            effects: ActionEffects::new(config.model.latent_actions.actions),
        })
    }

    /// Takes up what the first of the `ranks` has learned. What is counted of effects is the same on all of them.
    pub(super) fn follow_first(&self, ranks: &dyn Ranks) -> Result<()> {
        self.prior.follow_first(ranks)
    }

    pub(super) fn state(&self) -> Result<HashMap<String, Tensor>> {
        let mut state = self.prior.state()?;
        state.extend(self.effects.state()?);
        Ok(state)
    }

    pub(super) fn restore(&mut self, state: &dyn SavedTensors, step: u64) -> Result<()> {
        self.prior.restore(state, step)?;
        self.effects.restore(state)
    }

    /// For each transition the actions that are impossible where it begins and would have had the effect of the action that
    /// it shows; and the loss of the action prior, in nats.
    ///
    /// `before [M, N, C]` are the tokens' codes of the frames that transitions begin with, `assigned [M]` the actions that
    /// they show, `motions [M]` how the picture moves in them.
    pub(super) fn learn(
        &mut self,
        before: &Tensor,
        assigned: &[u32],
        motions: Vec<MotionSigns>,
        learning_rate: f64,
    ) -> Result<(Vec<Vec<u32>>, f32)> {
        let followed = Tensor::new(assigned, before.device())?;
        let (probabilities, loss) = self.prior.learn(before, &followed, learning_rate)?;
        let own = assigned.iter().copied();
        self.effects.observe(own.clone().zip(motions));
        let alike = own.zip(&probabilities);
        let alike = alike
            .map(|(own, probabilities)| self.effects.impossible_with_effect_of(own, probabilities));
        Ok((alike.collect(), loss))
    }
}

/// How the picture moves in every transition of some clips, of which the latent action model sees `features`.
pub(super) fn motions(
    config: &TrainConfig,
    clips: &[u8],
    features: &Tensor,
) -> Result<Vec<MotionSigns>> {
    let c = &config.model;
    let (height, width, patch) = (c.frame_height, c.frame_width, c.latent_actions.patch);
    let features = if c.latent_actions.input == LatentActionInput::Motion {
        features.flatten_all()?.to_vec1()?
    } else {
        let clip = config.dynamics.clip_frames * height * width * 3;
        let clips = clips.chunks_exact(clip);
        let features = clips.flat_map(|clip| motion_features(clip, height, width, patch));
        features.collect()
    };
    let (rows, columns) = patch_grid(height, width, patch);
    let transitions = features.chunks_exact(rows * columns * MOTION_FEATURES);
    Ok(transitions.map(motion_signs).collect())
}

/// The motions that all ranks see, in their order.
pub(super) fn all_motions(ranks: &dyn Ranks, own: &[MotionSigns]) -> Vec<MotionSigns> {
    if ranks.count() == 1 {
        return own.to_vec();
    }
    // Signs as bytes of a number.
    let packed = own.iter().map(|it| {
        let [a, b] = it.scene.map(i8::cast_unsigned);
        let [c, d] = it.own.map(i8::cast_unsigned);
        u32::from_le_bytes([a, b, c, d])
    });
    let all = ranks.gather_numbers(&packed.collect::<Vec<_>>());
    let unpacked = all.into_iter().map(|packed| {
        let [a, b, c, d] = packed.to_le_bytes().map(u8::cast_signed);
        MotionSigns {
            scene: [a, b],
            own: [c, d],
        }
    });
    unpacked.collect()
}

/// The new label of each transition; `None` where it keeps its own, `A` where the model does not see the action. `impossible` lists,
/// where it is known, the impossible actions that a transition may be relabelled with.
pub(super) fn draw_labels(
    config: &TrainConfig,
    transitions: usize,
    impossible: Option<&[Vec<u32>]>,
    rng: &mut ChaCha8Rng,
) -> Vec<Option<u32>> {
    let corruption = &config.corruption;
    let actions = config.model.latent_actions.actions as u32;
    let labels = (0..transitions).map(|transition| {
        // Drawn in any case: what is random in a step does not depend on what has been learned.
        let [any, is_impossible, which] = rng.random::<[f32; 3]>();
        let other = rng.random_range(0..actions);
        // Trainings without them keep their random numbers.
        let unknown = corruption.unknown_actions > 0.0;
        if unknown && rng.random::<f32>() < corruption.unknown_actions {
            Some(actions)
        } else if any < corruption.actions {
            Some(other)
        } else if is_impossible < corruption.impossible_actions {
            let impossible = &impossible?[transition];
            let at = (which * impossible.len() as f32) as usize;
            impossible.get(at).copied()
        } else {
            None
        }
    });
    labels.collect()
}

/// The codes `own [B, T - 1, C]` of transitions, with the row of `codes [A, C]` of the new label where there is one, and the mean of
/// all rows where that is `A`.
pub(super) fn relabel(own: Tensor, codes: &Tensor, labels: &[Option<u32>]) -> Result<Tensor> {
    if labels.iter().all(Option::is_none) {
        return Ok(own);
    }
    let (batch, transitions, dim) = own.dims3()?;
    let device = own.device();
    let kept: Vec<f32> = labels
        .iter()
        .map(|label| f32::from(u8::from(label.is_none())))
        .collect();
    let kept = Tensor::from_vec(kept, (batch, transitions, 1), device)?;
    let labels: Vec<u32> = labels.iter().map(|label| label.unwrap_or(0)).collect();
    let labels = Tensor::from_vec(labels, (batch, transitions), device)?;
    let codes = Tensor::cat(&[codes, &codes.mean_keepdim(0)?], 0)?;
    let others = ops::gather_rows(&codes, &labels)?;
    let others = others.reshape((batch, transitions, dim))?;
    let replaced = others.broadcast_mul(&kept.affine(-1.0, 1.0)?)?;
    own.broadcast_mul(&kept)? + replaced
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::Device;
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn unknown_actions_are_the_mean_of_all_codes() {
        let cpu = &Device::Cpu;
        let codes = Tensor::new(&[[1f32, 0.0], [3.0, 2.0], [2.0, 10.0]], cpu).unwrap();
        let own = Tensor::new(&[[[7f32, 7.0], [8.0, 8.0], [9.0, 9.0]]], cpu).unwrap();
        let shown = relabel(own, &codes, &[Some(3), None, Some(1)]).unwrap();
        let shown: Vec<Vec<Vec<f32>>> = shown.to_vec3().unwrap();
        assert_eq!(shown, [[[2.0, 4.0], [8.0, 8.0], [3.0, 2.0]]]);
    }

    #[test]
    fn as_many_actions_are_unknown_as_the_configuration_says() {
        let mut config = TrainConfig::platformer();
        config.corruption.actions = 0.0;
        config.corruption.unknown_actions = 0.25;
        let actions = config.model.latent_actions.actions as u32;
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let labels = draw_labels(&config, 4000, Some(&vec![Vec::new(); 4000]), &mut rng);
        let unknown = labels.iter().filter(|&&it| it == Some(actions)).count();
        assert!((900..1100).contains(&unknown), "{unknown}");
        assert!(labels.iter().flatten().all(|&it| it == actions));
    }
}
