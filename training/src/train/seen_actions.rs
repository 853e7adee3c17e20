//! Which latent actions happen where.

use std::collections::{HashMap, HashSet};

use candle_core::Tensor;

use super::saved_state::{restore_values, saved_values};

/// Times that actions of a kind must have been expected where a token stood before their absence means something: chance
/// alone leaves them out once in `e` to this power.
const EXPECTED: f32 = 13.0;
/// Highest share of these times at which actions that do not happen may have been found by mistake.
const MISTAKEN: f32 = 0.1;
/// Cosine of the codes of actions of one kind, at least.
const OF_A_KIND: f32 = 0.2;

/// Counts of the latent actions that were taken while a token stood at a place, over the clips of the training.
///
/// Where an action never happens (a jump at the ceiling has no motion by which it could be known), the dynamics model has
/// no example of it and makes something up as soon as a player tries. This says which actions these are. Actions with
/// similar codes (three that rise) are judged together, which takes fewer clips.
#[derive(Clone, Debug)]
pub struct SeenActions {
    /// Clips with token `v` at place `n`: `[N, V]`.
    clips: Vec<u32>,
    /// Those of them in which action `a` followed at once: `[N, V, A]`.
    with_action: Vec<u32>,
    /// Transitions with action `a`, wherever: `[A]`.
    taken: Vec<u32>,
    codes: usize,
    actions: usize,
}

impl SeenActions {
    /// Has seen no frame of `tokens` tokens out of `codes`, and none of `actions` actions.
    pub fn new(tokens: usize, codes: usize, actions: usize) -> Self {
        Self {
            clips: vec![0; tokens * codes],
            with_action: vec![0; tokens * codes * actions],
            taken: vec![0; actions],
            codes,
            actions,
        }
    }

    /// Looks at a clip: frames of `N` tokens, each with the action that came next.
    ///
    /// What is seen several times in one clip counts once: neighbouring frames say the same.
    pub fn look_at<'t>(&mut self, clip: impl Iterator<Item = (&'t [u32], u32)>) {
        let (mut places, mut with_action) = (HashSet::new(), HashSet::new());
        for (frame, action) in clip {
            self.taken[action as usize] += 1;
            for row in rows(frame, self.codes) {
                places.insert(row);
                with_action.insert(row * self.actions + action as usize);
            }
        }
        for row in places {
            self.clips[row] += 1;
        }
        for entry in with_action {
            self.with_action[entry] += 1;
        }
    }

    /// Whether each of the `A` actions can be said not to happen after a frame of `N` tokens: one of its tokens has often
    /// stood where it stands, and no action of the kind was taken then.
    pub fn unseen(&self, frame: &[u32], likeness: &ActionLikeness) -> Vec<bool> {
        let transitions = self.taken.iter().sum::<u32>().max(1) as f32;
        let of_kinds = likeness.kinds.iter().map(|kind| {
            let taken = kind.iter().map(|&other| self.taken[other] as f32);
            let share = taken.sum::<f32>() / transitions;
            rows(frame, self.codes).any(|row| {
                let here = &self.with_action[row * self.actions..][..self.actions];
                let found: u32 = kind.iter().map(|&other| here[other]).sum();
                let expected = self.clips[row] as f32 * share;
                expected >= EXPECTED && (found as f32) < MISTAKEN * expected
            })
        });
        of_kinds.collect()
    }

    /// Of the actions that do not happen after this frame, the one most like the one that did; `None` if all happen.
    pub fn unseen_like(
        &self,
        frame: &[u32],
        action: u32,
        likeness: &ActionLikeness,
    ) -> Option<u32> {
        let own = &likeness.cosines[action as usize];
        let unseen = self.unseen(frame, likeness).into_iter().enumerate();
        unseen
            .filter(|&(other, unseen)| unseen && other != action as usize)
            .map(|(other, _)| other)
            .max_by(|&a, &b| own[a].total_cmp(&own[b]))
            .map(|other| other as u32)
    }

    /// The counts as named tensors.
    ///
    /// # Errors
    /// Never on the CPU.
    pub fn state(&self) -> candle_core::Result<HashMap<String, Tensor>> {
        let parts = [
            ("clips", &self.clips),
            ("with_action", &self.with_action),
            ("taken", &self.taken),
        ];
        parts
            .into_iter()
            .map(|(part, counts)| saved_values(format!("seen_actions.{part}"), counts))
            .collect()
    }

    /// Goes back to saved counts.
    ///
    /// # Errors
    /// If a part is missing or of another size.
    pub fn restore(&mut self, state: &HashMap<String, Tensor>) -> candle_core::Result<()> {
        for (part, counts) in [
            ("clips", &mut self.clips),
            ("with_action", &mut self.with_action),
            ("taken", &mut self.taken),
        ] {
            restore_values(state, &format!("seen_actions.{part}"), counts)?;
        }
        Ok(())
    }
}

