//! Where the pixels of a blob are found again in the frame before or after.

use genie_model::block_matching::{SearchArea, Shift, cheapest, shifts_in_rows};

use super::AgentSettings;
use super::blobs::Piece;
use super::footage::Planes;
use super::scroll::solve_shift;
use crate::dataset::CHANNELS;

/// Where a blob went, in working pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Match {
    /// Displacement [x, y].
    pub(crate) shift: [f32; 2],
    /// Cost of the displacement.
    pub(crate) cost: f32,
    /// Cost of standing still.
    pub(crate) still: f32,
}

/// A picture in which blobs of its neighbours are searched.
pub(crate) fn search_area(picture: &Planes, settings: &AgentSettings) -> SearchArea {
    let planes = [0, 1, 2].map(|channel| picture.plane(channel));
    SearchArea::new(planes, picture.width, settings.blob_reach)
}

/// Finds a blob of a frame in another: the displacement within reach under which its pixels look most alike.
///
/// `None` if no displacement leaves half of the blob inside.
pub(crate) fn find(
    piece: &Piece,
    picture: &Planes,
    other: &SearchArea,
    settings: &AgentSettings,
) -> Option<Match> {
    let planes = [0, 1, 2].map(|channel| picture.plane(channel));
    let fit = other.compare(&piece.pixels, planes, settings.blob_cap);
    let cost = |shift: Shift| {
        let (difference, outside) = fit.under(shift)?;
        Some(
            difference
                + settings.blob_motion_cost * shift.length() as f32
                + settings.blob_outside_cost * outside as f32 / piece.pixels.len() as f32,
        )
    };
    let reach = other.reach() as u32;
    let (whole, least) = cheapest(shifts_in_rows(reach, reach), |shift, _| cost(shift))?;
    let fine = if settings.fine_motion {
        fine_shift(piece, picture, other, whole)
    } else {
        [0.0; 2]
    };
    Some(Match {
        shift: [whole.right as f32 + fine[0], whole.down as f32 + fine[1]],
        cost: least,
        still: cost(Shift::ZERO).unwrap_or(f32::INFINITY),
    })
}

/// The part of the displacement below a pixel, from the slopes of the other picture.
fn fine_shift(piece: &Piece, picture: &Planes, other: &SearchArea, whole: Shift) -> [f32; 2] {
    /// A larger difference is another thing, or another pose.
    const ALIKE: i32 = 48;
    let (mut squares, mut products) = ([0_i64; 3], [0_i64; 2]);
    let mut count = 0_i64;
    for &pixel in &piece.pixels {
        let pixel = pixel as usize;
        let x = (pixel % picture.width) as i32 + whole.right;
        let y = (pixel / picture.width) as i32 + whole.down;
        let at = |x, y| other.pixel(x, y).map(|colour| colour.map(i32::from));
        let (Some(here), Some(left), Some(right), Some(above), Some(below)) = (
            at(x, y),
            at(x - 1, y),
            at(x + 1, y),
            at(x, y - 1),
            at(x, y + 1),
        ) else {
            continue;
        };
        for channel in 0..CHANNELS {
            let change = here[channel] - i32::from(picture.plane(channel)[pixel]);
            if change.abs() >= ALIKE {
                continue;
            }
            let slope_x = right[channel] - left[channel];
            let slope_y = below[channel] - above[channel];
            squares[0] += i64::from(slope_x * slope_x);
            squares[1] += i64::from(slope_x * slope_y);
            squares[2] += i64::from(slope_y * slope_y);
            products[0] += i64::from(slope_x * change);
            products[1] += i64::from(slope_y * change);
            count += 1;
        }
    }
    solve_shift(
        squares.map(|v| v as f32),
        products.map(|v| v as f32),
        count as f32,
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::blobs::pieces;
    use super::super::footage::WorkingSize;
    use super::*;
    use proptest::prelude::*;

    const WIDTH: usize = 20;
    const HEIGHT: usize = 14;

    /// The whole-pixel search as it is said, one pixel and shift after another.
    fn naive(
        piece: &Piece,
        picture: &Planes,
        other: &Planes,
        settings: &AgentSettings,
    ) -> Option<([i64; 2], f32)> {
        let reach = settings.blob_reach as i64;
        let mut best: Option<([i64; 2], f32)> = None;
        for y in -reach..=reach {
            for x in -reach..=reach {
                let (mut sum, mut inside) = (0, 0);
                for &pixel in &piece.pixels {
                    let at = [
                        pixel as i64 % WIDTH as i64 + x,
                        pixel as i64 / WIDTH as i64 + y,
                    ];
                    if !(0..WIDTH as i64).contains(&at[0]) || !(0..HEIGHT as i64).contains(&at[1]) {
                        continue;
                    }
                    let there = at[1] as usize * WIDTH + at[0] as usize;
                    let difference: u16 = (0..3)
                        .map(|channel| {
                            u16::from(
                                picture.plane(channel)[pixel as usize]
                                    .abs_diff(other.plane(channel)[there]),
                            )
                        })
                        .sum();
                    sum += u32::from(difference.min(settings.blob_cap));
                    inside += 1;
                }
                let count = piece.pixels.len();
                if inside * 2 < count || inside == 0 {
                    continue;
                }
                let cost = sum as f32 / inside as f32
                    + settings.blob_motion_cost * (x.abs() + y.abs()) as f32
                    + settings.blob_outside_cost * (count - inside) as f32 / count as f32;
                if best.is_none_or(|(_, least)| cost < least) {
                    best = Some(([x, y], cost));
                }
            }
        }
        best
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn the_search_finds_what_the_naive_one_finds(
            first in proptest::collection::vec(any::<u8>(), WIDTH * HEIGHT * 3),
            second in proptest::collection::vec(any::<u8>(), WIDTH * HEIGHT * 3),
            mask in proptest::collection::vec(proptest::bool::weighted(0.4), WIDTH * HEIGHT),
        ) {
            let settings = AgentSettings { fine_motion: false, ..AgentSettings::default() };
            let size = WorkingSize { factor: 1, height: HEIGHT, width: WIDTH };
            let (first, second) = (Planes::reduce(&first, WIDTH, size), Planes::reduce(&second, WIDTH, size));
            let area = search_area(&second, &settings);
            for piece in pieces(&mask, WIDTH, &settings) {
                let found = find(&piece, &first, &area, &settings).unwrap();
                let (shift, cost) = naive(&piece, &first, &second, &settings).unwrap();
                prop_assert_eq!(found.shift.map(|part| part as i64), shift);
                prop_assert!((found.cost - cost).abs() < 1e-3);
            }
        }
    }
}
