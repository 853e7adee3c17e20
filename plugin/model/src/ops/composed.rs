//! Every operation of this module spelled out in ordinary differentiable candle operations.
//!
//! Slow, but right on every device: the fall-back away from the CPU, and the reference that the tests hold
//! the fused versions against.

use candle_core::{D, DType, Result, Tensor};

use super::constants::{EPSILON, LEAST_TOTAL_WEIGHT, MASKED_LOGIT};
use super::key_value::KeyValue;
use super::rotary::{TokenGrid, rotary_angles};

/// `x [.., D]` divided by its root mean square over `D`, times `scale [D]`.
///
/// # Errors
/// When shapes do not match.
pub fn rms_norm(x: &Tensor, scale: &Tensor) -> Result<Tensor> {
    let mean = x.sqr()?.mean_keepdim(D::Minus1)?;
    let root = (mean + f64::from(EPSILON))?.sqrt()?;
    x.broadcast_div(&root)?.broadcast_mul(scale)
}

/// `x [.., K]` times the transpose of `weight [O, K]`.
///
/// # Errors
/// When shapes do not match.
pub fn linear(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let inner = x.dim(D::Minus1)?;
    let mut shape = x.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = weight.dim(0)?;
    }
    let rows = x.elem_count() / inner.max(1);
    x.reshape((rows, inner))?
        .matmul(&weight.t()?)?
        .reshape(shape)
}

/// [`linear`] plus `bias [O]`.
///
/// # Errors
/// When shapes do not match.
pub fn linear_bias(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    linear(x, weight)?.broadcast_add(bias)
}

/// [`linear`] plus `residual [.., O]`.
///
/// # Errors
/// When shapes do not match.
pub fn linear_add(x: &Tensor, weight: &Tensor, residual: &Tensor) -> Result<Tensor> {
    linear(x, weight)? + residual
}

/// The mean squared and the mean absolute difference of `x` and `target` of the same shape: `[2]`.
///
/// # Errors
/// When shapes do not match.
pub fn mean_errors(x: &Tensor, target: &Tensor) -> Result<Tensor> {
    let error = (x - target)?;
    Tensor::stack(&[error.sqr()?.mean_all()?, error.abs()?.mean_all()?], 0)
}

/// [`linear`] of [`rms_norm`].
///
/// # Errors
/// When shapes do not match.
pub fn norm_linear(x: &Tensor, scale: &Tensor, weight: &Tensor) -> Result<Tensor> {
    linear(&rms_norm(x, scale)?, weight)
}

/// `residual + relu(u)^2 W^T`.
///
/// # Errors
/// When shapes do not match.
pub fn relu2_linear_add(u: &Tensor, weight: &Tensor, residual: &Tensor) -> Result<Tensor> {
    linear(&u.relu()?.sqr()?, weight)? + residual
}

/// Splits the last axis `3D` into q, k and v, each with a trailing `[heads, d]`.
fn split_heads(qkv: &Tensor, heads: usize) -> Result<[Tensor; 3]> {
    let width = qkv.dim(D::Minus1)? / 3;
    let mut shape = qkv.dims().to_vec();
    shape.pop();
    shape.extend([heads, width / heads]);
    let part = |i: usize| qkv.narrow(D::Minus1, i * width, width)?.reshape(&shape[..]);
    Ok([part(0)?, part(1)?, part(2)?])
}

/// See [`super::spatial_attention`].
///
/// # Errors
/// When shapes do not match.
pub fn spatial_attention(
    qkv: &Tensor,
    q_scale: &Tensor,
    k_scale: &Tensor,
    heads: usize,
    grid: Option<TokenGrid>,
) -> Result<Tensor> {
    let (sequences, length, packed) = qkv.dims3()?;
    let [q, k, v] = split_heads(qkv, heads)?;
    let by_head = |t: Tensor| t.transpose(1, 2)?.contiguous();
    let mut q = by_head(rms_norm(&q, q_scale)?)?;
    let mut k = by_head(rms_norm(&k, k_scale)?)?;
    if let Some(grid) = grid {
        let angles = grid.angles(packed / 3 / heads);
        (q, k) = (rotate(&q, &angles)?, rotate(&k, &angles)?);
    }
    let v = by_head(v)?;
    let scale = 1.0 / ((packed / 3 / heads) as f64).sqrt();
    let logits = (q.matmul(&k.t()?)? * scale)?;
    candle_nn::ops::softmax(&logits, D::Minus1)?
        .matmul(&v)?
        .transpose(1, 2)?
        .reshape((sequences, length, packed / 3))
}

