//! How the whole picture moves between two frames: what a camera does.

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
    let size = (height, width);
    let cost = |shift: [i32; 2], rows: usize| {
        // Ties go to the shorter displacement.
        let distance = shift[0].abs() + shift[1].abs();
        shifted_cost(before, after, size, shift, settings.scroll_cap, rows) + 1e-4 * distance as f32
    };
    let still = cost([0, 0], 1);
    let mut whole = [0, 0];
    // Below that, no displacement could be believed.
    if settings.scroll_gain * still > settings.scroll_margin {
        let reach = |edge: usize| settings.scroll_reach.min(edge / 2) as i32;
        let (reach_x, reach_y) = (reach(width), reach(height));
        // Some of the rows are enough to see which displacements are worth comparing in full.
        let mut tried: Vec<(f32, [i32; 2])> = (-reach_y..=reach_y)
            .flat_map(|y| (-reach_x..=reach_x).map(move |x| [x, y]))
            .map(|shift| (cost(shift, SKIPPED_ROWS), shift))
            .collect();
        let worth = FULL_COMPARISONS.min(tried.len()) - 1;
        tried.select_nth_unstable_by(worth, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let best = tried[..=worth]
            .iter()
            .map(|&(_, shift)| (cost(shift, 1), shift))
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        if let Some((least, shift)) = best
            && least <= settings.scroll_gain * still - settings.scroll_margin
        {
            whole = shift;
        }
    }
    if !settings.fine_motion {
        return whole.map(|part| part as f32);
    }
    let fine = fine_scroll(before, after, (height, width), whole, settings.scroll_cap);
    [whole[0] as f32 + fine[0], whole[1] as f32 + fine[1]]
}

/// Every so many rows are compared at first.
const SKIPPED_ROWS: usize = 4;
/// Displacements that are compared in full.
const FULL_COMPARISONS: usize = 8;

/// Pixels along an axis of length `edge` that both frames show under a displacement: the first in the later frame, and one past the last.
fn overlap(edge: usize, shift: i32) -> (usize, usize) {
    let size = edge as i32;
    (shift.max(0) as usize, (size + shift.min(0)).max(0) as usize)
}

/// Mean capped difference between the later frame and the displaced earlier one, over every `rows`-th row.
fn shifted_cost(
    before: &[u8],
    after: &[u8],
    (height, width): (usize, usize),
    shift: [i32; 2],
    cap: u8,
    rows: usize,
) -> f32 {
    let (left, right) = overlap(width, shift[0]);
    let (top, bottom) = overlap(height, shift[1]);
    let mut sum = 0_u64;
    let compared = (top..bottom).step_by(rows);
    let pixels = (right - left) * compared.len();
    for y in compared {
        let row = y * width;
        let other = ((y as i32 - shift[1]) as usize * width) as i32 - shift[0];
        let later = &after[row + left..row + right];
        let earlier = &before[(other + left as i32) as usize..(other + right as i32) as usize];
        sum += u64::from(capped_difference(later, earlier, cap));
    }
    sum as f32 / pixels.max(1) as f32
}

/// Sum of the differences between two rows, each at most `cap`.
fn capped_difference(a: &[u8], b: &[u8], cap: u8) -> u32 {
    const LANES: usize = 16;
    // So many capped values fit a byte: sums stay in narrow vector registers.
    let run = LANES * usize::from(u8::MAX / cap.max(1));
    let mut total = 0;
    for (a, b) in a.chunks(run).zip(b.chunks(run)) {
        let mut sums = [0_u8; LANES];
        let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        for (&a, &b) in a_lanes.remainder().iter().zip(b_lanes.remainder()) {
            total += u32::from(a.abs_diff(b).min(cap));
        }
        for (a, b) in a_lanes.zip(b_lanes) {
            for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
                *sum += a.abs_diff(b).min(cap);
            }
        }
        total += sums.iter().map(|&sum| u32::from(sum)).sum::<u32>();
    }
    total
}

/// The part of the displacement below a pixel, by one least-squares step on the slopes of brightness (Lucas and Kanade 1981);
/// pixels that differ by the cap or more belong to something else and have no say.
fn fine_scroll(
    before: &[u8],
    after: &[u8],
    (height, width): (usize, usize),
    whole: [i32; 2],
    cap: u8,
) -> [f32; 2] {
    let (left, right) = overlap(width, whole[0]);
    let (top, bottom) = overlap(height, whole[1]);
    let (left, right) = (left.max(1), right.min(width - 1));
    let (top, bottom) = (top.max(1), bottom.min(height - 1));
    let (mut xx, mut xy, mut yy, mut xt, mut yt) = (0_i64, 0_i64, 0_i64, 0_i64, 0_i64);
    let mut count = 0_i64;
    for y in top..bottom {
        let source = (y as i32 - whole[1]) as usize * width;
        for x in left..right {
            let at = y * width + x;
            let earlier = before[(source as i32 + x as i32 - whole[0]) as usize];
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

    #[test]
    fn flat_pictures_do_not_scroll() {
        let settings = AgentSettings::default();
        for after in [[7; 64], [200; 64]] {
            let found = scroll(&[7; 64], &after, (8, 8), &settings);
            assert!(found.iter().all(|part| part.abs() < 1e-6), "{found:?}");
        }
    }
}
