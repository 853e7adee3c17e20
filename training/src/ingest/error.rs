//! What can stop an import.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::FileError;
use crate::dataset::DatasetError;
use crate::pictures::PictureError;

/// Why footage could not be imported. A single unreadable file is no such reason while others can be read.
#[derive(Debug, Error)]
pub enum IngestError {
    /// The dataset cannot be read or written.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A picture sheet cannot be written.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The operating system refused to read or write a file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A setting that does not fit the footage.
    #[error("{0}")]
    Request(String),
    /// Nothing that was given is footage.
    #[error(
        "{0}: no footage there. Expected films (mp4, mov, mkv, webm, avi, …), animations (GIF, APNG, WebP), folders of PNG, \
         JPEG, WebP or BMP frames, or tar archives of these"
    )]
    NoFootage(String),
    /// Not one source could be read.
    #[error("none of the footage can be read: {0}")]
    NothingReadable(String),
    /// With `--strict`: something was left out, changed or assumed.
    #[error("--strict: {count} things are left out, changed or assumed; the first one: {first}")]
    Strict {
        /// How many.
        count: usize,
        /// One of them.
        first: String,
    },
    /// Another import is writing there.
    #[error("another import is writing to {}", path.display())]
    Busy {
        /// The dataset's folder.
        path: PathBuf,
    },
    /// The caller asked to stop.
    #[error("stopped; the same command goes on where it was")]
    Stopped,
}

impl IngestError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::File(FileError::of(doing, path)(error))
    }
}
