//! Matrix products on slices, in the three orders that a linear layer and its gradient need.
//!
//! `f32` has blocked kernels of its own, written for the narrow shapes of these models. For training there is a second
//! precision, see [`MatmulPrecision`].

use std::cell::Cell;

use super::amx::{self, Factor};
use super::blocked;

/// How matrix products are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MatmulPrecision {
    /// In `f32` throughout: the default, and what inference uses.
    #[default]
    F32,
    /// Factors rounded to `bf16`, sums in `f32`, where the processor has a matrix unit for it (Intel AMX under Linux);
    /// the same as [`MatmulPrecision::F32`] elsewhere. Several times as fast, for training.
    Bf16,
}

thread_local! {
    static PRECISION: Cell<MatmulPrecision> = const { Cell::new(MatmulPrecision::F32) };
}

/// Sets the precision of the matrix products of this thread. Other threads are not affected: a training run does not change
/// the frames of a world that is played beside it.
pub fn set_matmul_precision(precision: MatmulPrecision) {
    PRECISION.set(precision);
}

/// Runs `work` with the matrix products of this thread in `precision`, and restores the precision afterwards.
pub fn with_matmul_precision<T>(precision: MatmulPrecision, work: impl FnOnce() -> T) -> T {
    struct Restore(MatmulPrecision);
    impl Drop for Restore {
        fn drop(&mut self) {
            PRECISION.set(self.0);
        }
    }
    // Dropped also when the work panics.
    let _restore = Restore(PRECISION.replace(precision));
    work()
}

/// The precision in effect on this thread: [`MatmulPrecision::Bf16`] only when it was chosen and the processor
/// can do it.
pub fn matmul_precision() -> MatmulPrecision {
    if PRECISION.get() == MatmulPrecision::Bf16 && amx::available() {
        MatmulPrecision::Bf16
    } else {
        MatmulPrecision::F32
    }
}

/// `out[m, n] (+)= a[m, k] b[k, n]`.
fn product(
    (m, n, k): (usize, usize, usize),
    a: Factor<'_>,
    b: Factor<'_>,
    out: &mut [f32],
    accumulate: bool,
) {
    assert_eq!(a.data.len(), m * k, "first factor");
    assert_eq!(b.data.len(), k * n, "second factor");
    assert_eq!(out.len(), m * n, "product");
    if matmul_precision() == MatmulPrecision::Bf16 {
        return amx::product((m, n, k), a, b, out, accumulate);
    }
    blocked::product((m, n, k), a, b, out, accumulate);
}

/// `y[M, O] (+)= x[M, K] w[O, K]^T`, with `(M, O, K)` first: a linear layer.
///
/// # Panics
/// When a slice is not as long as its shape says.
pub fn matmul_nt(
    (m, o, k): (usize, usize, usize),
    x: &[f32],
    w: &[f32],
    y: &mut [f32],
    accumulate: bool,
) {
    let x = Factor {
        data: x,
        row_stride: k,
        column_stride: 1,
    };
    let w = Factor {
        data: w,
        row_stride: 1,
        column_stride: k,
    };
    product((m, o, k), x, w, y, accumulate);
}

/// `dx[M, K] (+)= g[M, O] w[O, K]`, with `(M, O, K)` first: the gradient of a linear layer for its input.
///
/// # Panics
/// When a slice is not as long as its shape says.
pub fn matmul_nn(
    (m, o, k): (usize, usize, usize),
    g: &[f32],
    w: &[f32],
    dx: &mut [f32],
    accumulate: bool,
) {
    let g = Factor {
        data: g,
        row_stride: o,
        column_stride: 1,
    };
    let w = Factor {
        data: w,
        row_stride: k,
        column_stride: 1,
    };
    product((m, k, o), g, w, dx, accumulate);
}

/// `dw[O, K] (+)= g[M, O]^T x[M, K]`, with `(M, O, K)` first: the gradient of a linear layer for its weight.
///
/// # Panics
/// When a slice is not as long as its shape says.
pub fn matmul_tn(
    (m, o, k): (usize, usize, usize),
    g: &[f32],
    x: &[f32],
    dw: &mut [f32],
    accumulate: bool,
) {
    let g = Factor {
        data: g,
        row_stride: 1,
        column_stride: o,
    };
    let x = Factor {
        data: x,
        row_stride: k,
        column_stride: 1,
    };
    product((o, k, m), g, x, dw, accumulate);
}
