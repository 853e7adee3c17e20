//! Root-mean-square normalisation.

use candle_core::{DType, Result, Tensor};

use super::super::constants::EPSILON;
use super::super::node::node;
use super::rows::{column_sums, rows};

/// See [`super::super::rms_norm`].
pub(in super::super) fn rms_norm(x: &Tensor, scale: &Tensor) -> Result<Tensor> {
    let (x_, scale_) = (x.detach().contiguous()?, scale.detach().contiguous()?);
    let out = normalised(&x_, &scale_)?;
    node(&[x, scale], out, move |grad| {
        let (dx, dscale) = normalised_gradients(&x_, &scale_, grad)?;
        Ok(vec![Some(dx), Some(dscale)])
    })
}

/// Rows of `x [.., D]` normalised.
pub(super) fn normalised(x: &Tensor, scale: &Tensor) -> Result<Tensor> {
    candle_nn::ops::rms_norm(x, &scale.to_dtype(x.dtype())?, EPSILON)
}

/// Gradients of [`normalised`] for `x` and `scale`.
pub(super) fn normalised_gradients(
    x: &Tensor,
    scale: &Tensor,
    grad: &Tensor,
) -> Result<(Tensor, Tensor)> {
    // Sums of squares in less than `f32` would be noise.
    let (wide, grad) = (rows(x)?.to_dtype(DType::F32)?, rows(grad)?);
    let grad = grad.to_dtype(DType::F32)?;
    let mean = (wide.sqr()?.mean_keepdim(1)? + f64::from(EPSILON))?;
    let inverse = mean.sqrt()?.recip()?;
    let unit = wide.broadcast_mul(&inverse)?;
    let along = (&grad * &unit)?;
    let dscale = column_sums(&along)?;
    // With p = grad * scale: dx = inverse * (p - unit * mean(p * unit)).
    let scale_ = scale.to_dtype(DType::F32)?;
    let mean = along.broadcast_mul(&scale_)?.mean_keepdim(1)?;
    let across = (grad.broadcast_mul(&scale_)? - unit.broadcast_mul(&mean)?)?;
    let dx = across.broadcast_mul(&inverse)?;
    Ok((
        dx.to_dtype(x.dtype())?.reshape(x.shape())?,
        dscale.to_dtype(scale.dtype())?,
    ))
}
