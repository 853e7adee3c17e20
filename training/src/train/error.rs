//! What can go wrong in a run.

use std::path::{Path, PathBuf};

use crate::actions::AgentError;
use crate::dataset::DatasetError;

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A file of the run cannot be read or written.
    #[error("{path}: {error}", path = .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The configuration cannot be used.
    #[error("{path}: {reason}", path = .path.display())]
    Config {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The run's folder holds a run already.
    #[error("{path} holds a run already: resume it or choose another folder", path = .path.display())]
    RunExists {
        /// Which folder.
        path: PathBuf,
    },
    /// The run was started with another configuration.
    #[error("{path} differs from the configuration given in more than the number of steps", path = .path.display())]
    OtherConfig {
        /// The run's configuration.
        path: PathBuf,
    },
    /// A saved state is damaged.
    #[error("{path}: not a whole training state: {reason}", path = .path.display())]
    State {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The loss is not finite any more.
    #[error("{phase}: the loss is not finite at step {step}; lower the learning rate")]
    Diverged {
        /// Which phase.
        phase: &'static str,
        /// At which step.
        step: u64,
    },
    /// The footage does not fit the configuration.
    #[error("the footage is {found}, the configuration wants {wanted}")]
    Footage {
        /// What the dataset has.
        found: String,
        /// What the configuration says.
        wanted: String,
    },
    /// No player was found in the footage.
    #[error("{0}; see `genie actions`, or give the model an encoder (`latent_actions.input`)")]
    Agent(#[from] AgentError),
    /// The dataset cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] genie_model::Error),
    /// The tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// A picture cannot be written.
    #[error(transparent)]
    Picture(#[from] crate::pictures::PictureError),
}

impl TrainError {
    pub(super) fn io(path: &Path, error: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            error,
        }
    }
}
