//! What can go wrong in a world model.

use crate::checkpoint::CheckpointError;
use crate::rollout_error::RolloutError;

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A configuration whose parts do not fit together.
    #[error("configuration: {field} must be {expected}")]
    Config {
        /// The field, as a dotted path.
        field: String,
        /// What it must be.
        expected: String,
    },
    /// A checkpoint that cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A saved rollout that cannot be resumed.
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    /// A latent action that the world does not have.
    #[error("latent action {action} does not exist: this world has {available}, numbered from 0")]
    Action {
        /// The action asked for.
        action: usize,
        /// Number `A` of latent actions.
        available: usize,
    },
    /// Pixels that do not make up a frame of the size given.
    #[error("a {width}x{height} frame of {channels} channels needs {expected} bytes, not {actual}")]
    FrameSize {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Bytes per pixel.
        channels: usize,
        /// Bytes needed.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// The model computed a value that is not finite.
    #[error("the {part} produced values that are not finite")]
    NonFinite {
        /// Which part of the model.
        part: &'static str,
    },
    /// A sampler setting out of range.
    #[error("sampler: {0}")]
    Sampler(String),
    /// A failure inside the tensor library.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}
