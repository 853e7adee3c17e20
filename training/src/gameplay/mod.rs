//! The built-in gameplay: a seeded, endless platformer.
//!
//! Everything is integer arithmetic. [`GameplayRules`] say how the hero moves and the camera follows: like any platformer, or
//! lined up with the eight-pixel patches of a video tokenizer. [`GameplayWorld`] is the game, [`Player`] plays it,
//! [`generate_dataset`] writes the footage; the true actions go to a separate file, which no training reads
//! unless its `action_source` is `given`.

mod action;
mod generate;
mod hash;
mod hero_art;
mod hero_detector;
mod player;
mod render;
mod rules;
mod terrain;
mod theme;
mod tile_art;
mod world;

pub use action::{Steer, TrueAction};
pub use generate::{
    GameplayError, GameplayOptions, GameplaySummary, VideoKind, generate_clip, generate_dataset,
};
pub use hero_detector::{hero_count, hero_position, hero_visible};
pub use player::Player;
pub use rules::{Camera, GameplayRules, Jump, Run};
pub use theme::Theme;
pub use world::GameplayWorld;

/// Height and width of a generated frame, in pixels.
pub const FRAME_SIZE: usize = 64;
/// What the built-in game under [`GameplayRules::ALIGNED`] is called in datasets.
pub const GAME: &str = "bevy_genie platformer";
/// What the built-in game under [`GameplayRules::FREE`] is called in datasets.
pub const FREE_GAME: &str = "bevy_genie platformer with a free camera";
/// Edge of a tile, in pixels; the tokenizer's patch should be as large.
pub const TILE_SIZE: usize = 8;
/// Bytes of one frame: `FRAME_SIZE * FRAME_SIZE` RGB pixels.
pub const FRAME_BYTES: usize = FRAME_SIZE * FRAME_SIZE * 3;
/// Frames a second that the physics is made for.
pub const FRAMES_PER_SECOND: u32 = 10;
/// Tiles across and down the screen.
pub(crate) const SCREEN_TILES: i64 = (FRAME_SIZE / TILE_SIZE) as i64;
/// The hero's left edge on the screen with [`Camera::Aligned`], in pixels.
pub(crate) const HERO_SCREEN_X: usize = 24;
/// The hero's width in pixels.
pub(crate) const HERO_WIDTH: usize = 8;
/// The hero's height in pixels.
pub(crate) const HERO_HEIGHT: usize = 16;
