//! Data-driven initialisation of the tokenizer: the best linear codec of the data's patches and a k-means codebook, so that
//! training starts from good reconstructions.

use std::collections::HashMap;

use candle_core::{D, DType, Device, Tensor};
use genie_model::{GenieConfig, QuantizerConfig};
use nalgebra::{DMatrix, SymmetricEigen};
use rand::seq::index::sample_weighted;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::variables::Variables;
use crate::dataset::{Dataset, DatasetError};

/// The distinct patches of a sample of the data.
#[derive(Clone, Debug)]
pub struct PatchStatistics {
    /// Patches `[M, P]`, values between -0.5 and 0.5.
    pub patches: Tensor,
    /// Weight of each of the `M` patches: the square root of its count, so that rare ones (a hero among much sky) count
    /// too.
    pub weights: Vec<f32>,
}

/// Collects the distinct patches of `frames` frames spread over the data, at most `most` of them.
///
/// # Errors
/// [`DatasetError`] if the data cannot be read.
pub fn patch_statistics(
    dataset: &Dataset,
    config: &GenieConfig,
    frames: usize,
    most: usize,
    seed: u64,
) -> Result<PatchStatistics, DatasetError> {
    let (height, width, patch) = (
        config.frame_height,
        config.frame_width,
        config.tokenizer.patch,
    );
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut counts: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut order: Vec<Vec<u8>> = Vec::new();
    let mut buffer = Vec::new();
    let clips = dataset.clip_count();
    for _ in 0..frames {
        let clip = rng.random_range(0..clips);
        let at = rng.random_range(0..dataset.clip_len(clip));
        dataset.read_frames(clip, at, 1, &mut buffer)?;
        for top in (0..height).step_by(patch) {
            for left in (0..width).step_by(patch) {
                let rows = (top..top + patch).flat_map(|y| {
                    let start = (y * width + left) * 3;
                    &buffer[start..start + patch * 3]
                });
                let bytes: Vec<u8> = rows.copied().collect();
                if let Some(count) = counts.get_mut(&bytes) {
                    *count += 1;
                } else if order.len() < most {
                    counts.insert(bytes.clone(), 1);
                    order.push(bytes);
                }
            }
        }
    }
    let weights = order.iter().map(|p| (counts[p] as f32).sqrt()).collect();
    let len = patch * patch * 3;
    let values: Vec<f32> = order
        .iter()
        .flatten()
        .map(|&v| f32::from(v) / 255.0 - 0.5)
        .collect();
    let patches = Tensor::from_vec(values, (order.len(), len), &Device::Cpu)
        .expect("every patch has the same length");
    Ok(PatchStatistics { patches, weights })
}

/// Sets the tokenizer's linear layers to the principal components of the patches, and its codebook by k-means on them.
///
/// # Errors
/// If the variables do not belong to a tokenizer of this configuration.
pub fn start_tokenizer(
    variables: &Variables,
    config: &GenieConfig,
    statistics: &PatchStatistics,
    seed: u64,
) -> candle_core::Result<()> {
    let (mean, components) = principal_components(&statistics.patches)?;
    let patch_len = components.dim(0)?;
    let encoder_width = config.tokenizer.encoder.width;
    let decoder_width = config.tokenizer.decoder.width;
    let dim = config.tokenizer.quantizer.dim();
    // Pixels -> components -> the first C of them -> components -> pixels.
    let embed = resized(&components, encoder_width, patch_len)?;
    let bias = embed.matmul(&mean.unsqueeze(1)?)?.squeeze(1)?.neg()?;
    let project = resized(
        &Tensor::eye(dim, DType::F32, &Device::Cpu)?,
        dim,
        encoder_width,
    )?;
    variables.set("tokenizer.encoder.embed.weight", &embed)?;
    variables.set("tokenizer.encoder.embed.bias", &bias)?;
    variables.set("tokenizer.encoder.project.weight", &project)?;
    let back = resized(
        &Tensor::eye(dim, DType::F32, &Device::Cpu)?,
        decoder_width,
        dim,
    )?;
    let unembed = resized(&components, decoder_width, patch_len)?
        .t()?
        .contiguous()?;
    variables.set("tokenizer.decoder.embed.weight", &back)?;
    variables.set("tokenizer.decoder.project.weight", &unembed)?;
    variables.set("tokenizer.decoder.project.bias", &mean)?;
    if let QuantizerConfig::Vq { codes, .. } = &config.tokenizer.quantizer {
        let vectors = statistics
            .patches
            .broadcast_sub(&mean)?
            .matmul(&embed.t()?)?;
        let vectors = vectors.matmul(&project.t()?)?;
        let codebook = kmeans(&vectors, &statistics.weights, *codes, 12, seed)?;
        variables.set("tokenizer.quantizer.codebook", &codebook)?;
    }
    Ok(())
}

