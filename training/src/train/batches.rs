//! Batches of clips of the footage.

use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use genie_model::{GenieConfig, frames_to_patches};

use super::config::TrainConfig;
use super::error::TrainError;
use super::phase_config::PhaseConfig;
use super::ranks::{Ranks, current_ranks};
use super::read_ahead::Pass;
use crate::dataset::{ClipSampler, ClipWindow, Dataset};

/// The clips of a phase: which ones a step sees is a function of the seed and the step. Any thread reads them.
#[derive(Clone, Debug)]
pub(super) struct ClipReader {
    dataset: Dataset,
    sampler: Arc<ClipSampler>,
    /// Clips in a pass.
    batch: usize,
    /// Passes of a step, on all ranks together.
    passes: usize,
    /// Frames in a clip.
    clip_frames: usize,
    height: usize,
    width: usize,
}

impl ClipReader {
    /// Where the clips of a pass are in the footage.
    pub(super) fn windows(&self, (step, pass): Pass) -> Vec<ClipWindow> {
        let all = self.sampler.batch(step, self.batch * self.passes);
        all.into_iter()
            .skip(pass * self.batch)
            .take(self.batch)
            .collect()
    }

    /// Bytes of the frames of the clips of a pass, one clip after the other.
    pub(super) fn clips(&self, pass: Pass) -> Result<Vec<u8>, TrainError> {
        let mut clips = Vec::new();
        let mut buffer = Vec::new();
        for window in self.windows(pass) {
            self.dataset
                .read_frames(window.clip, window.start, self.clip_frames, &mut buffer)?;
            clips.extend_from_slice(&buffer);
        }
        Ok(clips)
    }

    /// Patches `[B, T, N, P]` of such clips, in the memory of the host.
    pub(super) fn patches(&self, clips: &[u8], patch: usize) -> Result<Tensor, TrainError> {
        let patches = frames_to_patches(clips, self.height, self.width, patch, &Device::Cpu)?;
        let tokens = patches.dim(1)?;
        Ok(patches.reshape((self.batch, self.clip_frames, tokens, ()))?)
    }

    /// What it reads.
    pub(super) fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Clips in a pass, and frames in a clip.
    pub(super) fn shape(&self) -> (usize, usize) {
        (self.batch, self.clip_frames)
    }
}

/// The batches of a phase.
pub(super) struct Batches {
    pub(super) reader: ClipReader,
    /// Clips in a pass.
    pub(super) batch: usize,
    /// Passes of a step, on all ranks together.
    pub(super) passes: usize,
    /// Those of this rank.
    pub(super) own_passes: Range<usize>,
    pub(super) ranks: Rc<dyn Ranks>,
    /// Frames in a clip.
    pub(super) clip_frames: usize,
}

impl Batches {
    pub(super) fn new(
        dataset: &Dataset,
        model: &GenieConfig,
        phase: &PhaseConfig,
        seed: u64,
    ) -> Result<Self, TrainError> {
        let ranks = current_ranks();
        let passes = phase.accumulate * ranks.count();
        if !phase.batch.is_multiple_of(passes) {
            return Err(TrainError::Config {
                path: PathBuf::from("the configuration"),
                reason: format!(
                    "a batch of {} clips cannot be shared by {} ranks with {} passes each",
                    phase.batch,
                    ranks.count(),
                    phase.accumulate
                ),
            });
        }
        let first = ranks.rank() * phase.accumulate;
        let batch = phase.batch / passes;
        let sampler = ClipSampler::new(dataset, phase.clip_frames, seed)?;
        Ok(Self {
            reader: ClipReader {
                dataset: dataset.clone(),
                sampler: Arc::new(sampler),
                batch,
                passes,
                clip_frames: phase.clip_frames,
                height: model.frame_height,
                width: model.frame_width,
            },
            batch,
            passes,
            own_passes: first..first + phase.accumulate,
            ranks,
            clip_frames: phase.clip_frames,
        })
    }

    /// The passes that this rank takes in some steps, in order.
    pub(super) fn own(
        &self,
        steps: impl Iterator<Item = u64> + Send + 'static,
    ) -> impl Iterator<Item = Pass> + Send + 'static {
        let own = self.own_passes.clone();
        steps.flat_map(move |step| own.clone().map(move |pass| (step, pass)))
    }
}

/// Opens the footage that a configuration, to be found at `path`, is to be trained on.
pub(super) fn open_footage(
    config: &TrainConfig,
    path: &std::path::Path,
    data: &std::path::Path,
) -> Result<Dataset, TrainError> {
    config.validate(path)?;
    let ranks = current_ranks();
    let dataset = Dataset::open_beside(data, (ranks.rank(), ranks.count()))?;
    let wanted = (config.model.frame_height, config.model.frame_width);
    let found = (dataset.format().height, dataset.format().width);
    if found != wanted {
        return Err(TrainError::Footage {
            found: format!("{}x{}", found.1, found.0),
            wanted: format!("{}x{}", wanted.1, wanted.0),
        });
    }
    for (phase, name) in [
        (&config.tokenizer, "tokenizer"),
        (&config.dynamics, "dynamics"),
    ] {
        if dataset.longest_clip() < phase.clip_frames {
            return Err(TrainError::TooShort {
                phase: name,
                wanted: phase.clip_frames,
                longest: dataset.longest_clip(),
                dataset: data.to_owned(),
            });
        }
    }
    Ok(dataset)
}
