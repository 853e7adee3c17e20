//! Memory of the tasks of a pass.

use crate::ops::simd::padded;

/// Sizes that all blocks of a stack share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) heads: usize,
    pub(super) head_width: usize,
    pub(super) width: usize,
    pub(super) hidden: usize,
}

/// Memory of a task, row by row of `rows`, each of `padded` tokens.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) x: Vec<f32>,
    pub(super) normed: Vec<f32>,
    pub(super) qkv: Vec<f32>,
    /// Spatial queries `[rows, heads, padded, padded head]`.
    pub(super) queries: Vec<f32>,
    pub(super) mixed: Vec<f32>,
    pub(super) hidden: Vec<f32>,
    /// `[padded, columns]`.
    pub(super) weights: Vec<f32>,
    /// `[padded, padded head]`.
    pub(super) head: Vec<f32>,
    /// Two rows of a head.
    pub(super) pair: Vec<f32>,
    pub(super) logits: Vec<f32>,
}

impl Scratch {
    /// Makes room for a task, and fills it with zeros.
    pub(super) fn fit(&mut self, sizes: Sizes, rows: usize, count: usize, columns: usize) {
        let inner_width = sizes.heads * sizes.head_width;
        let head = padded(sizes.head_width);
        let tokens = rows * count;
        for (buffer, len) in [
            (&mut self.x, tokens * sizes.width),
            (&mut self.normed, tokens * sizes.width),
            (&mut self.qkv, tokens * 3 * inner_width),
            (&mut self.queries, tokens * sizes.heads * head),
            (&mut self.mixed, tokens * inner_width),
            (&mut self.hidden, tokens * sizes.hidden),
            (&mut self.weights, count * columns),
            (&mut self.head, count * head),
            (&mut self.pair, 2 * head),
        ] {
            buffer.clear();
            buffer.resize(len, 0.0);
        }
    }
}
