//! Attention within a frame and along time, with normalised queries and keys.
//!
//! All forms run through one kernel that works on one head of one sequence at a time in scratch memory that stays in
//! the second cache: a sequence is the tokens of a frame, or one position through time. The gradient computes the
//! attention weights again instead of keeping them.

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::buffer::zeros;
use super::composed;
use super::norm::{EPSILON, sum_rows};
use super::simd::{Lanes, Strided, exp, multiversion, padded, product};
use super::slices::{SharedPointer, floats, fused, with_floats};
use super::sublayer::AttentionPattern;

/// Rotary positions turn pair `i` of the `d / 2` pairs of a head by `time * ROTARY_BASE^(-i / (d / 2))` radians. A
/// window holds tens of frames, so the slowest pair should turn noticeably within that, hence a small base.
pub const ROTARY_BASE: f64 = 100.0;

/// Stands for minus infinity among logits.
pub(super) const MASKED_LOGIT: f32 = 1e30;

/// Sequences that one task works through.
const SEQUENCES_PER_TASK: usize = 4;

/// Keys and values of one finished frame of one world, ready to be attended to.
#[derive(Clone, Debug)]
pub struct KeyValue {
    /// `[N, D]`: normalised and rotated by the frame's time.
    pub keys: Tensor,
    /// `[N, D]`.
    pub values: Tensor,
}

/// Cosines and sines `[times, d / 2]`, computed in `f64` so that they stay exact after millions of frames.
pub(super) fn rotary_angles(times: &[u64], head_width: usize) -> (Vec<f32>, Vec<f32>) {
    let half = head_width / 2;
    times
        .iter()
        .flat_map(|time| {
            (0..half).map(move |i| {
                let angle = *time as f64 * ROTARY_BASE.powf(-(i as f64) / half as f64);
                (angle.cos() as f32, angle.sin() as f32)
            })
        })
        .unzip()
}

/// Full attention inside each of `S` sequences: `qkv [S, L, 3D]` to `[S, L, D]`.
///
/// The last axis of `qkv` holds q, k and v one after the other, each with head `h` at columns `h d .. (h + 1) d`. Queries
/// and keys of each head are RMS-normalised and multiplied by `q_scale [d]` and `k_scale [d]`.
///
/// # Errors
/// When shapes do not match.
pub fn spatial_attention(
    qkv: &Tensor,
    q_scale: &Tensor,
    k_scale: &Tensor,
    heads: usize,
) -> Result<Tensor> {
    qkv.dims3()?;
    check(qkv, q_scale, k_scale, heads, false)?;
    if !fused(&[qkv, q_scale, k_scale]) {
        return composed::spatial_attention(qkv, q_scale, k_scale, heads);
    }
    apply(qkv, q_scale, k_scale, heads, Pattern::Full)
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
        return composed::temporal_attention(qkv, q_scale, k_scale, heads, window);
    }
    apply(qkv, q_scale, k_scale, heads, Pattern::Window(window))
}

/// [`temporal_attention`] for two versions of the same frames: `qkv [2, B, T, N, 3D]` to `[2, B, T, N, D]`.
///
/// Stream 0 holds the clean frames and attends to itself. Stream 1 holds the masked frames: its frame at `t` sees the
/// clean frames `t - window < t' < t` and its own masked self, so that every frame of a clip is predicted in one pass
/// just as in play, where keys of masked tokens never stay.
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
        return composed::two_stream_temporal_attention(qkv, q_scale, k_scale, heads, window);
    }
    apply(qkv, q_scale, k_scale, heads, Pattern::TwoStreams(window))
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
    pattern: Pattern,
) -> Result<Tensor> {
    qkv.contiguous()?.apply_op3(
        &q_scale.contiguous()?,
        &k_scale.contiguous()?,
        Attention { heads, pattern },
    )
}

