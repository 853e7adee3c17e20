//! What can be read off single frames and pairs of frames.

use bevy::color::{Color, ColorToPacked};
use bevy::math::URect;

use genie_model::Frame;
use genie_model::block_matching::{Shift, ShiftsInRows, cheapest, sum_of_differences};

/// The part of a region that is inside the frame, as columns and rows.
pub(super) fn inside(
    frame: &Frame,
    region: URect,
) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let range = |from: u32, to: u32, side: usize| {
        let to = (to as usize).min(side);
        (from as usize).min(to)..to
    };
    (
        range(region.min.x, region.max.x, frame.width()),
        range(region.min.y, region.max.y, frame.height()),
    )
}

/// Bytes of the columns `from..to` of a row.
pub(super) fn row(frame: &Frame, y: usize, from: usize, to: usize) -> &[u8] {
    let start = y * frame.width();
    &frame.pixels()[(start + from) * 3..(start + to) * 3]
}

/// Share (0 to 1) of a region's pixels whose red, green and blue (sRGB, 0 to 255) each differ from `colour` by at most
/// `tolerance`.
/// 0 for a region outside the frame. Costs one look at each pixel of the region.
pub fn colour_share(frame: &Frame, region: URect, colour: Color, tolerance: u8) -> f32 {
    let (columns, rows) = inside(frame, region);
    let area = columns.len() * rows.len();
    if area == 0 {
        return 0.0;
    }
    let colour = colour.to_srgba().to_u8_array_no_alpha();
    let like = |p: &[u8]| {
        let pairs = p.iter().zip(&colour);
        pairs.fold(true, |all, (a, b)| all & (a.abs_diff(*b) <= tolerance))
    };
    let count: usize = rows
        .map(|y| {
            let pixels = row(frame, y, columns.start, columns.end).chunks_exact(3);
            pixels.filter(|p| like(p)).count()
        })
        .sum();
    count as f32 / area as f32
}

/// Where in a region a small picture fits best: its left upper corner in the frame and the likeness there, 1 for the
/// same pixels, 0 for black on white. `None` if the picture is empty or larger than the part of the region inside the frame.
///
/// Costs up to the picture's pixels times the region's; places that cannot win any more are left early, so that the
/// usual cost is a tenth of it.
pub fn find_template(
    frame: &Frame,
    region: URect,
    picture: &Frame,
) -> Option<(bevy::math::UVec2, f32)> {
    let (columns, rows) = inside(frame, region);
    let (w, h) = (picture.width(), picture.height());
    if w == 0 || h == 0 || w > columns.len() || h > rows.len() {
        return None;
    }
    // From the frame's corner to each place where the picture is inside the region.
    let to = |x: usize, y: usize| Shift {
        right: x as i32,
        down: y as i32,
    };
    let first = to(columns.start, rows.start);
    let shifts = ShiftsInRows::new(first, to(columns.end - w, rows.end - h));
    let cost = |shift: Shift, least: Option<u32>| {
        let (x, y) = (shift.right as usize, shift.down as usize);
        let least = least.unwrap_or(u32::MAX);
        let mut sum = 0;
        for line in 0..h {
            sum += sum_of_differences(row(frame, y + line, x, x + w), row(picture, line, 0, w));
            if sum >= least {
                return None;
            }
        }
        Some(sum)
    };
    let (shift, least) = cheapest(shifts, cost)?;
    let likeness = 1.0 - least as f32 / (255 * 3 * w * h) as f32;
    let place = bevy::math::UVec2::new(shift.right as u32, shift.down as u32);
    Some((place, likeness))
}

/// Mean difference of a region between two frames of one size: 0 for none, 1 for black to white. Costs one look at each
/// of its pixels. 0 for frames of different sizes and for regions outside them.
pub fn change(before: &Frame, after: &Frame, region: URect) -> f32 {
    let (columns, rows) = inside(after, region);
    let area = columns.len() * rows.len();
    if area == 0 || (before.width(), before.height()) != (after.width(), after.height()) {
        return 0.0;
    }
    let sum: u64 = rows
        .map(|y| {
            let of = |frame| row(frame, y, columns.start, columns.end);
            u64::from(sum_of_differences(of(before), of(after)))
        })
        .sum();
    sum as f32 / (255 * 3 * area) as f32
}
