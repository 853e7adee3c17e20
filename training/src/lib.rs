//! Turns gameplay video into playable Genie worlds: footage, datasets, training, evaluation and labels behind the
//! `genie` command. Video in, one checkpoint out; nothing here depends on a game engine.
//!
//! ```text
//!  video, or gameplay ──► dataset ──► train ──► world.genie.safetensors ──► label ──► play
//!                            │                            │
//!                            └──────── evaluate ◄─────────┘
//! ```
//!
//! - [`gameplay`]: a built-in platformer that makes unlabelled footage;
//! - [`actions`]: the player and its actions, found in video alone;
//! - [`ingest`]: any video into a dataset;
//! - [`dataset`]: clips in shards, and how batches of them are drawn;
//! - [`train`]: the two phases of training, resumable at every step;
//! - [`evaluate`]: image quality, controllability and long play of a trained world;
//! - [`label`]: names and keys for the latent actions;
//! - [`dream`]: all of it in one call, within a given time, with a report;
//! - [`plan`]: the cost of a training before it begins;
//! - [`pictures`]: sheets, strips and GIFs of frames.

pub mod actions;
pub mod dataset;
pub mod dream;
pub mod evaluate;
pub mod gameplay;
pub mod ingest;
pub mod label;
pub mod pictures;
pub mod plan;
mod token_pairs;
pub mod train;
