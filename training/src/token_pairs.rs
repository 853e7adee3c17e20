//! Pairs of adjacent tokens in frames, and which of them footage shows.

use std::collections::HashMap;

use genie_model::{AdjacentPairs, TokenAdjacency};

/// Largest penalty of a pair that the footage does not show, in nats: a larger one would forbid it.
const MOST_PENALTY: f64 = 12.0;

/// Two adjacent tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenPair {
    pub(crate) first: u32,
    pub(crate) second: u32,
    /// Whether the second is below the first; otherwise it is to its right.
    pub(crate) below: bool,
}

/// All pairs in a frame of rows of `columns` tokens, each with the place of its first token.
pub(crate) fn token_pairs(
    frame: &[u32],
    columns: usize,
) -> impl Iterator<Item = (usize, TokenPair)> {
    (0..frame.len()).flat_map(move |place| {
        let pair = |second: &u32, below| {
            let pair = TokenPair {
                first: frame[place],
                second: *second,
                below,
            };
            (place, pair)
        };
        let is_last = place % columns + 1 == columns;
        let right = frame.get(place + 1).filter(|_| !is_last);
        let below = frame.get(place + columns);
        let right = right.map(|second| pair(second, false));
        right
            .into_iter()
            .chain(below.map(|second| pair(second, true)))
    })
}

/// All pairs that the segments of some footage show.
#[derive(Default)]
pub(crate) struct SeenPairs {
    pairs: HashMap<TokenPair, Seen>,
}

/// How often the footage shows a pair.
struct Seen {
    times: u64,
    /// The segment, if only one shows it.
    alone: Option<usize>,
}

impl SeenPairs {
    /// Adds the pairs of a frame of a segment.
    pub(crate) fn learn(&mut self, segment: usize, frame: &[u32], columns: usize) {
        for (_, pair) in token_pairs(frame, columns) {
            let seen = self.pairs.entry(pair).or_insert(Seen {
                times: 0,
                alone: Some(segment),
            });
            seen.times += 1;
            seen.alone = seen.alone.filter(|&alone| alone == segment);
        }
    }

    pub(crate) fn contains(&self, pair: &TokenPair) -> bool {
        self.pairs.contains_key(pair)
    }

    /// Share of all pairs that only their own segment shows: an estimate of how often a new segment shows a pair that none has
    /// shown yet.
    pub(crate) fn violation_rate(&self) -> f64 {
        let all: u64 = self.pairs.values().map(|seen| seen.times).sum();
        let alone = self.pairs.values().filter(|seen| seen.alone.is_some());
        alone.map(|seen| seen.times).sum::<u64>() as f64 / all.max(1) as f64
    }

    /// The adjacency for play: the penalty of a pair that is not shown is its surprisal in a new segment of footage.
    pub(crate) fn adjacency(&self, codes: usize, columns: usize) -> Option<TokenAdjacency> {
        let mut pairs = AdjacentPairs::default();
        for pair in self.pairs.keys() {
            let list = if pair.below {
                &mut pairs.below
            } else {
                &mut pairs.right
            };
            list.push([pair.first, pair.second]);
        }
        pairs.below.sort_unstable();
        pairs.right.sort_unstable();
        let penalty = -self.violation_rate().max((-MOST_PENALTY).exp()).ln();
        TokenAdjacency::new(codes, columns, pairs, penalty.abs() as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_adjacent_tokens() {
        // 1 2
        // 3 4
        let found = token_pairs(&[1, 2, 3, 4], 2);
        let found: Vec<_> = found
            .map(|(at, p)| (at, p.first, p.second, p.below))
            .collect();
        let expected = [
            (0, 1, 2, false),
            (0, 1, 3, true),
            (1, 2, 4, true),
            (2, 3, 4, false),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_penalty_of_unseen_pairs_is_their_surprisal_in_new_footage() {
        let mut seen = SeenPairs::default();
        seen.learn(0, &[1, 2, 3, 4], 2);
        // Of the eight pairs, the upper and the left ones are in both segments.
        seen.learn(1, &[1, 2, 3, 5], 2);
        assert!((seen.violation_rate() - 4.0 / 8.0).abs() < 1e-9);
        let adjacency = seen.adjacency(6, 2).unwrap();
        assert!((adjacency.penalty() - 2f32.ln()).abs() < 1e-6);
        assert_eq!(adjacency.pairs().right, [[1, 2], [3, 4], [3, 5]]);
        assert_eq!(adjacency.pairs().below, [[1, 3], [2, 4], [2, 5]]);
    }

    #[test]
    fn the_penalty_is_bounded() {
        let mut seen = SeenPairs::default();
        for segment in 0..2 {
            seen.learn(segment, &[0; 4], 2);
        }
        let adjacency = seen.adjacency(1, 2).unwrap();
        assert!((f64::from(adjacency.penalty()) - MOST_PENALTY).abs() < 1e-4);
        let nothing = SeenPairs::default().adjacency(1, 2).unwrap();
        assert!(nothing.penalty().is_finite());
    }
}
