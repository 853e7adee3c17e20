//! Whether what lies side by side in a dream ever does so in reality: a frame can be sharp and obedient and still show a tree
//! without its crown, half a hero, or a hole in a cloud.

use std::collections::HashMap;

use genie_model::frames_to_patches;
use serde::{Deserialize, Serialize};

use super::{EvaluateError, Footage, WorldParts};

/// Shares of all pairs of neighbouring tokens, above and below or side by side, that no other stretch of the real footage
/// shows in that way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnseenNeighbours {
    /// Of real frames: what chance and the size of the footage make of it.
    pub real: f64,
    /// Of the frames of random play.
    pub dreamt: f64,
}

/// A pair of tokens, and whether the second is below the first or else to its right.
type Pair = (u32, u32, bool);

/// Where a pair was seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// In one stretch alone.
    In(usize),
    InSeveral,
}

/// All pairs of neighbouring tokens in real footage, and what is counted by them.
pub(super) struct Neighbours {
    columns: usize,
    seen: HashMap<Pair, Seen>,
    /// Share of real pairs that are in one stretch alone.
    real: f64,
    dreamt: u64,
    unseen: u64,
}

impl Neighbours {
    /// Looks at all of the footage.
    pub(super) fn of_footage(parts: &WorldParts, footage: &Footage) -> Result<Self, EvaluateError> {
        let config = parts.config();
        let (height, width) = (config.frame_height, config.frame_width);
        let patch = config.tokenizer.patch;
        let columns = width / patch;
        let mut seen = HashMap::new();
        let mut counts: HashMap<Pair, u64> = HashMap::new();
        for (stretch, real) in footage.stretches.iter().enumerate() {
            let device = parts.world.device();
            let patches = frames_to_patches(&real.bytes, height, width, patch, device)?;
            let tokens = parts.world.tokenizer().tokenize(&patches.unsqueeze(0)?)?;
            let tokens = tokens.squeeze(0)?.flatten_from(1)?.to_vec2::<u32>()?;
            for pair in tokens.iter().flat_map(|frame| pairs(frame, columns)) {
                *counts.entry(pair).or_default() += 1;
                let place = seen.entry(pair).or_insert(Seen::In(stretch));
                if *place != Seen::In(stretch) {
                    *place = Seen::InSeveral;
                }
            }
        }
        let alone = counts
            .iter()
            .filter(|(pair, _)| seen[*pair] != Seen::InSeveral);
        let alone: u64 = alone.map(|(_, count)| count).sum();
        let all: u64 = counts.values().sum();
        Ok(Self {
            columns,
            seen,
            real: alone as f64 / all.max(1) as f64,
            dreamt: 0,
            unseen: 0,
        })
    }

    /// Counts a dreamt frame.
    pub(super) fn look_at(&mut self, frame: &[u32]) {
        for pair in pairs(frame, self.columns) {
            self.dreamt += 1;
            self.unseen += u64::from(!self.seen.contains_key(&pair));
        }
    }

    /// What was counted.
    pub(super) fn figures(&self) -> UnseenNeighbours {
        UnseenNeighbours {
            real: self.real,
            dreamt: self.unseen as f64 / self.dreamt.max(1) as f64,
        }
    }
}

/// All pairs of neighbours in a frame of rows of `columns` tokens.
fn pairs(frame: &[u32], columns: usize) -> impl Iterator<Item = Pair> {
    (0..frame.len()).flat_map(move |at| {
        let right = (at % columns + 1 < columns).then(|| (frame[at], frame[at + 1], false));
        let below = frame
            .get(at + columns)
            .map(|&below| (frame[at], below, true));
        right.into_iter().chain(below)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_those_that_touch() {
        // 1 2
        // 3 4
        let found: Vec<_> = pairs(&[1, 2, 3, 4], 2).collect();
        let expected = [(1, 2, false), (1, 3, true), (2, 4, true), (3, 4, false)];
        assert_eq!(found, expected);
    }

    #[test]
    fn only_pairs_that_no_footage_shows_count() {
        let frame = [1, 2, 3, 4];
        let seen = pairs(&frame, 2)
            .map(|pair| (pair, Seen::InSeveral))
            .collect();
        let mut neighbours = Neighbours {
            columns: 2,
            seen,
            real: 0.0,
            dreamt: 0,
            unseen: 0,
        };
        neighbours.look_at(&frame);
        assert!(neighbours.figures().dreamt.abs() < 1e-9);
        // The right column upside down: two pairs of the four touch in another way, and one the other way round.
        neighbours.look_at(&[1, 4, 3, 2]);
        assert!((neighbours.figures().dreamt - 3.0 / 8.0).abs() < 1e-9);
    }
}
