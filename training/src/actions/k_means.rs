//! k-means with repeatable starts (Lloyd 1982; starts by Arthur and Vassilvitskii 2007).

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Squared distance.
fn distance<const D: usize>(a: &[f32; D], b: &[f32; D]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// The centre nearest to a point, and its squared distance; the first of equals.
pub(crate) fn nearest<const D: usize>(point: &[f32; D], centres: &[[f32; D]]) -> (usize, f32) {
    let mut best = (0, f32::INFINITY);
    for (index, centre) in centres.iter().enumerate() {
        let found = distance(point, centre);
        if found < best.1 {
            best = (index, found);
        }
    }
    best
}

/// Draws starts one by one, each point in proportion to its squared distance from those drawn before.
pub(crate) fn spread_starts<const D: usize>(
    points: &[[f32; D]],
    count: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<[f32; D]> {
    let Some(last) = points.len().checked_sub(1) else {
        return Vec::new();
    };
    let mut centres = vec![points[rng.random_range(0..=last)]];
    let mut distances: Vec<f32> = points
        .iter()
        .map(|point| distance(point, &centres[0]))
        .collect();
    while centres.len() < count {
        let total: f64 = distances.iter().map(|&d| f64::from(d)).sum();
        let mut left = rng.random::<f64>() * total;
        let drawn = distances.iter().position(|&d| {
            left -= f64::from(d);
            left < 0.0
        });
        let centre = points[drawn.unwrap_or_else(|| rng.random_range(0..=last))];
        for (known, point) in distances.iter_mut().zip(points) {
            *known = known.min(distance(point, &centre));
        }
        centres.push(centre);
    }
    centres
}

/// Moves centres to the means of the points nearest to them, `rounds` times; centres without points stay. Returns the mean squared distance.
pub(crate) fn settle<const D: usize>(
    points: &[[f32; D]],
    centres: &mut [[f32; D]],
    rounds: usize,
) -> f32 {
    let mut mean_distance = 0.0;
    for _ in 0..rounds {
        let mut sums = vec![([0.0_f64; D], 0_u32); centres.len()];
        let mut total = 0.0_f64;
        for point in points {
            let (index, far) = nearest(point, centres);
            let (sum, count) = &mut sums[index];
            for (sum, &value) in sum.iter_mut().zip(point) {
                *sum += f64::from(value);
            }
            *count += 1;
            total += f64::from(far);
        }
        mean_distance = (total / points.len().max(1) as f64) as f32;
        for (centre, (sum, count)) in centres.iter_mut().zip(&sums) {
            if *count > 0 {
                *centre = sum.map(|sum| (sum / f64::from(*count)) as f32);
            }
        }
    }
    mean_distance
}
