//! Finds the hero of the shipped world by its clothes.

use bevy::math::URect;
use bevy::prelude::*;
use bevy_genie::GeniePicture;
use bevy_genie::triggers::colour_share;

/// The camera follows the hero: its left edge is always in this column.
pub(crate) const HERO_LEFT: u32 = 24;
/// Its width in pixels.
pub(super) const HERO_WIDTH: u32 = 8;
const HERO_HEIGHT: u32 = 16;
/// Colours that nothing else in the world has.
pub(super) const CAP: Srgba = Srgba::rgb(0.89, 0.16, 0.17);
const TRUNK: Srgba = Srgba::rgb(0.20, 0.39, 0.94);
/// How much of its four rows the cap fills, and of its eight rows the trunk, at least.
const CAP_SHARE: f32 = 0.25;
const TRUNK_SHARE: f32 = 0.12;
const TOLERANCE: u8 = 60;

/// The hero's box, if it is whole in the picture.
pub(super) fn find_hero(frame: &GeniePicture) -> Option<URect> {
    let lowest = (frame.height() as u32).checked_sub(HERO_HEIGHT)?;
    let share = |from: u32, to: u32, colour: Srgba| {
        let region = URect::new(HERO_LEFT, from, HERO_LEFT + HERO_WIDTH, to);
        colour_share(frame, region, colour.into(), TOLERANCE)
    };
    let fit = |y: u32| {
        let (cap, trunk) = (share(y, y + 4, CAP), share(y + 8, y + 16, TRUNK));
        (cap >= CAP_SHARE && trunk >= TRUNK_SHARE).then_some((cap + 2.0 * trunk, y))
    };
    let best = (0..=lowest).filter_map(fit);
    let (_, y) = best.max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(URect::new(
        HERO_LEFT,
        y,
        HERO_LEFT + HERO_WIDTH,
        y + HERO_HEIGHT,
    ))
}
