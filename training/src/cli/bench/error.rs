//! Why nothing can be measured.

use genie_training::dataset::DatasetError;
use genie_training::plan::PlanError;
use genie_training::train::TrainError;

/// Why a world cannot be measured.
#[derive(Debug, thiserror::Error)]
pub(super) enum BenchError {
    #[error("{0}")]
    Training(Box<dyn std::error::Error + Send + Sync>),
    #[error("{what} must be 1 to {most}")]
    Count { what: &'static str, most: usize },
    #[error("{0} does not train as the CPU does: see the figures")]
    Parity(String),
    #[error(
        "--memory needs --training-steps 1 or more, and --training-batch for batches as large as the paper's"
    )]
    Steps,
    #[cfg(feature = "mpi")]
    #[error("MPI cannot be started twice")]
    NoMpi,
    #[error("{0}")]
    Film(String),
    #[error("cannot start that many threads")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    #[error("cannot make a temporary folder")]
    Folder(#[source] std::io::Error),
    #[error(transparent)]
    Footage(#[from] DatasetError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    Model(#[from] genie_model::Error),
}
