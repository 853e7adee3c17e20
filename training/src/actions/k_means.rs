//! k-means with repeatable starts (Lloyd 1982; starts by Arthur and Vassilvitskii 2007).

use rand::seq::index::sample;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Points that centres are placed by, and rounds of each start.
const SAMPLES: usize = 6000;
const ROUNDS: usize = 15;

/// Places `count` centres among points, the best of several starts; also their mean squared distance to what they stand for.
pub(crate) fn place<const D: usize>(
    points: &[[f32; D]],
    count: usize,
    starts: usize,
    seed: u64,
) -> (f32, Vec<[f32; D]>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let samples: Vec<[f32; D]> = sample(&mut rng, points.len(), points.len().min(SAMPLES))
        .into_iter()
        .map(|index| points[index])
        .collect();
    let mut best: Option<(f32, Vec<[f32; D]>)> = None;
    for _ in 0..starts.max(1) {
        let mut centres = spread_starts(&samples, count, &mut rng);
        let distortion = settle(&samples, &mut centres, ROUNDS);
        if best.as_ref().is_none_or(|(least, _)| distortion < *least) {
            best = Some((distortion, centres));
        }
    }
    best.unwrap_or_default()
}

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
fn spread_starts<const D: usize>(
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
