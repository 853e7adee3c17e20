//! Training in the paper's two phases: the tokenizer first, then latent actions together with the dynamics.
//!
//! Every phase can be stopped at any step and resumed to the same result: what a step does is a function of the
//! configuration, the data and the state that is saved.
//!
//! # What has been learned
//! With `configs/platformer.toml` and one run each, so that small differences mean nothing; cross-entropy is the mean of 20
//! steps. `ablations.py` repeats such comparisons.
//!
//! | choice | instead | figure |
//! |---|---|---|
//! | places in a frame as rotations of queries and keys (`rotary_space`) | learned embeddings | cross-entropy after 240 / 360 / 480 / 580 steps 0.56 / 0.25 / 0.18 / 0.19, instead of 0.69 / 0.56 / 0.40 / 0.32 |
//! | | embeddings that start as sines and cosines of row and column | 0.68 / 0.51 / 0.34 / 0.28 |
//! | Muon for the matrices of blocks | `AdamW` | the cross-entropy of 220 / 380 / 800 steps after 139 / 220 / 480 |
//! | own mistakes in the past, in up to 60 % of the steps | never | hero visible after 20 / 100 frames 0.98 / 0.98 instead of 0.94 / 0.92 (48 prompts) |
//! | actions that never happen somewhere told nevertheless (`unseen_actions`) | not | he stays below the upper edge instead of climbing out in 12 frames |
//! | which they are is learned by a network, and told where they would end the same | counted by pairs of tokens (after 900 steps) | actions that are blocked in the footage are so in the world: 0.96 of 649 instead of 0.19 |
//! | | 8 % random actions | faithfulness 0.94 to 1.00 instead of 0.86 |
//!
//! What play makes of it is measured where it happens: [`undo_changed_weight`](genie_model::DynamicsModel::undo_changed_weight)
//! and, in the docs of the sampler's module, steps, orders and neighbours.

mod action_effects;
mod action_prior;
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
mod timing;
mod tokenizer_phase;
mod variables;

pub use action_effects::ActionEffects;
pub use action_prior::ActionPrior;
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
pub use timing::{TrainingPhase, time_steps};
pub use variables::Variables;
