//! Effects of the latent actions, and which of them are impossible after a frame.

use std::collections::HashMap;

use candle_core::Tensor;
use genie_model::MotionSigns;

use super::saved_state::{SavedTensors, restore_values, saved_values};

/// An action is impossible after a frame if its probability there is below this share of its overall probability: far below
/// the rate of rare actions, and still within the precision of a small network.
const RARER: f32 = 0.01;
/// And clearly possible from this share on: what the network is not sure of is neither.
const LIKELY: f32 = 0.1;
/// Squared distances of mean motions, in usual speeds, that differ by less are alike: standing at a wall and standing before it come to the same.
const ALIKE: f32 = 0.1;
/// Factor by which older batches lose weight with every new batch.
const DECAY: f32 = 0.99;
/// Scene and what moves by itself, each to the right and downwards.
const DIRECTIONS: usize = 4;

/// How the picture moves in one transition, `[x, y]`, to the right and downwards positive, in parts of the usual speed: [`USUAL`](Self::USUAL) is all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransitionMotion {
    /// Of most of the picture, such as the scenery under a camera that follows.
    pub scene: [i8; 2],
    /// Of what moves differently, such as the hero; 0 where nothing does.
    pub own: [i8; 2],
}

impl TransitionMotion {
    /// The usual speed.
    pub const USUAL: i8 = 8;
    /// More than this is as far as this: a figure that appears elsewhere has no speed.
    const MOST: i8 = 2 * Self::USUAL;

    /// Of a figure that moves so far, where `usual` is its usual speed along each axis, above zero.
    pub fn of_figure(displacement: [f32; 2], usual: [f32; 2]) -> Self {
        let part = |axis: usize| {
            let speed = f32::from(Self::USUAL) * displacement[axis] / usual[axis];
            // Rounded and within the range of the type; what is no number is no motion.
            speed
                .round()
                .clamp(-f32::from(Self::MOST), f32::from(Self::MOST)) as i8
        };
        Self {
            scene: [0; 2],
            own: [part(0), part(1)],
        }
    }
}

impl From<MotionSigns> for TransitionMotion {
    /// What moves at all does so at the usual speed.
    fn from(signs: MotionSigns) -> Self {
        let usual = |signs: [i8; 2]| signs.map(|sign| Self::USUAL * sign.signum());
        Self {
            scene: usual(signs.scene),
            own: usual(signs.own),
        }
    }
}

