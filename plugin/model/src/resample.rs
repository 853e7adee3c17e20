//! Pictures of one size become pictures of another: exact means where they shrink, the nearest pixel where they grow.

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PixelRect {
    /// Left edge, from the picture's left.
    pub x: usize,
    /// Upper edge, from the picture's top.
    pub y: usize,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
}

/// What lies between pixels where a picture grows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Enlarging {
    /// The nearest pixel: pixel art stays sharp.
    Nearest,
    /// A straight line between pixels: for colour planes of half the resolution.
    Linear {
        /// How many of its pixels further down the picture's pixels lie in the plane.
        down: f64,
    },
}

/// Which source pixels make up each target pixel along one axis, with integer weights of one sum.
struct Axis {
    /// First source pixel, and the range of its weights.
    spans: Vec<(usize, std::ops::Range<usize>)>,
    weights: Vec<u32>,
    sum: u64,
}

impl Axis {
    /// From `length` pixels at `start` of `all` to `target` pixels.
    fn new(start: usize, length: usize, all: usize, target: usize, enlarging: Enlarging) -> Self {
        let mut axis = Self {
            spans: Vec::with_capacity(target),
            weights: Vec::new(),
            sum: 1,
        };
        if target <= length {
            // Source pixel i covers [i, i + 1) * target, target pixel j covers [j, j + 1) * length.
            axis.sum = length as u64;
            for j in 0..target {
                let (from, to) = (j * length, (j + 1) * length);
                let (first, last) = (from / target, (to - 1) / target);
                let begun = axis.weights.len();
                for i in first..=last {
                    let covered = ((i + 1) * target).min(to) - (i * target).max(from);
                    axis.weights.push(covered as u32);
                }
                axis.spans.push((start + first, begun..axis.weights.len()));
            }
            return axis;
        }
        match enlarging {
            Enlarging::Nearest => {
                for j in 0..target {
                    let begun = axis.weights.len();
                    axis.weights.push(1);
                    let nearest = (2 * j + 1) * length / (2 * target);
                    axis.spans.push((start + nearest, begun..begun + 1));
                }
            }
            Enlarging::Linear { down } => {
                axis.sum = 256;
                for j in 0..target {
                    let centre = (j as f64 + 0.5) * length as f64 / target as f64 - 0.5 + down;
                    let at = (start as f64 + centre).clamp(0.0, (all - 1) as f64);
                    let first = (at as usize).min(all.saturating_sub(2));
                    let share = ((at - first as f64) * 256.0).round() as u32;
                    let begun = axis.weights.len();
                    axis.weights.push(256 - share);
                    if all > 1 {
                        axis.weights.push(share);
                    }
                    axis.spans.push((first, begun..axis.weights.len()));
                }
            }
        }
        axis
    }
}

/// The pixels of `area` of a picture, `picture_width` pixels wide with `channels` bytes a pixel, as `width * height`
/// pixels. Each target pixel is the mean over what it covers, so that a picture enlarged by whole numbers comes back exactly.
///
/// # Panics
/// If the area has no pixels or leaves the picture.
pub fn resample(
    pixels: &[u8],
    picture_width: usize,
    channels: usize,
    area: PixelRect,
    (width, height): (usize, usize),
    enlarging: Enlarging,
) -> Vec<u8> {
    let row_bytes = picture_width * channels;
    let picture_height = pixels.len() / row_bytes.max(1);
    assert!(
        area.width > 0
            && area.height > 0
            && area.x + area.width <= picture_width
            && area.y + area.height <= picture_height,
        "the area lies inside the picture"
    );
    let level = match enlarging {
        Enlarging::Nearest => enlarging,
        Enlarging::Linear { .. } => Enlarging::Linear { down: 0.0 },
    };
    let across = Axis::new(area.x, area.width, picture_width, width, level);
    let down = Axis::new(area.y, area.height, picture_height, height, enlarging);
    let total = across.sum * down.sum;
    let mut sums = vec![0_u32; row_bytes];
    let mut out = Vec::with_capacity(width * height * channels);
    let mut previous = None;
    for (top, range) in &down.spans {
        let weights = &down.weights[range.clone()];
        // Rows of an enlarged picture repeat.
        if weights.len() == 1 && previous == Some(*top) {
            let from = out.len() - width * channels;
            out.extend_from_within(from..);
            continue;
        }
        previous = (weights.len() == 1).then_some(*top);
        sums.fill(0);
        for (row, &weight) in weights.iter().enumerate() {
            let source = &pixels[(top + row) * row_bytes..][..row_bytes];
            for (sum, &value) in sums.iter_mut().zip(source) {
                *sum += u32::from(value) * weight;
            }
        }
        for (left, range) in &across.spans {
            let weights = &across.weights[range.clone()];
            for channel in 0..channels {
                let sum: u64 = weights
                    .iter()
                    .enumerate()
                    .map(|(column, &weight)| {
                        u64::from(sums[(left + column) * channels + channel]) * u64::from(weight)
                    })
                    .sum();
                out.push(((sum + total / 2) / total) as u8);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(width: usize, height: usize) -> PixelRect {
        PixelRect {
            x: 0,
            y: 0,
            width,
            height,
        }
    }

    proptest! {
        #[test]
        fn what_was_enlarged_by_whole_numbers_comes_back(
            (w, h, by) in (1_usize..7, 1_usize..7, 1_usize..5),
            seed in any::<u64>(),
        ) {
            let picture: Vec<u8> = (0..w * h * 3)
                .map(|i| (seed.wrapping_mul(i as u64 + 1) >> 40) as u8)
                .collect();
            let large = resample(&picture, w, 3, whole(w, h), (w * by, h * by), Enlarging::Nearest);
            let back = resample(&large, w * by, 3, whole(w * by, h * by), (w, h), Enlarging::Nearest);
            prop_assert_eq!(back, picture);
        }

        #[test]
        fn one_colour_stays_that_colour(
            (w, h) in (1_usize..40, 1_usize..40),
            (to_w, to_h) in (1_usize..40, 1_usize..40),
            value in any::<u8>(),
            linear in any::<bool>(),
        ) {
            let enlarging = if linear { Enlarging::Linear { down: -0.25 } } else { Enlarging::Nearest };
            let picture = vec![value; w * h];
            let out = resample(&picture, w, 1, whole(w, h), (to_w, to_h), enlarging);
            prop_assert_eq!(out, vec![value; to_w * to_h]);
        }
    }

    #[test]
    fn the_mean_counts_each_pixel_by_what_it_covers() {
        // Three pixels over two: 0, then half of 90; half of 90, then 30.
        let out = resample(&[0, 90, 30], 3, 1, whole(3, 1), (2, 1), Enlarging::Nearest);
        assert_eq!(out, [30, 50]);
    }
}