/// Gradients of `qkv`, `q_scale` and `k_scale` of an attention whose output has the gradient `grad`.
pub(super) fn gradients(
    qkv: &Tensor,
    q_scale: &Tensor,
    k_scale: &Tensor,
    heads: usize,
    pattern: AttentionPattern,
    grad: &Tensor,
) -> Result<[Tensor; 3]> {
    let (qkv, grad, pattern) = match pattern {
        AttentionPattern::Spatial => {
            let n = qkv.dim(D::Minus2)?;
            let frames = qkv.reshape(((), n, qkv.dim(D::Minus1)?))?;
            let grad = grad.reshape(((), n, grad.dim(D::Minus1)?))?;
            (frames, grad, Pattern::Full)
        }
        AttentionPattern::Temporal { window } => {
            (qkv.clone(), grad.clone(), Pattern::Window(window))
        }
        AttentionPattern::TwoStreams { window } => {
            (qkv.clone(), grad.clone(), Pattern::TwoStreams(window))
        }
    };
    let op = Attention { heads, pattern };
    match op.bwd(&qkv, q_scale, k_scale, &qkv, &grad)? {
        (Some(dqkv), Some(dq), Some(dk)) => Ok([dqkv, dq, dk]),
        _ => candle_core::bail!("attention has gradients for all its arguments"),
    }
}

/// Who sees whom.
#[derive(Clone, Copy)]
enum Pattern {
    Full,
    Window(usize),
    TwoStreams(usize),
}

struct Attention {
    heads: usize,
    pattern: Pattern,
}

/// Everything a kernel needs to know about one call.
struct Plan {
    heads: usize,
    head_width: usize,
    /// Frames or tokens of a sequence.
    length: usize,
    sequences: usize,
    /// Rows between two elements of a sequence.
    step: usize,
    /// Sequences next to each other before the next block of `length * step` rows.
    inner: usize,
    /// Rows from an element of stream 0 to the same of stream 1, with two streams.
    second_stream: Option<usize>,
    /// Cosines and sines `[length, d / 2]`, empty when nothing is rotated.
    cos: Vec<f32>,
    sin: Vec<f32>,
    /// `[padded rows, padded columns]`: 1 where a query sees a key, else 0.
    seen: Vec<f32>,
    /// Padded to whole vectors; that of the queries divided by `sqrt(d)`, which scales the logits.
    q_scale: Vec<f32>,
    k_scale: Vec<f32>,
}

impl Plan {
    fn new(op: &Attention, dims: &[usize], q_scale: &[f32], k_scale: &[f32]) -> Self {
        let head_width = q_scale.len();
        let root = (head_width as f32).sqrt();
        let (length, sequences, inner, second_stream) = match (op.pattern, dims) {
            (Pattern::Full, [s, l, ..]) => (*l, *s, 1, None),
            (Pattern::Window(_), [b, t, n, ..]) => (*t, b * n, *n, None),
            (Pattern::TwoStreams(_), [_, b, t, n, ..]) => (*t, b * n, *n, Some(b * t * n)),
            _ => unreachable!("ranks were checked before the operation was applied"),
        };
        let window = match op.pattern {
            Pattern::Full => None,
            Pattern::Window(w) | Pattern::TwoStreams(w) => Some(w),
        };
        let (cos, sin) = if window.is_some() {
            let times: Vec<u64> = (0..length as u64).collect();
            rotary_angles(&times, head_width)
        } else {
            (Vec::new(), Vec::new())
        };
        let columns = padded(length);
        let mut seen = vec![0f32; columns * columns];
        for query in 0..length {
            for key in 0..length {
                // `key > query - window` without going below zero.
                let sees = window.is_none_or(|w| key <= query && query - key < w);
                seen[query * columns + key] = if sees { 1.0 } else { 0.0 };
            }
        }
        let mut padded_q = vec![0f32; padded(head_width)];
        let mut padded_k = padded_q.clone();
        for i in 0..head_width {
            padded_q[i] = q_scale[i] / root;
            padded_k[i] = k_scale[i];
        }
        Self {
            heads: op.heads,
            head_width,
            length,
            sequences,
            step: inner,
            inner,
            second_stream,
            cos,
            sin,
            seen,
            q_scale: padded_q,
            k_scale: padded_k,
        }
    }

    /// First row of sequence `i`.
    fn start(&self, i: usize) -> usize {
        i / self.inner * (self.length * self.step) + i % self.inner
    }

    fn width(&self) -> usize {
        self.heads * self.head_width
    }

    fn streams(&self) -> usize {
        1 + usize::from(self.second_stream.is_some())
    }

    fn padded_width(&self) -> usize {
        padded(self.head_width)
    }

    fn columns(&self) -> usize {
        padded(self.length)
    }

