//! The worlds behind the panels: lines of play, which fork like a tree, and one world for each strip.

mod line;
mod play;
mod tree;

pub(crate) use line::STRIP;
pub(crate) use play::LinesPlugin;
pub(crate) use tree::Lines;
