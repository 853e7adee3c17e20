//! Adjacency violations: pairs of adjacent tokens in generated frames that no real frame shows. A frame can be sharp and follow
//! its action and still show a tree without its crown, half a hero, or a hole in a cloud.

use genie_model::frames_to_patches;
use serde::{Deserialize, Serialize};

use super::{EvaluateError, Footage, WorldParts};
use crate::token_pairs::{SeenPairs, token_pairs};

/// Shares of the pairs of adjacent tokens, one above the other or side by side, that no other segment of the real footage
/// shows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdjacencyViolations {
    /// Of real frames: what is expected by chance for footage of this size.
    pub real: f64,
    /// Of the frames of random play.
    pub generated: f64,
}

/// The pairs of adjacent tokens of real footage, and counts of those of generated frames.
pub(super) struct AdjacencyCounts {
    columns: usize,
    seen: SeenPairs,
    generated: u64,
    violations: u64,
}

impl AdjacencyCounts {
    /// Counts the pairs of the footage.
    pub(super) fn of_footage(parts: &WorldParts, footage: &Footage) -> Result<Self, EvaluateError> {
        let config = parts.config();
        let (height, width) = (config.frame_height, config.frame_width);
        let patch = config.tokenizer.patch;
        let mut adjacency = Self::new(config.token_columns());
        for (segment, real) in footage.segments.iter().enumerate() {
            let device = parts.world.device();
            let patches = frames_to_patches(&real.bytes, height, width, patch, device)?;
            let tokens = parts.world.tokenizer().tokenize(&patches.unsqueeze(0)?)?;
            for frame in tokens.squeeze(0)?.flatten_from(1)?.to_vec2::<u32>()? {
                // Of tokens of several codes the first ones are compared.
                let stages = config.tokenizer.quantizer.stages();
                let frame: Vec<u32> = frame.into_iter().step_by(stages).collect();
                adjacency.learn(segment, &frame);
            }
        }
        Ok(adjacency)
    }

    fn new(columns: usize) -> Self {
        Self {
            columns,
            seen: SeenPairs::default(),
            generated: 0,
            violations: 0,
        }
    }

    /// Counts the pairs of a real frame of a segment.
    fn learn(&mut self, segment: usize, frame: &[u32]) {
        self.seen.learn(segment, frame, self.columns);
    }

    /// Counts the pairs of a generated frame.
    pub(super) fn observe(&mut self, frame: &[u32]) {
        for (_, pair) in token_pairs(frame, self.columns) {
            self.generated += 1;
            self.violations += u64::from(!self.seen.contains(&pair));
        }
    }

    /// The shares.
    pub(super) fn figures(&self) -> AdjacencyViolations {
        AdjacencyViolations {
            real: self.seen.violation_rate(),
            generated: self.violations as f64 / self.generated.max(1) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pairs_that_no_footage_shows_count() {
        let frame = [1, 2, 3, 4];
        let mut adjacency = AdjacencyCounts::new(2);
        adjacency.learn(0, &frame);
        adjacency.learn(1, &frame);
        adjacency.observe(&frame);
        let figures = adjacency.figures();
        assert!(figures.real.abs() < 1e-9 && figures.generated.abs() < 1e-9);
        // The right column upside down: three of the four pairs are new.
        adjacency.observe(&[1, 4, 3, 2]);
        assert!((adjacency.figures().generated - 3.0 / 8.0).abs() < 1e-9);
    }
}
