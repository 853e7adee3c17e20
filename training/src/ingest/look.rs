//! What frames are compared by.

use genie_model::Frame;
use genie_model::block_matching::{Overlap, Shift, cheapest, shifts_in_rows};

/// A picture whose pixels differ from their mean by less is of one colour.
const BLANK_DEVIATION: f32 = 3.0;
/// Channels that differ by more have changed; less is noise of compression.
const CHANGED: u8 = 14;
/// Side of the small pictures that are compared.
const SMALL: usize = 16;

/// What a frame is compared by.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) blank: bool,
    /// Mean colours on a small grid.
    pub(super) small: Vec<[f32; 3]>,
    /// Share of pixels in each of 64 colours.
    pub(super) colours: [f32; 64],
}

/// Share of pixels of which a channel changes.
pub(super) fn changed_share(before: &[u8], after: &[u8]) -> f32 {
    let changed = before
        .chunks_exact(3)
        .zip(after.chunks_exact(3))
        .filter(|(a, b)| a.iter().zip(*b).any(|(&a, &b)| a.abs_diff(b) > CHANGED))
        .count();
    changed as f32 / (before.len() / 3).max(1) as f32
}

/// How much two pictures differ at best, whatever the movement between them, in levels of 255.
pub(super) fn residue(before: &Look, after: &Look) -> f32 {
    let (before, after) = (&before.small, &after.small);
    let most = SMALL as u32 / 4;
    let cost = |shift: Shift, _| {
        let Overlap { columns, rows } = Overlap::new(SMALL, SMALL, shift);
        let count = (columns.len() * rows.len() * 3) as f32;
        let mut sum = 0.0;
        for y in rows {
            let from = (y as i32 - shift.down) * SMALL as i32 - shift.right;
            for x in columns.clone() {
                sum += apart(before[(from + x as i32) as usize], after[y * SMALL + x]);
            }
        }
        Some(sum / count)
    };
    cheapest(shifts_in_rows(most, most), cost).map_or(f32::INFINITY, |(_, least)| least)
}

/// The sum of the differences of a colour's channels.
fn apart(a: [f32; 3], b: [f32; 3]) -> f32 {
    (a[0] - b[0]).abs() + (a[1] - b[1]).abs() + (a[2] - b[2]).abs()
}

/// As [`residue`], with movements by halves of the small picture's pixels too, whichever of both pictures they blur.
pub(super) fn fine_residue(before: &Look, after: &Look) -> f32 {
    moved_residue(before, after).min(moved_residue(after, before))
}

fn moved_residue(before: &Look, after: &Look) -> f32 {
    let side = SMALL as i32;
    let fine = 2 * side;
    let pixel = |x: i32, y: i32| before.small[(y * side + x) as usize];
    // Between pixels lies the mean of their neighbours. All places are worked out once.
    let between = |index: i32| -> Option<[f32; 3]> {
        let (x, y) = (index % fine, index / fine);
        let (left, top) = (x / 2, y / 2);
        let (right, bottom) = (left + x % 2, top + y % 2);
        if right >= side || bottom >= side {
            return None;
        }
        let corners = [
            pixel(left, top),
            pixel(right, top),
            pixel(left, bottom),
            pixel(right, bottom),
        ];
        Some([0, 1, 2].map(|channel| corners.iter().map(|it| it[channel]).sum::<f32>() / 4.0))
    };
    let grid: Vec<Option<[f32; 3]>> = (0..fine * fine).map(between).collect();
    let cost = |shift: Shift, _| {
        let (mut sum, mut count) = (0.0, 0.0);
        for (index, &seen) in after.small.iter().enumerate() {
            let (x, y) = (index as i32 % side, index as i32 / side);
            let (from_x, from_y) = (2 * x - shift.right, 2 * y - shift.down);
            if (0..fine).contains(&from_x)
                && (0..fine).contains(&from_y)
                && let Some(was) = grid[(from_y * fine + from_x) as usize]
            {
                sum += apart(was, seen);
                count += 3.0;
            }
        }
        Some(sum / count)
    };
    let most = SMALL as u32 / 2;
    cheapest(shifts_in_rows(most, most), cost).map_or(f32::INFINITY, |(_, least)| least)
}

/// Share of the pixels by which the colours of two pictures differ, wherever they are.
pub(super) fn colours_apart(before: &Look, after: &Look) -> f32 {
    let pairs = before.colours.iter().zip(&after.colours);
    pairs.map(|(a, b)| (a - b).abs()).sum::<f32>() / 2.0
}

/// How much two pictures differ, in levels of 255.
pub(super) fn difference(before: &Look, after: &Look) -> f32 {
    let (before, after) = (before.small.as_flattened(), after.small.as_flattened());
    let sum: f32 = before.iter().zip(after).map(|(a, b)| (a - b).abs()).sum();
    sum / before.len() as f32
}

impl Look {
    pub(super) fn nothing() -> Self {
        Self {
            blank: false,
            small: vec![[0.0; 3]; SMALL * SMALL],
            colours: [0.0; 64],
        }
    }

    pub(super) fn new(frame: &Frame) -> Self {
        let (width, height) = (frame.width(), frame.height());
        let mut look = Self::nothing();
        let mut counts = [0.0_f32; SMALL * SMALL];
        let mut sums = [0_f64; 3];
        let mut squares = 0_f64;
        for (y, row) in frame.pixels().chunks_exact(width * 3).enumerate() {
            for (x, pixel) in row.chunks_exact(3).enumerate() {
                let cell = y * SMALL / height * SMALL + x * SMALL / width;
                for (sum, &value) in look.small[cell].iter_mut().zip(pixel) {
                    *sum += f32::from(value);
                }
                counts[cell] += 1.0;
                let colour = usize::from(pixel[0] >> 6) * 16
                    + usize::from(pixel[1] >> 6) * 4
                    + usize::from(pixel[2] >> 6);
                look.colours[colour] += 1.0;
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += f64::from(value);
                    squares += f64::from(value).powi(2);
                }
            }
        }
        for (colour, count) in look.small.iter_mut().zip(counts) {
            *colour = colour.map(|sum| sum / count.max(1.0));
        }
        let pixels = (width * height).max(1) as f64;
        for value in &mut look.colours {
            *value /= pixels as f32;
        }
        let means: f64 = sums.iter().map(|sum| (sum / pixels).powi(2)).sum();
        let deviation = (squares / pixels - means).max(0.0).sqrt();
        look.blank = deviation < f64::from(BLANK_DEVIATION);
        look
    }
}
