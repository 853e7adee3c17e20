//! What a kernel asks of an instruction set.

/// Rows of scratch are padded to a multiple of this many floats, the widest vector there is.
pub(in crate::ops) const PAD: usize = 16;

/// `n` rounded up to whole vectors.
pub(in crate::ops) const fn padded(n: usize) -> usize {
    n.div_ceil(PAD) * PAD
}

/// A vector of `f32` of one instruction set.
pub(in crate::ops) trait Lanes: Copy {
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
