//! The losses of a pass.

use candle_core::Tensor;

use super::batch::Batch;
use super::draws::StepDraws;
use super::relabelling::relabel;
use super::shown_actions::ShownActions;
use super::state::DynamicsPhase;
use crate::train::error::TrainError;
use crate::train::masking::Masking;

/// The losses of a pass, each as what it adds to that of the step.
pub(super) struct PassLosses {
    /// The weighted sum of all, which is minimised.
    pub(super) total: Tensor,
    /// Cross-entropy of the masked tokens, which is in `total`.
    pub(super) cross_entropy: Tensor,
    /// Squared error of the pixel decoder; 0 without one.
    pub(super) pixels: Tensor,
    pub(super) predicted: PredictedPass,
}

/// What was predicted in a pass.
pub(super) struct PredictedPass {
    pub(super) masking: Masking,
    /// The context with what the model sampled, `[B, T, N Q]`, if it did.
    pub(super) context: Option<Tensor>,
    /// Logits `[R, V]` of the first codes, without a graph.
    pub(super) logits: Tensor,
}

impl DynamicsPhase<'_> {
    /// The losses of a pass over a `batch` that shows some actions. `codebook [A, C]` has the codes of all actions.
    pub(super) fn losses(
        &self,
        batch: &Batch,
        shown: &ShownActions,
        (draws, pass): (&StepDraws, usize),
        codebook: &Tensor,
    ) -> Result<PassLosses, TrainError> {
        let (passes, shape, networks) = (self.batches.passes, self.shape(), &self.networks);
        let masking = draws.masking(pass, passes);
        let codes = relabel(shown.codes.clone(), codebook, draws.labels(pass, passes))?;
        let sampling = draws.sampling(pass, passes, &batch.tokens);
        let context = sampling
            .map(|sampling| networks.sampled_context(sampling, shape, &codes))
            .transpose()?;
        let predicted = networks.predict(&masking, context.as_ref(), shape, &codes)?;
        let (cross_entropy, logits) = networks.cross_entropy(&masking, &predicted)?;
        let (weights, share) = (self.config.losses, 1.0 / passes as f64);
        let (mut total, mut squared_error) = (cross_entropy.clone(), cross_entropy.zeros_like()?);
        if let Some(encoded) = &shown.encoded {
            total = (total + (&encoded.actions.commitment * (weights.commitment * share))?)?;
            if let Some(patches) = &batch.action_patches {
                let pixels = networks.pixel_loss(patches, &encoded.actions)?;
                squared_error = (pixels.detach() * share)?;
                total = (total + (pixels * (weights.action_pixels * share))?)?;
            }
        }
        Ok(PassLosses {
            total,
            cross_entropy,
            pixels: squared_error,
            predicted: PredictedPass {
                masking,
                context,
                logits: logits.detach(),
            },
        })
    }
}
