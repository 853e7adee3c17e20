//! How the worlds are doing: figures for the game, the log and the screen.

#[cfg(feature = "overlay")]
pub(crate) mod overlay;
pub(crate) mod plugin;
