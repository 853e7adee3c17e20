//! What can stop a dream.

use std::io;
use std::path::Path;

use thiserror::Error;

use crate::FileError;
use crate::dataset::DatasetError;
use crate::evaluate::EvaluateError;
use crate::ingest::IngestError;
use crate::pictures::PictureError;
use crate::train::TrainError;

/// Why no world was made.
#[derive(Debug, Error)]
pub enum DreamError {
    /// The footage cannot be imported.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The dataset cannot be read or written.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The training failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The world cannot be evaluated or labelled.
    #[error(transparent)]
    Evaluate(EvaluateError),
    /// The world cannot be read or written.
    #[error(transparent)]
    Model(#[from] genie_model::Error),
    /// A picture cannot be written.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// The operating system refused to read or write a file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something that was asked for cannot be.
    #[error("{0}")]
    Request(String),
    /// The caller asked to stop.
    #[error("stopped; the same command goes on where it was")]
    Stopped,
}

impl DreamError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::File(FileError::of(doing, path)(error))
    }
}

impl From<EvaluateError> for DreamError {
    fn from(error: EvaluateError) -> Self {
        match error {
            EvaluateError::Stopped => Self::Stopped,
            error => Self::Evaluate(error),
        }
    }
}
