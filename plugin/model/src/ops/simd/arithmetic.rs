//! Arithmetic of kernels on rows and small matrices.

use super::lanes::Lanes;

/// Inner product of two rows of `n`.
#[inline(always)]
pub(in crate::ops) unsafe fn dot<L: Lanes>(a: *const f32, b: *const f32, n: usize) -> f32 {
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

/// `to += factor * from` over rows of `n`.
#[inline(always)]
pub(in crate::ops) unsafe fn add_scaled<L: Lanes>(
    to: *mut f32,
    from: *const f32,
    factor: f32,
    n: usize,
) {
    let factors = L::splat(factor);
    let mut i = 0;
    while i + L::WIDTH <= n {
        let v = L::fma(L::load(from.add(i)), factors, L::load(to.add(i)));
        L::store(to.add(i), v);
        i += L::WIDTH;
    }
    while i < n {
        *to.add(i) += *from.add(i) * factor;
        i += 1;
    }
}

/// `e^x` to about 1e-7, of its value; below -87 it is the smallest normal number and above 88 the largest power.
#[inline(always)]
pub(in crate::ops) unsafe fn exp<L: Lanes>(x: L::V) -> L::V {
    // Adding and taking away 1.5 * 2^23 rounds to a whole number.
    let magic = L::splat(12_582_912.0);
    // In this order a NaN stays one.
    let x = L::max(L::splat(-87.0), x);
    let n = L::sub(
        L::add(L::mul(x, L::splat(std::f32::consts::LOG2_E)), magic),
        magic,
    );
    // ln 2 in two parts, the first short enough that n times it is exact.
    let r = L::fma(n, L::splat(-0.693_359_4), x);
    let r = L::fma(n, L::splat(2.121_944_4e-4), r);
    let mut p = L::splat(1.0 / 5040.0);
    for c in [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        p = L::fma(p, r, L::splat(c));
    }
    L::mul(p, L::power_of_two(n))
}

/// Where a factor of [`product`] lies: element `(row, column)` at `row * row_stride + column * column_stride`.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Strided {
    pub(in crate::ops) data: *const f32,
    pub(in crate::ops) row_stride: usize,
    pub(in crate::ops) column_stride: usize,
}

/// `out[m, n] (+)= a[m, k] b[k, n]`, `b` and `out` row by row with strides `b_stride` and `out_stride`, `n` a multiple
/// of [`PAD`], `m` a multiple of eight. For small factors that stay in the first cache.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(in crate::ops) unsafe fn product<L: Lanes>(
    (m, n, k): (usize, usize, usize),
    a: Strided,
    b: *const f32,
    b_stride: usize,
    out: *mut f32,
    out_stride: usize,
    accumulate: bool,
) {
    let mut column = 0;
    while column < n {
        let two = column + 2 * L::WIDTH <= n;
        let mut row = 0;
        while row < m {
            let a = Strided {
                data: a.data.add(row * a.row_stride),
                ..a
            };
            let (b, out) = (b.add(column), out.add(row * out_stride + column));
            // Six rows at a time fill sixteen registers; fours are for what is left, since two rows would wait for each other.
            let six = !(m - row).is_multiple_of(4) || m - row >= 12;
            row += match (L::MANY_REGISTERS, two) {
                (true, true) => block::<L, 8, 2>(k, a, b, b_stride, out, out_stride, accumulate),
                (true, false) => block::<L, 8, 1>(k, a, b, b_stride, out, out_stride, accumulate),
                (false, true) if six => {
                    block::<L, 6, 2>(k, a, b, b_stride, out, out_stride, accumulate)
                }
                (false, true) => block::<L, 4, 2>(k, a, b, b_stride, out, out_stride, accumulate),
                (false, false) => block::<L, 4, 1>(k, a, b, b_stride, out, out_stride, accumulate),
            };
        }
        column += if two { 2 * L::WIDTH } else { L::WIDTH };
    }
}

/// `ROWS` rows of `COLUMNS` vectors of [`product`], kept in registers; returns `ROWS`.
#[inline(always)]
unsafe fn block<L: Lanes, const ROWS: usize, const COLUMNS: usize>(
    k: usize,
    a: Strided,
    b: *const f32,
    b_stride: usize,
    out: *mut f32,
    out_stride: usize,
    accumulate: bool,
) -> usize {
    let mut sums = [[L::splat(0.0); COLUMNS]; ROWS];
    for p in 0..k {
        let mut right = [L::splat(0.0); COLUMNS];
        for c in 0..COLUMNS {
            right[c] = L::load(b.add(p * b_stride + c * L::WIDTH));
        }
        let left = a.data.add(p * a.column_stride);
        for r in 0..ROWS {
            let x = L::splat(*left.add(r * a.row_stride));
            for c in 0..COLUMNS {
                sums[r][c] = L::fma(x, right[c], sums[r][c]);
            }
        }
    }
    for r in 0..ROWS {
        for c in 0..COLUMNS {
            let place = out.add(r * out_stride + c * L::WIDTH);
            let mut v = sums[r][c];
            if accumulate {
                v = L::add(v, L::load(place));
            }
            L::store(place, v);
        }
    }
    ROWS
}
