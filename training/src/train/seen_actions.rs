//! Which latent actions happen where.

use std::collections::{HashMap, HashSet};

use candle_core::Tensor;

use super::saved_state::{saved_list, saved_values};
use crate::token_pairs::token_pairs;

/// Times that actions of a kind must have been expected at a sight before their absence means something: chance alone leaves
/// them out once in `e` to this power.
const EXPECTED: f32 = 16.0;
/// Highest share of these times at which actions that do not happen may have been found by mistake.
const MISTAKEN: f32 = 0.1;
/// Cosine of the codes of actions of one kind, at least.
const OF_A_KIND: f32 = 0.2;
/// Most sights that are remembered; beyond, the rarest are forgotten, which could not tell anything for long.
const MOST_SIGHTS: usize = 400_000;

/// A token at a place, alone or together with its neighbour to the right or below.
type Sight = u64;

/// Counts of the latent actions that were taken at a sight, over the clips of the training.
///
/// Where an action never happens (a jump at the ceiling, a step into a wall: there is no motion by which it could be known),
/// the dynamics model has no example of it and makes something up as soon as a player tries. This says which actions these
/// are. Actions with similar codes (three that rise) are judged together, which takes fewer clips.
#[derive(Clone, Debug)]
pub struct SeenActions {
    sights: HashMap<Sight, Counts>,
    /// Transitions with action `a`, wherever: `[A]`.
    taken: Vec<u32>,
    /// Tokens in a row of a frame.
    columns: usize,
    codes: usize,
}

/// What is known of a sight.
#[derive(Clone, Debug)]
struct Counts {
    /// Clips that show it.
    clips: u32,
    /// Those of them in which action `a` followed at once: `[A]`.
    with_action: Vec<u32>,
}

impl SeenActions {
    /// Has seen no frame of tokens out of `codes` in rows of `columns`, and none of `actions` actions.
    pub fn new(columns: usize, codes: usize, actions: usize) -> Self {
        Self {
            sights: HashMap::new(),
            taken: vec![0; actions],
            columns,
            codes,
        }
    }

