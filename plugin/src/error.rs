//! What can go wrong with a world.

use crate::PromptError;

/// Why a world failed; told by [`GenieFailed`](crate::GenieFailed).
#[derive(Debug, thiserror::Error)]
pub enum GenieError {
    /// The checkpoint could not be loaded: it is not there, or not a whole and valid checkpoint.
    #[error("model: {0}")]
    Load(String),
    /// The prompt could not be turned into a picture.
    #[error("prompt: {0}")]
    Prompt(#[from] PromptError),
    /// The model refused its settings, or broke down.
    #[error(transparent)]
    Model(#[from] genie_model::Error),
    /// The model's code panicked; the text is the panic's message.
    #[error("the model panicked: {0}")]
    Panic(String),
    /// The worker thread could not be started, or is gone.
    #[error("the worker thread is not running")]
    WorkerGone,
}
