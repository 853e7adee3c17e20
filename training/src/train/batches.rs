//! Batches of clips of the footage.

use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;

use candle_core::{Device, Tensor};
use genie_model::{GenieConfig, frames_to_patches};

use super::config::{PhaseConfig, TrainConfig};
use super::error::TrainError;
use super::ranks::{Ranks, current_ranks};
use crate::dataset::{ClipSampler, ClipWindow, Dataset};

/// The batches of a phase: which clips a step sees is a function of the seed and the step.
pub(super) struct Batches<'a> {
    dataset: &'a Dataset,
    sampler: ClipSampler,
    /// Clips in a pass.
    pub(super) batch: usize,
    /// Passes of a step, on all ranks together.
    pub(super) passes: usize,
    /// Those of this rank.
    pub(super) own_passes: Range<usize>,
    pub(super) ranks: Rc<dyn Ranks>,
    /// Frames in a clip.
    pub(super) clip_frames: usize,
    height: usize,
    width: usize,
    device: Device,
}

impl<'a> Batches<'a> {
    pub(super) fn new(
        dataset: &'a Dataset,
        model: &GenieConfig,
        phase: &PhaseConfig,
        seed: u64,
        device: &Device,
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
        Ok(Self {
            dataset,
            sampler: ClipSampler::new(dataset, phase.clip_frames, seed)?,
            batch: phase.batch / passes,
            passes,
            own_passes: first..first + phase.accumulate,
            ranks,
            clip_frames: phase.clip_frames,
            height: model.frame_height,
            width: model.frame_width,
            device: device.clone(),
        })
    }

    /// Where the clips of a pass of a step are in the footage.
    pub(super) fn windows(&self, (step, pass): (u64, usize)) -> Vec<ClipWindow> {
        let all = self.sampler.batch(step, self.batch * self.passes);
        all.into_iter()
            .skip(pass * self.batch)
            .take(self.batch)
            .collect()
    }

    /// Bytes of the frames of the clips of a pass of a step, one clip after the other.
    pub(super) fn clips(&self, at: (u64, usize)) -> Result<Vec<u8>, TrainError> {
        let mut clips = Vec::new();
        let mut buffer = Vec::new();
        for window in self.windows(at) {
            self.dataset
                .read_frames(window.clip, window.start, self.clip_frames, &mut buffer)?;
            clips.extend_from_slice(&buffer);
        }
        Ok(clips)
    }

    /// Patches `[B, T, N, P]` of such clips.
    pub(super) fn patches(&self, clips: &[u8], patch: usize) -> Result<Tensor, TrainError> {
        let patches = frames_to_patches(clips, self.height, self.width, patch, &self.device)?;
        let tokens = patches.dim(1)?;
        Ok(patches.reshape((self.batch, self.clip_frames, tokens, ()))?)
    }
}

/// Opens the footage that a configuration, to be found at `path`, is to be trained on.
pub(super) fn open_footage(
    config: &TrainConfig,
    path: &std::path::Path,
    data: &std::path::Path,
) -> Result<Dataset, TrainError> {
    config.validate(path)?;
    let dataset = Dataset::open(data)?;
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