    /// Looks at a clip: frames of `N` tokens, each with the action that came next.
    ///
    /// What is seen several times in one clip counts once: neighbouring frames say the same.
    pub fn look_at<'t>(&mut self, clip: impl Iterator<Item = (&'t [u32], u32)>) {
        let (mut seen, mut with_action) = (HashSet::new(), HashSet::new());
        for (frame, action) in clip {
            self.taken[action as usize] += 1;
            for sight in sights(frame, self.columns, self.codes) {
                seen.insert(sight);
                with_action.insert((sight, action));
            }
        }
        let actions = self.taken.len();
        let none = || Counts {
            clips: 0,
            with_action: vec![0; actions],
        };
        for sight in seen {
            self.sights.entry(sight).or_insert_with(none).clips += 1;
        }
        for (sight, action) in with_action {
            if let Some(counts) = self.sights.get_mut(&sight) {
                counts.with_action[action as usize] += 1;
            }
        }
        let mut rare = 1;
        while self.sights.len() > MOST_SIGHTS {
            self.sights.retain(|_, counts| counts.clips > rare);
            rare += 1;
        }
    }

    /// Whether each of the `A` actions can be said not to happen after a frame of `N` tokens: something in it has often been
    /// seen, and no action of the kind was taken then.
    pub fn unseen(&self, frame: &[u32], likeness: &ActionLikeness) -> Vec<bool> {
        let transitions = self.taken.iter().sum::<u32>().max(1) as f32;
        let known = sights(frame, self.columns, self.codes);
        let known: Vec<_> = known.filter_map(|sight| self.sights.get(&sight)).collect();
        let of_kinds = likeness.kinds.iter().map(|kind| {
            let taken = kind.iter().map(|&other| self.taken[other] as f32);
            let share = taken.sum::<f32>() / transitions;
            known.iter().any(|counts| {
                let found: u32 = kind.iter().map(|&other| counts.with_action[other]).sum();
                let expected = counts.clips as f32 * share;
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
        let mut known: Vec<_> = self.sights.iter().collect();
        known.sort_unstable_by_key(|&(&sight, _)| sight);
        let sights: Vec<_> = known.iter().map(|&(&sight, _)| sight as i64).collect();
        let clips: Vec<_> = known.iter().map(|(_, counts)| counts.clips).collect();
        let with_action = known.iter().flat_map(|(_, counts)| &counts.with_action);
        let with_action: Vec<_> = with_action.copied().collect();
        Ok(HashMap::from([
            saved_values("seen_actions.sights".to_owned(), &sights)?,
            saved_values("seen_actions.clips".to_owned(), &clips)?,
            saved_values("seen_actions.with_action".to_owned(), &with_action)?,
            saved_values("seen_actions.taken".to_owned(), &self.taken)?,
        ]))
    }

    /// Goes back to saved counts.
    ///
    /// # Errors
    /// If a part is missing or of another size.
    pub fn restore(&mut self, state: &HashMap<String, Tensor>) -> candle_core::Result<()> {
        let sights = saved_list::<i64>(state, "seen_actions.sights")?;
        let clips = saved_list::<u32>(state, "seen_actions.clips")?;
        let with_action = saved_list::<u32>(state, "seen_actions.with_action")?;
        let taken = saved_list::<u32>(state, "seen_actions.taken")?;
        let actions = self.taken.len();
        let fits = clips.len() == sights.len() && with_action.len() == sights.len() * actions;
        if taken.len() != actions || !fits {
            candle_core::bail!(
                "seen_actions has {} actions, {} sights, {} and {} counts, expected {actions} actions",
                taken.len(),
                sights.len(),
                clips.len(),
                with_action.len()
            );
        }
        let counts = clips.iter().zip(with_action.chunks_exact(actions));
        let counts = counts.map(|(&clips, with_action)| Counts {
            clips,
            with_action: with_action.to_vec(),
        });
        let sights = sights.into_iter().map(|sight| sight as Sight);
        self.sights = sights.zip(counts).collect();
        self.taken = taken;
        Ok(())
    }
}

/// All that there is to see in a frame: every token, and every pair of neighbours.
fn sights(frame: &[u32], columns: usize, codes: usize) -> impl Iterator<Item = Sight> {
    let sight = move |place: usize, below: bool, first: u32, second: usize| {
        let first = (place * 2 + usize::from(below)) * codes + first as usize;
        (first * (codes + 1) + second) as Sight
    };
    // The neighbour of a token alone is a code that there is not.
    let tokens = frame.iter().enumerate();
    let tokens = tokens.map(move |(place, &token)| sight(place, false, token, codes));
    let pairs = token_pairs(frame, columns);
    let pairs =
        pairs.map(move |(place, pair)| sight(place, pair.below, pair.first, pair.second as usize));
    tokens.chain(pairs)
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

    const COLUMNS: usize = 4;
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
        let mut seen = SeenActions::new(COLUMNS, CODES, 4);
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
    fn two_tokens_may_rule_out_together_what_neither_does_alone() {
        let likeness = ActionLikeness::of_codes(&[vec![1.0], vec![-1.0]]);
        let mut seen = SeenActions::new(2, 3, 2);
        // Hero (1) and wall (2): the second action, a step to the right, happens beside either of nothing.
        let open: [&[u32]; 3] = [&[1, 0], &[0, 2], &[0, 0]];
        for _ in 0..100 {
            let steps = open
                .map(|frame| [(frame, 0), (frame, 1)])
                .into_iter()
                .flatten();
            seen.look_at(steps.chain([(&[1, 2][..], 0)]));
        }
        for frame in open {
            assert_eq!(seen.unseen(frame, &likeness), [false, false]);
        }
        assert_eq!(seen.unseen(&[1, 2], &likeness), [false, true]);
    }

    #[test]
    fn sights_are_told_apart() {
        let all: Vec<_> = sights(&[0, 1, 2, 0, 1, 2], 3, 3).collect();
        assert_eq!(all.len(), 6 + 4 + 3);
        let other = sights(&[0, 1, 2, 0, 2, 1], 3, 3).filter(|sight| all.contains(sight));
        // Of the last two tokens nothing is left: neither they, nor the three pairs to the left and above, nor their own.
        assert_eq!(other.count(), all.len() - 2 - 2 - 2);
    }

    #[test]
    fn what_is_remembered_stays_within_bounds_and_the_common_stays() {
        let codes = 1 << 20;
        let mut seen = SeenActions::new(8, codes, 1);
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for clip in 0..3000 {
            let frame: Vec<u32> = (0..64).map(|_| rng.random_range(1..codes as u32)).collect();
            let common = [0; 64];
            seen.look_at([(&frame[..], 0), (&common[..], 0)].into_iter());
            assert!(seen.sights.len() <= MOST_SIGHTS, "after {clip} clips");
        }
        for sight in sights(&[0; 64], 8, codes) {
            assert_eq!(seen.sights[&sight].clips, 3000);
        }
    }

    #[test]
    fn saved_counts_go_on_as_before() {
        let (seen, mut rng) = seen(400);
        let mut again = SeenActions::new(COLUMNS, CODES, 4);
        again.restore(&seen.state().unwrap()).unwrap();
        let at = frame(true, &mut rng);
        assert_eq!(
            again.unseen(&at, &likeness()),
            seen.unseen(&at, &likeness())
        );
        let mut other = SeenActions::new(COLUMNS, CODES, 3);
        assert!(other.restore(&seen.state().unwrap()).is_err());
    }
}
