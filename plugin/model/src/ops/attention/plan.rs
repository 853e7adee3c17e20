//! The parameters of a call of attention, and the scratch memory of its tasks.

use super::super::attention_pattern::AttentionPattern;
use crate::ops::rotary::rotary_angles;
use crate::ops::simd::padded;

/// The parameters of one call.
pub(super) struct Plan {
    pub(super) heads: usize,
    pub(super) head_width: usize,
    /// Frames or tokens of a sequence.
    pub(super) length: usize,
    pub(super) sequences: usize,
    /// Rows between two elements of a sequence.
    pub(super) step: usize,
    /// Sequences next to each other before the next block of `length * step` rows.
    pub(super) inner: usize,
    /// Rows from an element of stream 0 to the same of stream 1, with two streams.
    pub(super) second_stream: Option<usize>,
    /// Cosines and sines `[length, d / 2]`, empty when nothing is rotated.
    pub(super) cos: Vec<f32>,
    pub(super) sin: Vec<f32>,
    /// `[padded rows, padded columns]`: 1 where a query sees a key, else 0.
    pub(super) seen: Vec<f32>,
    /// Padded to whole vectors; that of the queries divided by `sqrt(d)`, which scales the logits.
    pub(super) q_scale: Vec<f32>,
    pub(super) k_scale: Vec<f32>,
}

impl Plan {
    /// For packed queries, keys and values of `dims`, whose rank suits the pattern.
    pub(super) fn new(
        pattern: AttentionPattern,
        heads: usize,
        dims: &[usize],
        [q_scale, k_scale]: [&[f32]; 2],
    ) -> Self {
        let head_width = q_scale.len();
        let root = (head_width as f32).sqrt();
        let (length, sequences, inner, second_stream) = match (pattern, dims) {
            (AttentionPattern::Spatial { .. }, [s, l, ..]) => (*l, *s, 1, None),
            (AttentionPattern::Temporal { .. }, [b, t, n, ..]) => (*t, b * n, *n, None),
            (AttentionPattern::TwoStreams { .. }, [_, b, t, n, ..]) => {
                (*t, b * n, *n, Some(b * t * n))
            }
            _ => unreachable!("ranks were checked before the operation was applied"),
        };
        let window = match pattern {
            AttentionPattern::Spatial { .. } => None,
            AttentionPattern::Temporal { window } | AttentionPattern::TwoStreams { window } => {
                Some(window)
            }
        };
        let (cos, sin) = match pattern {
            AttentionPattern::Spatial { grid: None } => (Vec::new(), Vec::new()),
            AttentionPattern::Spatial { grid: Some(grid) } => grid.angles(head_width),
            AttentionPattern::Temporal { .. } | AttentionPattern::TwoStreams { .. } => {
                let times: Vec<u64> = (0..length as u64).collect();
                rotary_angles(&times, head_width)
            }
        };
        let columns = padded(length);
        let mut seen = vec![0f32; columns * columns];
        for query in 0..length {
            for key in 0..length {
                // `key > query - window` without going below zero.
                let sees = window.is_none_or(|w| key <= query && query - key < w);
                seen[query * columns + key] = if sees { 1.0 } else { 0.0 };
            }
        }
        let mut padded_q = vec![0f32; padded(head_width)];
        let mut padded_k = padded_q.clone();
        for i in 0..head_width {
            padded_q[i] = q_scale[i] / root;
            padded_k[i] = k_scale[i];
        }
        Self {
            heads,
            head_width,
            length,
            sequences,
            step: inner,
            inner,
            second_stream,
            cos,
            sin,
            seen,
            q_scale: padded_q,
            k_scale: padded_k,
        }
    }

    /// First row of sequence `i`.
    pub(super) fn start(&self, i: usize) -> usize {
        i / self.inner * (self.length * self.step) + i % self.inner
    }

    pub(super) fn width(&self) -> usize {
        self.heads * self.head_width
    }

    pub(super) fn streams(&self) -> usize {
        1 + usize::from(self.second_stream.is_some())
    }

    pub(super) fn padded_width(&self) -> usize {
        padded(self.head_width)
    }

    pub(super) fn columns(&self) -> usize {
        padded(self.length)
    }

    /// Rows that are computed: a multiple of eight, as `product` wants.
    pub(super) fn rows(&self) -> usize {
        self.length.div_ceil(8) * 8
    }
}

/// Queries or keys of one head and stream: normalised, then scaled (and rotated), with the factors of the norm.
pub(super) struct Normed {
    pub(super) unit: Vec<f32>,
    pub(super) ready: Vec<f32>,
    pub(super) inverse: Vec<f32>,
}

impl Normed {
    pub(super) fn new(plan: &Plan) -> Self {
        let size = plan.columns() * plan.padded_width();
        Self {
            unit: vec![0f32; size],
            ready: vec![0f32; size],
            inverse: vec![0f32; plan.columns()],
        }
    }
}

/// Memory of one task. Rows beyond the sequence and columns beyond the head stay zero.
pub(super) struct Scratch {
    pub(super) q: [Normed; 2],
    pub(super) k: [Normed; 2],
    pub(super) v: [Vec<f32>; 2],
    /// Keys, and values, of stream 0 with rows and columns exchanged.
    pub(super) k_turned: Vec<f32>,
    pub(super) v_turned: Vec<f32>,
    pub(super) weights: Vec<f32>,
    pub(super) dweights: Vec<f32>,
    /// Weight of a masked frame's own self, and its gradient.
    pub(super) own: Vec<f32>,
    pub(super) down: Vec<f32>,
    pub(super) out: Vec<f32>,
    pub(super) dout: Vec<f32>,
    pub(super) dq: [Vec<f32>; 2],
    pub(super) dk: [Vec<f32>; 2],
    pub(super) dv: [Vec<f32>; 2],
}

impl Scratch {
    pub(super) fn new(plan: &Plan) -> Self {
        let size = plan.columns() * plan.padded_width();
        let square = plan.columns() * plan.columns();
        let two = || [vec![0f32; size], vec![0f32; size]];
        Self {
            q: [Normed::new(plan), Normed::new(plan)],
            k: [Normed::new(plan), Normed::new(plan)],
            v: two(),
            k_turned: vec![0f32; size],
            v_turned: vec![0f32; size],
            weights: vec![0f32; square],
            dweights: vec![0f32; square],
            own: vec![0f32; plan.columns()],
            down: vec![0f32; plan.columns()],
            out: vec![0f32; size],
            dout: vec![0f32; size],
            dq: two(),
            dk: two(),
            dv: two(),
        }
    }
}
