//! The shipped platformer world of [bevy_genie](https://docs.rs/bevy_genie) as bytes.
//!
//! A crate of its own, because a checkpoint is several megabytes: only programs with the plugin's feature `embedded_model`
//! download it.

/// A checkpoint (`*.genie.safetensors`) of 64x64 frames at ten frames a second. The feature `embedded_model` of `bevy_genie`
/// loads it; other programs hand it to `genie_model::checkpoint`.
pub const PLATFORMER: &[u8] = include_bytes!("models/platformer.genie.safetensors");
