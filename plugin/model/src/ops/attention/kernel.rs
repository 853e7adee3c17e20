//! One head of one sequence at a time.
#![allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]

use std::ptr::copy_nonoverlapping;

use super::plan::{Normed, Plan, Scratch};
use crate::ops::constants::{EPSILON, MASKED_LOGIT};
use crate::ops::simd::{Lanes, Strided, add_scaled, dot, exp, product};

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
    (!plan.cos.is_empty()).then(|| (plan.cos[t * half..].as_ptr(), plan.sin[t * half..].as_ptr()))
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
unsafe fn load_head<L: Lanes>(plan: &Plan, s: &mut Scratch, start: usize, h: usize, qkv: &[f32]) {
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
