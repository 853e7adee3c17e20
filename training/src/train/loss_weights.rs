//! How much the parts of the losses weigh.

use serde::{Deserialize, Serialize};

/// Weights of the parts of the losses beside the main one of each phase, which are the squared error of pixels and the cross-entropy
/// of tokens. The defaults were used for everything that is shipped.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossWeights {
    /// Commitment of an encoder to its codes, in both phases (van den Oord et al. 2017).
    pub commitment: f64,
    /// Absolute error of the tokenizer's pixels: it draws edges that a squared error leaves soft.
    pub absolute_error: f64,
    /// Squared error of the latent action model's pixel decoder, where it has one (paper section 2.1).
    pub action_pixels: f64,
}

impl Default for LossWeights {
    fn default() -> Self {
        Self {
            commitment: 0.25,
            absolute_error: 0.1,
            action_pixels: 10.0,
        }
    }
}

impl LossWeights {
    /// What makes them unusable, as `field must be ..`.
    pub(super) fn problem(&self) -> Option<String> {
        let weights = [
            ("commitment", self.commitment),
            ("absolute_error", self.absolute_error),
            ("action_pixels", self.action_pixels),
        ];
        weights
            .into_iter()
            .find(|(_, weight)| !(*weight >= 0.0 && weight.is_finite()))
            .map(|(name, _)| format!("losses.{name} must be 0 or more"))
    }
}
