//! K-means, and residual k-means for the codebooks of several stages.

use candle_core::{D, Device, Tensor};
use genie_model::ops;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Rounds of k-means for a tokenizer's codebook.
pub(super) const KMEANS_ITERATIONS: usize = 12;

/// Codebooks `[Q V, C]` of `stages` stages of `codes` codes each for vectors `[M, C]`: [`kmeans`] on the vectors, then on what it
/// leaves over, and so on.
///
/// # Errors
/// If there are no vectors.
pub(super) fn residual_kmeans(
    vectors: &Tensor,
    weights: &[f32],
    codes: usize,
    stages: usize,
    seed: u64,
) -> candle_core::Result<Tensor> {
    let mut residual = vectors.clone();
    let mut books = Vec::with_capacity(stages);
    for stage in 0..stages {
        let seed = seed.wrapping_add(stage as u64);
        let book = kmeans(&residual, weights, codes, KMEANS_ITERATIONS, seed)?;
        residual = left_over(&residual, &book)?;
        books.push(book);
    }
    Tensor::cat(&books, 0)
}

/// What is left of vectors `[M, C]` after the nearest of the codes `[V, C]`.
pub(super) fn left_over(vectors: &Tensor, codes: &Tensor) -> candle_core::Result<Tensor> {
    vectors - ops::gather_rows(codes, &nearest(vectors, codes)?)?
}

/// The nearest of the codes `[V, C]` to each of the vectors `[M, C]`.
fn nearest(vectors: &Tensor, codes: &Tensor) -> candle_core::Result<Tensor> {
    let half = (codes.sqr()?.sum(D::Minus1)? * -0.5)?;
    ops::linear_bias(vectors, codes, &half)?.argmax(D::Minus1)
}

/// Weighted k-means: `count` centres `[V, C]` of vectors `[M, C]`, from a k-means++ start. With fewer distinct
/// vectors than centres the rest lie far away from all of them.
///
/// # Errors
/// If there are no vectors.
pub fn kmeans(
    vectors: &Tensor,
    weights: &[f32],
    count: usize,
    iterations: usize,
    seed: u64,
) -> candle_core::Result<Tensor> {
    let (available, dim) = vectors.dims2()?;
    if available == 0 || weights.len() != available {
        candle_core::bail!("k-means wants at least one vector and one weight for each");
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values = vectors.flatten_all()?.to_vec1::<f32>()?;
    let row = |i: usize| &values[i * dim..(i + 1) * dim];
    let mut centres: Vec<f32> = Vec::with_capacity(count * dim);
    let mut distances = vec![f32::INFINITY; available];
    let mut pick = rng.random_range(0..available);
    for chosen in 0..count {
        if distances.iter().all(|&d| d == 0.0) {
            // Every vector is a centre already; the rest are put where no vector is nearest to them.
            centres.extend(
                row(pick)
                    .iter()
                    .map(|v| 10.0 * v + rng.random_range(50.0..100.0)),
            );
            continue;
        }
        centres.extend(row(pick));
        let centre = &centres[chosen * dim..];
        distances
            .par_iter_mut()
            .zip(values.par_chunks_exact(dim))
            .with_min_len(1024)
            .for_each(|(distance, row)| *distance = distance.min(squared_distance(row, centre)));
        // The next centre by its distance from those that there are.
        let chance = |i: usize| f64::from(distances[i] * weights[i]);
        let mut left = rng.random::<f64>() * (0..available).map(chance).sum::<f64>();
        let next = (0..available).find(|&i| {
            left -= chance(i);
            left < 0.0
        });
        pick = next.unwrap_or(pick);
    }
    for _ in 0..iterations {
        let book = Tensor::from_slice(&centres, (count, dim), &Device::Cpu)?;
        let assigned = nearest(vectors, &book)?.to_vec1::<u32>()?;
        let mut sums = vec![0.0f64; count * dim];
        let mut totals = vec![0.0f64; count];
        for (i, &code) in assigned.iter().enumerate() {
            let weight = f64::from(weights[i]);
            totals[code as usize] += weight;
            for (sum, &v) in sums[code as usize * dim..][..dim].iter_mut().zip(row(i)) {
                *sum += weight * f64::from(v);
            }
        }
        for ((centre, sum), total) in centres
            .chunks_exact_mut(dim)
            .zip(sums.chunks_exact(dim))
            .zip(&totals)
        {
            if *total > 0.0 {
                for (value, sum) in centre.iter_mut().zip(sum) {
                    *value = (sum / total) as f32;
                }
            }
        }
    }
    Tensor::from_vec(centres, (count, dim), &Device::Cpu)
}

/// Squared distance of two vectors of one length, added up in eight lanes.
fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 8];
    let (a_lanes, b_lanes) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = a_lanes.remainder().iter().zip(b_lanes.remainder());
    let rest: f32 = rest.map(|(a, b)| (a - b) * (a - b)).sum();
    for (a, b) in a_lanes.zip(b_lanes) {
        for lane in 0..8 {
            let difference = a[lane] - b[lane];
            sums[lane] += difference * difference;
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kmeans_finds_separate_clusters() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let centres = [[0.0f32, 0.0], [5.0, 5.0], [-5.0, 5.0], [9.0, -9.0]];
        let values: Vec<f32> = (0..400)
            .flat_map(|i| {
                let c = centres[i % 4];
                [c[0] + rng.random::<f32>(), c[1] + rng.random::<f32>()]
            })
            .collect();
        let vectors = Tensor::from_vec(values, (400, 2), &Device::Cpu).unwrap();
        let found = kmeans(&vectors, &[1.0; 400], 4, 10, 1)
            .unwrap()
            .to_vec2::<f32>()
            .unwrap();
        for c in centres {
            let near = found
                .iter()
                .any(|f| (f[0] - c[0] - 0.5).abs() < 0.3 && (f[1] - c[1] - 0.5).abs() < 0.3);
            assert!(near, "no centre near {c:?}: {found:?}");
        }
    }

    #[test]
    fn later_stages_halve_what_is_left_and_more() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let values: Vec<f32> = (0..800).map(|_| rng.random()).collect();
        let vectors = Tensor::from_vec(values, (400, 2), &Device::Cpu).unwrap();
        let codebook = residual_kmeans(&vectors, &[1.0; 400], 8, 3, 1).unwrap();
        assert_eq!(codebook.dims(), [24, 2]);
        let mut left = vectors;
        let mut sizes = Vec::new();
        for stage in 0..3 {
            left = left_over(&left, &codebook.narrow(0, 8 * stage, 8).unwrap()).unwrap();
            let size = left.sqr().unwrap().mean_all().unwrap();
            sizes.push(size.to_scalar::<f32>().unwrap());
        }
        assert!(
            sizes[1] < 0.5 * sizes[0] && sizes[2] < 0.5 * sizes[1],
            "{sizes:?}"
        );
    }

    #[test]
    fn kmeans_with_more_centres_than_vectors_keeps_every_vector() {
        let vectors = Tensor::new(&[[1f32, 2.], [3., 4.]], &Device::Cpu).unwrap();
        let found = kmeans(&vectors, &[1.0, 1.0], 5, 3, 1).unwrap();
        assert_eq!(found.dims(), [5, 2]);
        let found = found.to_vec2::<f32>().unwrap();
        for v in [[1f32, 2.], [3., 4.]] {
            assert!(
                found
                    .iter()
                    .any(|f| (f[0] - v[0]).abs() + (f[1] - v[1]).abs() < 0.1)
            );
        }
    }
}
