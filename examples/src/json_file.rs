//! Settings and the like as JSON files: written whole or not at all, and never thrown away.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bevy_genie::genie_model::atomic_file;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JsonFileError {
    /// The disk or the system says no.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The content is not what the program writes. The file has been put aside.
    #[error("{}: damaged ({reason}); it is kept as {}", path.display(), kept.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// Where its content is now.
        kept: PathBuf,
    },
}

/// Reads a file. One that does not exist gives the default, and so does one that cannot be used, with the reason; a damaged
/// file is renamed to `NAME.damaged`, so that the next write does not lose what is in it.
pub fn read<T: DeserializeOwned + Default>(path: &Path) -> (T, Option<JsonFileError>) {
    let io = |error| JsonFileError::Io {
        path: path.to_owned(),
        error,
    };
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return (T::default(), None),
        Err(error) => return (T::default(), Some(io(error))),
    };
    match serde_json::from_slice(&text) {
        Ok(value) => (value, None),
        Err(error) => {
            let mut kept = path.as_os_str().to_owned();
            kept.push(".damaged");
            let kept = PathBuf::from(kept);
            let problem = match std::fs::rename(path, &kept) {
                Ok(()) => JsonFileError::Damaged {
                    path: path.to_owned(),
                    reason: error.to_string(),
                    kept,
                },
                Err(error) => io(error),
            };
            (T::default(), Some(problem))
        }
    }
}

/// Writes a file, and the folders above it that are missing.
///
/// # Errors
/// [`JsonFileError::Io`]; a file that was there before is then still whole.
pub fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), JsonFileError> {
    let io = |error| JsonFileError::Io {
        path: path.to_owned(),
        error,
    };
    let text = serde_json::to_vec_pretty(value).map_err(|error| io(error.into()))?;
    atomic_file::write_in_new_folders(path, &text).map_err(io)
}
