//! Tensors as rows of their last dimension, and sums over rows.

use candle_core::{D, Result, Tensor};

/// `x [.., K]` as `[R, K]`.
pub(super) fn rows(x: &Tensor) -> Result<Tensor> {
    x.reshape(((), x.dim(D::Minus1)?))
}

/// Sums of the columns of `x [R, K]`, as a matrix product: a graphics processor adds along columns slowly.
pub(super) fn column_sums(x: &Tensor) -> Result<Tensor> {
    let ones = Tensor::ones((1, x.dim(0)?), x.dtype(), x.device())?;
    ones.matmul(x)?.squeeze(0)
}
