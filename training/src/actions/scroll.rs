//! How the whole picture moves between two frames: what a camera does.

use genie_model::block_matching::{
    Comparison, Overlap, Picture, Shift, cheapest, shifts_in_rows, shortlist,
};

use super::AgentSettings;

/// Largest correction below a pixel; beyond it the straight-line model of brightness no longer holds.
const FINE_REACH: f32 = 0.75;
/// Corrections below this are noise.
const FINE_NOISE: f32 = 0.08;
/// Least mean squared slope of brightness along an axis that a correction can be read from.
const LEAST_SLOPE: f32 = 1.0;

/// The displacement [x, y] of the scene from one frame to the next, in working pixels: the later frame at p shows the
/// earlier one at p less the displacement.
///
/// `before` and `after` are brightness, [H, W].
pub(crate) fn scroll(
    before: &[u8],
    after: &[u8],
    (height, width): (usize, usize),
    settings: &AgentSettings,
) -> [f32; 2] {
    let picture = |bytes| Picture::grey(bytes, height, width);
    let Some((was, is)) = picture(before).zip(picture(after)) else {
        return [0.0; 2];
    };
    let cost = |shift: Shift, row_step: usize| {
        let limit = settings.scroll_cap;
        let difference = Comparison { row_step, limit }.mean_difference(&was, &is, shift);
        // Ties go to the shorter displacement.
        difference.unwrap_or(f32::MAX) + 1e-4 * shift.length() as f32
    };
    let still = cost(Shift::ZERO, 1);
    let mut whole = Shift::ZERO;
    // Below that, no displacement could be believed.
    if settings.scroll_gain * still > settings.scroll_margin {
        let reach = |edge: usize| settings.scroll_reach.min(edge / 2) as u32;
        let mut shifts: Vec<Shift> = shifts_in_rows(reach(width), reach(height)).collect();
        // Of those that cost the same, the leftmost.
        shifts.sort_unstable();
        // Some of the rows are enough to see which displacements are worth comparing in full.
        let worth = shortlist(shifts, FULL_COMPARISONS, |shift| cost(shift, SKIPPED_ROWS));
        if let Some((shift, least)) = cheapest(worth, |shift, _| Some(cost(shift, 1)))
            && least <= settings.scroll_gain * still - settings.scroll_margin
        {
            whole = shift;
        }
    }
    if !settings.fine_motion {
        return [whole.right as f32, whole.down as f32];
    }
    let fine = fine_scroll(before, after, (height, width), whole, settings.scroll_cap);
    [whole.right as f32 + fine[0], whole.down as f32 + fine[1]]
}

/// Every so many rows are compared at first.
const SKIPPED_ROWS: usize = 4;
/// Displacements that are compared in full.
const FULL_COMPARISONS: usize = 8;

/// The part of the displacement below a pixel, by one least-squares step on the slopes of brightness (Lucas and Kanade 1981);
/// pixels that differ by the cap or more belong to something else and have no say.
fn fine_scroll(
    before: &[u8],
    after: &[u8],
    (height, width): (usize, usize),
    whole: Shift,
    cap: u8,
) -> [f32; 2] {
    let Overlap { columns, rows } = Overlap::new(height, width, whole);
    let (left, right) = (columns.start.max(1), columns.end.min(width - 1));
    let (top, bottom) = (rows.start.max(1), rows.end.min(height - 1));
    let (mut xx, mut xy, mut yy, mut xt, mut yt) = (0_i64, 0_i64, 0_i64, 0_i64, 0_i64);
    let mut count = 0_i64;
    for y in top..bottom {
        let source = (y as i32 - whole.down) as usize * width;
        for x in left..right {
            let at = y * width + x;
            let earlier = before[(source as i32 + x as i32 - whole.right) as usize];
            let change = i32::from(after[at]) - i32::from(earlier);
            if change.unsigned_abs() >= u32::from(cap) {
                continue;
            }
            let slope_x = i32::from(after[at + 1]) - i32::from(after[at - 1]);
            let slope_y = i32::from(after[at + width]) - i32::from(after[at - width]);
            xx += i64::from(slope_x * slope_x);
            xy += i64::from(slope_x * slope_y);
            yy += i64::from(slope_y * slope_y);
            xt += i64::from(slope_x * change);
            yt += i64::from(slope_y * change);
            count += 1;
        }
    }
    solve_shift(
        [xx, xy, yy].map(|v| v as f32),
        [xt, yt].map(|v| v as f32),
        count as f32,
    )
}

