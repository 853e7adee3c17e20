//! Blocked actions: true actions that did not have their usual effect.
//!
//! A step into a wall looks like standing, and the latent action model infers that. A player presses the step nevertheless: the
//! world should then do what the footage did.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::agreement::Inferred;
use super::random_play::name_last;
use super::statistics::share;
use super::{ActionInference, EvaluateError, EvaluateOptions, Footage, WorldParts, Worlds};
use crate::dataset::TrueActions;

/// Share of the transitions with a true action that its usual latent action has at least; with less there is none.
const USUAL: f64 = 0.5;
/// Worlds at once, each of which keeps its past in memory.
const BATCH: usize = 64;

/// Whether an action that had another effect than usual in the footage has that effect in the world, too.
///
/// The usual effect of a true action is the latent action that is inferred most often from its transitions. For every transition
/// with another effect, the usual latent action is commanded to the world after the two real frames before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockedActions {
    /// One entry for each true action that was ever blocked.
    pub actions: Vec<BlockedAction>,
}

/// Outcomes of one true action where it was blocked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockedAction {
    /// Its number in the footage.
    pub true_action: usize,
    /// Real transitions in which it was blocked.
    pub transitions: u64,
    /// Those of them in which the world did what the footage did.
    pub as_in_footage: u64,
    /// Those in which it did what was commanded, as if nothing were in the way.
    pub as_commanded: u64,
}

impl BlockedActions {
    /// Real transitions in which an action was blocked.
    pub fn transitions(&self) -> u64 {
        self.actions.iter().map(|action| action.transitions).sum()
    }

    /// Share of these in which the world did what the footage did.
    pub fn as_in_footage(&self) -> f64 {
        let same = self.actions.iter().map(|action| action.as_in_footage).sum();
        share(same, self.transitions())
    }

    /// Share of these in which it did what was commanded, as if nothing were in the way.
    pub fn as_commanded(&self) -> f64 {
        let same = self.actions.iter().map(|action| action.as_commanded).sum();
        share(same, self.transitions())
    }
}

/// A transition whose true action did not have its usual effect.
struct Blocked<'f> {
    true_action: usize,
    /// The real frames before, two at least, as many as help to infer an action.
    before: Vec<&'f [u8]>,
    /// The latent action between them.
    between: usize,
    /// The usual latent action of the true action.
    usual: usize,
    /// The one inferred from this transition.
    real: usize,
}

/// Commands blocked actions in the world; `None` where the footage shows none. `table` says how often each latent action (row) came with each
/// true one (column).
pub(super) fn measure(
    parts: &WorldParts,
    footage: &Footage,
    inferred: &[Inferred],
    (known, table): (&TrueActions, &[Vec<u64>]),
    options: &EvaluateOptions,
) -> Result<Option<BlockedActions>, EvaluateError> {
    let blocked = find(parts, footage, inferred, (known, table));
    let mut actions: BTreeMap<usize, BlockedAction> = BTreeMap::new();
    for (seed, blocked) in (options.seed..).zip(blocked.chunks(BATCH)) {
        // Counted back from the last one.
        let frames = |back: usize| -> Vec<&[u8]> {
            (blocked.iter())
                .map(|it| it.before[it.before.len() - 1 - back])
                .collect()
        };
        let of_each =
            |action: fn(&Blocked) -> usize| -> Vec<usize> { blocked.iter().map(action).collect() };
        let mut worlds = Worlds::start(parts, &frames(1), seed, &options.sampler)?;
        worlds.observe(parts, &frames(0), &of_each(|it| it.between))?;
        worlds.step(&of_each(|it| it.usual))?;
        let after = worlds.map_frames(<[u8]>::to_vec);
        let histories: Vec<VecDeque<Vec<u8>>> = (blocked.iter().zip(after))
            .map(|(it, after)| {
                let before = it.before.iter().map(|frame| frame.to_vec());
                before.chain([after]).collect()
            })
            .collect();
        let named = name_last(parts, &histories)?;
        for (it, named) in blocked.iter().zip(named) {
            let action = actions.entry(it.true_action).or_insert(BlockedAction {
                true_action: it.true_action,
                transitions: 0,
                as_in_footage: 0,
                as_commanded: 0,
            });
            action.transitions += 1;
            action.as_in_footage += u64::from(named == it.real);
            action.as_commanded += u64::from(named == it.usual);
        }
    }
    let actions: Vec<_> = actions.into_values().collect();
    Ok((!actions.is_empty()).then_some(BlockedActions { actions }))
}

fn find<'f>(
    parts: &WorldParts,
    footage: &'f Footage,
    inferred: &[Inferred],
    (known, table): (&TrueActions, &[Vec<u64>]),
) -> Vec<Blocked<'f>> {
    let kinds = table.first().map_or(0, Vec::len);
    let usual: Vec<Option<usize>> = (0..kinds)
        .map(|it| usual(&table.iter().map(|row| row[it]).collect::<Vec<_>>()))
        .collect();
    let size = parts.frame_bytes();
    // An encoder that looks at two frames is shown two, as in play from a prompt.
    let before = match parts.actions {
        ActionInference::Encoder(_) => 1,
        ActionInference::Agent(_) => parts.frames_before(),
    };
    let mut blocked = Vec::new();
    for (inferred, segment) in inferred.iter().zip(&footage.segments) {
        let actions = inferred.true_actions(known).zip(&inferred.actions);
        // The first transition has one frame before it.
        for (at, (true_action, &real)) in actions.enumerate().skip(1) {
            let frame = |at: usize| &segment.bytes[at * size..][..size];
            blocked.extend(
                usual[true_action]
                    .filter(|&usual| usual != real)
                    .map(|usual| Blocked {
                        true_action,
                        before: (at.saturating_sub(before).min(at - 1)..=at)
                            .map(frame)
                            .collect(),
                        between: inferred.actions[at - 1],
                        usual,
                        real,
                    }),
            );
        }
    }
    blocked
}

/// The index of the largest count, if it is at least the share [`USUAL`] of all.
fn usual(counts: &[u64]) -> Option<usize> {
    let (latent, &most) = counts.iter().enumerate().max_by_key(|&(_, count)| count)?;
    (most > 0 && share(most, counts.iter().sum()) >= USUAL).then_some(latent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_all_transitions() {
        let action = |true_action, transitions, as_in_footage, as_commanded| BlockedAction {
            true_action,
            transitions,
            as_in_footage,
            as_commanded,
        };
        let blocked = BlockedActions {
            actions: vec![action(0, 30, 27, 3), action(2, 10, 1, 5)],
        };
        assert_eq!(blocked.transitions(), 40);
        assert!((blocked.as_in_footage() - 0.7).abs() < 1e-12);
        assert!((blocked.as_commanded() - 0.2).abs() < 1e-12);
    }

    #[test]
    fn the_usual_is_what_most_transitions_are() {
        assert_eq!(usual(&[1, 7, 2]), Some(1));
        assert_eq!(usual(&[4, 3, 3]), None);
        assert_eq!(usual(&[0, 0]), None);
        assert_eq!(usual(&[]), None);
    }
}
