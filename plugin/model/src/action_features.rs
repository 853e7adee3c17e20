//! What the encoder of the latent action model looks at.

use candle_core::{D, Device, Tensor};

use crate::patch::{frames_to_patches, patch_grid};
use crate::{Error, LatentActionInput, MOTION_FEATURES, motion_features};

/// Makes the input of the encoder of a [`LatentActionModel`](crate::LatentActionModel) from clips. It has no weights, so that any thread
/// can do it ahead of a training step.
#[derive(Clone, Copy, Debug)]
pub struct ActionFeatures {
    pub(crate) input: LatentActionInput,
    pub(crate) frame_height: usize,
    pub(crate) frame_width: usize,
    pub(crate) patch: usize,
}

impl ActionFeatures {
    /// Features `[B, T - 1, N, F]` of the transitions of `clips` (RGB bytes of `B` clips of `T` frames each).
    ///
    /// # Errors
    /// [`Error::FrameSize`] if the bytes are not `batch` clips of whole frames.
    pub fn of(&self, clips: &[u8], batch: usize, device: &Device) -> Result<Tensor, Error> {
        let (height, width, patch) = (self.frame_height, self.frame_width, self.patch);
        let frame_len = height * width * 3;
        let frames = clips.len() / frame_len / batch.max(1);
        if batch == 0 || frames < 2 || clips.len() != batch * frames * frame_len {
            return Err(Error::FrameSize {
                width,
                height,
                channels: 3,
                expected: batch * frames.max(2) * frame_len,
                actual: clips.len(),
            });
        }
        let (rows, columns) = patch_grid(height, width, patch);
        let tokens = rows * columns;
        if self.input == LatentActionInput::Motion {
            let values: Vec<f32> = clips
                .chunks_exact(frames * frame_len)
                .flat_map(|clip| motion_features(clip, height, width, patch))
                .collect();
            let shape = (batch, frames - 1, tokens, MOTION_FEATURES);
            return Ok(Tensor::from_vec(values, shape, device)?);
        }
        let patches = frames_to_patches(clips, height, width, patch, device)?;
        let patches = patches.reshape((batch, frames, tokens, ()))?;
        let before = patches.narrow(1, 0, frames - 1)?;
        let after = patches.narrow(1, 1, frames - 1)?;
        Ok(match self.input {
            LatentActionInput::Pixels => Tensor::cat(&[before, after], D::Minus1)?,
            // Most of a difference is zero; scaled up so that the rest matters from the first step.
            _ => ((after - before)? * 4.0)?,
        })
    }
}
