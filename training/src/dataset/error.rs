//! What can be wrong with a dataset.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::FileError;

/// Why a dataset could not be read or written; names the file and what was expected of it.
#[derive(Debug, Error)]
pub enum DatasetError {
    /// The operating system refused to read or write a file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file does not hold what its format asks for.
    #[error("{}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        problem: String,
    },
    /// A folder to be written already holds a dataset.
    #[error("{} already holds a dataset; choose another folder or remove it", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A call asked for something that the dataset does not have.
    #[error("{0}")]
    Request(String),
}

impl DatasetError {
    /// An input/output error with its file and the attempted action.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::File(FileError::of(doing, path)(error))
    }

    pub(crate) fn damaged(path: &Path, problem: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_path_buf(),
            problem: problem.into(),
        }
    }
}
