//! Settings of the optimiser.

use serde::{Deserialize, Serialize};

/// Settings that stay the same over a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimiserConfig {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the root of the latter.
    pub epsilon: f64,
    /// Pull of matrices towards zero, per step and unit of learning rate. Vectors are spared.
    pub weight_decay: f64,
    /// Largest norm of the whole gradient.
    pub clip_norm: f64,
    /// The optimiser of the matrices within transformer blocks.
    pub block_matrices: BlockMatrices,
}

/// The optimiser of the matrices within transformer blocks; AdamW updates all else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockMatrices {
    /// AdamW too.
    #[default]
    AdamW,
    /// Muon, at the same learning rate.
    Muon,
}

impl Default for OptimiserConfig {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            weight_decay: 0.01,
            clip_norm: 1.0,
            block_matrices: BlockMatrices::default(),
        }
    }
}
