//! Phase one: the video tokenizer.

use std::collections::BTreeMap;

use candle_core::{D, Device, Tensor};
use genie_model::{GenieConfig, QuantizerConfig, VideoTokenizer, patches_to_frames};
use rand_chacha::ChaCha8Rng;

use super::batches::Batches;
use super::config::{InitialWeights, PhaseConfig, TrainConfig};
use super::data_driven::start_tokenizer;
use super::error::TrainError;
use super::optimiser::Optimiser;
use super::patch_sample::patch_statistics;
use super::phase::{Phase, Start};
use super::residual_codebooks::ResidualCodebooks;
use super::run_folder::RunFolder;
use super::variables::Variables;
use crate::dataset::Dataset;

/// Weight of the commitment loss (van den Oord et al. 2017).
const COMMITMENT: f64 = 0.25;
/// Frames sampled for the data-driven start, and the most distinct patches kept of them.
const START_FRAMES: usize = 6000;
const START_PATCHES: usize = 40_000;
/// Share of an old mean that the codebooks' moving averages keep at every step.
const CODEBOOK_DECAY: f32 = 0.99;
/// Steps between revivals of unused codes.
const REVIVE_EVERY: u64 = 25;
/// Mean squared error (30 dB) above which a patch may take over an unused code.
const REVIVE_ERROR: f32 = 1e-3;

pub(super) struct TokenizerPhase<'a> {
    config: GenieConfig,
    phase: PhaseConfig,
    batches: Batches<'a>,
    variables: Variables,
    tokenizer: VideoTokenizer,
    /// Unless the codes are fixed.
    codebooks: Option<ResidualCodebooks>,
    optimiser: Optimiser,
    device: Device,
}

impl<'a> TokenizerPhase<'a> {
    pub(super) fn open(
        config: &TrainConfig,
        dataset: &'a Dataset,
        start: Start,
        device: &Device,
    ) -> Result<(Self, u64), TrainError> {
        let phase = config.tokenizer.clone();
        let model = config.model.clone();
        let variables = Variables::new(config.seed, device);
        let tokenizer = VideoTokenizer::new(&model, variables.builder().pp("tokenizer"))?;
        if matches!(start, Start::New(InitialWeights::Footage)) {
            tracing::info!("looking at the footage's patches");
            let statistics =
                patch_statistics(dataset, &model, START_FRAMES, START_PATCHES, config.seed)?;
            tracing::info!(
                "{} distinct patches in {START_FRAMES} frames",
                statistics.weights.len()
            );
            start_tokenizer(&variables, &model, &statistics, config.seed)?;
        }
        let mut codebooks = match model.tokenizer.quantizer {
            QuantizerConfig::Vq { stages, .. } => {
                let codes = variables.get("tokenizer.quantizer.codebook")?;
                Some(ResidualCodebooks::new(
                    codes.as_tensor(),
                    stages,
                    CODEBOOK_DECAY,
                )?)
            }
            QuantizerConfig::Fsq { .. } => None,
        };
        // The codebook follows its vectors by moving averages, not by gradients.
        let trained: Vec<_> = variables
            .all()
            .into_iter()
            .filter(|(name, _)| !name.ends_with("quantizer.codebook"))
            .collect();
        let mut optimiser = Optimiser::new(trained, phase.optimiser.clone())?;
        let mut step = 0;
        if let Start::Saved(saved) = start {
            variables.restore(&saved.tensors)?;
            optimiser.restore(&saved.tensors, saved.step)?;
            if let Some(codebooks) = &mut codebooks {
                codebooks.restore(&saved.tensors)?;
            }
            step = saved.step;
        }
        let batches = Batches::new(dataset, &model, &phase, config.seed, device)?;
        let opened = Self {
            config: model,
            phase,
            batches,
            variables,
            tokenizer,
            codebooks,
            optimiser,
            device: device.clone(),
        };
        Ok((opened, step))
    }

    /// The trained tokenizer's variables.
    pub(super) fn into_variables(self) -> Variables {
        self.variables
    }

    /// Patches `[B, T, N, P]` of the batch of a step.
    fn batch(&self, step: u64) -> Result<Tensor, TrainError> {
        let clips = self.batches.clips(step)?;
        self.batches.patches(&clips, self.config.tokenizer.patch)
    }
}

