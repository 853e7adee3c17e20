//! Where the pixels of a blob are found again in the frame before or after.

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

/// Shifts along a row that are tried at once; a whole number of vector registers.
const LANES: usize = 32;
/// Pixels after which 16-bit sums are emptied.
const EMPTY_AFTER: usize = 64;

/// A picture with a margin, so that shifted rows can be read without asking where the picture ends.
pub(crate) struct Padded {
    margin: usize,
    row: usize,
    planes: [Vec<u8>; CHANNELS],
    /// 1 inside of the picture.
    inside: Vec<u8>,
}

impl Padded {
    /// Pads a picture for searches as far as `reach`.
    pub(crate) fn new(picture: &Planes, reach: usize) -> Self {
        let row = picture.width + 2 * reach + LANES;
        let rows = picture.height + 2 * reach;
        let pad = |plane: &[u8]| {
            let mut out = vec![0; row * rows];
            for (y, line) in plane.chunks_exact(picture.width).enumerate() {
                let at = (y + reach) * row + reach;
                out[at..at + picture.width].copy_from_slice(line);
            }
            out
        };
        Self {
            margin: reach,
            row,
            planes: [0, 1, 2].map(|channel| pad(picture.plane(channel))),
            inside: pad(&vec![1; picture.height * picture.width]),
        }
    }
}

/// Finds a blob of a frame in another: the displacement, at most as far as the other frame was padded for, under which its
/// pixels look most alike.
///
/// `None` if no displacement leaves half of the blob inside.
pub(crate) fn find(
    piece: &Piece,
    picture: &Planes,
    other: &Padded,
    settings: &AgentSettings,
) -> Option<Match> {
    let reach = other.margin.min((LANES - 1) / 2);
    let span = 2 * reach + 1;
    let count = piece.pixels.len();
    let mut costs = vec![[0_u32; LANES]; span];
    let mut insides = vec![[0_u32; LANES]; span];
    let mut sums = vec![[0_u16; LANES]; span];
    let mut seen = vec![[0_u16; LANES]; span];
    for pixels in piece.pixels.chunks(EMPTY_AFTER) {
        for &pixel in pixels {
            let (x, y) = (
                pixel as usize % picture.width,
                pixel as usize / picture.width,
            );
            let colour = [0, 1, 2].map(|channel| picture.plane(channel)[pixel as usize]);
            for line in 0..span {
                let at = (y + other.margin - reach + line) * other.row + x + other.margin - reach;
                let window = |plane: &[u8]| -> [u8; LANES] {
                    plane[at..at + LANES]
                        .try_into()
                        .expect("a slice of that length")
                };
                let planes = [0, 1, 2].map(|channel| window(&other.planes[channel]));
                let inside = window(&other.inside);
                add_differences(
                    &mut sums[line],
                    &mut seen[line],
                    colour,
                    &planes,
                    &inside,
                    settings.blob_cap,
                );
            }
        }
        for line in 0..span {
            for lane in 0..span {
                costs[line][lane] += u32::from(sums[line][lane]);
                insides[line][lane] += u32::from(seen[line][lane]);
            }
            sums[line] = [0; LANES];
            seen[line] = [0; LANES];
        }
    }
    let cost = |line: usize, lane: usize| {
        let inside = insides[line][lane] as usize;
        let distance = line.abs_diff(reach) + lane.abs_diff(reach);
        (inside * 2 >= count && inside > 0).then(|| {
            costs[line][lane] as f32 / inside as f32
                + settings.blob_motion_cost * distance as f32
                + settings.blob_outside_cost * (count - inside) as f32 / count as f32
        })
    };
    let mut best: Option<(f32, usize, usize)> = None;
    for line in 0..span {
        for lane in 0..span {
            if let Some(cost) = cost(line, lane)
                && best.is_none_or(|(least, ..)| cost < least)
            {
                best = Some((cost, line, lane));
            }
        }
    }
    let (least, line, lane) = best?;
    let whole = [lane as i32 - reach as i32, line as i32 - reach as i32];
    let fine = if settings.fine_motion {
        fine_shift(piece, picture, other, whole)
    } else {
        [0.0; 2]
    };
    Some(Match {
        shift: [whole[0] as f32 + fine[0], whole[1] as f32 + fine[1]],
        cost: least,
        still: cost(reach, reach).unwrap_or(f32::INFINITY),
    })
}

/// Adds a pixel's capped colour difference to the sum of every shift along a row, where the shift stays inside.
fn add_differences(
    sums: &mut [u16; LANES],
    seen: &mut [u16; LANES],
    colour: [u8; CHANNELS],
    planes: &[[u8; LANES]; CHANNELS],
    inside: &[u8; LANES],
    cap: u16,
) {
    for lane in 0..LANES {
        let difference = u16::from(planes[0][lane].abs_diff(colour[0]))
            + u16::from(planes[1][lane].abs_diff(colour[1]))
            + u16::from(planes[2][lane].abs_diff(colour[2]));
        let inside = u16::from(inside[lane]);
        sums[lane] += difference.min(cap) * inside;
        seen[lane] += inside;
    }
}

/// The part of the displacement below a pixel, from the slopes of the other picture.
fn fine_shift(piece: &Piece, picture: &Planes, other: &Padded, whole: [i32; 2]) -> [f32; 2] {
    /// A larger difference is another thing, or another pose.
    const ALIKE: i32 = 48;
    let (mut squares, mut products) = ([0_i64; 3], [0_i64; 2]);
    let mut count = 0_i64;
    for &pixel in &piece.pixels {
        let x = (pixel as usize % picture.width + other.margin) as i32 + whole[0];
        let y = (pixel as usize / picture.width + other.margin) as i32 + whole[1];
        let at = y as usize * other.row + x as usize;
        let around = [
            at.wrapping_sub(1),
            at + 1,
            at.wrapping_sub(other.row),
            at + other.row,
        ];
        if around
            .iter()
            .any(|&near| other.inside.get(near) != Some(&1))
            || other.inside[at] != 1
        {
            continue;
        }
        let value = |channel: usize, at: usize| i32::from(other.planes[channel][at]);
        for channel in 0..CHANNELS {
            let change = value(channel, at) - i32::from(picture.plane(channel)[pixel as usize]);
            if change.abs() >= ALIKE {
                continue;
            }
            let slope_x = value(channel, around[1]) - value(channel, around[0]);
            let slope_y = value(channel, around[3]) - value(channel, around[2]);
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
            let padded = Padded::new(&second, settings.blob_reach);
            for piece in pieces(&mask, WIDTH, &settings) {
                let found = find(&piece, &first, &padded, &settings).unwrap();
                let (shift, cost) = naive(&piece, &first, &second, &settings).unwrap();
                prop_assert_eq!(found.shift.map(|part| part as i64), shift);
                prop_assert!((found.cost - cost).abs() < 1e-3);
            }
        }
    }
}
