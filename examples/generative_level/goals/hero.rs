//! Finds the hero of the shipped worlds by its clothes.

use bevy::math::URect;
use bevy::prelude::*;
use bevy_genie::GeniePicture;

use super::sums::CountSums;

/// Columns in which the hero is looked for at the edges of the picture; the camera keeps it in them.
pub(super) const HERO_COLUMNS: std::ops::Range<u32> = 12..52;
const HERO_WIDTH: usize = 8;
const HERO_HEIGHT: usize = 16;
/// Colours that nothing else in the world has.
pub(super) const CAP: Srgba = Srgba::rgb(0.89, 0.16, 0.17);
const TRUNK: Srgba = Srgba::rgb(0.20, 0.39, 0.94);
/// Pixels of their colours that the four rows of the cap have, and the eight rows of the trunk, at least.
const LEAST_CAP: u32 = 8;
const LEAST_TRUNK: u32 = 8;
pub(super) const TOLERANCE: u8 = 60;

/// The hero's box, if it is whole in the picture.
pub(super) fn find_hero(frame: &GeniePicture) -> Option<URect> {
    let right = frame.width().checked_sub(HERO_WIDTH)?;
    let lowest = frame.height().checked_sub(HERO_HEIGHT)?;
    let counts = |colour: Srgba| {
        let [r, g, b, _] = colour.to_u8_array();
        CountSums::new(frame, |_, _, pixel| {
            let pairs = pixel.iter().zip([r, g, b]);
            pairs.into_iter().all(|(a, b)| a.abs_diff(b) <= TOLERANCE)
        })
    };
    let (caps, trunks) = (counts(CAP), counts(TRUNK));
    let count = |counts: &CountSums, x: usize, y: usize, rows: usize| {
        counts.within(x, y, x + HERO_WIDTH, y + rows)
    };
    let mut best: Option<(u32, [usize; 2], usize)> = None;
    for y in 0..=lowest {
        let in_rows =
            |counts: &CountSums, from: usize, to: usize| counts.within(0, from, usize::MAX, to);
        if in_rows(&caps, y, y + 4) < LEAST_CAP || in_rows(&trunks, y + 8, y + 16) < LEAST_TRUNK {
            continue;
        }
        for x in 0..=right {
            let (cap, trunk) = (count(&caps, x, y, 4), count(&trunks, x, y + 8, 8));
            if cap < LEAST_CAP || trunk < LEAST_TRUNK {
                continue;
            }
            let fit = cap + trunk;
            match &mut best {
                // Columns that fit alike, as its edges are dark: it is in the middle of them.
                Some((most, [_, last], row)) if fit == *most && *row == y => *last = x,
                Some((most, ..)) if fit <= *most => {}
                _ => best = Some((fit, [x, x], y)),
            }
        }
    }
    let (_, [first, last], y) = best?;
    let (x, y) = (usize::midpoint(first, last) as u32, y as u32);
    Some(URect::new(
        x,
        y,
        x + HERO_WIDTH as u32,
        y + HERO_HEIGHT as u32,
    ))
}
