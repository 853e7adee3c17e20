//! Attention within a frame and along time, with normalised queries and keys.
//!
//! All forms run through one kernel that works on one head of one sequence at a time in scratch memory that stays in
//! the second-level cache: a sequence is the tokens of a frame, or one position through time. The gradient computes the
//! attention weights again instead of keeping them.

mod cached;
mod kernel;
mod plan;

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use self::cached::cached_on_cpu;
pub(super) use self::kernel::prepare_row;
use self::kernel::{backward_body, forward_body};
use self::plan::{Plan, Scratch};
pub use super::attention_pattern::AttentionPattern;
use super::buffer::zeros;
use super::composed;
use super::device;
use super::fusion::fused;
use super::key_value::KeyValue;
use super::norm::sum_rows;
use super::rotary::TokenGrid;
use super::simd::multiversion;
use super::slices::{SharedPointer, floats, with_floats};

/// Sequences that one task works through.
const SEQUENCES_PER_TASK: usize = 4;

/// Full attention inside each of `S` sequences: `qkv [S, L, 3D]` to `[S, L, D]`.
///
/// The last axis of `qkv` holds q, k and v one after the other, each with head `h` at columns `h d .. (h + 1) d`. Queries
/// and keys of each head are RMS-normalised and multiplied by `q_scale [d]` and `k_scale [d]`, then rotated by row and column
/// if there is a `grid`, of `L` tokens.
///
/// # Errors
/// When shapes do not match, or a head has an odd width and there is a grid.
pub fn spatial_attention(
    qkv: &Tensor,
    q_scale: &Tensor,
    k_scale: &Tensor,
    heads: usize,
    grid: Option<TokenGrid>,
) -> Result<Tensor> {
    let (_, length, _) = qkv.dims3()?;
    check(qkv, q_scale, k_scale, heads, grid.is_some())?;
    if let Some(grid) = grid
        && grid.tokens() != length
    {
        candle_core::bail!("spatial_attention: expected {grid:?}, got {length} tokens");
    }
    if !fused(&[qkv, q_scale, k_scale]) {
        let pattern = AttentionPattern::Spatial { grid };
        return device::attention(qkv, q_scale, k_scale, heads, pattern);
    }
    let pattern = AttentionPattern::Spatial { grid };
    apply(qkv, q_scale, k_scale, heads, pattern)
}

/// Attention along time for every position: `qkv [B, T, N, 3D]` to `[B, T, N, D]`.
///
/// Packed and normalised as in [`spatial_attention`]; queries and keys are then rotated by their frame index. The frame
/// at `t` sees the frames `t - window < t' <= t`: `window` of them with itself.
///
/// # Errors
/// When shapes do not match, a head has an odd width, or `window` is 0.
pub fn temporal_attention(
    qkv: &Tensor,
    q_scale: &Tensor,
    k_scale: &Tensor,
    heads: usize,
    window: usize,
) -> Result<Tensor> {
    qkv.dims4()?;
    check(qkv, q_scale, k_scale, heads, true)?;
    check_window(window)?;
    if !fused(&[qkv, q_scale, k_scale]) {
        let pattern = AttentionPattern::Temporal { window };
        return device::attention(qkv, q_scale, k_scale, heads, pattern);
    }
    let pattern = AttentionPattern::Temporal { window };
    apply(qkv, q_scale, k_scale, heads, pattern)
}

/// [`temporal_attention`] for two versions of the same frames: `qkv [2, B, T, N, 3D]` to `[2, B, T, N, D]`.
///
/// Stream 0 holds the clean frames and attends to itself. Stream 1 holds the masked frames: its frame at `t` sees the
/// clean frames `t - window < t' < t` and its own masked self, so that every frame of a clip is predicted in one pass
/// just as in play, where keys of masked tokens never enter the cache.
///
/// # Errors
/// When shapes do not match, a head has an odd width, or `window` is 0.
pub fn two_stream_temporal_attention(
    qkv: &Tensor,
    q_scale: &Tensor,
    k_scale: &Tensor,
    heads: usize,
    window: usize,
) -> Result<Tensor> {
    let (streams, ..) = qkv.dims5()?;
    if streams != 2 {
        candle_core::bail!("two_stream_temporal_attention: expected 2 streams, got {streams}");
    }
    check(qkv, q_scale, k_scale, heads, true)?;
    check_window(window)?;
    if !fused(&[qkv, q_scale, k_scale]) {
        let pattern = AttentionPattern::TwoStreams { window };
        return device::attention(qkv, q_scale, k_scale, heads, pattern);
    }
    let pattern = AttentionPattern::TwoStreams { window };
    apply(qkv, q_scale, k_scale, heads, pattern)
}

