//! The shift of a whole picture that leaves the least difference.

use super::picture::{GreyPicture, Picture, sum_of_differences};
use super::shift::Shift;

/// Up to this reach all shifts are tried; larger ones are first searched at half the size.
const EXHAUSTIVE: i32 = 4;
/// No reach is larger.
const MOST_REACH: u32 = 1 << 12;

/// The shift of at most `reach` pixels (and a quarter of the picture) each way that leaves the least
/// [`mean_difference`], the smaller of equally good ones. The pictures must have one size.
///
/// Above a reach of 4 it is searched at half the size first, so that a reach of 8 costs about 30 looks at each pixel.
pub fn best_shift(before: &GreyPicture, after: &GreyPicture, reach: u32) -> Shift {
    search(before, after, reach.min(MOST_REACH) as i32)
}

fn search(before: &GreyPicture, after: &GreyPicture, reach: i32) -> Shift {
    let (was, is) = (before.picture(), after.picture());
    // A larger shift would compare too little of the picture.
    let reach = reach.min((is.width().min(is.height()) / 4) as i32).max(0);
    let (centre, around) = if reach <= EXHAUSTIVE {
        (Shift::ZERO, reach)
    } else {
        let coarse = search(&before.halved(), &after.halved(), (reach + 1) / 2);
        let doubled = Shift {
            right: coarse.right * 2,
            down: coarse.down * 2,
        };
        (doubled, 1)
    };
    let length = |shift: Shift| shift.right.abs() + shift.down.abs();
    let mut best = (Shift::ZERO, mean_difference(&was, &is, Shift::ZERO));
    for down in centre.down - around..=centre.down + around {
        for right in centre.right - around..=centre.right + around {
            let shift = Shift { right, down };
            if right.abs().max(down.abs()) > reach {
                continue;
            }
            let difference = mean_difference(&was, &is, shift);
            let shorter = length(shift) < length(best.0);
            if difference < best.1 || (shorter && difference <= best.1) {
                best = (shift, difference);
            }
        }
    }
    best.0
}

/// Mean absolute difference, per pixel and summed over its channels, of the part that both pictures show when the content
/// of `before` is moved by the shift; `f32::MAX` if there is no such part. The pictures must have one size.
pub fn mean_difference(before: &Picture, after: &Picture, shift: Shift) -> f32 {
    let part = |by: i32, side: usize| {
        let moved = (by.unsigned_abs() as usize).min(side);
        let from = if by > 0 { moved } else { 0 };
        (from, side - moved)
    };
    let (x, columns) = part(shift.right, after.width());
    let (y, rows) = part(shift.down, after.height());
    if columns == 0 || rows == 0 {
        return f32::MAX;
    }
    let sum: u64 = (y..y + rows)
        .map(|line| {
            let from_line = (line as i64 - i64::from(shift.down)) as usize;
            let from = (x as i64 - i64::from(shift.right)) as usize;
            let is = after.row(x, line, columns);
            let was = before.row(from, from_line, columns);
            u64::from(sum_of_differences(is, was))
        })
        .sum();
    sum as f32 / (columns * rows) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A window at `(x, y)` on a large picture of random grey tiles.
    fn window(x: i32, y: i32) -> GreyPicture {
        let (height, width) = (40, 48);
        let tile = |x: i32, y: i32| {
            let tile =
                x.div_euclid(3).wrapping_mul(73_856_093) ^ y.div_euclid(3).wrapping_mul(19_349_663);
            ((tile as u32).wrapping_mul(2_654_435_761) >> 24) as u8
        };
        let places = (0..height).flat_map(|row| (0..width).map(move |column| (column, row)));
        let pixels: Vec<u8> = places
            .flat_map(|(column, row)| [tile(x + column, y + row); 3])
            .collect();
        GreyPicture::of_rgb(&pixels, height as usize, width as usize)
    }

    #[test]
    fn shifts_are_found_within_the_reach() {
        let start = window(50, 50);
        for (right, down) in [(0, 0), (3, -2), (-4, 4), (7, 0), (-6, 8)] {
            let later = window(50 - right, 50 - down);
            assert_eq!(best_shift(&start, &later, 8), Shift { right, down });
        }
        let far = best_shift(&start, &window(30, 50), 8);
        assert!(far.right.abs() <= 8 && far.down.abs() <= 8);
    }

    #[test]
    fn what_looks_the_same_everywhere_does_not_move() {
        let flat = GreyPicture::of_rgb(&[9; 3 * 30 * 20], 20, 30);
        assert_eq!(best_shift(&flat, &flat, 8), Shift::ZERO);
        let empty = GreyPicture::of_rgb(&[], 0, 0);
        assert_eq!(best_shift(&empty, &empty, 8), Shift::ZERO);
    }
}
