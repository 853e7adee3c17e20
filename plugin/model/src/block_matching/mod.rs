//! Block matching: the shift under which a later picture, or a part of it, is found in an earlier one.
//!
//! All searches are one: [`cheapest`] takes the shifts to try ([`shifts_within`], [`ShiftsInRows`]) and what a shift costs;
//! [`search`] has a rule of its own for what is better, and [`shortlist`] leaves few shifts for an exact cost.
//! Three questions are asked of two pictures so often that they are answered here:
//!
//! - [`best_shift`]: which shift of the whole picture leaves the least difference? Coarse to fine, cheap.
//! - [`scene_shift`]: which shift do most blocks of the picture follow? A vote, which a figure of strong colours that moves
//!   by itself does not win.
//! - [`figure_shift`]: where did the pixels go that the shift of the scene does not explain?
//!
//! Costs are made of [`Comparison::mean_difference`] (pictures, parts of which may be [hidden](Picture::without)),
//! [`Picture::block_difference`] (blocks) and [`SearchArea::compare`] (regions of any shape).
//! [`motion_features`](crate::motion_features) asks every patch for its difference under a grid of shifts.

mod comparison;
mod figure;
mod picture;
mod region;
mod scene;
mod search;
mod shift;
mod whole;

pub use comparison::Comparison;
pub use figure::{FigureShift, figure_shift};
pub use picture::{GreyPicture, Picture, sum_of_differences};
pub use region::{RegionFit, SearchArea};
pub use scene::scene_shift;
pub use search::{cheapest, search, shortlist};
pub use shift::{Overlap, Shift, ShiftsInRows, shifts_in_rows, shifts_within};
pub use whole::{best_shift, mean_difference};