/// The effect of one latent action: how often it is taken, and the motion of the picture under it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct ActionEffect {
    /// Weighted count of its transitions.
    taken: f32,
    /// Weighted sums of their motion, in usual speeds.
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
    pub fn observe(&mut self, transitions: impl Iterator<Item = (u32, TransitionMotion)>) {
        for effect in &mut self.actions {
            effect.taken *= DECAY;
            effect.motion = effect.motion.map(|sum| sum * DECAY);
        }
        for (action, motion) in transitions {
            let effect = &mut self.actions[action as usize];
            effect.taken += 1.0;
            let parts = motion.scene.into_iter().chain(motion.own);
            for (sum, part) in effect.motion.iter_mut().zip(parts) {
                *sum += f32::from(part) / f32::from(TransitionMotion::USUAL);
            }
        }
    }

    /// The actions that are impossible after a frame and whose effect there is that of `own`, the action that was taken: no other action that is clearly
    /// possible (or possible at all, where none is clearly) is clearly nearer to theirs in motion. A run into a wall has the effect of standing, and a jump
    /// towards a wall that of a jump.
    ///
    /// `probabilities [A]` are those of the actions after the frame. Returns each with the weighted count of all its transitions.
    pub fn impossible_with_effect_of(&self, own: u32, probabilities: &[f32]) -> Vec<(u32, f32)> {
        let all = self.actions.iter().map(|effect| effect.taken).sum::<f32>();
        let own = own as usize;
        // Nothing is known of an action that is never taken.
        let others =
            (0..self.actions.len()).filter(|&it| it != own && self.actions[it].taken > 0.0);
        let rarer_than = |action: usize, share: f32| {
            probabilities[action] * all < share * self.actions[action].taken
        };
        let at_least = |share: f32| -> Vec<usize> {
            let found = others.clone().filter(|&it| !rarer_than(it, share));
            found.collect()
        };
        let mut likely = at_least(LIKELY);
        if likely.is_empty() {
            likely = at_least(RARER);
        }
        let distance = |a: usize, b: usize| self.actions[a].distance(&self.actions[b]);
        let has_effect_of_own = |&action: &usize| {
            let nearest = likely.iter().map(|&other| distance(action, other));
            distance(action, own) < nearest.fold(f32::INFINITY, f32::min) + ALIKE
        };
        let impossible = others.filter(|&it| rarer_than(it, RARER));
        impossible
            .filter(has_effect_of_own)
            .map(|action| (action as u32, self.actions[action].taken))
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

    /// The actions alone.
    fn impossible(effects: &ActionEffects, own: u32, probabilities: &[f32]) -> Vec<u32> {
        let found = effects.impossible_with_effect_of(own, probabilities);
        found.into_iter().map(|(action, _)| action).collect()
    }

    const LEFT: u32 = 0;
    const IDLE: u32 = 1;
    const RIGHT: u32 = 2;
    const JUMP: u32 = 3;
    const RIGHT_JUMP: u32 = 4;
    const NEVER: u32 = 5;

    /// Actions of a platformer whose camera follows sideways, and one that is never taken.
    fn platformer() -> ActionEffects {
        let moves = |x: i8, y: i8| {
            TransitionMotion::from(MotionSigns {
                scene: [-x, 0],
                own: [0, y],
            })
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
            assert!(impossible(&effects, own, &probabilities).is_empty());
        }
    }

    #[test]
    fn steps_into_a_wall_end_standing_and_jumps_at_it_rising() {
        let effects = platformer();
        let at_wall = [0.3, 0.5, 1e-4, 0.2, 1e-4, 0.0];
        assert_eq!(impossible(&effects, IDLE, &at_wall), [RIGHT]);
        assert_eq!(impossible(&effects, JUMP, &at_wall), [RIGHT_JUMP]);
        assert!(impossible(&effects, LEFT, &at_wall).is_empty());
        // A transition that passes the wall is no example of being stopped by it.
        assert!(impossible(&effects, RIGHT, &at_wall).is_empty());
    }

    #[test]
    fn jumps_at_the_ceiling_end_without_rising() {
        let effects = platformer();
        let at_ceiling = [0.3, 0.4, 0.3, 0.0, 0.0, 0.0];
        assert_eq!(impossible(&effects, IDLE, &at_ceiling), [JUMP]);
        assert_eq!(impossible(&effects, RIGHT, &at_ceiling), [RIGHT_JUMP]);
    }

    /// Actions of a figure that needs a frame to reach its speed, and whose codes of standing differ by where it stands: at a wall, or before it.
    #[test]
    fn what_comes_to_nearly_the_same_is_alike_and_half_a_step_is_not() {
        const AT_WALL: u32 = 3;
        const HALF_RIGHT: u32 = 4;
        let moves = |x: f32| TransitionMotion::of_figure([x, 0.0], [4.0, 1.0]);
        let mut effects = ActionEffects::new(5);
        for time in 0..40 {
            // What stands before the wall is seen to move a little now and then.
            let still = f32::from(u8::from(time % 20 == 0));
            let steps = [-4.0, still, 4.0, 0.0, 2.0];
            effects.observe((0..).zip(steps.map(moves)));
        }
        let impossible =
            |own: u32, probabilities: [f32; 5]| impossible(&effects, own, &probabilities);
        for idle in [0.01, 0.2] {
            let at_wall = [0.3, idle, 1e-4, 0.6, 1e-4];
            assert_eq!(impossible(AT_WALL, at_wall), [RIGHT, HALF_RIGHT], "{idle}");
            assert_eq!(impossible(LEFT, at_wall), [0; 0]);
        }
        // Whatever stands there, it stands there for the codes of other places too.
        assert_eq!(impossible(AT_WALL, [0.3, 1e-4, 0.1, 0.6, 0.1]), [IDLE]);
        // From a stand it goes half a step first; what it does at speed is stopped in another.
        let standing = [0.0, 0.4, 1e-4, 0.0, 0.6];
        assert_eq!(impossible(HALF_RIGHT, standing), [RIGHT]);
        assert!(!impossible(IDLE, standing).contains(&RIGHT));
        let running = [0.0, 1e-4, 0.5, 1e-4, 0.5];
        assert_eq!(impossible(HALF_RIGHT, running), [LEFT, IDLE, AT_WALL]);
        assert_eq!(impossible(RIGHT, running), [0; 0]);
        // Where one action is nearly sure, those that are possible still are nearer.
        let sure = [0.004, 0.004, 0.99, 1e-4, 1e-4];
        assert_eq!(impossible(RIGHT, sure), [HALF_RIGHT]);
    }

    #[test]
    fn an_action_that_nobody_takes_is_not_missed() {
        let effects = platformer();
        for own in 0..6 {
            let impossible = impossible(&effects, own, &[0.0; 6]);
            assert!(!impossible.contains(&NEVER), "{own} {impossible:?}");
        }
        let nothing = ActionEffects::new(3);
        assert!(impossible(&nothing, 0, &[0.5, 0.5, 0.0]).is_empty());
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
            let still = MotionSigns::default();
            let transitions = [(RIGHT, left), (LEFT, left), (IDLE, still)];
            effects.observe(
                transitions
                    .map(|(action, signs)| (action, signs.into()))
                    .into_iter(),
            );
        }
        let probabilities = [0.5, 0.5, 0.0, 0.0, 0.0, 0.0];
        assert!(impossible(&effects, LEFT, &probabilities).contains(&RIGHT));
    }

    #[test]
    fn motions_are_parts_of_the_usual_speed() {
        let own = |displacement| TransitionMotion::of_figure(displacement, [4.0, 0.5]).own;
        assert_eq!(own([4.0, -0.5]), [8, -8]);
        assert_eq!(own([-1.0, 0.25]), [-2, 4]);
        assert_eq!(own([-100.0, f32::INFINITY]), [-16, 16]);
        assert_eq!(own([f32::NAN, 0.01]), [0, 0]);
    }

    #[test]
    fn saved_effects_go_on_as_before() {
        let effects = platformer();
        let mut restored = ActionEffects::new(6);
        restored.restore(&effects.state().unwrap()).unwrap();
        let at_wall = [0.3, 0.5, 0.0, 0.2, 0.0, 0.0];
        assert_eq!(impossible(&restored, IDLE, &at_wall), [RIGHT]);
        let mut other = ActionEffects::new(4);
        assert!(other.restore(&effects.state().unwrap()).is_err());
    }
}
