//! The footage that both sides look at: the built-in gameplay.

use genie_model::{Error, Frame};
use genie_training::gameplay::{FRAME_SIZE, GameplayRules, generate_clip};

const SEED: u64 = 20;

/// RGB bytes of `clips` clips of `frames` frames.
pub(crate) fn clips(clips: usize, frames: usize) -> Vec<u8> {
    (0..clips as u64)
        .flat_map(|clip| generate_clip(GameplayRules::ALIGNED, SEED, clip, frames).0)
        .collect()
}

/// The first frame of a clip.
pub(crate) fn frame(clip: u64) -> Result<Frame, Error> {
    Frame::from_rgb(
        FRAME_SIZE,
        FRAME_SIZE,
        generate_clip(GameplayRules::ALIGNED, SEED, clip, 1).0,
    )
}
