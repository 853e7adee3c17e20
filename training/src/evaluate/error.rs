//! Errors of evaluation and labelling.

use std::io;
use std::path::{Path, PathBuf};

use crate::FileError;
use crate::actions::{AgentError, StoredAgentError};
use crate::dataset::DatasetError;

/// Why a world could not be evaluated or labelled.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The operating system refused to read or write a file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The footage does not fit the world.
    #[error("{}: the frames are {found}, the checkpoint wants {wanted}", dataset.display())]
    FrameSize {
        /// The dataset.
        dataset: PathBuf,
        /// Width and height of its frames.
        found: String,
        /// Width and height of the world's frames.
        wanted: String,
    },
    /// No clip is long enough.
    #[error("{}: no clip has {needed} frames or more", dataset.display())]
    TooShort {
        /// The dataset.
        dataset: PathBuf,
        /// Frames that a clip must have.
        needed: usize,
    },
    /// A count out of range.
    #[error("{what} must be 1 to {most}, not {found}")]
    Count {
        /// Which count.
        what: &'static str,
        /// Largest value allowed.
        most: usize,
        /// Value given.
        found: usize,
    },
    /// The checkpoint was made for play alone.
    #[error(
        "the checkpoint has no latent action encoder: use the checkpoint that training wrote, not one stripped for play"
    )]
    NoActionEncoder,
    /// The player in the checkpoint has other actions than its world.
    #[error(
        "the checkpoint's player has {agent} actions, its world has {world}: the file is damaged"
    )]
    AgentActions {
        /// Actions of the player.
        agent: usize,
        /// Actions of the world.
        world: usize,
    },
    /// What the checkpoint says of the player cannot be read.
    #[error(transparent)]
    StoredAgent(#[from] StoredAgentError),
    /// The player could not be followed.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The dataset cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] genie_model::Error),
    /// The caller ended it.
    #[error("stopped")]
    Stopped,
    /// The tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl EvaluateError {
    /// An input/output error with its file and the attempted action.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::File(FileError::of(doing, path)(error))
    }
}