/// The displacement from the sums of products of slopes (over two pixels) and changes.
pub(crate) fn solve_shift([xx, xy, yy]: [f32; 3], [xt, yt]: [f32; 2], count: f32) -> [f32; 2] {
    // Slopes were taken over two pixels.
    let least = 4.0 * LEAST_SLOPE * count.max(1.0);
    let determinant = xx * yy - xy * xy;
    let shift = if xx > least && yy > least && determinant > 0.1 * xx * yy {
        [
            -2.0 * (yy * xt - xy * yt) / determinant,
            -2.0 * (xx * yt - xy * xt) / determinant,
        ]
    } else {
        let alone = |square: f32, product: f32| {
            if square > least {
                -2.0 * product / square
            } else {
                0.0
            }
        };
        // Only one axis can be read.
        if xx >= yy {
            [alone(xx, xt), 0.0]
        } else {
            [0.0, alone(yy, yt)]
        }
    };
    shift.map(|part| {
        if part.abs() < FINE_NOISE || !part.is_finite() {
            0.0
        } else {
            part.clamp(-FINE_REACH, FINE_REACH)
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Smooth scenery, seen from a place below a pixel.
    fn scenery(size: (usize, usize), place: [f32; 2]) -> Vec<u8> {
        let value = |x: f32, y: f32| {
            128.0 + 50.0 * (x * 0.45).sin() * (y * 0.3).cos() + 40.0 * (x * 0.2 + y * 0.55).sin()
        };
        (0..size.0 * size.1)
            .map(|at| {
                value(
                    (at % size.1) as f32 + place[0],
                    (at / size.1) as f32 + place[1],
                )
                .round() as u8
            })
            .collect()
    }

    #[test]
    fn a_camera_is_followed_below_a_pixel() {
        let size = (48, 70);
        for shift in [[0.0, 0.0], [3.0, -2.0], [0.4, 0.0], [-1.6, 0.7], [6.0, 5.0]] {
            let before = scenery(size, [0.0, 0.0]);
            // The scene moves against the camera.
            let after = scenery(size, [-shift[0], -shift[1]]);
            let found = scroll(&before, &after, size, &AgentSettings::default());
            for axis in [0, 1] {
                assert!(
                    (found[axis] - shift[axis]).abs() < 0.15,
                    "{shift:?}: {found:?}"
                );
            }
        }
    }

    /// The whole-pixel search as it is said, one pixel after another.
    fn naive(
        before: &[u8],
        after: &[u8],
        (height, width): (usize, usize),
        settings: &AgentSettings,
    ) -> [i32; 2] {
        let cost = |[x, y]: [i32; 2], rows: usize| {
            let (mut sum, mut count) = (0_u32, 0_u32);
            for row in (y.max(0)..height as i32).step_by(rows) {
                for column in 0..width as i32 {
                    let (from_x, from_y) = (column - x, row - y);
                    if (0..width as i32).contains(&from_x) && (0..height as i32).contains(&from_y) {
                        let is = after[row as usize * width + column as usize];
                        let was = before[from_y as usize * width + from_x as usize];
                        sum += u32::from(is.abs_diff(was).min(settings.scroll_cap));
                        count += 1;
                    }
                }
            }
            sum as f32 / count as f32 + 1e-4 * (x.abs() + y.abs()) as f32
        };
        let reach = |edge: usize| settings.scroll_reach.min(edge / 2) as i32;
        let mut all = Vec::new();
        for x in -reach(width)..=reach(width) {
            for y in -reach(height)..=reach(height) {
                all.push((cost([x, y], SKIPPED_ROWS), [x, y]));
            }
        }
        let by_cost =
            |a: &(f32, [i32; 2]), b: &(f32, [i32; 2])| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        all.sort_by(by_cost);
        let worth = all.iter().take(FULL_COMPARISONS);
        let mut worth: Vec<(f32, [i32; 2])> =
            worth.map(|&(_, shift)| (cost(shift, 1), shift)).collect();
        worth.sort_by(by_cost);
        let still = cost([0, 0], 1);
        let believed = worth[0].0 <= settings.scroll_gain * still - settings.scroll_margin;
        if believed { worth[0].1 } else { [0, 0] }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Scenery that repeats itself, so that many displacements fit alike, and noise.
        #[test]
        fn the_search_finds_what_the_naive_one_finds(
            (height, width) in (1..24_usize, 1..30_usize),
            tiles in proptest::collection::vec(0..8_u8, 64),
            (tile, noise) in (1..6_usize, 1..40_u8),
            grain in proptest::collection::vec(any::<u8>(), 2 * 24 * 30),
            shift in [0..8_usize, 0..5_usize],
        ) {
            let seen = |place: [usize; 2], grain: &[u8]| -> Vec<u8> {
                (0..height * width)
                    .map(|at| {
                        let (x, y) = ((at % width + place[0]) / tile, (at / width + place[1]) / tile);
                        tiles[(x * 3 + y * 5) % tiles.len()] * 24 + grain[at] % noise
                    })
                    .collect()
            };
            let (before, after) = (seen([0, 0], &grain), seen(shift, &grain[height * width..]));
            let settings = AgentSettings { fine_motion: false, ..AgentSettings::default() };
            let found = scroll(&before, &after, (height, width), &settings);
            let expected = naive(&before, &after, (height, width), &settings);
            prop_assert_eq!(found.map(|part| part as i32), expected);
        }
    }

    #[test]
    fn flat_pictures_do_not_scroll() {
        let settings = AgentSettings::default();
        for after in [[7; 64], [200; 64]] {
            let found = scroll(&[7; 64], &after, (8, 8), &settings);
            assert!(found.iter().all(|part| part.abs() < 1e-6), "{found:?}");
        }
    }
}
