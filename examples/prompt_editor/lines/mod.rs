//! The worlds behind the panels: lines of play, which fork like a tree, and one world for each strip. Lines are kept in the project as
//! what leads to their frames, and played again when it is opened.

mod again;
mod keep;
mod line;
mod play;
mod strips;
mod tree;

pub(crate) use line::{Line, STRIP};
pub(crate) use play::LinesPlugin;
pub(crate) use tree::Lines;
