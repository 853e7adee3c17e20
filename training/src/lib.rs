//! Turns gameplay video into playable Genie worlds: footage, datasets, training, evaluation and labels behind the
//! `genie` command. Video in, one checkpoint out; nothing here knows a game engine.
//!
//! - [`gameplay`]: a built-in platformer that makes unlabelled footage;
//! - [`dataset`]: clips in shards, and how they are drawn for training;
//! - [`train`]: the two phases of training, resumable at every step;
//! - [`evaluate`]: whether a trained world looks right, obeys and stays alive;
//! - [`label`]: what each latent action does, in words;
//! - [`plan`]: what a training costs, before it is begun;
//! - [`pictures`]: sheets, strips and GIFs, to look at what is trained.

pub mod dataset;
pub mod evaluate;
pub mod gameplay;
pub mod label;
pub mod pictures;
pub mod plan;
mod token_pairs;
pub mod train;
