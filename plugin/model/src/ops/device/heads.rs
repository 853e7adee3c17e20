//! Between packed queries, keys and values and one matrix for each head of each sequence.

use candle_core::{Result, Tensor};

use super::super::attention_pattern::AttentionPattern;
use super::tables::Frames;

/// How the axes of a packed tensor become sequences. `L` is the length of a sequence: the tokens of a frame, or the frames of a
/// position, those of both streams one after the other.
#[derive(Clone, Debug)]
pub(super) struct Heads {
    /// Sizes of the packed tensor `[.., 3, H, d]`.
    packed: Vec<usize>,
    /// Where each axis of `[3, .., H, .., d]` comes from.
    order: Vec<usize>,
    /// Axes of `order` that are sequences: those between the first and the heads.
    sequences: usize,
}

impl Heads {
    /// Those of `qkv [.., 3 I]` with `heads` heads.
    pub(super) fn new(qkv: &Tensor, heads: usize, pattern: AttentionPattern) -> Self {
        let mut packed = qkv.dims().to_vec();
        let inner = packed.pop().unwrap_or(0) / 3;
        packed.extend([3, heads, inner / heads.max(1)]);
        let (order, sequences) = match pattern {
            // [S, L, 3, H, d]
            AttentionPattern::Spatial { .. } => (vec![2, 0, 3, 1, 4], 1),
            // [B, T, N, 3, H, d]
            AttentionPattern::Temporal { .. } => (vec![3, 0, 2, 4, 1, 5], 2),
            // [2, B, T, N, 3, H, d]
            AttentionPattern::TwoStreams { .. } => (vec![4, 1, 3, 5, 0, 2, 6], 2),
        };
        Self {
            packed,
            order,
            sequences,
        }
    }

    /// Width of a head.
    pub(super) fn width(&self) -> usize {
        self.packed.last().copied().unwrap_or(0)
    }

    /// The frames of a sequence.
    pub(super) fn frames(&self, pattern: AttentionPattern) -> Frames {
        let (length, streams) = match pattern {
            AttentionPattern::TwoStreams { .. } => (self.packed[2], 2),
            _ => (self.packed[1], 1),
        };
        Frames { length, streams }
    }

    /// `[P, S, H, L, d]`, where `P` is 3 for queries, keys and values, 1 for one of them.
    fn flat_shape(&self, parts: usize) -> [usize; 5] {
        let sizes = |axes: &[usize]| axes.iter().map(|&axis| self.packed[axis]).product();
        let heads = 1 + self.sequences;
        let last = self.order.len() - 1;
        [
            parts,
            sizes(&self.order[1..heads]),
            self.packed[self.order[heads]],
            sizes(&self.order[heads + 1..last]),
            self.width(),
        ]
    }

    /// Queries, keys and values of `qkv`, each `[S, H, L, d]`.
    pub(super) fn split(&self, qkv: &Tensor) -> Result<[Tensor; 3]> {
        let all = qkv.reshape(self.packed.as_slice())?;
        let all = all.permute(self.order.as_slice())?;
        let all = all.reshape(&self.flat_shape(3)[..])?;
        Ok([all.get(0)?, all.get(1)?, all.get(2)?])
    }

    /// `[S, H, L, d]` of something packed as one of the three parts, `[.., I]`.
    pub(super) fn split_one(&self, packed: &Tensor) -> Result<Tensor> {
        let mut sizes = self.packed.clone();
        let parts = self.order[0];
        sizes[parts] = 1;
        let all = packed
            .reshape(sizes.as_slice())?
            .permute(self.order.as_slice())?;
        all.reshape(&self.flat_shape(1)[1..])
    }

    /// The inverse of [`split_one`](Self::split_one).
    pub(super) fn join_one(&self, one: &Tensor) -> Result<Tensor> {
        let joined = self.joined(one, 1)?;
        let mut sizes = self.packed[..self.packed.len() - 3].to_vec();
        sizes.push(self.packed[self.packed.len() - 2] * self.width());
        joined.reshape(sizes)
    }

    /// The inverse of [`split`](Self::split).
    pub(super) fn join(&self, parts: [Tensor; 3]) -> Result<Tensor> {
        let joined = self.joined(&Tensor::stack(&parts, 0)?, 3)?;
        let mut sizes = self.packed[..self.packed.len() - 3].to_vec();
        sizes.push(3 * self.packed[self.packed.len() - 2] * self.width());
        joined.reshape(sizes)
    }

    fn joined(&self, all: &Tensor, parts: usize) -> Result<Tensor> {
        let sizes = self.order.iter().map(|&axis| self.packed[axis]);
        let mut sizes: Vec<usize> = sizes.collect();
        sizes[0] = parts;
        let mut back = vec![0; self.order.len()];
        for (at, &axis) in self.order.iter().enumerate() {
            back[axis] = at;
        }
        all.reshape(sizes)?.permute(back)
    }
}