/// Rotates the half-split pairs of `x [.., T, d]` by angles given as cosines and sines `[T, d / 2]`.
fn rotate(x: &Tensor, (cos, sin): &(Vec<f32>, Vec<f32>)) -> Result<Tensor> {
    let half = x.dim(D::Minus1)? / 2;
    let table = |values: &[f32]| {
        let shape = (x.dim(D::Minus2)?, half);
        Tensor::from_slice(values, shape, x.device())?.to_dtype(x.dtype())
    };
    let (cos, sin) = (table(cos)?, table(sin)?);
    let a = x.narrow(D::Minus1, 0, half)?;
    let b = x.narrow(D::Minus1, half, half)?;
    Tensor::cat(
        &[
            (a.broadcast_mul(&cos)? - b.broadcast_mul(&sin)?)?,
            (a.broadcast_mul(&sin)? + b.broadcast_mul(&cos)?)?,
        ],
        D::Minus1,
    )
}

/// Normalised, rotated q and k and plain v of `qkv [B, T, N, 3D]`, each `[B N, H, T, d]`: four dimensions, because
/// candle multiplies no transposed matrices of five.
fn temporal_heads(
    qkv: &Tensor,
    q_scale: &Tensor,
    k_scale: &Tensor,
    heads: usize,
) -> Result<[Tensor; 3]> {
    let times: Vec<u64> = (0..qkv.dim(1)? as u64).collect();
    let angles = rotary_angles(&times, q_scale.elem_count());
    let [q, k, v] = split_heads(qkv, heads)?;
    let by_head = |t: Tensor| t.permute((0, 2, 3, 1, 4))?.contiguous()?.flatten(0, 1);
    Ok([
        rotate(&by_head(rms_norm(&q, q_scale)?)?, &angles)?,
        rotate(&by_head(rms_norm(&k, k_scale)?)?, &angles)?,
        by_head(v)?,
    ])
}

/// `[T, T]`, zero where `query` may see `key` and minus [`MASKED_LOGIT`] elsewhere.
fn window_mask(like: &Tensor, length: usize, window: usize, own: bool) -> Result<Tensor> {
    let mask: Vec<f32> = (0..length * length)
        .map(|i| {
            let (query, key) = (i / length, i % length);
            let seen = key + window > query && (key < query || (own && key == query));
            if seen { 0.0 } else { -MASKED_LOGIT }
        })
        .collect();
    Tensor::from_vec(mask, (length, length), like.device())?.to_dtype(like.dtype())
}

/// `[B N, H, T, d]` to `[B, T, N, D]`.
fn merge_time(out: &Tensor, batch: usize) -> Result<Tensor> {
    let (bn, h, t, d) = out.dims4()?;
    let n = bn / batch.max(1);
    out.reshape((batch, n, h, t, d))?
        .permute((0, 3, 1, 2, 4))?
        .reshape((batch, t, n, h * d))
}

/// See [`super::temporal_attention`].
///
/// # Errors
/// When shapes do not match.
pub fn temporal_attention(
    qkv: &Tensor,
    q_scale: &Tensor,
    k_scale: &Tensor,
    heads: usize,
    window: usize,
) -> Result<Tensor> {
    let [q, k, v] = temporal_heads(qkv, q_scale, k_scale, heads)?;
    let scale = 1.0 / (q.dim(D::Minus1)? as f64).sqrt();
    let mask = window_mask(&q, qkv.dim(1)?, window, true)?;
    let logits = (q.matmul(&k.t()?)? * scale)?.broadcast_add(&mask)?;
    let out = candle_nn::ops::softmax(&logits, D::Minus1)?.matmul(&v)?;
    merge_time(&out, qkv.dim(0)?)
}

