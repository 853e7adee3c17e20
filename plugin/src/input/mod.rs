//! From keys, mouse and gamepads to the latent action of a tick.
//!
//! `press` turns devices into [`GenieInput`](collect::GenieInput) messages, as game code may, `collect` keeps what is held,
//! and an [`action_map`] says which latent action that is.

pub(crate) mod action_map;
pub(crate) mod collect;
pub(crate) mod devices;
mod label_rules;
pub(crate) mod press;
pub(crate) mod rule;
