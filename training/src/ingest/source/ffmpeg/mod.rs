//! Films through the `ffmpeg` program: scaled frames come through one pipe, their times through another.
//!
//! The filter `showinfo` prints a line with the presentation time of each frame that goes on to the output, in order, so
//! that the n-th line belongs to the n-th frame. Nothing is buffered here but one frame: the pipes hold the program back.

mod frames;
mod length;
mod log;
mod probe;
mod program;
mod running;

pub(super) use frames::Ffmpeg;
pub(super) use length::length;
pub(super) use probe::probe;
pub(super) use program::{needs_ffmpeg, program};
