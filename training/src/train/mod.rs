//! Training in the paper's two phases: the tokenizer first, then latent actions together with the dynamics.
//!
//! ```text
//!  dataset ──► Batches ──► TokenizerPhase ──► tokens ──► DynamicsPhase ──► world.genie.safetensors
//!                               │                          │  latent action model: transition ──► action
//!                               │                          │  dynamics: past tokens + action ──► next tokens
//!                               └──────── RunFolder ───────┘  states, metrics, pictures
//! ```
//!
//! Every phase can be stopped at any step and resumed to the same result: what a step does is a function of the
//! configuration, the data and the saved state.
//!
//! - [`train`] runs both phases in a [`RunFolder`], from a [`TrainConfig`].
//! - Weights start from statistics of the footage ([`patch_statistics`], [`motion_start`]), unless [`InitialWeights`] says
//!   otherwise.
//! - A training may go on from a finished world instead ([`TrainConfig::start_from`]), whose tokenizer and actions it keeps.
//! - Codebooks follow their vectors by moving averages ([`EmaCodebook`]), all else follows its gradient ([`Optimiser`]).
//! - The context of the dynamics model is corrupted ([`CorruptionConfig`]): wrong tokens, scheduled sampling, and transitions
//!   relabelled with impossible actions ([`ActionPrior`], [`ActionEffects`]).
//!
//! What these choices are worth is in `EXPERIMENTS.md` of this crate; `ablations.py` repeats the comparisons.

mod action_effect;
mod action_prior;
mod batches;
mod codebook;
mod comparison;
mod config;
mod data_driven;
mod differences;
mod dynamics_phase;
mod error;
mod found_actions;
mod given_actions;
mod kmeans;
mod loss_scale;
mod loss_weights;
mod masking;
mod metrics;
mod motion_start;
mod optimiser;
mod pass_figures;
mod patch_sample;
mod phase;
mod phase_config;
mod phase_run;
mod precision;
mod preset;
mod ranks;
mod read_ahead;
mod residuals;
mod run;
mod run_data;
mod run_folder;
mod saved_state;
mod short_clips;
mod skipped_steps;
#[cfg(test)]
mod spoiled;
mod stage_choice;
mod timing;
mod token_cache;
mod tokenizer_phase;
mod variables;
mod world_start;

pub use action_effect::{ActionEffects, TransitionMotion};
pub use action_prior::ActionPrior;
pub use codebook::{CodeStatistics, EmaCodebook};
pub use comparison::{Comparison, Place, compare};
pub use config::{
    ActionCount, ActionSource, CorruptionConfig, InitialWeights, Precision, TrainConfig,
};
pub use data_driven::{distinguishing_projection, start_tokenizer};
pub use error::TrainError;
pub use kmeans::kmeans;
pub use loss_weights::LossWeights;
pub use metrics::MetricsLog;
pub use motion_start::{MotionStart, WayToMove, motion_start};
pub use optimiser::{BlockMatrices, Gradients, Optimiser, OptimiserConfig};
pub use patch_sample::{PatchStatistics, patch_statistics};
pub use phase_config::{DecayCurve, PhaseConfig};
pub use phase_run::Ended;
pub use preset::{GAME_PRESETS, PRESETS};
#[cfg(feature = "mpi")]
pub use ranks::MpiRanks;
pub use ranks::{Alone, Ranks, Spent, TimedRanks, with_ranks};
pub use run::{train, train_quietly};
pub use run_folder::RunFolder;
pub(crate) use short_clips::passed_over;
pub use stage_choice::{ChosenStages, StageChoice, choose_stages};
pub use timing::{StepTime, TrainingPhase, time_steps, time_tokens};
pub use variables::Variables;
