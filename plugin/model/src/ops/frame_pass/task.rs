//! The tasks of a pass: each takes some tokens of a few frames through the blocks.

use super::scratch::Scratch;
use super::weights::PackedStack;
use crate::ops::slices::SharedPointer;

/// One frame in a pass.
#[derive(Clone, Debug)]
pub(crate) struct PassRow<'a> {
    /// Index of the frame in its world.
    pub(crate) time: u64,
    /// Per block, keys and values `[N, I]` of the finished frames that this one sees, oldest first.
    pub(crate) past: Vec<Vec<(&'a [f32], &'a [f32])>>,
    /// The row of this pass that holds the frame just before this one, if it is seen.
    pub(crate) after: Option<usize>,
    /// Whether the frame's own keys and values are wanted.
    pub(crate) state: bool,
    /// Whether its output is wanted.
    pub(crate) output: bool,
}

/// Keys and values `[N, I]` of one frame in one block.
pub(crate) type OwnKeyValue = (Vec<f32>, Vec<f32>);

/// What all tasks of a pass share.
pub(super) struct Context<'a> {
    pub(super) stack: &'a PackedStack,
    pub(super) rows: &'a [PassRow<'a>],
    /// Per row, cosines and sines of its time.
    pub(super) angles: Vec<(Vec<f32>, Vec<f32>)>,
    pub(super) tokens: usize,
    /// Tokens, padded to whole vectors.
    pub(super) columns: usize,
    /// Spatial keys, turned: `[2, R, heads, padded head, columns]`.
    pub(super) keys: SharedPointer,
    /// Spatial values: `[2, R, heads, tokens, padded head]`.
    pub(super) values: SharedPointer,
    /// Per row and block, temporal keys and values `[N, I]`.
    pub(super) states: Vec<Vec<(SharedPointer, SharedPointer)>>,
}

/// Tokens `first .. first + count` of the rows `rows`.
pub(super) struct Task {
    pub(super) rows: Vec<usize>,
    /// For each row, where in `rows` the frame before it is.
    pub(super) after: Vec<Option<usize>>,
    /// Number of rows, at the start, whose output is not wanted.
    pub(super) unfinished: usize,
    pub(super) first: usize,
    pub(super) count: usize,
    /// `count`, padded to what the kernels want; the tokens beyond are zeros.
    pub(super) padded: usize,
    pub(super) scratch: Scratch,
}

impl Task {
    /// Takes the task's tokens of all frames `x`.
    pub(super) fn load(&mut self, x: &[f32], tokens: usize, width: usize) {
        for (local, &row) in self.rows.iter().enumerate() {
            let from = &x[(row * tokens + self.first) * width..][..self.count * width];
            self.scratch.x[local * self.padded * width..][..from.len()].copy_from_slice(from);
        }
    }
}