    /// Rows that are computed: a multiple of eight, as `product` wants.
    fn rows(&self) -> usize {
        self.length.div_ceil(8) * 8
    }
}

/// What is known of q or k of one head and stream: normalised, then scaled (and rotated), with what it was divided by.
struct Normed {
    unit: Vec<f32>,
    ready: Vec<f32>,
    inverse: Vec<f32>,
}

impl Normed {
    fn new(plan: &Plan) -> Self {
        let size = plan.columns() * plan.padded_width();
        Self {
            unit: vec![0f32; size],
            ready: vec![0f32; size],
            inverse: vec![0f32; plan.columns()],
        }
    }
}

/// Memory of one task. Rows beyond the sequence and columns beyond the head stay zero.
struct Scratch {
    q: [Normed; 2],
    k: [Normed; 2],
    v: [Vec<f32>; 2],
    /// Keys, and values, of stream 0 with rows and columns exchanged.
    k_turned: Vec<f32>,
    v_turned: Vec<f32>,
    weights: Vec<f32>,
    dweights: Vec<f32>,
    /// Weight of a masked frame's own self, and its gradient.
    own: Vec<f32>,
    down: Vec<f32>,
    out: Vec<f32>,
    dout: Vec<f32>,
    dq: [Vec<f32>; 2],
    dk: [Vec<f32>; 2],
    dv: [Vec<f32>; 2],
}

impl Scratch {
    fn new(plan: &Plan) -> Self {
        let size = plan.columns() * plan.padded_width();
        let square = plan.columns() * plan.columns();
        let two = || [vec![0f32; size], vec![0f32; size]];
        Self {
            q: [Normed::new(plan), Normed::new(plan)],
            k: [Normed::new(plan), Normed::new(plan)],
            v: two(),
            k_turned: vec![0f32; size],
            v_turned: vec![0f32; size],
            weights: vec![0f32; square],
            dweights: vec![0f32; square],
            own: vec![0f32; plan.columns()],
            down: vec![0f32; plan.columns()],
            out: vec![0f32; size],
            dout: vec![0f32; size],
            dq: two(),
            dk: two(),
            dv: two(),
        }
    }
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
        let plan = Plan::new(self, qkv_layout.dims(), q_scale, k_scale);
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
                let plan = Plan::new(self, qkv.dims(), qs, ks);
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

pub(super) use kernel::prepare_row;
use kernel::{backward_body, forward_body};

mod kernel {
    //! One head of one sequence at a time.
    #![allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]

    use std::ptr::copy_nonoverlapping;

    use super::{EPSILON, Lanes, MASKED_LOGIT, Normed, Plan, Scratch, Strided, exp, product};

    /// Inner product of two padded rows.
    #[inline(always)]
    unsafe fn dot<L: Lanes>(a: *const f32, b: *const f32, n: usize) -> f32 {
        let mut sums = L::splat(0.0);
        let mut i = 0;
        while i < n {
            sums = L::fma(L::load(a.add(i)), L::load(b.add(i)), sums);
            i += L::WIDTH;
        }
        L::sum(sums)
    }

    /// `to += factor * from` over padded rows.
    #[inline(always)]
    unsafe fn add_scaled<L: Lanes>(to: *mut f32, from: *const f32, factor: f32, n: usize) {
        let factor = L::splat(factor);
        let mut i = 0;
        while i < n {
            let v = L::fma(L::load(from.add(i)), factor, L::load(to.add(i)));
            L::store(to.add(i), v);
            i += L::WIDTH;
        }
    }

    /// Turns pairs `(i, i + half)` by the angles, or back by them.
    #[inline(always)]
    unsafe fn rotate<L: Lanes>(
        row: *mut f32,
        cos: *const f32,
        sin: *const f32,
        half: usize,
        back: bool,
    ) {
        let sign = if back { -1.0 } else { 1.0 };
        let mut i = 0;
        while i + L::WIDTH <= half {
            let (a, b) = (L::load(row.add(i)), L::load(row.add(half + i)));
            let c = L::load(cos.add(i));
            let s = L::mul(L::load(sin.add(i)), L::splat(sign));
            L::store(row.add(i), L::sub(L::mul(a, c), L::mul(b, s)));
            L::store(row.add(half + i), L::fma(a, s, L::mul(b, c)));
            i += L::WIDTH;
        }
        while i < half {
            let (a, b) = (*row.add(i), *row.add(half + i));
            let (c, s) = (*cos.add(i), *sin.add(i) * sign);
            *row.add(i) = a * c - b * s;
            *row.add(half + i) = a * s + b * c;
            i += 1;
        }
    }

