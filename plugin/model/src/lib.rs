//! Genie (Bruce et al. 2024, arXiv 2402.15391) on candle: the models and their streaming inference.
//!
//! # Concepts
//!
//! A world is made of three networks, all built on one [`SpatioTemporalTransformer`]:
//!
//! - the [`VideoTokenizer`] turns a frame into `N` tokens of a codebook of `V`, and back;
//! - the [`LatentActionModel`] assigns to the transition between two frames one of `A` latent actions, learned without labels;
//! - the [`DynamicsModel`] predicts the tokens of the next frame from the past and a latent action, as a MaskGIT.
//!
//! A [`WorldModel`] is the part of them that play needs, loaded from one checkpoint file. A [`Rollout`] is one running world:
//! a value that can be cloned (a fork), kept (to rewind) and saved.
//!
//! # From an action to a frame
//!
//! ```text
//!  prompt ──► VideoTokenizer ──► tokens ──────┐
//!             (encoder)                       ▼
//!  latent action ──► action code ──►  DynamicsModel  ◄──► TransformerCache
//!                                     │ logits             (keys and values of finished frames)
//!                                     ▼
//!                              SamplerSettings: a few MaskGIT steps
//!                                     │ tokens of the new frame
//!                                     ▼
//!                              VideoTokenizer (decoder) ──► Frame
//! ```
//!
//! Attention is causal over time and stays inside a frame in space, so that keys and values of finished frames are final: a
//! new frame costs passes over its own tokens only.
//!
//! # Example
//!
//! ```no_run
//! use genie_model::{Frame, WorldModel};
//! # fn main() -> Result<(), genie_model::Error> {
//! # let prompt = Frame::filled(64, 64, [90, 160, 230]);
//! let world = WorldModel::load("assets/models/platformer.genie.safetensors")?;
//! let mut rollout = world.prompt(&prompt, 7)?;
//! let frame = rollout.step(2)?;
//! assert_eq!(frame.width(), 64);
//! # Ok(())
//! # }
//! ```
//!
//! Shapes are named by their dimensions throughout: `B` batch, `T` frames, `N` tokens per frame, `Q` codes per token, `D` width,
//! `V` codebook size, `A` latent actions, `P` values per patch.

mod action_features;
mod adjacency;
pub mod atomic_file;
pub mod block_matching;
pub mod checkpoint;
mod code_heads;
mod config;
mod dynamics;
mod error;
mod frame;
mod hash;
mod latent_action;
mod motion;
pub mod ops;
mod parameters;
mod patch;
mod percentile;
mod picture;
mod preemption;
mod prompt;
mod psnr;
mod quantizer;
mod resample;
mod rollout;
mod rollout_error;
mod row_sampling;
mod sampler;
mod tokenizer;
mod transformer;
mod unmasking;
mod world;

pub use action_features::ActionFeatures;
pub use adjacency::{AdjacentPairs, TokenAdjacency};
pub use checkpoint::{ActionLabel, CheckpointError};
pub use config::{
    ActionConditioning, DynamicsConfig, GenieConfig, LatentActionConfig, LatentActionInput,
    QuantizerConfig, TokenizerConfig, TransformerConfig,
};
pub use dynamics::{DynamicsModel, MaskedTokens};
pub use error::Error;
pub use frame::{Fit, Frame};
pub use hash::Fnv1a;
pub use latent_action::{LatentActionModel, LatentActions};
pub use motion::{MOTION_FEATURES, MotionSigns, motion_features, motion_signs};
pub use parameters::{ParameterSpec, parameter_count, parameter_specs};
pub use patch::{frames_to_patches, patch_grid, patches_to_frames};
pub use percentile::{median, percentile};
pub use picture::{PictureError, looks_like, picture_format, to_srgb};
pub use preemption::set_preemption_hook;
pub use psnr::{MOST_PSNR, psnr};
pub use quantizer::{Quantized, Quantizer};
pub use resample::{Enlarging, PixelRect, resample};
pub use rollout::Rollout;
pub use rollout_error::RolloutError;
pub use sampler::{Drawn, SamplerSettings, UnmaskingOrder};
pub use tokenizer::VideoTokenizer;
pub use transformer::{FrameState, SpatioTemporalTransformer, StreamRow, TransformerCache, Wanted};
pub use unmasking::{UnmaskedFrame, unmask_frames};
pub use world::WorldModel;
