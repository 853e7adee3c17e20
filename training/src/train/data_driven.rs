//! Data-driven initialisation of the tokenizer: the best linear codec of the data's patches and a k-means codebook, so that
//! training starts from good reconstructions.

use candle_core::{DType, Device, Tensor};
use genie_model::{GenieConfig, QuantizerConfig};
use nalgebra::{DMatrix, SymmetricEigen};

use super::kmeans::residual_kmeans;
use super::patch_sample::PatchStatistics;
use super::variables::Variables;

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
    if let QuantizerConfig::Vq { codes, stages, .. } = &config.tokenizer.quantizer {
        let vectors = statistics
            .patches
            .broadcast_sub(&mean)?
            .matmul(&embed.t()?)?;
        let vectors = vectors.matmul(&project.t()?)?;
        let codebook = residual_kmeans(&vectors, &statistics.weights, *codes, *stages, seed)?;
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
pub(super) fn principal_components(patches: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
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