    /// Normalises the `d` floats at `from` into the padded row `unit`, scales and rotates them into `ready`; returns the
    /// inverse root mean square. `scale` is padded with zeros.
    #[inline(always)]
    pub(in super::super) unsafe fn prepare_row<L: Lanes>(
        from: *const f32,
        d: usize,
        scale: &[f32],
        angles: Option<(*const f32, *const f32)>,
        unit: *mut f32,
        ready: *mut f32,
    ) -> f32 {
        let n = scale.len();
        copy_nonoverlapping(from, unit, d);
        let inverse = 1.0 / (dot::<L>(unit, unit, n) / d as f32 + EPSILON).sqrt();
        let factor = L::splat(inverse);
        let mut i = 0;
        while i < n {
            let v = L::mul(L::load(unit.add(i)), factor);
            L::store(unit.add(i), v);
            L::store(ready.add(i), L::mul(v, L::load(scale.as_ptr().add(i))));
            i += L::WIDTH;
        }
        if let Some((cos, sin)) = angles {
            rotate::<L>(ready, cos, sin, d / 2, false);
        }
        inverse
    }

    #[inline(always)]
    fn angles(plan: &Plan, t: usize) -> Option<(*const f32, *const f32)> {
        let half = plan.head_width / 2;
        (!plan.cos.is_empty())
            .then(|| (plan.cos[t * half..].as_ptr(), plan.sin[t * half..].as_ptr()))
    }

    #[inline(always)]
    unsafe fn prepare<L: Lanes>(
        plan: &Plan,
        from: *const f32,
        row_stride: usize,
        scale: &[f32],
        to: &mut Normed,
    ) {
        let n = scale.len();
        for t in 0..plan.length {
            to.inverse[t] = prepare_row::<L>(
                from.add(t * row_stride),
                plan.head_width,
                scale,
                angles(plan, t),
                to.unit.as_mut_ptr().add(t * n),
                to.ready.as_mut_ptr().add(t * n),
            );
        }
    }

    /// Copies the head's columns of every row of the sequence into padded rows.
    #[inline(always)]
    unsafe fn copy_rows(plan: &Plan, from: *const f32, row_stride: usize, to: &mut [f32]) {
        let n = plan.padded_width();
        for t in 0..plan.length {
            copy_nonoverlapping(
                from.add(t * row_stride),
                to.as_mut_ptr().add(t * n),
                plan.head_width,
            );
        }
    }

    /// `[columns, n]` to `[n, columns]`.
    #[inline(always)]
    unsafe fn turn<L: Lanes>(plan: &Plan, from: &[f32], to: &mut [f32]) {
        let (rows, n) = (plan.columns(), plan.padded_width());
        for r in (0..rows).step_by(16) {
            for c in (0..n).step_by(16) {
                L::transpose16(
                    from.as_ptr().add(r * n + c),
                    n,
                    to.as_mut_ptr().add(c * rows + r),
                    rows,
                );
            }
        }
    }

    /// Normalised q and k, and v, of head `h` in every stream, and the keys turned.
    #[inline(always)]
    unsafe fn load_head<L: Lanes>(
        plan: &Plan,
        s: &mut Scratch,
        start: usize,
        h: usize,
        qkv: &[f32],
    ) {
        let width = plan.width();
        let stride = plan.step * 3 * width;
        for stream in 0..plan.streams() {
            let row = start + stream * plan.second_stream.unwrap_or(0);
            let from = qkv.as_ptr().add(row * 3 * width + h * plan.head_width);
            prepare::<L>(plan, from, stride, &plan.q_scale, &mut s.q[stream]);
            prepare::<L>(
                plan,
                from.add(width),
                stride,
                &plan.k_scale,
                &mut s.k[stream],
            );
            copy_rows(plan, from.add(2 * width), stride, &mut s.v[stream]);
        }
        turn::<L>(plan, &s.k[0].ready, &mut s.k_turned);
    }

