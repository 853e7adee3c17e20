//! The shift of a whole picture that leaves the least difference.

use super::comparison::Comparison;
use super::picture::{GreyPicture, Picture};
use super::search::cheapest;
use super::shift::{Shift, ShiftsInRows};

/// Up to this reach all shifts are tried; larger ones are first searched at half the size.
const EXHAUSTIVE: i32 = 4;
/// No reach is larger.
const MOST_REACH: u32 = 1 << 12;

/// The shift of at most `reach` pixels (and a quarter of the picture) each way that leaves the least
/// [`mean_difference`], the smaller of equally good ones. The pictures must have one size.
///
/// Above a reach of 4 it is searched at half the size first, so that a reach of 8 costs about 30 looks at each pixel.
pub fn best_shift(before: &GreyPicture, after: &GreyPicture, reach: u32) -> Shift {
    coarse_to_fine(before, after, reach.min(MOST_REACH) as i32)
}

fn coarse_to_fine(before: &GreyPicture, after: &GreyPicture, reach: i32) -> Shift {
    let (was, is) = (before.picture(), after.picture());
    // A larger shift would compare too little of the picture.
    let reach = reach.min((is.width().min(is.height()) / 4) as i32).max(0);
    let (centre, around) = if reach <= EXHAUSTIVE {
        (Shift::ZERO, reach)
    } else {
        let coarse = coarse_to_fine(&before.halved(), &after.halved(), (reach + 1) / 2);
        let doubled = Shift {
            right: coarse.right * 2,
            down: coarse.down * 2,
        };
        (doubled, 1)
    };
    let within = |by: i32| by.clamp(-reach, reach);
    let near = |step: i32| Shift {
        right: within(centre.right + step),
        down: within(centre.down + step),
    };
    let near = ShiftsInRows::new(near(-around), near(around));
    let cost = |shift: Shift, _| Some((mean_difference(&was, &is, shift), shift.length()));
    cheapest(std::iter::once(Shift::ZERO).chain(near), cost).map_or(Shift::ZERO, |(shift, _)| shift)
}

/// Mean absolute difference, per pixel and summed over its channels, of the part that both pictures show when the content
/// of `before` is moved by the shift; `f32::MAX` if there is no such part. The pictures must have one size.
pub fn mean_difference(before: &Picture, after: &Picture, shift: Shift) -> f32 {
    Comparison::FULL
        .mean_difference(before, after, shift)
        .unwrap_or(f32::MAX)
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
