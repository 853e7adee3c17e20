//! What the examples share: where the assets and the player's own files are, whether there is a screen, pictures, how far long work
//! is, and how to play and record without a screen.

pub mod assets;
pub mod data_folder;
pub mod gif;
pub mod headless;
pub mod held_action;
pub mod json_file;
pub mod ordinary_file;
pub mod picture;
pub mod progress;
pub mod screen;
pub mod script;