    /// Attention weights of `stream`: on the keys of stream 0 in `weights`, and of stream 1 on itself in `own`, with
    /// zeros in the place of its clean self.
    #[inline(always)]
    unsafe fn attend<L: Lanes>(plan: &Plan, s: &mut Scratch, stream: usize) {
        let (n, columns, d) = (plan.padded_width(), plan.columns(), plan.head_width);
        let q = Strided {
            data: s.q[stream].ready.as_ptr(),
            row_stride: n,
            column_stride: 1,
        };
        let weights = s.weights.as_mut_ptr();
        let turned = s.k_turned.as_ptr();
        product::<L>(
            (plan.rows(), columns, d),
            q,
            turned,
            columns,
            weights,
            columns,
            false,
        );
        for t in 0..plan.length {
            let row = weights.add(t * columns);
            let seen = plan.seen.as_ptr().add(t * columns);
            if stream == 1 {
                *row.add(t) = dot::<L>(q.data.add(t * n), s.k[1].ready.as_ptr().add(t * n), n);
            }
            let mut largest = L::splat(-MASKED_LOGIT);
            let mut i = 0;
            while i < columns {
                // Unseen logits become very negative, seen ones stay what they are.
                let sees = L::load(seen.add(i));
                let less = L::mul(L::sub(sees, L::splat(1.0)), L::splat(MASKED_LOGIT));
                let v = L::fma(L::load(row.add(i)), sees, less);
                L::store(row.add(i), v);
                largest = L::max(largest, v);
                i += L::WIDTH;
            }
            let largest = L::splat(L::largest(largest));
            let mut sum = L::splat(0.0);
            let mut i = 0;
            while i < columns {
                let e = exp::<L>(L::sub(L::load(row.add(i)), largest));
                let e = L::mul(e, L::load(seen.add(i)));
                L::store(row.add(i), e);
                sum = L::add(sum, e);
                i += L::WIDTH;
            }
            let inverse = L::splat(1.0 / L::sum(sum));
            let mut i = 0;
            while i < columns {
                L::store(row.add(i), L::mul(L::load(row.add(i)), inverse));
                i += L::WIDTH;
            }
            if stream == 1 {
                s.own[t] = *row.add(t);
                *row.add(t) = 0.0;
            }
        }
    }

    #[inline(always)]
    pub(super) unsafe fn forward_body<L: Lanes>(
        plan: &Plan,
        s: &mut Scratch,
        sequence: usize,
        qkv: &[f32],
        out: *mut f32,
    ) {
        let (n, columns) = (plan.padded_width(), plan.columns());
        let start = plan.start(sequence);
        for h in 0..plan.heads {
            load_head::<L>(plan, s, start, h, qkv);
            for stream in 0..plan.streams() {
                attend::<L>(plan, s, stream);
                let weights = Strided {
                    data: s.weights.as_ptr(),
                    row_stride: columns,
                    column_stride: 1,
                };
                let (v, o) = (s.v[0].as_ptr(), s.out.as_mut_ptr());
                product::<L>((plan.rows(), n, plan.length), weights, v, n, o, n, false);
                let row = start + stream * plan.second_stream.unwrap_or(0);
                for t in 0..plan.length {
                    let o = o.add(t * n);
                    if stream == 1 {
                        add_scaled::<L>(o, s.v[1].as_ptr().add(t * n), s.own[t], n);
                    }
                    let to = (row + t * plan.step) * plan.width() + h * plan.head_width;
                    copy_nonoverlapping(o, out.add(to), plan.head_width);
                }
            }
        }
    }

