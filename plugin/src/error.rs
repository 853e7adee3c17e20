//! What can go wrong with a world.

use bevy::asset::AssetLoadError;

use crate::timeline::replay::GenieReplayError;
use crate::timeline::save::GenieSaveError;
use crate::world::prompt::GeniePromptError;

/// Why a world failed, or a command could not be carried out: part of [`GenieFailed`](crate::GenieFailed) and
/// [`GenieCommandFailed`](crate::GenieCommandFailed).
#[derive(Debug, thiserror::Error)]
pub enum GenieError {
    /// The checkpoint could not be loaded: it is not there, or not a whole and valid checkpoint.
    #[error("model: {0}")]
    Load(String),
    /// The prompt could not be turned into a picture.
    #[error("prompt: {0}")]
    Prompt(#[from] GeniePromptError),
    /// The model refused its settings, or broke down.
    #[error(transparent)]
    Model(#[from] genie_model::Error),
    /// The model's code panicked; the text is the panic's message.
    #[error("the model panicked: {0}")]
    Panic(String),
    /// A world could not be saved, or a saved one not be read.
    #[error("saved world: {0}")]
    Save(#[from] GenieSaveError),
    /// A replay does not belong to this world.
    #[error(transparent)]
    Replay(#[from] GenieReplayError),
    /// The command needs a world that runs or has ended, and this one is loading, starting or has failed.
    #[error("the world is not running")]
    NotRunning,
    /// The entity of a fork is not there, or is the world itself.
    #[error("there is no entity {0} to fork into")]
    NoEntity(bevy::prelude::Entity),
    /// The worker thread could not be started, or is gone.
    #[error("the worker thread is not running")]
    WorkerGone,
}

impl GenieError {
    /// That the server could not load a checkpoint, with the reason alone.
    pub fn of_asset(error: &AssetLoadError) -> Self {
        Self::Load(reason(error))
    }
}

/// Why an asset could not be loaded: its path and what its loader says, without which loader that was, and without a backtrace.
pub(crate) fn reason(error: &AssetLoadError) -> String {
    let (path, text) = match error {
        AssetLoadError::AssetLoaderError(error) => {
            (error.path().to_string(), error.error().to_string())
        }
        // These name what they are about themselves.
        other => (String::new(), other.to_string()),
    };
    let line = text.lines().next().unwrap_or_default();
    if line.contains(&path) {
        line.to_owned()
    } else {
        format!("{path}: {line}")
    }
}
