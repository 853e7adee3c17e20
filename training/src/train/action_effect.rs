//! Effects of the latent actions, and which of them are impossible after a frame.

use std::collections::HashMap;

use candle_core::Tensor;
use genie_model::MotionSigns;

use super::saved_state::{SavedTensors, restore_values, saved_values};

/// An action is impossible after a frame if its probability there is below this share of its overall probability: far below
/// the rate of rare actions, and still within the precision of a small network.
const RARER: f32 = 0.01;
/// Factor by which older batches lose weight with every new batch.
const DECAY: f32 = 0.99;
/// Scene and what moves by itself, each to the right and downwards.
const DIRECTIONS: usize = 4;

/// The effect of one latent action: how often it is taken, and the motion of the picture under it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct ActionEffect {
    /// Weighted count of its transitions.
    taken: f32,
    /// Weighted sums of their signs of motion.
    motion: [f32; DIRECTIONS],
}

impl ActionEffect {
    /// Squared distance of the mean motions of two actions.
    fn distance(&self, other: &Self) -> f32 {
        let mean = |it: &Self| it.motion.map(|sum| sum / it.taken.max(1e-6));
        let pairs = mean(self).into_iter().zip(mean(other));
        pairs.map(|(a, b)| (a - b).powi(2)).sum()
    }
}

/// The effects of all `A` latent actions.
#[derive(Clone, Debug)]
pub struct ActionEffects {
    actions: Vec<ActionEffect>,
}

impl ActionEffects {
    /// No observations of `actions` actions.
    pub fn new(actions: usize) -> Self {
        Self {
            actions: vec![ActionEffect::default(); actions],
        }
    }

    /// Adds transitions: the action of each, and the motion of the picture.
    pub fn observe(&mut self, transitions: impl Iterator<Item = (u32, MotionSigns)>) {
        for effect in &mut self.actions {
            effect.taken *= DECAY;
            effect.motion = effect.motion.map(|sum| sum * DECAY);
        }
        for (action, signs) in transitions {
            let effect = &mut self.actions[action as usize];
            effect.taken += 1.0;
            let signs = signs.scene.into_iter().chain(signs.own);
            for (sum, sign) in effect.motion.iter_mut().zip(signs) {
                *sum += f32::from(sign);
            }
        }
    }

    /// The actions that are impossible after a frame and whose effect there is that of `own`, the action that was taken: of all
    /// possible actions, `own` is the one whose mean motion is nearest to theirs. A run into a wall has the effect of standing,
    /// and a jump towards a wall that of a jump.
    ///
    /// `probabilities [A]` are those of the actions after the frame.
    pub fn impossible_with_effect_of(&self, own: u32, probabilities: &[f32]) -> Vec<u32> {
        let all = self.actions.iter().map(|effect| effect.taken).sum::<f32>();
        // Nothing is known of an action that is never taken.
        let taken = (0..self.actions.len()).filter(|&it| self.actions[it].taken > 0.0);
        let (possible, impossible): (Vec<_>, Vec<_>) =
            taken.partition(|&it| probabilities[it] * all >= RARER * self.actions[it].taken);
        let own = own as usize;
        let distance = |a: usize, b: usize| self.actions[a].distance(&self.actions[b]);
        let has_effect_of_own = |action: usize| {
            let others = possible.iter().filter(|&&other| other != own);
            let nearest = others.map(|&other| distance(action, other));
            distance(action, own) < nearest.fold(f32::INFINITY, f32::min)
        };
        let impossible = impossible.into_iter().filter(|&action| action != own);
        impossible
            .filter(|&action| has_effect_of_own(action))
            .map(|action| action as u32)
            .collect()
    }

    /// The state as named tensors.
    ///
    /// # Errors
    /// Never on the CPU.
    pub fn state(&self) -> candle_core::Result<HashMap<String, Tensor>> {
        let taken: Vec<_> = self.actions.iter().map(|effect| effect.taken).collect();
        let motion: Vec<_> = self.actions.iter().flat_map(|it| it.motion).collect();
        Ok(HashMap::from([
            saved_values("action_effects.taken".to_owned(), &taken)?,
            saved_values("action_effects.motion".to_owned(), &motion)?,
        ]))
    }