    #[inline(always)]
    pub(super) unsafe fn backward_body<L: Lanes>(
        plan: &Plan,
        s: &mut Scratch,
        sequence: usize,
        qkv: &[f32],
        grad: &[f32],
        dqkv: *mut f32,
        dscales: &mut [f32],
    ) {
        let (n, columns, width) = (plan.padded_width(), plan.columns(), plan.width());
        let (rows, length) = (plan.rows(), plan.length);
        let start = plan.start(sequence);
        let (dq_scale, dk_scale) = dscales.split_at_mut(n);
        for h in 0..plan.heads {
            load_head::<L>(plan, s, start, h, qkv);
            turn::<L>(plan, &s.v[0], &mut s.v_turned);
            for stream in 0..plan.streams() {
                let second = stream == 1;
                attend::<L>(plan, s, stream);
                let row = start + stream * plan.second_stream.unwrap_or(0);
                let from = grad.as_ptr().add(row * width + h * plan.head_width);
                copy_rows(plan, from, plan.step * width, &mut s.dout);

                let (weights, dweights) = (s.weights.as_ptr(), s.dweights.as_mut_ptr());
                let by_row = |data: *const f32, row_stride: usize| Strided {
                    data,
                    row_stride,
                    column_stride: 1,
                };
                let by_column = |data: *const f32| Strided {
                    data,
                    row_stride: 1,
                    column_stride: columns,
                };
                let dout = s.dout.as_ptr();
                product::<L>(
                    (rows, columns, plan.head_width),
                    by_row(dout, n),
                    s.v_turned.as_ptr(),
                    columns,
                    dweights,
                    columns,
                    false,
                );
                for t in 0..length {
                    let (p, dp) = (weights.add(t * columns), dweights.add(t * columns));
                    let mut mean = dot::<L>(p, dp, columns);
                    if second {
                        s.down[t] = dot::<L>(dout.add(t * n), s.v[1].as_ptr().add(t * n), n);
                        mean += s.own[t] * s.down[t];
                        s.down[t] = s.own[t] * (s.down[t] - mean);
                    }
                    let mean = L::splat(mean);
                    let mut i = 0;
                    while i < columns {
                        let v = L::mul(L::load(p.add(i)), L::sub(L::load(dp.add(i)), mean));
                        L::store(dp.add(i), v);
                        i += L::WIDTH;
                    }
                }
                let dv = s.dv[0].as_mut_ptr();
                product::<L>(
                    (rows, n, length),
                    by_column(weights),
                    dout,
                    n,
                    dv,
                    n,
                    second,
                );
                let (q, k) = (s.q[stream].ready.as_ptr(), s.k[0].ready.as_ptr());
                let dq = s.dq[stream].as_mut_ptr();
                product::<L>(
                    (rows, n, length),
                    by_row(dweights, columns),
                    k,
                    n,
                    dq,
                    n,
                    false,
                );
                let dk = s.dk[0].as_mut_ptr();
                product::<L>((rows, n, length), by_column(dweights), q, n, dk, n, second);
                if second {
                    s.dv[1].fill(0.0);
                    s.dk[1].fill(0.0);
                    for t in 0..length {
                        let at = t * n;
                        add_scaled::<L>(s.dv[1].as_mut_ptr().add(at), dout.add(at), s.own[t], n);
                        add_scaled::<L>(s.dk[1].as_mut_ptr().add(at), q.add(at), s.down[t], n);
                        let own_key = s.k[1].ready.as_ptr().add(at);
                        add_scaled::<L>(dq.add(at), own_key, s.down[t], n);
                    }
                }
            }
            for stream in 0..plan.streams() {
                let row = start + stream * plan.second_stream.unwrap_or(0);
                for t in 0..length {
                    let at = t * n;
                    let to = dqkv.add((row + t * plan.step) * 3 * width + h * plan.head_width);
                    let (dq, dk) = (
                        s.dq[stream].as_mut_ptr().add(at),
                        s.dk[stream].as_mut_ptr().add(at),
                    );
                    finish_row::<L>(plan, t, dq, &s.q[stream], &plan.q_scale, dq_scale);
                    finish_row::<L>(plan, t, dk, &s.k[stream], &plan.k_scale, dk_scale);
                    copy_nonoverlapping(dq, to, plan.head_width);
                    copy_nonoverlapping(dk, to.add(width), plan.head_width);
                    let dv = s.dv[stream].as_ptr().add(at);
                    copy_nonoverlapping(dv, to.add(2 * width), plan.head_width);
                }
            }
        }
    }