/// A projection `[C, D]` of summaries `[M, D]` to their principal components, each scaled to the same variance. The mean of the
/// summaries is projected to zero.
///
/// # Errors
/// If `width` is larger than `D`.
pub fn distinguishing_projection(summaries: &Tensor, width: usize) -> candle_core::Result<Tensor> {
    let (mean, components) = principal_components(summaries)?;
    let components = components.narrow(0, 0, width)?.contiguous()?;
    let centred = summaries.broadcast_sub(&mean)?;
    let deviation = (centred.matmul(&components.t()?)?.sqr()?.mean(0)? + 1e-8)?.sqrt()?;
    let components = components.broadcast_div(&deviation.unsqueeze(1)?)?;
    // There is no bias, so that the direction of the mean is removed.
    let along = components.matmul(&mean.unsqueeze(1)?)?;
    let square = mean.sqr()?.sum_all()?.to_scalar::<f32>()?.max(1e-12);
    let shared = (along.matmul(&mean.unsqueeze(0)?)? / f64::from(square))?;
    components - shared
}

/// Mean `[P]` of the patches and their principal components `[P, P]`, one per row, the strongest first.
fn principal_components(patches: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
    let (count, len) = patches.dims2()?;
    let mean = patches.mean(0)?;
    let centred = patches.broadcast_sub(&mean)?;
    let covariance = (centred.t()?.matmul(&centred)? / count as f64)?;
    let values = covariance
        .flatten_all()?
        .to_dtype(DType::F64)?
        .to_vec1::<f64>()?;
    let eigen = SymmetricEigen::new(DMatrix::from_row_slice(len, len, &values));
    let mut order: Vec<usize> = (0..len).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let rows: Vec<f32> = order
        .iter()
        .flat_map(|&i| {
            eigen
                .eigenvectors
                .column(i)
                .iter()
                .map(|&v| v as f32)
                .collect::<Vec<_>>()
        })
        .collect();
    Ok((mean, Tensor::from_vec(rows, (len, len), &Device::Cpu)?))
}

/// The matrix cut or padded with zeros to `rows` x `columns`.
fn resized(matrix: &Tensor, rows: usize, columns: usize) -> candle_core::Result<Tensor> {
    let (have_rows, have_columns) = matrix.dims2()?;
    let matrix =
        matrix
            .narrow(0, 0, have_rows.min(rows))?
            .narrow(1, 0, have_columns.min(columns))?;
    matrix
        .pad_with_zeros(0, 0, rows.saturating_sub(have_rows))?
        .pad_with_zeros(1, 0, columns.saturating_sub(have_columns))?
        .contiguous()
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
        for (i, distance) in distances.iter_mut().enumerate() {
            let d: f32 = row(i)
                .iter()
                .zip(centre)
                .map(|(a, b)| (a - b) * (a - b))
                .sum();
            *distance = distance.min(d);
        }
        let weight = |i: usize| f64::from(distances[i] * weights[i]);
        pick = match sample_weighted(&mut rng, available, weight, 1) {
            Ok(picked) if !picked.is_empty() => picked.index(0),
            // All distances are zero.
            _ => pick,
        };
    }
    for _ in 0..iterations {
        let book = Tensor::from_slice(&centres, (count, dim), &Device::Cpu)?;
        let half = (book.sqr()?.sum(D::Minus1)? * -0.5)?;
        let assigned = genie_model::ops::linear_bias(vectors, &book, &half)?
            .argmax(D::Minus1)?
            .to_vec1::<u32>()?;
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
