//! The networks of the second phase, and their outputs that the losses need.

use candle_core::{D, DType, Device, Tensor};
use genie_model::{
    DynamicsModel, Error, LatentActionModel, LatentActions, MaskedTokens, SamplerSettings,
    VideoTokenizer, ops,
};
use rayon::prelude::*;

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
    hidden: Tensor,
    /// Those of all codes, which the logits of later codes look at.
    embeddings: Tensor,
}

impl Networks {
    /// The pass over clips of `shape` `[B, T, N Q]` under action codes `[B, T - 1, C]`.
    pub(super) fn predict(
        &self,
        masking: &Masking,
        shape: (usize, usize, usize),
        action_codes: &Tensor,
    ) -> Result<Predicted, Error> {
        let tokens = MaskedTokens {
            context: Tensor::from_slice(&masking.context, shape, &self.device)?,
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

    /// Scheduled sampling: the context of `masking` with each of its masked tokens replaced by what the model itself samples
    /// for it, all in one step and with the sampler of play. `codes` are the true ones; `chance` has a number from 0 to 1 for each
    /// masked token at each stage.
    pub(super) fn sampled_context(
        &self,
        masking: Masking,
        codes: &[u32],
        shape: (usize, usize, usize),
        action_codes: &Tensor,
        chance: &[Vec<f32>],
    ) -> Result<Vec<u32>, Error> {
        let Predicted { hidden, embeddings } =
            self.predict(&masking, shape, &action_codes.detach())?;
        let (hidden, embeddings) = (hidden.detach(), embeddings.detach());
        let (stages, per_frame) = (self.dynamics.stages(), shape.2);
        let sampler = SamplerSettings::default();
        let mut drawn: Vec<u32> = Vec::new();
        let mut context = masking.context;
        for stage in 0..stages {
            let logits = if stage == 0 {
                self.dynamics.logits(&hidden)?
            } else {
                let earlier =
                    Tensor::from_slice(&drawn, (masking.rows.len(), stage), &self.device)?;
                self.dynamics
                    .stage_logits(stage, &hidden, &embeddings, &earlier)?
            };
            let count = logits.dim(D::Minus1)?;
            let mut logits = logits.detach().flatten_all()?.to_vec1::<f32>()?;
            let mut next = Vec::with_capacity((stage + 1) * masking.rows.len());
            let before = |row: u32| &codes[row as usize * stages - per_frame..][..stages];
            let rows = masking.rows.iter().enumerate();
            let stayed = rows.map(|(i, &row)| {
                let (chosen, before) = (&drawn[i * stage..][..stage], before(row));
                if *chosen == before[..stage] {
                    before[stage]
                } else {
                    count as u32
                }
            });
            let stayed: Vec<u32> = stayed.collect();
            self.dynamics.undo_changed_weight(&mut logits, &stayed);
            let chosen: Vec<Option<u32>> = logits
                .par_chunks_exact(count)
                .zip(&chance[stage])
                .map_init(
                    || vec![0.0; count],
                    |weights, (logits, &chance)| {
                        let drawn = sampler.choose_by(chance, logits, weights)?;
                        Some(drawn.token)
                    },
                )
                .collect();
            for (i, (&row, chosen)) in masking.rows.iter().zip(chosen).enumerate() {
                let code = &mut context[row as usize * stages + stage];
                if let Some(chosen) = chosen {
                    *code = chosen;
                }
                next.extend_from_slice(&drawn[i * stage..][..stage]);
                next.push(*code);
            }
            drawn = next;
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
