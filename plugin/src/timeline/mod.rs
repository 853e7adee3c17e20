//! The past of worlds: how much is kept, snapshots, replays and saved worlds.

pub(crate) mod component;
mod files;
pub(crate) mod replay;
pub(crate) mod save;
