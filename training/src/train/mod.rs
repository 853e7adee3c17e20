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
//! | actions that never happen somewhere told nevertheless (`impossible_actions`) | not | he stays below the upper edge instead of climbing out in 12 frames |
//! | which they are is learned by a network, and told where they would end the same | counted by pairs of tokens (after 900 steps) | actions that are blocked in the footage are so in the world: 0.96 of 649 instead of 0.19 |
//! | | 8 % random actions | faithfulness 0.94 to 1.00 instead of 0.86 |
//!
//! `ablations.py FOLDER` makes the following table: 300 clips of 100 frames, 100 steps of the tokenizer and 300 of the rest
//! (an eighth of the shipped world's), 24 held-out prompts, one run each. Differences of 1 dB or 0.1 are chance.
//!
//! | choice | delta-PSNR, dB | inferred - copy, dB | faithfulness at 1 / 16 | hero visible after 20 / 100 | information on direction / jump, nats |
//! |---|---|---|---|---|---|
//! | as shipped | 4.7 ± 1.1 | +2.8 | 0.85 / 0.70 | 0.62 / 0.50 | 0.82 / 0.47 |
//! | half the steps | 0.5 ± 0.2 | -1.5 | 0.32 / 0.35 | 0.38 / 0.38 | 0.82 / 0.47 |
//! | twice the steps | 10.8 ± 1.6 | +9.0 | 0.98 / 0.94 | 0.83 / 0.75 | 0.82 / 0.47 |
//! | all weights start at random | 0.4 ± 0.3 | -1.2 | 0.21 / 0.28 | 0.00 / 0.00 | 0.26 / 0.36 |
//! | actions start from pixels | 0.4 ± 0.4 | -1.3 | 0.31 / 0.24 | 0.42 / 0.38 | 0.02 / 0.00 |
//! | actions start from differences | 0.4 ± 0.4 | -1.0 | 0.39 / 0.48 | 0.29 / 0.38 | 0.22 / 0.00 |
//! | actions go on learning | 1.4 ± 0.5 | -0.6 | 0.36 / 0.38 | 0.50 / 0.46 | 0.33 / 0.13 |
//! | small action encoder | 5.1 ± 1.3 | +3.2 | 0.84 / 0.58 | 0.42 / 0.54 | 0.83 / 0.48 |
//! | 4 actions | 1.6 ± 0.6 | -0.0 | 0.75 / 0.73 | 0.88 / 0.92 | 0.50 / 0.45 |
//! | 8 actions | 4.8 ± 1.1 | +3.1 | 0.81 / 0.65 | 0.67 / 0.62 | 0.82 / 0.47 |
//! | actions prepended | 3.7 ± 1.1 | +2.3 | 0.68 / 0.68 | 0.58 / 0.71 | 0.82 / 0.47 |
//! | no unseen actions | 4.0 ± 0.6 | +2.2 | 0.85 / 0.57 | 0.58 / 0.58 | 0.82 / 0.47 |
//! | 8 % random actions instead | 4.0 ± 1.1 | +2.2 | 0.75 / 0.64 | 0.62 / 0.58 | 0.82 / 0.47 |
//! | own mistakes never shown | 7.9 ± 1.6 | +6.3 | 0.95 / 0.78 | 0.62 / 0.71 | 0.82 / 0.47 |
//! | no wrong tokens | 4.5 ± 1.3 | +2.9 | 0.81 / 0.66 | 0.71 / 0.54 | 0.82 / 0.47 |
//! | 20 % wrong tokens | 3.9 ± 1.2 | +2.1 | 0.71 / 0.59 | 0.58 / 0.62 | 0.82 / 0.47 |
//! | AdamW alone | 1.3 ± 0.4 | -0.6 | 0.29 / 0.35 | 0.58 / 0.42 | 0.82 / 0.47 |
//! | window of 4 | 5.4 ± 1.1 | +3.5 | 0.89 / 0.73 | 0.54 / 0.46 | 0.82 / 0.47 |
//! | 3 layers of width 192 (the time of 6 of 128) | 7.3 ± 1.3 | +5.4 | 0.94 / 0.89 | 0.58 / 0.50 | 0.82 / 0.47 |
//!
//! What they say:
//! - **Steps** are worth more than anything else at this length.
//! - **A start counted from the footage** is what makes short trainings possible: from random weights neither tokenizer nor actions
//!   get anywhere in this time.
//! - **What the action encoder sees** decides whether actions mean anything: motion tells direction and jump nearly completely, differences a
//!   little of the direction, pixels nothing. Its size does not matter then, and actions that start from motion lose by
//!   learning on.
//! - **Four actions** are too few for a game of six, and eight do no harm.
//! - **Added** actions are obeyed a little better than prepended ones.
//! - **Own mistakes** in the past cost a short training something; they pay over a long one, in which drift is what is left (see the
//!   rows above). Wrong tokens make no difference that could be told, and one in five is too many. Which actions are unseen is
//!   known only after some thousand steps.
//! - **Width against depth** at equal time: three wide layers learn faster at first. No long training has been made with them.
//! - **A window of 4** frames is as good at this length; with a long training it has not been compared.
//! - **Muon**: `AdamW` alone is not much further than Muon after half the steps.
//!
//! What play makes of it is measured where it happens: [`undo_changed_weight`](genie_model::DynamicsModel::undo_changed_weight)
//! and, in the docs of the sampler's module, steps, orders and adjacency.

mod action_effect;
mod action_prior;
mod batches;
mod codebook;
mod config;
mod data_driven;
mod dynamics_phase;
mod error;
mod masking;
mod metrics;
mod motion_start;
mod optimiser;
mod phase;
mod preset;
mod run;
mod run_folder;
mod saved_state;
mod timing;
mod tokenizer_phase;
mod variables;

pub use action_effect::ActionEffects;
pub use action_prior::ActionPrior;
pub use codebook::EmaCodebook;
pub use config::{CorruptionConfig, InitialWeights, PhaseConfig, TrainConfig};
pub use data_driven::{
    PatchStatistics, distinguishing_projection, kmeans, patch_statistics, start_tokenizer,
};
pub use error::TrainError;
pub use metrics::MetricsLog;
pub use motion_start::{MotionStart, WayToMove, motion_start};
pub use optimiser::{BlockMatrices, Optimiser, OptimiserConfig};
pub use run::{Ended, train};
pub use run_folder::RunFolder;
pub use timing::{TrainingPhase, time_steps};
pub use variables::Variables;