    /// Restores a saved state.
    ///
    /// # Errors
    /// If a part is missing or of another size.
    pub fn restore(&mut self, state: &dyn SavedTensors) -> candle_core::Result<()> {
        let mut taken = vec![0f32; self.actions.len()];
        let mut motion = vec![0f32; self.actions.len() * DIRECTIONS];
        restore_values(state, "action_effects.taken", &mut taken)?;
        restore_values(state, "action_effects.motion", &mut motion)?;
        let values = taken.iter().zip(motion.chunks_exact(DIRECTIONS));
        for (effect, (&taken, motion)) in self.actions.iter_mut().zip(values) {
            effect.taken = taken;
            effect.motion.copy_from_slice(motion);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: u32 = 0;
    const IDLE: u32 = 1;
    const RIGHT: u32 = 2;
    const JUMP: u32 = 3;
    const RIGHT_JUMP: u32 = 4;
    const NEVER: u32 = 5;

    /// Actions of a platformer whose camera follows sideways, and one that is never taken.
    fn platformer() -> ActionEffects {
        let moves = |x: i8, y: i8| MotionSigns {
            scene: [-x, 0],
            own: [0, y],
        };
        let mut effects = ActionEffects::new(6);
        for time in 0..40 {
            // The hero falls in every fourth frame.
            let falls = i8::from(time % 4 == 0);
            let transitions = [
                (LEFT, moves(-1, falls)),
                (IDLE, moves(0, falls)),
                (RIGHT, moves(1, falls)),
                (JUMP, moves(0, -1)),
                (RIGHT_JUMP, moves(1, -1)),
            ];
            effects.observe(transitions.into_iter());
        }
        effects
    }

    #[test]
    fn where_all_happens_nothing_is_impossible() {
        let effects = platformer();
        for own in [LEFT, IDLE, RIGHT, JUMP, RIGHT_JUMP] {
            let probabilities = [0.1, 0.6, 0.003, 0.2, 0.1, 0.0];
            assert!(
                effects
                    .impossible_with_effect_of(own, &probabilities)
                    .is_empty()
            );
        }
    }

    #[test]
    fn steps_into_a_wall_end_standing_and_jumps_at_it_rising() {
        let effects = platformer();
        let at_wall = [0.3, 0.5, 1e-4, 0.2, 1e-4, 0.0];
        assert_eq!(effects.impossible_with_effect_of(IDLE, &at_wall), [RIGHT]);
        assert_eq!(
            effects.impossible_with_effect_of(JUMP, &at_wall),
            [RIGHT_JUMP]
        );
        assert!(effects.impossible_with_effect_of(LEFT, &at_wall).is_empty());
        // A transition that passes the wall is no example of being stopped by it.
        assert!(
            effects
                .impossible_with_effect_of(RIGHT, &at_wall)
                .is_empty()
        );
    }

    #[test]
    fn jumps_at_the_ceiling_end_without_rising() {
        let effects = platformer();
        let at_ceiling = [0.3, 0.4, 0.3, 0.0, 0.0, 0.0];
        assert_eq!(effects.impossible_with_effect_of(IDLE, &at_ceiling), [JUMP]);
        assert_eq!(
            effects.impossible_with_effect_of(RIGHT, &at_ceiling),
            [RIGHT_JUMP]
        );
    }

    #[test]
    fn an_action_that_nobody_takes_is_not_missed() {
        let effects = platformer();
        for own in 0..6 {
            let impossible = effects.impossible_with_effect_of(own, &[0.0; 6]);
            assert!(!impossible.contains(&NEVER), "{own} {impossible:?}");
        }
        let nothing = ActionEffects::new(3);
        assert!(
            nothing
                .impossible_with_effect_of(0, &[0.5, 0.5, 0.0])
                .is_empty()
        );
    }

    #[test]
    fn what_was_seen_first_is_forgotten() {
        let mut effects = platformer();
        // Actions may change their meaning while they are learned: this one now moves like the other.
        let left = MotionSigns {
            scene: [1, 0],
            own: [0, 0],
        };
        for _ in 0..400 {
            effects
                .observe([(RIGHT, left), (LEFT, left), (IDLE, MotionSigns::default())].into_iter());
        }
        let probabilities = [0.5, 0.5, 0.0, 0.0, 0.0, 0.0];
        assert!(
            effects
                .impossible_with_effect_of(LEFT, &probabilities)
                .contains(&RIGHT)
        );
    }

    #[test]
    fn saved_effects_go_on_as_before() {
        let effects = platformer();
        let mut restored = ActionEffects::new(6);
        restored.restore(&effects.state().unwrap()).unwrap();
        let at_wall = [0.3, 0.5, 0.0, 0.2, 0.0, 0.0];
        assert_eq!(restored.impossible_with_effect_of(IDLE, &at_wall), [RIGHT]);
        let mut other = ActionEffects::new(4);
        assert!(other.restore(&effects.state().unwrap()).is_err());
    }
}
