//! Scheduled sampling (Bengio et al. 2015): a context in which the model's own samples stand, so that it learns to recover from its
//! own errors.

use candle_core::{D, DType, Tensor};
use genie_model::{Error, SamplerSettings, ops};
use rayon::prelude::*;

use super::networks::{Networks, Predicted};
use crate::train::masking::Masking;

/// What is sampled.
pub(super) struct Sampling<'a> {
    /// Which tokens.
    pub(super) masking: Masking,
    /// The true codes of all tokens, `[B, T, N Q]` in order.
    pub(super) codes: &'a [u32],
    /// A number from 0 to 1 for each masked token at each stage.
    pub(super) chance: Vec<Vec<f32>>,
}

impl Sampling<'_> {
    /// The codes that the masked tokens had in the frame before, `R` of a stage.
    fn before(&self, stage: usize, per_frame: usize) -> Vec<u32> {
        let stages = self.chance.len();
        let code = |&row: &u32| self.codes[row as usize * stages - per_frame + stage];
        self.masking.rows.iter().map(code).collect()
    }
}

impl Networks {
    /// The context of a masking, of `shape` `[B, T, N Q]`, with each of its masked tokens replaced by what the model itself samples for
    /// it under action codes `[B, T - 1, C]`, all in one step and with the sampler of play.
    pub(super) fn sampled_context(
        &self,
        sampling: Sampling,
        shape: (usize, usize, usize),
        action_codes: &Tensor,
    ) -> Result<Tensor, Error> {
        let masking = &sampling.masking;
        let predicted = self.predict(masking, None, shape, &action_codes.detach())?;
        let predicted = Predicted {
            hidden: predicted.hidden.detach(),
            embeddings: predicted.embeddings.detach(),
        };
        if masking.rows.is_empty() {
            Ok(Tensor::from_slice(&masking.context, shape, &self.device)?)
        } else if ops::fused(&[&predicted.hidden]) {
            self.sampled_on_host(sampling, shape, &predicted)
        } else {
            self.sampled_on_device(&sampling, shape, &predicted)
        }
    }

    /// Logits `[R, V]` of a stage, given the codes `[R, stage]` that were drawn before.
    fn next_logits(
        &self,
        predicted: &Predicted,
        stage: usize,
        drawn: impl FnOnce() -> candle_core::Result<Tensor>,
    ) -> Result<Tensor, Error> {
        let Predicted { hidden, embeddings } = predicted;
        let logits = match stage {
            0 => self.dynamics.logits(hidden)?,
            stage => {
                let drawn = drawn()?;
                self.dynamics
                    .stage_logits(stage, hidden, embeddings, &drawn)?
            }
        };
        Ok(logits.detach())
    }

    fn sampled_on_host(
        &self,
        sampling: Sampling,
        shape: (usize, usize, usize),
        predicted: &Predicted,
    ) -> Result<Tensor, Error> {
        let (stages, rows) = (self.dynamics.stages(), sampling.masking.rows.len());
        let sampler = SamplerSettings::default();
        let before = (0..stages).map(|stage| sampling.before(stage, shape.2));
        let before: Vec<Vec<u32>> = before.collect();
        let mut context = sampling.masking.context;
        let mut drawn: Vec<u32> = Vec::new();
        // Whether all codes so far are those of the frame before.
        let mut stayed = vec![true; rows];
        for stage in 0..stages {
            let logits = self.next_logits(predicted, stage, || {
                Tensor::from_slice(&drawn, (rows, stage), &self.device)
            })?;
            let count = logits.dim(D::Minus1)?;
            let mut logits = logits.flatten_all()?.to_vec1::<f32>()?;
            let stays = before[stage].iter().zip(&stayed);
            let stays = stays.map(|(&code, &stayed)| if stayed { code } else { count as u32 });
            self.dynamics
                .undo_changed_weight(&mut logits, &stays.collect::<Vec<_>>());
            let chosen: Vec<Option<u32>> = logits
                .par_chunks_exact(count)
                .zip(&sampling.chance[stage])
                .map_init(
                    || vec![0.0; count],
                    |weights, (logits, &chance)| {
                        let drawn = sampler.choose_by(chance, logits, weights)?;
                        Some(drawn.token)
                    },
                )
                .collect();
            let mut next = Vec::with_capacity((stage + 1) * rows);
            for (i, (&row, chosen)) in sampling.masking.rows.iter().zip(chosen).enumerate() {
                let code = &mut context[row as usize * stages + stage];
                if let Some(chosen) = chosen {
                    *code = chosen;
                }
                next.extend_from_slice(&drawn[i * stage..][..stage]);
                next.push(*code);
                stayed[i] &= *code == before[stage][i];
            }
            drawn = next;
        }
        Ok(Tensor::from_vec(context, shape, &self.device)?)
    }

    /// The same where reading logits back would wait for a device: only numbers go there, and nothing comes back.
    fn sampled_on_device(
        &self,
        sampling: &Sampling,
        shape: (usize, usize, usize),
        predicted: &Predicted,
    ) -> Result<Tensor, Error> {
        let (stages, rows) = (self.dynamics.stages(), sampling.masking.rows.len());
        let sampler = SamplerSettings::default();
        let mut drawn: Vec<Tensor> = Vec::new();
        let mut stayed = Tensor::ones(rows, DType::F32, &self.device)?;
        let mut places = Vec::with_capacity(stages * rows);
        for stage in 0..stages {
            let before = Tensor::new(sampling.before(stage, shape.2), &self.device)?;
            let chance = Tensor::new(sampling.chance[stage].as_slice(), &self.device)?;
            let logits = self.next_logits(predicted, stage, || Tensor::stack(&drawn, 1))?;
            let logits = self
                .dynamics
                .with_changed_weight_undone(&logits, &before, &stayed)?;
            let chosen = sampler.choose_rows(&logits, &chance)?;
            stayed = (stayed * chosen.eq(&before)?.to_dtype(DType::F32)?)?;
            drawn.push(chosen);
            let place = |&row: &u32| row * stages as u32 + stage as u32;
            places.extend(sampling.masking.rows.iter().map(place));
        }
        let context = Tensor::new(sampling.masking.context.as_slice(), &self.device)?;
        let places = Tensor::new(places, &self.device)?;
        let context = context.scatter(&places, &Tensor::cat(&drawn, 0)?, 0)?;
        Ok(context.reshape(shape)?)
    }
}