/// [`temporal_attention`] of one new frame of each of `B` worlds against finished frames: `qkv [B, N, 3D]` to
/// `[B, N, D]`, and the new frames' own keys and values. For inference: nothing gets a gradient.
///
/// World `b` is at frame index `times[b]` and sees all of `past[b]`, oldest first and already cut to the window, and
/// itself.
///
/// # Errors
/// When shapes do not match or a head has an odd width.
pub fn cached_temporal_attention(
    qkv: &Tensor,
    q_scale: &Tensor,
    k_scale: &Tensor,
    heads: usize,
    times: &[u64],
    past: &[Vec<&KeyValue>],
) -> Result<(Tensor, Vec<KeyValue>)> {
    let (worlds, positions, packed) = qkv.dims3()?;
    check(qkv, q_scale, k_scale, heads, true)?;
    if times.len() != worlds || past.len() != worlds {
        candle_core::bail!(
            "cached_temporal_attention: {worlds} worlds, but {} times and {} pasts",
            times.len(),
            past.len()
        );
    }
    let width = packed / 3;
    let entries = || past.iter().flatten();
    for entry in entries() {
        if entry.keys.dims() != [positions, width] || entry.values.dims() != [positions, width] {
            candle_core::bail!(
                "cached_temporal_attention: expected keys and values of [{positions}, {width}], got {:?} and {:?}",
                entry.keys.dims(),
                entry.values.dims()
            );
        }
    }
    let usable = fused(&[qkv, q_scale, k_scale])
        && entries().all(|e| {
            fused(&[&e.keys, &e.values]) && e.keys.is_contiguous() && e.values.is_contiguous()
        });
    if !usable || worlds == 0 {
        return composed::cached_temporal_attention(qkv, q_scale, k_scale, heads, times, past);
    }
    cached_on_cpu(qkv, q_scale, k_scale, heads, times, past)
}

fn check(
    qkv: &Tensor,
    q_scale: &Tensor,
    k_scale: &Tensor,
    heads: usize,
    rotary: bool,
) -> Result<()> {
    let packed = qkv.dim(D::Minus1)?;
    if heads == 0 || packed == 0 || !packed.is_multiple_of(3 * heads) {
        candle_core::bail!("attention: {packed} columns cannot be q, k and v of {heads} heads");
    }
    let d = packed / 3 / heads;
    if q_scale.dims() != [d] || k_scale.dims() != [d] {
        candle_core::bail!(
            "attention: expected scales of [{d}], got {:?} and {:?}",
            q_scale.dims(),
            k_scale.dims()
        );
    }
    if rotary && d % 2 == 1 {
        candle_core::bail!("attention: rotary positions need heads of an even width, got {d}");
    }
    Ok(())
}

fn check_window(window: usize) -> Result<()> {
    if window == 0 {
        candle_core::bail!("attention: a window holds at least the frame itself, got 0");
    }
    Ok(())
}

fn apply(
    qkv: &Tensor,
    q_scale: &Tensor,
    k_scale: &Tensor,
    heads: usize,
    pattern: AttentionPattern,
) -> Result<Tensor> {
    qkv.contiguous()?.apply_op3(
        &q_scale.contiguous()?,
        &k_scale.contiguous()?,
        Attention { heads, pattern },
    )
}