impl Phase for TokenizerPhase<'_> {
    const NAME: &'static str = "tokenizer";

    fn step(
        &mut self,
        step: u64,
        rng: &mut ChaCha8Rng,
    ) -> Result<BTreeMap<String, f64>, TrainError> {
        let patches = self.batch(step)?;
        let vectors = self.tokenizer.encode(&patches)?;
        let quantized = self.tokenizer.quantizer().quantize(&vectors)?;
        let decoded = self.tokenizer.decode(&quantized.codes)?;
        let error = (&decoded - &patches)?;
        let mse = error.sqr()?.mean_all()?;
        let l1 = error.abs()?.mean_all()?;
        let loss = ((&mse + (&l1 * 0.1)?)? + (&quantized.commitment * COMMITMENT)?)?;
        let grads = loss.backward()?;
        let rate = self.phase.learning_rate_at(step);
        let norm = self.optimiser.step(&grads, rate)?;
        let mse = f64::from(mse.to_scalar::<f32>()?);
        let mut figures = BTreeMap::from([
            ("loss".to_owned(), f64::from(loss.to_scalar::<f32>()?)),
            ("psnr".to_owned(), -10.0 * mse.max(1e-12).log10()),
            ("gradient_norm".to_owned(), norm),
        ]);
        if let Some(codebooks) = &mut self.codebooks {
            let residuals = codebooks.residuals(&vectors, &quantized.tokens)?;
            let statistics = codebooks.count(&residuals)?;
            codebooks.follow(&statistics);
            if step % REVIVE_EVERY == REVIVE_EVERY - 1 {
                let worst = worst_patches(&error, 64)?;
                let revived = codebooks.revive(&residuals, &worst, 0.01, 1e-3, rng)?;
                figures.insert("revived".to_owned(), revived as f64);
            }
            figures.insert("codes_used".to_owned(), codebooks.used());
            self.variables.set(
                "tokenizer.quantizer.codebook",
                &codebooks.tensor(&self.device)?,
            )?;
        }
        Ok(figures)
    }

    fn optimiser(&mut self) -> &mut Optimiser {
        &mut self.optimiser
    }

    fn save(&self, folder: &RunFolder, step: u64) -> Result<(), TrainError> {
        let mut tensors = self.variables.snapshot()?;
        tensors.extend(self.optimiser.state()?);
        if let Some(codebooks) = &self.codebooks {
            tensors.extend(codebooks.state()?);
        }
        folder.save_state(Self::NAME, step, &tensors)
    }

    /// Real frames above their reconstructions.
    fn pictures(&mut self, folder: &RunFolder, step: u64) -> Result<(), TrainError> {
        let patches = self.batch(0)?;
        let decoded = self
            .tokenizer
            .reconstruct(&self.tokenizer.tokenize(&patches)?)?;
        let c = &self.config;
        let mut rows = Vec::new();
        for clip in 0..self.phase.batch.min(4) {
            for source in [&patches, &decoded] {
                let frames = patches_to_frames(
                    &source.get(clip)?,
                    c.frame_height,
                    c.frame_width,
                    c.tokenizer.patch,
                )?;
                rows.push(
                    frames
                        .chunks_exact(c.frame_height * c.frame_width * 3)
                        .take(8)
                        .map(<[u8]>::to_vec)
                        .collect::<Vec<_>>(),
                );
            }
        }
        let size = (c.frame_height, c.frame_width);
        folder.save_strips(Self::NAME, "reconstruction", step, &rows, size)
    }
}

/// The worst reconstructed patches, as far as they are bad enough to deserve a code of their own.
fn worst_patches(error: &Tensor, count: usize) -> candle_core::Result<Vec<usize>> {
    let errors = error.detach().sqr()?.mean(D::Minus1)?.flatten_all()?;
    let errors = errors.to_vec1::<f32>()?;
    let mut order: Vec<usize> = (0..errors.len())
        .filter(|&i| errors[i] > REVIVE_ERROR)
        .collect();
    order.sort_by(|&a, &b| errors[b].total_cmp(&errors[a]).then(a.cmp(&b)));
    order.truncate(count);
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revival_candidates_are_the_worst_patches() {
        let error = Tensor::new(&[[0.1f32, 0.1], [2.0, 0.0], [0.5, 0.5]], &Device::Cpu).unwrap();
        assert_eq!(worst_patches(&error, 2).unwrap(), [1, 2]);
    }
}
