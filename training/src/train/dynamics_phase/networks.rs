//! The networks of the second phase, and their outputs that the losses need.

use candle_core::{DType, Device, Tensor};
use genie_model::{
    DynamicsModel, Error, LatentActionModel, LatentActions, MaskedTokens, VideoTokenizer, ops,
};

use crate::train::masking::Masking;

/// The frozen tokenizer and the two models that are trained.
pub(super) struct Networks {
    pub(super) tokenizer: VideoTokenizer,
    pub(super) latent: LatentActionModel,
    pub(super) dynamics: DynamicsModel,
    pub(super) device: Device,
}

/// What the dynamics model makes of the masked rows of a batch.
pub(super) struct Predicted {
    /// `[R, D]`.
    pub(super) hidden: Tensor,
    /// Those of all codes, which the logits of later codes look at.
    pub(super) embeddings: Tensor,
}

impl Networks {
    /// The pass over clips of `shape` `[B, T, N Q]` under action codes `[B, T - 1, C]`. A `context` of this shape stands in place of that
    /// of the `masking`.
    pub(super) fn predict(
        &self,
        masking: &Masking,
        context: Option<&Tensor>,
        shape: (usize, usize, usize),
        action_codes: &Tensor,
    ) -> Result<Predicted, Error> {
        let tokens = MaskedTokens {
            context: match context {
                Some(context) => context.clone(),
                None => Tensor::from_slice(&masking.context, shape, &self.device)?,
            },
            masked: Tensor::from_slice(&masking.masked, shape, &self.device)?,
        };
        let codebook = self.tokenizer.quantizer().codebook();
        let embeddings = self.dynamics.token_embeddings(codebook)?;
        let hidden = self.dynamics.forward(&tokens, action_codes, &embeddings)?;
        let hidden = ops::pick_rows(&hidden.flatten_to(2)?, &masking.rows)?;
        Ok(Predicted { hidden, embeddings })
    }

    /// Logits `[R, V]` of the first codes.
    pub(super) fn first_logits(&self, predicted: &Predicted) -> Result<Tensor, Error> {
        self.dynamics.logits(&predicted.hidden)
    }

    /// Cross-entropy of all codes of the masked rows, each given the true earlier ones of its token: the mean over the stages, and
    /// the logits `[R, V]` of the first codes. Of a part of a batch it is what that part adds to the mean over the whole.
    pub(super) fn cross_entropy(
        &self,
        masking: &Masking,
        predicted: &Predicted,
    ) -> Result<(Tensor, Tensor), Error> {
        let Predicted { hidden, embeddings } = predicted;
        let stages = self.dynamics.stages();
        let codes = Tensor::from_vec(
            masking.target_codes(),
            (masking.rows.len(), stages),
            &self.device,
        )?;
        let logits = self.dynamics.logits_given(hidden, embeddings, &codes)?;
        let mut sum = Tensor::zeros((), DType::F32, &self.device)?;
        let of_stages = logits.iter().zip(&masking.targets).zip(&masking.weights);
        for (((logits, targets), weights), &share) in of_stages.zip(&masking.shares) {
            let targets = Tensor::new(targets.as_slice(), &self.device)?;
            let weights = Tensor::new(weights.as_slice(), &self.device)?;
            let mut mean = ops::masked_cross_entropy(logits, &targets, &weights)?;
            if share < 1.0 {
                mean = (mean * share)?;
            }
            sum = (sum + mean)?;
        }
        Ok(((sum / stages as f64)?, logits[0].clone()))
    }

    /// The paper's own loss of the latent action model: squared error of the next frame's pixels. `patches [B, T, N, P]` are
    /// those of the latent action model.
    pub(super) fn pixel_loss(
        &self,
        patches: &Tensor,
        actions: &LatentActions,
    ) -> Result<Tensor, Error> {
        let frames = patches.dim(1)?;
        let before = patches.narrow(1, 0, frames - 1)?.contiguous()?;
        let after = patches.narrow(1, 1, frames - 1)?.contiguous()?;
        let predicted = self.latent.predict(&before, &actions.codes)?;
        Ok(ops::mean_errors(&predicted, &after)?.get(0)?)
    }
}
