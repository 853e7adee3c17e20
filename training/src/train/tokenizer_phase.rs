//! Phase one: the video tokenizer.

use std::collections::BTreeMap;
use std::time::Duration;

use candle_core::{D, Device, Tensor};
use genie_model::{GenieConfig, QuantizerConfig, VideoTokenizer, ops, patches_to_frames};
use rand_chacha::ChaCha8Rng;

use super::batches::Batches;
use super::codebook::{CodeStatistics, EmaCodebook};
use super::config::{InitialWeights, TrainConfig};
use super::data_driven::start_tokenizer;
use super::error::TrainError;
use super::loss_scale::LossScale;
use super::loss_weights::LossWeights;
use super::optimiser::{Gradients, Optimiser};
use super::pass_figures::PassFigures;
use super::patch_sample::patch_statistics;
use super::phase::{Phase, Start};
use super::phase_config::PhaseConfig;
use super::ranks::{Ranks, current_ranks};
use super::read_ahead::{Pass, ReadAhead};
use super::residuals::{Residuals, stage_names};
use super::run_folder::RunFolder;
use super::saved_state::{Part, Progress, parts};
use super::variables::Variables;
use super::world_start::copy_weights;
use crate::dataset::Dataset;

/// Frames sampled for the data-driven start, and the most distinct patches kept of them.
const START_FRAMES: usize = 6000;
const START_PATCHES: usize = 40_000;
/// Share of an old mean that the codebooks' moving averages keep at every step.
const CODEBOOK_DECAY: f32 = 0.99;
/// Steps between revivals of unused codes.
const REVIVE_EVERY: u64 = 25;
/// Mean squared error (30 dB) above which a patch may take over an unused code.
const REVIVE_ERROR: f32 = 1e-3;
/// The most patches, the worst of a step, that unused codes are moved to.
const REVIVE_CANDIDATES: usize = 64;

pub(super) struct TokenizerPhase {
    config: GenieConfig,
    phase: PhaseConfig,
    losses: LossWeights,
    batches: Batches,
    /// Patches of coming passes.
    ahead: Option<ReadAhead<Tensor>>,
    variables: Variables,
    tokenizer: VideoTokenizer,
    /// Unless the codes are fixed.
    codebook: Option<EmaCodebook>,
    optimiser: Optimiser,
    scale: LossScale,
    device: Device,
}

