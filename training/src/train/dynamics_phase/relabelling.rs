//! Relabelling: some transitions are trained under an action that is not the one inferred from them.
//!
//! Footage has no example of an action that is impossible where a player tries it (a jump below a ceiling, a step into a wall).
//! A transition with the same effect under a possible action (standing still) becomes such an example by relabelling.

use std::collections::HashMap;

use candle_core::{Device, Result, Tensor};
use genie_model::{
    LatentActionInput, MOTION_FEATURES, motion_features, motion_signs, ops, patch_grid,
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::train::action_effect::{ActionEffects, TransitionMotion};
use crate::train::action_prior::ActionPrior;
use crate::train::config::TrainConfig;
use crate::train::ranks::Ranks;
use crate::train::saved_state::SavedTensors;

/// The impossible actions that a transition may be relabelled with, each with the weight by which it is chosen: those that are frequent elsewhere are tried
/// most where they are impossible.
pub(super) type Impossible = Vec<(u32, f32)>;

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
    /// `codes [B, T, N, C]` are the tokens' codes of some clips, whose `M = B (T - 1)` transitions show the actions `assigned [M]`, and in which the picture moves
    /// by `motions [M]`.
    pub(super) fn learn(
        &mut self,
        codes: &Tensor,
        assigned: &[u32],
        motions: Vec<TransitionMotion>,
        learning_rate: f64,
    ) -> Result<(Vec<Impossible>, f32)> {
        let followed = Tensor::new(assigned, codes.device())?;
        let frames = with_earlier_frames(codes)?;
        let (probabilities, loss) = self.prior.learn(&frames, &followed, learning_rate)?;
        let own = assigned.iter().copied();
        self.effects.observe(own.clone().zip(motions));
        let alike = own.zip(&probabilities);
        let alike = alike
            .map(|(own, probabilities)| self.effects.impossible_with_effect_of(own, probabilities));
        Ok((alike.collect(), loss))
    }
}

/// The frames that the transitions of clips with the codes `[B, T, N, C]` begin with, each beside the one before it, or zeros at the start of a clip:
/// `[B (T - 1), N, 2 C]`.
fn with_earlier_frames(codes: &Tensor) -> Result<Tensor> {
    let (clips, frames, tokens, dim) = codes.dims4()?;
    let transitions = frames - 1;
    let none = Tensor::zeros((clips, 1, tokens, dim), codes.dtype(), codes.device())?;
    let earlier = Tensor::cat(&[&none, &codes.narrow(1, 0, transitions - 1)?], 1)?;
    let pairs = Tensor::cat(&[&codes.narrow(1, 0, transitions)?, &earlier], 3)?;
    pairs.reshape((clips * transitions, tokens, 2 * dim))
}

/// How the picture moves in every transition of some clips, of which the latent action model sees `features`.
pub(super) fn motions(
    config: &TrainConfig,
    clips: &[u8],
    features: &Tensor,
) -> Result<Vec<TransitionMotion>> {
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
    Ok(transitions.map(|it| motion_signs(it).into()).collect())
}

/// The motions that all ranks see, in their order.
pub(super) fn all_motions(ranks: &dyn Ranks, own: &[TransitionMotion]) -> Vec<TransitionMotion> {
    if ranks.count() == 1 {
        return own.to_vec();
    }
    // Parts as bytes of a number.
    let packed = own.iter().map(|it| {
        let [a, b] = it.scene.map(i8::cast_unsigned);
        let [c, d] = it.own.map(i8::cast_unsigned);
        u32::from_le_bytes([a, b, c, d])
    });
    let all = ranks.gather_numbers(&packed.collect::<Vec<_>>());
    let unpacked = all.into_iter().map(|packed| {
        let [a, b, c, d] = packed.to_le_bytes().map(u8::cast_signed);
        TransitionMotion {
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
    impossible: Option<&[Impossible]>,
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
            choose(&impossible?[transition], which)
        } else {
            None
        }
    });
    labels.collect()
}

/// One of some actions by their weights and a number from 0 to 1.
fn choose(actions: &[(u32, f32)], which: f32) -> Option<u32> {
    let mut left = which * actions.iter().map(|(_, weight)| weight).sum::<f32>();
    let chosen = actions.iter().find(|(_, weight)| {
        left -= weight;
        left < 0.0
    });
    // Rounding may leave a little behind the last one.
    chosen.or(actions.last()).map(|&(action, _)| action)
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
    fn frames_stand_beside_those_before_them() {
        let codes = Tensor::arange(0f32, 12.0, &Device::Cpu).unwrap();
        // Two clips of three frames of two tokens of one value.
        let pairs = with_earlier_frames(&codes.reshape((2, 3, 2, 1)).unwrap()).unwrap();
        let pairs: Vec<Vec<Vec<f32>>> = pairs.to_vec3().unwrap();
        let expected = [
            [[0.0, 0.0], [1.0, 0.0]],
            [[2.0, 0.0], [3.0, 1.0]],
            [[6.0, 0.0], [7.0, 0.0]],
            [[8.0, 6.0], [9.0, 7.0]],
        ];
        assert_eq!(pairs, expected);
        let shortest = codes.reshape((3, 2, 2, 1)).unwrap();
        assert_eq!(with_earlier_frames(&shortest).unwrap().dims(), [3, 2, 2]);
    }

    #[test]
    fn actions_are_chosen_by_their_weights() {
        let actions = vec![(4, 1.0), (2, 0.0), (7, 3.0)];
        let chosen = [0.0, 0.2, 0.26, 0.99, 1.0].map(|which| choose(&actions, which));
        assert_eq!(chosen, [4, 4, 7, 7, 7].map(Some));
        assert_eq!(choose(&[], 0.5), None);
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