/// See [`super::two_stream_temporal_attention`].
///
/// # Errors
/// When shapes do not match.
pub fn two_stream_temporal_attention(
    qkv: &Tensor,
    q_scale: &Tensor,
    k_scale: &Tensor,
    heads: usize,
    window: usize,
) -> Result<Tensor> {
    let stream = |i: usize| qkv.narrow(0, i, 1)?.squeeze(0)?.contiguous();
    let (clean, masked) = (stream(0)?, stream(1)?);
    let length = clean.dim(1)?;
    let clean_out = temporal_attention(&clean, q_scale, k_scale, heads, window)?;
    let [_, k0, v0] = temporal_heads(&clean, q_scale, k_scale, heads)?;
    let [q1, k1, v1] = temporal_heads(&masked, q_scale, k_scale, heads)?;
    let scale = 1.0 / (q1.dim(D::Minus1)? as f64).sqrt();
    let mask = window_mask(&q1, length, window, false)?;
    let past = (q1.matmul(&k0.t()?)? * scale)?.broadcast_add(&mask)?;
    let own = ((q1 * k1)?.sum_keepdim(D::Minus1)? * scale)?;
    let weights = candle_nn::ops::softmax(&Tensor::cat(&[past, own], D::Minus1)?, D::Minus1)?;
    let past = weights.narrow(D::Minus1, 0, length)?.contiguous()?;
    let own = weights.narrow(D::Minus1, length, 1)?;
    let masked_out = (past.matmul(&v0)? + own.broadcast_mul(&v1)?)?;
    let masked_out = merge_time(&masked_out, clean.dim(0)?)?;
    Tensor::stack(&[clean_out, masked_out], 0)
}

/// See [`super::cached_temporal_attention`].
///
/// # Errors
/// When shapes do not match.
pub fn cached_temporal_attention(
    qkv: &Tensor,
    q_scale: &Tensor,
    k_scale: &Tensor,
    heads: usize,
    times: &[u64],
    past: &[Vec<&KeyValue>],
) -> Result<(Tensor, Vec<KeyValue>)> {
    let (worlds, positions, packed) = qkv.dims3()?;
    let (width, d) = (packed / 3, packed / 3 / heads);
    let scale = 1.0 / (d as f64).sqrt();
    let mut outputs = Vec::with_capacity(worlds);
    let mut entries = Vec::with_capacity(worlds);
    for (world, (time, past)) in times.iter().zip(past).enumerate() {
        // [N, H, 1, d]: a time axis of one frame.
        let [q, k, v] = split_heads(&qkv.get(world)?, heads)?;
        let angles = rotary_angles(&[*time], d);
        let q = rotate(&rms_norm(&q, q_scale)?.unsqueeze(2)?, &angles)?;
        let k = rotate(&rms_norm(&k, k_scale)?.unsqueeze(2)?, &angles)?;
        let own = KeyValue {
            keys: k.reshape((positions, width))?.detach(),
            values: v.reshape((positions, width))?.detach(),
        };
        let all = |pick: fn(&KeyValue) -> &Tensor| {
            let frames: Vec<Tensor> = past
                .iter()
                .copied()
                .chain([&own])
                .map(|entry| pick(entry).reshape((positions, heads, 1, d)))
                .collect::<Result<_>>()?;
            Tensor::cat(&frames, 2)?.contiguous()
        };
        let (keys, values) = (all(|e| &e.keys)?, all(|e| &e.values)?);
        let logits = (q.contiguous()?.matmul(&keys.t()?)? * scale)?;
        let out = candle_nn::ops::softmax(&logits, D::Minus1)?.matmul(&values)?;
        outputs.push(out.reshape((positions, width))?.detach());
        entries.push(own);
    }
    Ok((Tensor::stack(&outputs, 0)?, entries))
}

/// See [`super::masked_cross_entropy`].
///
/// # Errors
/// When shapes do not match or a target is not a class.
pub fn masked_cross_entropy(logits: &Tensor, targets: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let log_probabilities = candle_nn::ops::log_softmax(logits, D::Minus1)?;
    let losses = log_probabilities
        .gather(&targets.unsqueeze(1)?, D::Minus1)?
        .squeeze(1)?
        .neg()?;
    let total = weights.sum_all()?.to_dtype(DType::F32)?;
    let floor = Tensor::new(LEAST_TOTAL_WEIGHT, weights.device())?;
    (losses * weights)?.sum_all()?.div(&total.maximum(&floor)?)
}

/// Rows `ids [..]` of `table [V, D]`.
///
/// # Errors
/// When an id is not a row.
pub fn gather_rows(table: &Tensor, ids: &Tensor) -> Result<Tensor> {
    let mut shape = ids.dims().to_vec();
    shape.push(table.dim(1)?);
    table.index_select(&ids.flatten_all()?, 0)?.reshape(shape)
}

/// Sums of the rows `ids [.., Q]` of `table [V, D]`.
///
/// # Errors
/// When an id is not a row.
pub fn gather_row_sums(table: &Tensor, ids: &Tensor) -> Result<Tensor> {
    gather_rows(table, ids)?.sum(ids.rank() - 1)
}
