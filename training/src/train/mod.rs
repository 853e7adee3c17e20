//! Training in the paper's two phases: the tokenizer first, then latent actions together with the dynamics.
//!
//! Every phase can be stopped at any step and resumed to the same result: what a step does is a function of the
//! configuration, the data and the state that is saved.

mod codebook;
mod config;
mod data_driven;
mod dynamics_phase;
mod masking;
mod metrics;
mod motion_start;
mod optimiser;
mod phase;
mod run_folder;
mod saved_state;
mod seen_actions;
mod timing;
mod tokenizer_phase;
mod variables;

pub use codebook::EmaCodebook;
pub use config::{CorruptionConfig, InitialWeights, PhaseConfig, TrainConfig};
pub use data_driven::{
    PatchStatistics, distinguishing_projection, kmeans, patch_statistics, start_tokenizer,
};
pub use metrics::MetricsLog;
pub use motion_start::{MotionStart, WayToMove, motion_start};
pub use optimiser::{BlockMatrices, Optimiser, OptimiserConfig};
pub use phase::{Ended, TrainError, train};
pub use run_folder::RunFolder;
pub use seen_actions::{ActionLikeness, SeenActions};
pub use timing::{TrainingPhase, time_steps};
pub use variables::Variables;
