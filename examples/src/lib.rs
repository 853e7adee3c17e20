//! What the examples share: where the assets are, whether there is a screen, and how to play and record without one.

pub mod assets;
pub mod gif;
pub mod headless;
pub mod held_action;
pub mod screen;
pub mod script;
