//! Block matching: the shift under which a later picture, or a part of it, is found in an earlier one.
//!
//! Three questions are asked of two pictures, each with a search of its own:
//!
//! - [`best_shift`]: which shift of the whole picture leaves the least difference? Coarse to fine, cheap.
//! - [`scene_shift`]: which shift do most blocks of the picture follow? A vote, which a figure of strong colours that moves
//!   by itself does not win.
//! - [`figure_shift`]: where did the pixels go that the shift of the scene does not explain?
//!
//! [`motion_features`](crate::motion_features) asks every patch for its difference under a grid of shifts.

mod figure;
mod picture;
mod scene;
mod shift;
mod whole;

pub use figure::{FigureShift, figure_shift};
pub use picture::{GreyPicture, Picture, sum_of_differences};
pub use scene::scene_shift;
pub use shift::{Shift, shifts_within};
pub use whole::{best_shift, mean_difference};
