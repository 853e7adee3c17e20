//! What the operating system refuses.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file or a folder could not be read, written, made or removed.
#[derive(Debug, Error)]
#[error("cannot {doing} {}", path.display())]
pub struct FileError {
    /// What was attempted, as a verb.
    pub doing: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The reason.
    pub source: io::Error,
}

impl FileError {
    /// For `map_err`: names what was attempted with which file.
    pub(crate) fn of(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self {
            doing,
            path: path.to_path_buf(),
            source,
        }
    }

    /// Whether there is no such file or folder.
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}
