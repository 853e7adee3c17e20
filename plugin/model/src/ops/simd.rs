//! Vector arithmetic written once and compiled for each instruction set, chosen when the program runs.
//!
//! A kernel is an `#[inline(always)]` function generic over [`Lanes`]; [`multiversion!`] wraps it in functions that
//! turn AVX-512 or AVX2 on. Everything here is `unsafe` for one reason: pointers must be good for the lanes that are
//! read or written, and the instruction set must be there, which the wrapper has checked.
#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    clippy::inline_always,
    clippy::needless_range_loop,
    clippy::wildcard_imports,
    clippy::missing_safety_doc
)]

/// Rows of scratch are padded to a multiple of this many floats, the widest vector there is.
pub(super) const PAD: usize = 16;

/// `n` rounded up to whole vectors.
pub(super) const fn padded(n: usize) -> usize {
    n.div_ceil(PAD) * PAD
}

/// Inner product of two rows of `n`.
#[inline(always)]
pub(super) unsafe fn dot<L: Lanes>(a: *const f32, b: *const f32, n: usize) -> f32 {
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
pub(super) unsafe fn add_scaled<L: Lanes>(to: *mut f32, from: *const f32, factor: f32, n: usize) {
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

/// A vector of `f32` of one instruction set.
pub(super) trait Lanes: Copy {
    type V: Copy;
    /// Lanes in a vector; divides [`PAD`].
    const WIDTH: usize;
    /// Enough registers for blocks of eight rows of two vectors.
    const MANY_REGISTERS: bool;
    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(p: *const f32) -> Self::V;
    unsafe fn store(p: *mut f32, v: Self::V);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sqrt(a: Self::V) -> Self::V;
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `2^n` for whole `n` in -126..=127.
    unsafe fn power_of_two(n: Self::V) -> Self::V;
    /// Sum of the lanes, in a fixed order.
    #[inline(always)]
    unsafe fn sum(v: Self::V) -> f32 {
        let mut lanes = [0f32; PAD];
        Self::store(lanes.as_mut_ptr(), v);
        let mut width = Self::WIDTH;
        while width > 1 {
            width /= 2;
            for i in 0..width {
                lanes[i] += lanes[i + width];
            }
        }
        lanes[0]
    }
    /// Largest lane.
    #[inline(always)]
    unsafe fn largest(v: Self::V) -> f32 {
        let mut lanes = [0f32; PAD];
        Self::store(lanes.as_mut_ptr(), v);
        let mut width = Self::WIDTH;
        while width > 1 {
            width /= 2;
            for i in 0..width {
                lanes[i] = if lanes[i] > lanes[i + width] {
                    lanes[i]
                } else {
                    lanes[i + width]
                };
            }
        }
        lanes[0]
    }
    /// Transposes a 16 x 16 block of 32-bit values; strides in values.
    #[inline(always)]
    unsafe fn transpose16(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        for i in 0..16 {
            for j in 0..16 {
                *to.add(j * to_stride + i) = *from.add(i * from_stride + j);
            }
        }
    }
}

/// No particular instruction set: four lanes that any compiler can vectorise.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Lanes for Portable {
    type V = [f32; 4];
    const WIDTH: usize = 4;
    const MANY_REGISTERS: bool = cfg!(target_arch = "aarch64");
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        [x; 4]
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self::V {
        p.cast::<[f32; 4]>().read_unaligned()
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: Self::V) {
        p.cast::<[f32; 4]>().write_unaligned(v);
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] - b[i])
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] / b[i])
    }
    #[inline(always)]
    unsafe fn sqrt(a: Self::V) -> Self::V {
        a.map(f32::sqrt)
    }
    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // Without the instruction `mul_add` would be a call into the maths library.
        if cfg!(target_arch = "aarch64") {
            std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
        } else {
            std::array::from_fn(|i| a[i] * b[i] + c[i])
        }
    }
    #[inline(always)]
    unsafe fn power_of_two(n: Self::V) -> Self::V {
        n.map(|n| f32::from_bits(((n as i32 + 127) as u32) << 23))
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    //! AVX2 and AVX-512.
    use super::Lanes;
    use std::arch::x86_64::*;

    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2;

    impl Lanes for Avx2 {
        type V = __m256;
        const WIDTH: usize = 8;
        const MANY_REGISTERS: bool = false;
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self::V {
            _mm256_set1_ps(x)
        }
        #[inline(always)]
        unsafe fn load(p: *const f32) -> Self::V {
            _mm256_loadu_ps(p)
        }
        #[inline(always)]
        unsafe fn store(p: *mut f32, v: Self::V) {
            _mm256_storeu_ps(p, v);
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            _mm256_add_ps(a, b)
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            _mm256_sub_ps(a, b)
        }
        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            _mm256_mul_ps(a, b)
        }
        #[inline(always)]
        unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
            _mm256_div_ps(a, b)
        }
        #[inline(always)]
        unsafe fn sqrt(a: Self::V) -> Self::V {
            _mm256_sqrt_ps(a)
        }
        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            _mm256_max_ps(a, b)
        }
        #[inline(always)]
        unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            _mm256_fmadd_ps(a, b, c)
        }
        #[inline(always)]
        unsafe fn power_of_two(n: Self::V) -> Self::V {
            let biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
        }
    }

    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512;

    impl Lanes for Avx512 {
        type V = __m512;
        const WIDTH: usize = 16;
        const MANY_REGISTERS: bool = true;
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self::V {
            _mm512_set1_ps(x)
        }
        #[inline(always)]
        unsafe fn load(p: *const f32) -> Self::V {
            _mm512_loadu_ps(p)
        }
        #[inline(always)]
        unsafe fn store(p: *mut f32, v: Self::V) {
            _mm512_storeu_ps(p, v);
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            _mm512_add_ps(a, b)
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            _mm512_sub_ps(a, b)
        }
        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            _mm512_mul_ps(a, b)
        }
        #[inline(always)]
        unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
            _mm512_div_ps(a, b)
        }
        #[inline(always)]
        unsafe fn sqrt(a: Self::V) -> Self::V {
            _mm512_sqrt_ps(a)
        }
        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            _mm512_max_ps(a, b)
        }
        #[inline(always)]
        unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            _mm512_fmadd_ps(a, b, c)
        }
        #[inline(always)]
        unsafe fn power_of_two(n: Self::V) -> Self::V {
            let biased = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased))
        }
        #[inline(always)]
        unsafe fn sum(v: Self::V) -> f32 {
            _mm512_reduce_add_ps(v)
        }
        #[inline(always)]
        unsafe fn largest(v: Self::V) -> f32 {
            _mm512_reduce_max_ps(v)
        }
        #[inline(always)]
        unsafe fn transpose16(
            from: *const f32,
            from_stride: usize,
            to: *mut f32,
            to_stride: usize,
        ) {
            let mut a = [_mm512_setzero_si512(); 16];
            for i in 0..16 {
                a[i] = _mm512_loadu_si512(from.add(i * from_stride).cast());
            }
            let a = transpose_registers(a);
            for i in 0..16 {
                _mm512_storeu_si512(to.add(i * to_stride).cast(), a[i]);
            }
        }
    }

    /// Transposes 16 rows of 16 values: pairs, fours, then 128-bit lanes.
    #[inline(always)]
    pub(in super::super) unsafe fn transpose_registers(a: [__m512i; 16]) -> [__m512i; 16] {
        let mut b = a;
        for i in (0..16).step_by(2) {
            b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
            b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
        }
        let mut c = b;
        for i in (0..16).step_by(4) {
            c[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
            c[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
            c[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
            c[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
        }
        // c[4 g + i], lane l holds column 4 l + i of rows 4 g .. 4 g + 4.
        let mut out = c;
        for i in 0..4 {
            let (p, q, r, s) = (c[i], c[4 + i], c[8 + i], c[12 + i]);
            let even_low = _mm512_shuffle_i32x4::<0b10_00_10_00>(p, q);
            let odd_low = _mm512_shuffle_i32x4::<0b11_01_11_01>(p, q);
            let even_high = _mm512_shuffle_i32x4::<0b10_00_10_00>(r, s);
            let odd_high = _mm512_shuffle_i32x4::<0b11_01_11_01>(r, s);
            out[i] = _mm512_shuffle_i32x4::<0b10_00_10_00>(even_low, even_high);
            out[8 + i] = _mm512_shuffle_i32x4::<0b11_01_11_01>(even_low, even_high);
            out[4 + i] = _mm512_shuffle_i32x4::<0b10_00_10_00>(odd_low, odd_high);
            out[12 + i] = _mm512_shuffle_i32x4::<0b11_01_11_01>(odd_low, odd_high);
        }
        out
    }
}

/// Defines `fn $name` that runs the generic `$body` with the [`Lanes`] of the level in use.
macro_rules! multiversion {
    ($(#[$meta:meta])* unsafe fn $name:ident($($arg:ident: $ty:ty),* $(,)?) = $body:ident) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        unsafe fn $name($($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                unsafe fn wide($($arg: $ty),*) {
                    $body::<$crate::ops::simd::x86::Avx512>($($arg),*);
                }
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                unsafe fn middle($($arg: $ty),*) {
                    $body::<$crate::ops::simd::x86::Avx2>($($arg),*);
                }
                match $crate::ops::level::simd_level() {
                    $crate::ops::level::SimdLevel::Avx512 => return wide($($arg),*),
                    $crate::ops::level::SimdLevel::Avx2 => return middle($($arg),*),
                    $crate::ops::level::SimdLevel::Portable => {}
                }
            }
            $body::<$crate::ops::simd::Portable>($($arg),*);
        }
    };
}
pub(super) use multiversion;

/// `e^x` to about 1e-7, of its value; below -87 it is the smallest normal number and above 88 the largest power.
#[inline(always)]
pub(super) unsafe fn exp<L: Lanes>(x: L::V) -> L::V {
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
pub(super) struct Strided {
    pub(super) data: *const f32,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

/// `out[m, n] (+)= a[m, k] b[k, n]`, `b` and `out` row by row with strides `b_stride` and `out_stride`, `n` a multiple
/// of [`PAD`], `m` a multiple of eight. For small factors that stay in the first cache.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(super) unsafe fn product<L: Lanes>(
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
            row += match (L::MANY_REGISTERS, two) {
                (true, true) => block::<L, 8, 2>(k, a, b, b_stride, out, out_stride, accumulate),
                (true, false) => block::<L, 8, 1>(k, a, b, b_stride, out, out_stride, accumulate),
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
