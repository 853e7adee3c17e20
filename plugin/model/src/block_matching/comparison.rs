//! How much two pictures differ under a shift.

use super::picture::{Picture, sum_of_differences};
use super::shift::{Overlap, Shift};

/// What of two pictures is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Every so many rows of the overlap are compared, from its first on; 1 for all.
    pub row_step: usize,
    /// A byte's difference counts up to this; [`u8::MAX`] for all of it.
    pub limit: u8,
}

impl Comparison {
    /// All pixels, and all of their differences.
    pub const FULL: Self = Self {
        row_step: 1,
        limit: u8::MAX,
    };

    /// Mean absolute difference, per pixel and summed over its channels, of the part that both pictures show when the content
    /// of `before` is moved by the shift; `None` if there is no such part. Pixels that a picture [hides](Picture::without) do
    /// not count. The pictures must have one size and as many channels.
    pub fn mean_difference(&self, before: &Picture, after: &Picture, shift: Shift) -> Option<f32> {
        // One loop for each kind of comparison: a question in the innermost one would cost more than the comparison.
        if before.hides() || after.hides() {
            let all_shown = vec![false; after.width()];
            let row = |x: [usize; 2], y: [usize; 2], width: usize| {
                let hidden = [
                    before.hidden_row(x[0], y[0], width),
                    after.hidden_row(x[1], y[1], width),
                ];
                let hidden = hidden.map(|row| row.unwrap_or(&all_shown[..width]));
                let pixels = [before.row(x[0], y[0], width), after.row(x[1], y[1], width)];
                sum_where_shown(pixels, hidden, self.limit)
            };
            return self.mean_of_rows(after, shift, row);
        }
        if self.limit == u8::MAX {
            return self.mean_of_rows(after, shift, |x, y, width| {
                let (was, is) = (before.row(x[0], y[0], width), after.row(x[1], y[1], width));
                (sum_of_differences(was, is), width)
            });
        }
        self.mean_of_rows(after, shift, |x, y, width| {
            let (was, is) = (before.row(x[0], y[0], width), after.row(x[1], y[1], width));
            (sum_of_limited_differences(was, is, self.limit), width)
        })
    }

    /// The mean of what `row` gives for the compared rows: the sum of its differences, and how many pixels these are. It is
    /// given the column and row where each picture's part begins, and how many columns it has.
    fn mean_of_rows(
        &self,
        after: &Picture,
        shift: Shift,
        row: impl Fn([usize; 2], [usize; 2], usize) -> (u32, usize),
    ) -> Option<f32> {
        let Overlap { columns, rows } = Overlap::new(after.height(), after.width(), shift);
        if columns.is_empty() {
            return None;
        }
        let before = |at: usize, by: i32| (at as i64 - i64::from(by)) as usize;
        let x = [before(columns.start, shift.right), columns.start];
        let (mut sum, mut count) = (0_u64, 0);
        for y in rows.step_by(self.row_step.max(1)) {
            let (row_sum, row_count) = row(x, [before(y, shift.down), y], columns.len());
            sum += u64::from(row_sum);
            count += row_count;
        }
        (count > 0).then(|| sum as f32 / count as f32)
    }
}

/// Sum of the limited differences of two runs of pixels, and the number of pixels that neither hides.
fn sum_where_shown(
    [a, b]: [&[u8]; 2],
    [hidden_a, hidden_b]: [&[bool]; 2],
    limit: u8,
) -> (u32, usize) {
    let channels = a.len() / hidden_a.len().max(1);
    let shown = hidden_a.iter().zip(hidden_b);
    let shown = shown.map(|(&a, &b)| u32::from(!(a | b)));
    let count: u32 = shown.clone().sum();
    let sum = if channels == 1 {
        let differences = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b).min(limit));
        let pairs = differences.zip(shown);
        pairs
            .map(|(difference, shown)| u32::from(difference) * shown)
            .sum()
    } else {
        let pixels = a.chunks_exact(channels).zip(b.chunks_exact(channels));
        let differences = pixels.map(|(a, b)| sum_of_limited_differences(a, b, limit));
        differences
            .zip(shown)
            .map(|(difference, shown)| difference * shown)
            .sum()
    };
    (sum, count as usize)
}

/// As [`sum_of_differences`], each at most `limit`.
fn sum_of_limited_differences(a: &[u8], b: &[u8], limit: u8) -> u32 {
    const LANES: usize = 16;
    // So many limited values fit a byte: sums stay in narrow vector registers.
    let run = LANES * usize::from(u8::MAX / limit.max(1));
    let mut total = 0;
    for (a, b) in a.chunks(run).zip(b.chunks(run)) {
        let mut sums = [0_u8; LANES];
        let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        for (&a, &b) in a_lanes.remainder().iter().zip(b_lanes.remainder()) {
            total += u32::from(a.abs_diff(b).min(limit));
        }
        for (a, b) in a_lanes.zip(b_lanes) {
            for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
                *sum += a.abs_diff(b).min(limit);
            }
        }
        total += sums.iter().map(|&sum| u32::from(sum)).sum::<u32>();
    }
    total
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST_SIDE: usize = 40;

    proptest! {
        /// Against the definition, pixel by pixel.
        #[test]
        fn the_mean_difference_is_what_the_definition_says(
            (height, width) in (1..12_usize, 1..=MOST_SIDE),
            rgb in any::<bool>(),
            bytes in proptest::collection::vec(any::<u8>(), 2 * 12 * MOST_SIDE * 3),
            hidden in proptest::option::of(proptest::collection::vec(proptest::bool::weighted(0.3), 2 * 12 * MOST_SIDE)),
            (right, down) in (-45..=45_i32, -14..=14_i32),
            (row_step, limit) in (1..5_usize, any::<u8>()),
        ) {
            let channels = if rgb { 3 } else { 1 };
            let size = height * width * channels;
            let make = |from: usize| {
                let bytes = &bytes[from..from + size];
                let picture = if rgb { Picture::rgb(bytes, height, width) } else { Picture::grey(bytes, height, width) };
                picture.unwrap()
            };
            let (mut before, mut after) = (make(0), make(size));
            if let Some(hidden) = &hidden {
                before = before.without(&hidden[..height * width]).unwrap();
                after = after.without(&hidden[height * width..2 * height * width]).unwrap();
            }
            let (mut sum, mut count) = (0_u32, 0_u32);
            let first = down.max(0);
            for y in (first..height as i32).step_by(row_step) {
                for x in 0..width as i32 {
                    let (from_x, from_y) = (x - right, y - down);
                    if !(0..width as i32).contains(&from_x) || !(0..height as i32).contains(&from_y) {
                        continue;
                    }
                    let (at, from) = ((y * width as i32 + x) as usize, (from_y * width as i32 + from_x) as usize);
                    if hidden.as_ref().is_some_and(|hidden| hidden[from] || hidden[height * width + at]) {
                        continue;
                    }
                    for channel in 0..channels {
                        let (was, is) = (bytes[from * channels + channel], bytes[size + at * channels + channel]);
                        sum += u32::from(was.abs_diff(is).min(limit));
                    }
                    count += 1;
                }
            }
            let expected = (count > 0).then(|| sum as f32 / count as f32);
            let found = Comparison { row_step, limit }.mean_difference(&before, &after, Shift { right, down });
            prop_assert_eq!(found, expected);
        }
    }
}