    /// Takes the gradient of a ready row back through rotation, scale and normalisation, in place.
    #[inline(always)]
    unsafe fn finish_row<L: Lanes>(
        plan: &Plan,
        t: usize,
        row: *mut f32,
        normed: &Normed,
        scale: &[f32],
        dscale: &mut [f32],
    ) {
        let n = scale.len();
        if let Some((cos, sin)) = angles(plan, t) {
            rotate::<L>(row, cos, sin, plan.head_width / 2, true);
        }
        let unit = normed.unit.as_ptr().add(t * n);
        let (scale, dscale) = (scale.as_ptr(), dscale.as_mut_ptr());
        let mut sums = L::splat(0.0);
        let mut i = 0;
        while i < n {
            let (g, u) = (L::load(row.add(i)), L::load(unit.add(i)));
            L::store(dscale.add(i), L::fma(g, u, L::load(dscale.add(i))));
            let p = L::mul(g, L::load(scale.add(i)));
            L::store(row.add(i), p);
            sums = L::fma(p, u, sums);
            i += L::WIDTH;
        }
        let back = L::splat(-L::sum(sums) / plan.head_width as f32);
        let inverse = L::splat(normed.inverse[t]);
        let mut i = 0;
        while i < n {
            let v = L::fma(L::load(unit.add(i)), back, L::load(row.add(i)));
            L::store(row.add(i), L::mul(v, inverse));
            i += L::WIDTH;
        }
    }
}

/// Inputs of one world's position in [`cached_temporal_attention`].
struct CachedWorld<'a> {
    keys: Vec<&'a [f32]>,
    values: Vec<&'a [f32]>,
}

fn cached_on_cpu(
    qkv: &Tensor,
    q_scale: &Tensor,
    k_scale: &Tensor,
    heads: usize,
    times: &[u64],
    past: &[Vec<&KeyValue>],
) -> Result<(Tensor, Vec<KeyValue>)> {
    let (worlds, positions, packed) = qkv.dims3()?;
    let (width, d) = (packed / 3, packed / 3 / heads);
    let (qkv, q_scale, k_scale) = (
        qkv.contiguous()?,
        q_scale.contiguous()?,
        k_scale.contiguous()?,
    );
    let device = qkv.device().clone();
    let mut out = vec![0f32; worlds * positions * width];
    let mut entries = Vec::with_capacity(worlds);
    for world in 0..worlds {
        let (cos, sin) = rotary_angles(&times[world..=world], d);
        let held: Vec<_> = past[world]
            .iter()
            .map(|e| (e.keys.storage_and_layout(), e.values.storage_and_layout()))
            .collect();
        let mut frames = CachedWorld {
            keys: Vec::with_capacity(held.len()),
            values: Vec::with_capacity(held.len()),
        };
        for ((keys, keys_layout), (values, values_layout)) in &held {
            let (candle_core::Storage::Cpu(keys), candle_core::Storage::Cpu(values)) =
                (&**keys, &**values)
            else {
                candle_core::bail!("expected keys and values on the CPU");
            };
            frames.keys.push(floats(keys, keys_layout)?);
            frames.values.push(floats(values, values_layout)?);
        }
        let mut keys = vec![0f32; positions * width];
        let mut values = vec![0f32; positions * width];
        with_floats([&qkv, &q_scale, &k_scale], |[qkv, q_scale, k_scale]| {
            let mut padded_q = vec![0f32; padded(d)];
            let mut padded_k = vec![0f32; padded(d)];
            for i in 0..d {
                padded_q[i] = q_scale[i] / (d as f32).sqrt();
                padded_k[i] = k_scale[i];
            }
            let qkv = &qkv[world * positions * packed..][..positions * packed];
            let out = &mut out[world * positions * width..][..positions * width];
            // Many frames are worth threads; few are done before a thread wakes up.
            let per_task = (16 * 1024 / ((frames.keys.len() + 4) * width)).max(1);
            out.par_chunks_mut(per_task * width)
                .zip(keys.par_chunks_mut(per_task * width))
                .zip(values.par_chunks_mut(per_task * width))
                .zip(qkv.par_chunks(per_task * packed))
                .enumerate()
                .for_each(|(task, (((out, keys), values), qkv))| {
                    let call = CachedCall {
                        first: task * per_task,
                        d,
                        width,
                        frames: &frames,
                        q_scale: &padded_q,
                        k_scale: &padded_k,
                        angles: (&cos, &sin),
                    };
                    // SAFETY: the kernel indexes rows of `width` within these chunks and within the cached frames,
                    // whose shapes were checked.
                    #[allow(unsafe_code)]
                    unsafe {
                        cached_rows(&call, qkv, out, keys, values);
                    }
                });
            Ok(())
        })?;
        entries.push(KeyValue {
            keys: Tensor::from_vec(keys, (positions, width), &device)?,
            values: Tensor::from_vec(values, (positions, width), &device)?,
        });
    }
    Ok((
        Tensor::from_vec(out, (worlds, positions, width), &device)?,
        entries,
    ))
}