impl TokenizerPhase {
    pub(super) fn open(
        config: &TrainConfig,
        dataset: &Dataset,
        start: Start,
        device: &Device,
    ) -> Result<(Self, Progress), TrainError> {
        let phase = config.tokenizer.clone();
        let model = config.model.clone();
        let variables = Variables::new(config.seed, device);
        let tokenizer = VideoTokenizer::new(&model, variables.builder().pp("tokenizer"))?;
        let ranks = current_ranks();
        // The others take up what the first one finds.
        if matches!(start, Start::New(InitialWeights::Footage)) && ranks.writes() {
            tracing::info!("looking at the footage's patches");
            let statistics =
                patch_statistics(dataset, &model, START_FRAMES, START_PATCHES, config.seed)?;
            tracing::info!(
                "{} distinct patches in {START_FRAMES} frames",
                statistics.weights.len()
            );
            start_tokenizer(&variables, &model, &statistics, config.seed)?;
        }
        if let Start::World(world) = &start {
            copy_weights(&variables, world)?;
        }
        variables.follow_first(&*ranks)?;
        let mut codebook = match model.tokenizer.quantizer {
            QuantizerConfig::Vq { stages, .. } => {
                let codes = variables.get("tokenizer.quantizer.codebook")?;
                let (codes, names) = (codes.as_tensor(), stage_names(stages));
                Some(EmaCodebook::new(codes, names, CODEBOOK_DECAY, false)?)
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
        let mut scale = LossScale::new(config.precision);
        let mut progress = Progress::default();
        if let Start::Saved(saved) = start {
            variables.restore(&saved.tensors)?;
            scale.restore(&saved.tensors)?;
            optimiser.restore(&saved.tensors, saved.progress.step)?;
            if let Some(codebook) = &mut codebook {
                codebook.restore(&saved.tensors)?;
            }
            progress = saved.progress;
        }
        let batches = Batches::new(dataset, &model, &phase, config.seed)?;
        let opened = Self {
            config: model,
            phase,
            losses: config.losses,
            batches,
            ahead: None,
            variables,
            tokenizer,
            codebook,
            optimiser,
            scale,
            device: device.clone(),
        };
        Ok((opened, progress))
    }

    /// The trained tokenizer's variables.
    pub(super) fn into_variables(self) -> Variables {
        self.variables
    }

    /// All that a run needs to go on from here, where it lies.
    fn parts(&self) -> Result<Vec<(String, Part<'_>)>, TrainError> {
        let mut all = self.variables.parts();
        all.extend(self.optimiser.parts()?);
        all.extend(parts(self.scale.state()?));
        if let Some(codebook) = &self.codebook {
            all.extend(parts(codebook.state()?));
        }
        Ok(all)
    }

    /// Patches `[B, T, N, P]` of a pass, which is the next one where data are read ahead.
    fn batch(&self, pass: Pass) -> Result<Tensor, TrainError> {
        let ahead = self.ahead.as_ref().and_then(|ahead| ahead.take(pass));
        let patches = match ahead {
            Some(patches) => patches?,
            None => self.patches(pass)?,
        };
        Ok(patches.to_device(&self.device)?)
    }

    /// The same for any pass, in the memory of the host.
    fn patches(&self, pass: Pass) -> Result<Tensor, TrainError> {
        let reader = &self.batches.reader;
        reader.patches(&reader.clips(pass)?, self.config.tokenizer.patch)
    }
}

impl Phase for TokenizerPhase {
    const NAME: &'static str = "tokenizer";

    fn step(
        &mut self,
        step: u64,
        rng: &mut ChaCha8Rng,
    ) -> Result<BTreeMap<String, f64>, TrainError> {
        let passes = self.batches.passes;
        let revives = step % REVIVE_EVERY == REVIVE_EVERY - 1;
        let mut gradients = Gradients::default();
        let mut whole = PassFigures::default();
        let mut assigned: Option<CodeStatistics> = None;
        let mut candidates = Candidates::default();
        for pass in self.batches.own_passes.clone() {
            let patches = self.batch((step, pass))?;
            let vectors = self.tokenizer.encode(&patches)?;
            let quantized = self.tokenizer.quantizer().quantize(&vectors)?;
            let decoded = self.tokenizer.decode(&quantized.codes)?;
            let errors = ops::mean_errors(&decoded, &patches)?;
            let (mse, l1) = (errors.get(0)?, errors.get(1)?);
            let weights = self.losses;
            let loss = (&mse + (&l1 * weights.absolute_error)?)?;
            let loss = (loss + (&quantized.commitment * weights.commitment)?)?;
            let loss = if passes > 1 {
                (loss / passes as f64)?
            } else {
                loss
            };
            let of = |graph: &_| self.optimiser.gradients(graph);
            gradients = gradients.plus(self.scale.gradients(&loss, of)?)?;
            whole.add([&loss, &(mse / passes as f64)?])?;
            if let Some(codebook) = &self.codebook {
                let residuals = Residuals::of(codebook, &vectors, &quantized.tokens)?;
                let counted = residuals.count(codebook.height())?;
                assigned = Some(match assigned {
                    Some(assigned) => assigned.plus(&counted)?,
                    None => counted,
                });
                if revives {
                    let error = (decoded.detach() - &patches)?;
                    let worst = worst_patches(&error, REVIVE_CANDIDATES)?;
                    let rows: Vec<usize> = worst.iter().map(|it| it.0).collect();
                    let errors = worst.into_iter().map(|it| it.1).collect();
                    candidates.add(errors, residuals.rows(&rows)?);
                }
            }
        }
        let ranks = &*self.batches.ranks;
        let moved = match (&self.codebook, assigned) {
            (Some(codebook), Some(assigned)) => Some(codebook.followed(&assigned.summed(ranks)?)?),
            _ => None,
        };
        let used = moved.as_ref().map(EmaCodebook::used).transpose()?;
        let (mut wholes, mut used) = whole.sums(used.as_ref())?;
        ranks.sum_wide(&mut wholes);
        let [whole_loss, whole_mse] = wholes;
        let gradients = gradients.summed(ranks)?;
        let rate = self.phase.learning_rate_at(step);
        let norm = if whole_loss.is_finite() {
            self.optimiser.descend(&gradients, rate)?
        } else {
            f64::NAN
        };
        let mut figures = BTreeMap::from([
            ("loss".to_owned(), whole_loss),
            ("psnr".to_owned(), -10.0 * whole_mse.max(1e-12).log10()),
            ("gradient_norm".to_owned(), norm),
        ]);
        figures.extend(self.scale.figures(whole_loss, norm));
        if !norm.is_finite() {
            return Ok(figures);
        }
        if let Some(mut codebook) = moved {
            if revives {
                candidates.gather(ranks);
                let worst = candidates.worst(REVIVE_CANDIDATES);
                let revived = codebook.revive(&worst, 0.01, 1e-3, rng)?;
                figures.insert("revived".to_owned(), revived as f64);
                used = Some(f64::from(codebook.used()?.to_scalar::<f32>()?));
            }
            figures.extend(used.map(|used| ("codes_used".to_owned(), used)));
            let codes = codebook.codes();
            self.variables.set("tokenizer.quantizer.codebook", codes)?;
            self.codebook = Some(codebook);
        }
        Ok(figures)
    }

    fn follow_first(&mut self) -> Result<(), TrainError> {
        let ranks = &*self.batches.ranks;
        self.variables.follow_first(ranks)?;
        if let Some(codebook) = &mut self.codebook {
            codebook.follow_first(ranks)?;
        }
        Ok(())
    }

    fn read_ahead(&mut self, steps: Box<dyn Iterator<Item = u64> + Send>) {
        let (reader, patch) = (self.batches.reader.clone(), self.config.tokenizer.patch);
        self.ahead = ReadAhead::start(self.batches.own(steps), move |pass| {
            reader.patches(&reader.clips(pass)?, patch)
        });
    }

    fn waited_for_data(&self) -> Duration {
        let ahead = self.ahead.as_ref();
        ahead.map_or(Duration::ZERO, ReadAhead::waited)
    }

    fn optimiser(&mut self) -> &mut Optimiser {
        &mut self.optimiser
    }

    fn save(&self, folder: &RunFolder, progress: Progress) -> Result<(), TrainError> {
        folder.save_state(Self::NAME, progress, self.parts()?)
    }

    /// Real frames above their reconstructions.
    fn pictures(&mut self, folder: &RunFolder, step: u64) -> Result<(), TrainError> {
        let patches = self.patches((0, 0))?.to_device(&self.device)?;
        let decoded = self
            .tokenizer
            .reconstruct(&self.tokenizer.tokenize(&patches)?)?;
        let c = &self.config;
        let mut rows = Vec::new();
        for clip in 0..self.batches.batch.min(4) {
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

/// What unused codes of the quantizer's stages may be moved to.
#[derive(Default)]
struct Candidates {
    /// How badly each is reconstructed now.
    errors: Vec<f32>,
    /// For each stage the vectors, one after the other.
    stages: Vec<Vec<f32>>,
}

impl Candidates {
    fn add(&mut self, errors: Vec<f32>, stages: Vec<Vec<f32>>) {
        self.stages.resize_with(stages.len(), Vec::new);
        self.errors.extend(errors);
        for (all, new) in self.stages.iter_mut().zip(stages) {
            all.extend(new);
        }
    }

    /// Those of all ranks.
    fn gather(&mut self, ranks: &dyn Ranks) {
        self.errors = ranks.gather(&self.errors);
        for vectors in &mut self.stages {
            *vectors = ranks.gather(vectors);
        }
    }

    /// The vectors of the `count` worst, for each stage.
    fn worst(&self, count: usize) -> Vec<Vec<f32>> {
        let mut order: Vec<usize> = (0..self.errors.len()).collect();
        // Stable: those of one pass are in this order already.
        order.sort_by(|&a, &b| self.errors[b].total_cmp(&self.errors[a]));
        order.truncate(count);
        let stages = self.stages.iter().map(|vectors| {
            let dim = vectors.len() / self.errors.len().max(1);
            let rows = order.iter().flat_map(|&at| &vectors[at * dim..][..dim]);
            rows.copied().collect()
        });
        stages.collect()
    }
}

/// The worst reconstructed patches with their errors, as far as they are bad enough to deserve a code of their own.
fn worst_patches(error: &Tensor, count: usize) -> candle_core::Result<Vec<(usize, f32)>> {
    let errors = error.detach().sqr()?.mean(D::Minus1)?.flatten_all()?;
    let errors = errors.to_vec1::<f32>()?;
    let mut order: Vec<usize> = (0..errors.len())
        .filter(|&i| errors[i] > REVIVE_ERROR)
        .collect();
    order.sort_by(|&a, &b| errors[b].total_cmp(&errors[a]).then(a.cmp(&b)));
    order.truncate(count);
    Ok(order.into_iter().map(|at| (at, errors[at])).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::train::spoiled::{assert_spoiled_steps_change_nothing, copies, footage, tiny};

    #[test]
    fn a_step_that_is_not_finite_changes_nothing() {
        let config = tiny();
        let (_folder, dataset) = footage(&config);
        let start = Start::New(InitialWeights::Random);
        let opened = TokenizerPhase::open(&config, &dataset, start, &Device::Cpu);
        let mut phase = opened.unwrap().0;
        let variables = phase.variables.clone();
        let weight = (&variables, "tokenizer.decoder.project.bias");
        assert_spoiled_steps_change_nothing(&mut phase, weight, |it| copies(it.parts().unwrap()));
    }

    #[test]
    fn revival_candidates_are_the_worst_patches() {
        let error = Tensor::new(&[[0.1f32, 0.1], [2.0, 0.0], [0.5, 0.5]], &Device::Cpu).unwrap();
        let worst = worst_patches(&error, 2).unwrap();
        assert_eq!(worst.iter().map(|it| it.0).collect::<Vec<_>>(), [1, 2]);
        // Two passes, each with its worst.
        let mut candidates = Candidates::default();
        candidates.add(vec![0.5, 0.2], vec![vec![1.0, 1.0, 2.0, 2.0]]);
        candidates.add(vec![0.4], vec![vec![3.0, 3.0]]);
        assert_eq!(candidates.worst(2), [vec![1.0, 1.0, 3.0, 3.0]]);
    }
}
