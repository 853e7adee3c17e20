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
    /// There is no run to resume.
    #[error("{path} holds no run to resume{beside}", path = .path.display())]
    NoRun {
        /// Which folder.
        path: PathBuf,
        /// The runs beside it, in words.
        beside: String,
    },
    /// Another training has the folder.
    #[error("another training is writing to {path}", path = .path.display())]
    Busy {
        /// Which folder.
        path: PathBuf,
    },
    /// The run was started with another configuration.
    #[error(
        "{path} differs from the configuration given: {differences}. A run goes on with its own settings; only steps, \
         pictures_every, accumulate, learning_rate, warmup and decay (decay_curve, final_share) of a phase, actions_revised_at, recompute and save_every may change",
        path = .path.display()
    )]
    OtherConfig {
        /// The run's configuration.
        path: PathBuf,
        /// Which settings, with both values.
        differences: String,
    },
    /// The run was started with other footage.
    #[error(
        "the run was trained on {trained}, and {given} {difference}: resume it with the same footage, or begin another run \
         (whoever means it removes {path})",
        path = .path.display()
    )]
    OtherFootage {
        /// The file that says what the run was trained on.
        path: PathBuf,
        /// The folder that it was trained on.
        trained: String,
        /// The folder that is given now.
        given: String,
        /// What differs.
        difference: String,
    },
    /// The tokenizer cannot be trained on: the dynamics know its tokens.
    #[error(
        "tokenizer.steps: the dynamics of {path} were trained on the tokens that the tokenizer had after {trained} steps, and \
         would not know those that it has after {wanted}: leave tokenizer.steps at {trained}, or begin another run",
        path = .path.display()
    )]
    TokenizerInUse {
        /// The run's folder.
        path: PathBuf,
        /// Steps that the tokenizer was trained.
        trained: u64,
        /// Steps that the configuration asks for.
        wanted: u64,
    },
    /// No clip is as long as a training window.
    #[error(
        "{phase}.clip_frames is {wanted}, and the longest clip of {dataset} has {longest} frames",
        dataset = .dataset.display()
    )]
    TooShort {
        /// Which phase.
        phase: &'static str,
        /// Frames of its windows.
        wanted: usize,
        /// Frames of the longest clip.
        longest: usize,
        /// The dataset's folder.
        dataset: PathBuf,
    },
    /// A saved state is damaged.
    #[error("{path}: not a whole training state: {reason}", path = .path.display())]
    State {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Neither the loss nor the gradient comes back from infinity.
    #[error(
        "{phase}: the loss or its gradient was not finite in {in_a_row} steps in a row, the last of them step {step}: lower \
         the learning rate (--set {phase}.learning_rate=..; with --resume the run goes on from its last saved state)"
    )]
    Diverged {
        /// Which phase.
        phase: &'static str,
        /// The last of these steps.
        step: u64,
        /// How many there were.
        in_a_row: u32,
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
