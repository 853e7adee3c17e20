//! Structural similarity (Wang et al. 2004) of two pictures.

/// Edge of the window in pixels, and deviation of its Gaussian weights: those of the paper.
const EDGE: usize = 11;
const DEVIATION: f64 = 1.5;
/// Constants of the paper for values of 0 to 255.
const LUMINANCE: f64 = (0.01 * 255.0) * (0.01 * 255.0);
const CONTRAST: f64 = (0.03 * 255.0) * (0.03 * 255.0);

/// Structural similarity of two RGB pictures of `height * width * 3` bytes: the mean over the channels and over all places where the
/// 11x11 Gaussian window (deviation 1.5) lies inside the picture; 1 for equal pictures. Pictures smaller than that have a window as
/// large as they are.
///
/// # Panics
/// If a picture has another number of bytes, or none.
pub fn ssim(a: &[u8], b: &[u8], height: usize, width: usize) -> f64 {
    assert!(height * width > 0, "pictures have pixels");
    assert_eq!(a.len(), height * width * 3, "a picture of this size");
    assert_eq!(a.len(), b.len(), "pictures of one size");
    let (down, across) = (weights(EDGE.min(height)), weights(EDGE.min(width)));
    let channels: f64 = (0..3)
        .map(|channel| {
            let plane = |picture: &[u8]| -> Vec<f64> {
                let values = picture.iter().skip(channel).step_by(3);
                values.map(|&value| f64::from(value)).collect()
            };
            let (a, b) = (plane(a), plane(b));
            let local = |values: &[f64]| blurred(values, width, &down, &across);
            let product = |a: &[f64], b: &[f64]| -> Vec<f64> {
                a.iter().zip(b).map(|(a, b)| a * b).collect()
            };
            let (mean_a, mean_b) = (local(&a), local(&b));
            let squares = [product(&a, &a), product(&b, &b), product(&a, &b)];
            let [square_a, square_b, both] = squares.map(|values| local(&values));
            let places = mean_a.len() as f64;
            let similarity = (0..mean_a.len()).map(|at| {
                let (mean_a, mean_b) = (mean_a[at], mean_b[at]);
                let variances = square_a[at] - mean_a * mean_a + square_b[at] - mean_b * mean_b;
                let covariance = both[at] - mean_a * mean_b;
                let luminance = (2.0 * mean_a * mean_b + LUMINANCE)
                    / (mean_a * mean_a + mean_b * mean_b + LUMINANCE);
                luminance * (2.0 * covariance + CONTRAST) / (variances + CONTRAST)
            });
            similarity.sum::<f64>() / places
        })
        .sum();
    channels / 3.0
}

/// Gaussian weights with a sum of 1.
fn weights(edge: usize) -> Vec<f64> {
    let centre = (edge as f64 - 1.0) / 2.0;
    let raw: Vec<f64> = (0..edge)
        .map(|at| (-((at as f64 - centre) / DEVIATION).powi(2) / 2.0).exp())
        .collect();
    let sum: f64 = raw.iter().sum();
    raw.into_iter().map(|weight| weight / sum).collect()
}

/// Weighted means over windows that lie inside of rows of `width` values.
fn blurred(values: &[f64], width: usize, down: &[f64], across: &[f64]) -> Vec<f64> {
    let sum = |values: &mut dyn Iterator<Item = f64>, weights: &[f64]| -> f64 {
        values
            .zip(weights)
            .map(|(value, weight)| value * weight)
            .sum()
    };
    let columns = width + 1 - across.len();
    let rows: Vec<f64> = values
        .chunks_exact(width)
        .flat_map(|row| {
            row.windows(across.len())
                .map(|window| sum(&mut window.iter().copied(), across))
                .collect::<Vec<_>>()
        })
        .collect();
    let height = values.len() / width;
    (0..=height - down.len())
        .flat_map(|top| (0..columns).map(move |left| top * columns + left))
        .map(|start| {
            let column = (0..down.len()).map(|line| rows[start + line * columns]);
            sum(&mut column.into_iter(), down)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// The definition, place by place with two-dimensional weights and centred moments.
    fn naive(a: &[u8], b: &[u8], height: usize, width: usize) -> f64 {
        let mut kernel = vec![vec![0.0; 11]; 11];
        let mut total = 0.0;
        for (y, row) in kernel.iter_mut().enumerate() {
            for (x, weight) in row.iter_mut().enumerate() {
                let (dy, dx) = (y as f64 - 5.0, x as f64 - 5.0);
                *weight = (-(dx * dx + dy * dy) / 4.5).exp();
                total += *weight;
            }
        }
        let (mut sum, mut count) = (0.0, 0.0);
        for channel in 0..3 {
            for top in 0..=height - 11 {
                for left in 0..=width - 11 {
                    let at = |picture: &[u8], y: usize, x: usize| {
                        f64::from(picture[((top + y) * width + left + x) * 3 + channel])
                    };
                    let mean = |value: &dyn Fn(usize, usize) -> f64| {
                        let mut sum = 0.0;
                        for (y, row) in kernel.iter().enumerate() {
                            for (x, weight) in row.iter().enumerate() {
                                sum += weight / total * value(y, x);
                            }
                        }
                        sum
                    };
                    let mean_a = mean(&|y, x| at(a, y, x));
                    let mean_b = mean(&|y, x| at(b, y, x));
                    let spread_a = mean(&|y, x| (at(a, y, x) - mean_a).powi(2));
                    let spread_b = mean(&|y, x| (at(b, y, x) - mean_b).powi(2));
                    let joint = mean(&|y, x| (at(a, y, x) - mean_a) * (at(b, y, x) - mean_b));
                    let (first, second) = (6.5025, 58.5225);
                    sum += (2.0 * mean_a * mean_b + first) * (2.0 * joint + second)
                        / ((mean_a.powi(2) + mean_b.powi(2) + first)
                            * (spread_a + spread_b + second));
                    count += 1.0;
                }
            }
        }
        sum / count
    }

    #[test]
    fn it_is_what_the_definition_says() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (height, width) = (14, 19);
        for noise in [3_u8, 40, 200] {
            let a: Vec<u8> = (0..height * width * 3)
                .map(|at| (at % 251) as u8 ^ rng.random_range(0..16))
                .collect();
            let b: Vec<u8> = a
                .iter()
                .map(|&value| value.saturating_add(rng.random_range(0..noise)))
                .collect();
            let (fast, slow) = (ssim(&a, &b, height, width), naive(&a, &b, height, width));
            assert!((fast - slow).abs() < 1e-9, "{fast} {slow}");
            assert!((ssim(&a, &a, height, width) - 1.0).abs() < 1e-12);
            assert!((ssim(&b, &a, height, width) - fast).abs() < 1e-12);
        }
    }

    #[test]
    fn flat_pictures_differ_in_brightness_alone_and_small_ones_do_not_break() {
        let (a, b) = ([100; 5 * 4 * 3], [50; 5 * 4 * 3]);
        let expected = (2.0 * 100.0 * 50.0 + LUMINANCE) / (12_500.0 + LUMINANCE);
        assert!((ssim(&a, &b, 5, 4) - expected).abs() < 1e-9);
        assert!((ssim(&[9; 3], &[9; 3], 1, 1) - 1.0).abs() < 1e-9);
    }
}
