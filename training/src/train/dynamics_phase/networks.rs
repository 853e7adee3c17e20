//! The networks of the second phase, and their outputs that the losses need.

use candle_core::{D, Device, Tensor};
use genie_model::{
    DynamicsModel, Error, LatentActionModel, LatentActions, MaskedTokens, SamplerSettings,
    VideoTokenizer, ops,
};
use rand_chacha::ChaCha8Rng;

use crate::train::masking::Masking;

/// The frozen tokenizer and the two models that are trained.
pub(super) struct Networks {
    pub(super) tokenizer: VideoTokenizer,
    pub(super) latent: LatentActionModel,
    pub(super) dynamics: DynamicsModel,
    pub(super) device: Device,
}

impl Networks {
    /// Logits `[R, V]` of the masked rows of clips of `shape` `[B, T, N]` under action codes `[B, T - 1, C]`.
    pub(super) fn logits(
        &self,
        masking: &Masking,
        shape: (usize, usize, usize),
        action_codes: &Tensor,
    ) -> Result<Tensor, Error> {
        let tokens = MaskedTokens {
            context: Tensor::from_slice(&masking.context, shape, &self.device)?,
            masked: Tensor::from_slice(&masking.masked, shape, &self.device)?,
        };
        let codebook = self.tokenizer.quantizer().codebook();
        let hidden = self.dynamics.forward(&tokens, action_codes, codebook)?;
        let rows = Tensor::new(masking.rows.as_slice(), &self.device)?;
        let hidden = ops::gather_rows(&hidden.flatten_to(2)?, &rows)?;
        self.dynamics.logits(&hidden)
    }

    /// Scheduled sampling: the context of `masking` with each of its masked tokens replaced by what the model itself draws
    /// for it, all at once and as in play. `tokens` are the true ones.
    pub(super) fn sampled_context(
        &self,
        masking: Masking,
        tokens: &[u32],
        shape: (usize, usize, usize),
        action_codes: &Tensor,
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<u32>, Error> {
        let logits = self.logits(&masking, shape, &action_codes.detach())?;
        let codes = logits.dim(D::Minus1)?;
        let mut logits = logits.flatten_all()?.to_vec1::<f32>()?;
        let per_frame = shape.2;
        let rows = masking.rows.iter();
        let before: Vec<u32> = rows.map(|&row| tokens[row as usize - per_frame]).collect();
        self.dynamics.undo_changed_weight(&mut logits, &before);
        let (sampler, mut weights) = (SamplerSettings::default(), vec![0.0; codes]);
        let mut context = masking.context;
        for (&row, logits) in masking.rows.iter().zip(logits.chunks_exact(codes)) {
            if let Some(drawn) = sampler.choose(logits, &mut weights, rng) {
                context[row as usize] = drawn.token;
            }
        }
        Ok(context)
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
        Ok((predicted - after)?.sqr()?.mean_all()?)
    }
}
