//! From the worker's replies to textures, frames and events.

pub(crate) mod blend;
pub(crate) mod frame;
pub(crate) mod receive;
pub(crate) mod show;