/// Gradients of `qkv`, `q_scale` and `k_scale` of an attention whose output has the gradient `grad`.
pub(super) fn attention_gradients(
    qkv: &Tensor,
    q_scale: &Tensor,
    k_scale: &Tensor,
    heads: usize,
    pattern: AttentionPattern,
    grad: &Tensor,
) -> Result<[Tensor; 3]> {
    let (qkv, grad) = if matches!(pattern, AttentionPattern::Spatial { .. }) {
        let n = qkv.dim(D::Minus2)?;
        let frames = qkv.reshape(((), n, qkv.dim(D::Minus1)?))?;
        (frames, grad.reshape(((), n, grad.dim(D::Minus1)?))?)
    } else {
        (qkv.clone(), grad.clone())
    };
    let op = Attention { heads, pattern };
    match op.bwd(&qkv, q_scale, k_scale, &qkv, &grad)? {
        (Some(dqkv), Some(dq), Some(dk)) => Ok([dqkv, dq, dk]),
        _ => candle_core::bail!("attention has gradients for all its arguments"),
    }
}

struct Attention {
    heads: usize,
    pattern: AttentionPattern,
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        qkv: &CpuStorage,
        qkv_layout: &Layout,
        q_scale: &CpuStorage,
        q_layout: &Layout,
        k_scale: &CpuStorage,
        k_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let qkv = floats(qkv, qkv_layout)?;
        let (q_scale, k_scale) = (floats(q_scale, q_layout)?, floats(k_scale, k_layout)?);
        let plan = Plan::new(
            self.pattern,
            self.heads,
            qkv_layout.dims(),
            [q_scale, k_scale],
        );
        let mut shape = qkv_layout.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last /= 3;
        }
        let mut out = zeros(qkv.len() / 3);
        let target = SharedPointer::new(&mut out);
        (0..plan.sequences)
            .into_par_iter()
            .with_min_len(SEQUENCES_PER_TASK)
            .for_each_init(
                || Scratch::new(&plan),
                |scratch, sequence| {
                    // SAFETY: every sequence writes its own rows of `out`, which has all rows of `qkv`.
                    #[allow(unsafe_code)]
                    unsafe {
                        forward(&plan, scratch, sequence, qkv, target.get());
                    }
                },
            );
        Ok((CpuStorage::F32(out), Shape::from(shape)))
    }

    fn bwd(
        &self,
        qkv: &Tensor,
        q_scale: &Tensor,
        k_scale: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let d = q_scale.elem_count();
        let (dqkv, dscales) =
            with_floats([qkv, q_scale, k_scale, &grad], |[data, qs, ks, grad]| {
                let plan = Plan::new(self.pattern, self.heads, qkv.dims(), [qs, ks]);
                let mut dqkv = zeros(data.len());
                let target = SharedPointer::new(&mut dqkv);
                let width = 2 * plan.padded_width();
                let mut dscales = vec![0f32; plan.sequences * width];
                dscales
                    .par_chunks_mut(width)
                    .with_min_len(SEQUENCES_PER_TASK)
                    .enumerate()
                    .for_each_init(
                        || Scratch::new(&plan),
                        |scratch, (sequence, dscales)| {
                            // SAFETY: every sequence writes its own rows of `dqkv`, which is as large as `qkv`.
                            #[allow(unsafe_code)]
                            unsafe {
                                backward(
                                    &plan,
                                    scratch,
                                    sequence,
                                    data,
                                    grad,
                                    target.get(),
                                    dscales,
                                );
                            }
                        },
                    );
                Ok((dqkv, sum_rows(&dscales, width)))
            })?;
        let half = dscales.len() / 2;
        let root = (d as f32).sqrt();
        let dq: Vec<f32> = dscales[..d].iter().map(|g| g / root).collect();
        let dk = dscales[half..half + d].to_vec();
        Ok((
            Some(Tensor::from_vec(dqkv, qkv.shape(), qkv.device())?),
            Some(Tensor::from_vec(dq, d, qkv.device())?),
            Some(Tensor::from_vec(dk, d, qkv.device())?),
        ))
    }
}

multiversion! {
    #[allow(unsafe_code, unsafe_op_in_unsafe_fn)]
    unsafe fn forward(
        plan: &Plan, scratch: &mut Scratch, sequence: usize, qkv: &[f32], out: *mut f32,
    ) = forward_body
}

multiversion! {
    #[allow(unsafe_code, unsafe_op_in_unsafe_fn)]
    unsafe fn backward(
        plan: &Plan, scratch: &mut Scratch, sequence: usize, qkv: &[f32], grad: &[f32],
        dqkv: *mut f32, dscales: &mut [f32],
    ) = backward_body
}