/// What [`cached_rows`] needs besides the rows it works on.
struct CachedCall<'a> {
    /// Position of the first row.
    first: usize,
    d: usize,
    width: usize,
    frames: &'a CachedWorld<'a>,
    q_scale: &'a [f32],
    k_scale: &'a [f32],
    angles: (&'a [f32], &'a [f32]),
}

multiversion! {
    #[allow(unsafe_code, unsafe_op_in_unsafe_fn)]
    unsafe fn cached_rows(
        call: &CachedCall<'_>, qkv: &[f32], out: &mut [f32], keys: &mut [f32], values: &mut [f32],
    ) = cached_body
}

#[allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]
#[inline(always)]
unsafe fn cached_body<L: Lanes>(
    call: &CachedCall<'_>,
    qkv: &[f32],
    out: &mut [f32],
    keys: &mut [f32],
    values: &mut [f32],
) {
    let (d, width) = (call.d, call.width);
    let n = call.q_scale.len();
    let past = call.frames.keys.len();
    let angles = Some((call.angles.0.as_ptr(), call.angles.1.as_ptr()));
    let mut unit = vec![0f32; n];
    let mut query = vec![0f32; n];
    let mut key = vec![0f32; n];
    let mut weights = vec![-MASKED_LOGIT; padded(past + 1)];
    for row in 0..out.len() / width {
        for h in (0..width).step_by(d) {
            let from = qkv.as_ptr().add(row * 3 * width + h);
            let (u, q, k) = (unit.as_mut_ptr(), query.as_mut_ptr(), key.as_mut_ptr());
            prepare_row::<L>(from, d, call.q_scale, angles, u, q);
            prepare_row::<L>(from.add(width), d, call.k_scale, angles, u, k);
            let here = row * width + h;
            keys[here..here + d].copy_from_slice(&key[..d]);
            let own = std::slice::from_raw_parts(from.add(2 * width), d);
            values[here..here + d].copy_from_slice(own);

            let there = (call.first + row) * width + h;
            weights.fill(-MASKED_LOGIT);
            for (weight, frame) in weights.iter_mut().zip(&call.frames.keys) {
                *weight = inner::<L>(q, frame[there..there + d].as_ptr(), d);
            }
            weights[past] = inner::<L>(q, k, d);
            let mut largest = weights[past];
            for weight in &weights[..past] {
                largest = if *weight > largest { *weight } else { largest };
            }
            let mut i = 0;
            while i < weights.len() {
                let place = weights.as_mut_ptr().add(i);
                L::store(place, exp::<L>(L::sub(L::load(place), L::splat(largest))));
                i += L::WIDTH;
            }
            let sum: f32 = weights[..=past].iter().sum();
            let out = out[here..here + d].as_mut_ptr();
            for (weight, frame) in weights.iter().zip(&call.frames.values) {
                add::<L>(out, frame[there..there + d].as_ptr(), *weight / sum, d);
            }
            add::<L>(out, own.as_ptr(), weights[past] / sum, d);
        }
    }
}

#[allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]
#[inline(always)]
pub(super) unsafe fn inner<L: Lanes>(a: *const f32, b: *const f32, n: usize) -> f32 {
    let mut sums = L::splat(0.0);
    let mut i = 0;
    while i + L::WIDTH <= n {
        sums = L::fma(L::load(a.add(i)), L::load(b.add(i)), sums);
        i += L::WIDTH;
    }
    let mut sum = L::sum(sums);
    while i < n {
        sum += *a.add(i) * *b.add(i);
        i += 1;
    }
    sum
}

#[allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]
#[inline(always)]
pub(super) unsafe fn add<L: Lanes>(to: *mut f32, from: *const f32, factor: f32, n: usize) {
    let mut i = 0;
    while i + L::WIDTH <= n {
        let v = L::fma(L::load(from.add(i)), L::splat(factor), L::load(to.add(i)));
        L::store(to.add(i), v);
        i += L::WIDTH;
    }
    while i < n {
        *to.add(i) += *from.add(i) * factor;
        i += 1;
    }
}
