//! Footage of every kind becomes a dataset with the right frames, and what is wrong with it is said.
#![allow(clippy::unwrap_used)]

mod added;
mod animations;
mod colours;
mod films;
mod footage;
mod hostile;
mod interrupted;
mod left_out;
mod lengths;
mod long_films;
mod paths;
mod pictures;
