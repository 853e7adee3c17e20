//! How a variable is updated.

use candle_core::Var;
use genie_model::ops::{self, AdamWStep};

use super::config::BlockMatrices;
use super::muon;

/// The rule of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Adam with decoupled decay.
    AdamW,
    /// One or more matrices of `size` below each other.
    Muon {
        /// Rows and columns.
        size: (usize, usize),
    },
}

impl Kind {
    pub(super) fn new(name: &str, var: &Var, block_matrices: BlockMatrices) -> Self {
        match (block_matrices, var.dims()) {
            (BlockMatrices::Muon, &[rows, columns]) if name.contains(".blocks.") => {
                // Queries, keys and values have a matrix each.
                let packed = name.rsplit('.').next() == Some("qkv");
                let matrices = if packed { 3 } else { 1 };
                Self::Muon {
                    size: (rows / matrices, columns),
                }
            }
            _ => Self::AdamW,
        }
    }

    /// Names of the parts of its state, each of which has as many values as the variable.
    pub(super) fn parts(&self) -> &'static [&'static str] {
        match self {
            Self::AdamW => &["mean", "square"],
            Self::Muon { .. } => &["momentum"],
        }
    }
}

/// The rule and the state of a variable on the CPU.
#[derive(Debug)]
pub(super) struct HostRule {
    pub(super) kind: Kind,
    /// One list for each of [`Kind::parts`].
    pub(super) memory: Vec<Vec<f32>>,
}

impl HostRule {
    pub(super) fn new(kind: Kind, length: usize) -> Self {
        let memory = vec![vec![0.0; length]; kind.parts().len()];
        Self { kind, memory }
    }

    /// Updates `param` by its gradient.
    pub(super) fn step(&mut self, param: &mut [f32], grad: &[f32], settings: &AdamWStep) {
        match (&self.kind, self.memory.as_mut_slice()) {
            (Kind::AdamW, [mean, square]) => ops::adamw_step(param, grad, mean, square, settings),
            (Kind::Muon { size }, [momentum]) => {
                let pull = 1.0 - settings.lr * settings.weight_decay;
                let pace = (settings.lr, settings.grad_scale, pull);
                muon::step(param, grad, momentum, *size, pace);
            }
            _ => unreachable!("a rule has the parts that it was made with"),
        }
    }
}