/// Rows of `[N * V]` that a frame's tokens stand for.
fn rows(frame: &[u32], codes: usize) -> impl Iterator<Item = usize> {
    let tokens = frame.iter().enumerate();
    tokens.map(move |(place, &token)| place * codes + token as usize)
}

/// How like each other latent actions are.
#[derive(Clone, Debug)]
pub struct ActionLikeness {
    /// Cosines of their codes: `[A, A]`.
    cosines: Vec<Vec<f32>>,
    /// For each action those of a kind with it, itself among them.
    kinds: Vec<Vec<usize>>,
}

impl ActionLikeness {
    /// Compares codes `[A, C]` of length one.
    pub fn of_codes(codes: &[Vec<f32>]) -> Self {
        let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum();
        let cosines: Vec<Vec<f32>> = codes
            .iter()
            .map(|a| codes.iter().map(|b| cosine(a, b)).collect())
            .collect();
        let kind = |row: &Vec<f32>| (0..row.len()).filter(|&b| row[b] >= OF_A_KIND).collect();
        let kinds = cosines.iter().map(kind).collect();
        Self { cosines, kinds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const TOKENS: usize = 16;
    const CODES: usize = 8;

    /// A frame at random, with or without a ceiling (a 7 in the first place).
    fn frame(ceiling: bool, rng: &mut ChaCha8Rng) -> Vec<u32> {
        let mut frame: Vec<u32> = (0..TOKENS).map(|_| rng.random_range(0..7)).collect();
        frame[0] = if ceiling { 7 } else { 0 };
        frame
    }

    /// Two kinds of two actions each.
    fn likeness() -> ActionLikeness {
        let codes = [[1.0, 0.0], [0.8, 0.6], [-0.6, 0.8], [-1.0, 0.0]];
        ActionLikeness::of_codes(&codes.map(Vec::from))
    }

    /// Clips of six frames. Below the ceiling each of four actions happens as often, at the ceiling only the first two.
    fn seen(clips: usize) -> (SeenActions, ChaCha8Rng) {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut seen = SeenActions::new(TOKENS, CODES, 4);
        for _ in 0..clips {
            let clip: Vec<_> = (0..6)
                .map(|_| {
                    let ceiling = rng.random_range(0..20) == 0;
                    let frame = frame(ceiling, &mut rng);
                    (frame, rng.random_range(0..if ceiling { 2 } else { 4 }))
                })
                .collect();
            seen.look_at(
                clip.iter()
                    .map(|(frame, action)| (frame.as_slice(), *action)),
            );
        }
        (seen, rng)
    }

    #[test]
    fn actions_that_never_happen_in_a_scene_are_found_and_only_there() {
        let (seen, mut rng) = seen(400);
        for _ in 0..200 {
            assert_eq!(
                seen.unseen(&frame(false, &mut rng), &likeness()),
                [false; 4]
            );
            let at = frame(true, &mut rng);
            assert_eq!(seen.unseen(&at, &likeness()), [false, false, true, true]);
            assert_eq!(seen.unseen_like(&at, 0, &likeness()), Some(2));
            assert_eq!(seen.unseen_like(&at, 3, &likeness()), Some(2));
            assert_eq!(seen.unseen_like(&at, 2, &likeness()), Some(3));
        }
    }

    #[test]
    fn little_evidence_rules_nothing_out() {
        // Half of the actions are of the absent kind.
        let (seen, mut rng) = seen(2 * EXPECTED as usize - 1);
        for _ in 0..100 {
            assert_eq!(seen.unseen(&frame(true, &mut rng), &likeness()), [false; 4]);
        }
    }

    #[test]
    fn repeated_frames_of_a_clip_count_once() {
        let likeness = ActionLikeness::of_codes(&[vec![1.0], vec![-1.0]]);
        let mut seen = SeenActions::new(1, 2, 2);
        // The second action happens only where the other token stands.
        let clip = || {
            let here = std::iter::repeat_n((&[0][..], 0), 100);
            here.chain(std::iter::repeat_n((&[1][..], 1), 100))
        };
        for _ in 0..2 * EXPECTED as usize - 1 {
            seen.look_at(clip());
        }
        assert_eq!(seen.unseen(&[0], &likeness), [false, false]);
        seen.look_at(clip());
        assert_eq!(seen.unseen(&[0], &likeness), [false, true]);
        assert_eq!(seen.unseen(&[1], &likeness), [true, false]);
    }

    #[test]
    fn saved_counts_go_on_as_before() {
        let (seen, mut rng) = seen(400);
        let mut again = SeenActions::new(TOKENS, CODES, 4);
        again.restore(&seen.state().unwrap()).unwrap();
        let at = frame(true, &mut rng);
        assert_eq!(
            again.unseen(&at, &likeness()),
            seen.unseen(&at, &likeness())
        );
        let mut other = SeenActions::new(2, CODES, 4);
        assert!(other.restore(&seen.state().unwrap()).is_err());
    }
}
