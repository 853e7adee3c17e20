//! Linear layers.

use candle_core::{Result, Tensor};

use super::super::composed;
use super::super::node::node;
use super::norm::{normalised, normalised_gradients};
use super::rows::{column_sums, rows};

/// `x` times the transpose of `weight`, in the type of `x`.
fn product(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    composed::linear(x, &weight.to_dtype(x.dtype())?)
}

/// Gradients of [`product`], each only if it is wanted.
fn product_gradients(
    x: &Tensor,
    weight: &Tensor,
    grad: &Tensor,
    wanted: (bool, bool),
) -> Result<(Option<Tensor>, Option<Tensor>)> {
    let grad = rows(grad)?;
    let dx = || {
        let weight = weight.to_dtype(grad.dtype())?;
        grad.matmul(&weight)?.reshape(x.shape())
    };
    let dweight = || {
        let dweight = grad.t()?.matmul(&rows(x)?)?;
        dweight.to_dtype(weight.dtype())
    };
    Ok((
        wanted.0.then(dx).transpose()?,
        wanted.1.then(dweight).transpose()?,
    ))
}

/// See [`super::super::linear`].
pub(in super::super) fn linear(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (x_, weight_) = (x.detach(), weight.detach());
    let wanted = (x.track_op(), weight.track_op());
    let out = product(&x_, &weight_)?;
    node(&[x, weight], out, move |grad| {
        let (dx, dweight) = product_gradients(&x_, &weight_, grad, wanted)?;
        Ok(vec![dx, dweight])
    })
}

/// See [`super::super::linear_bias`].
pub(in super::super) fn linear_bias(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (x_, weight_) = (x.detach(), weight.detach());
    let wanted = (x.track_op(), weight.track_op());
    let out = product(&x_, &weight_)?;
    let out = out.broadcast_add(&bias.detach().to_dtype(out.dtype())?)?;
    let bias_type = bias.track_op().then(|| bias.dtype());
    node(&[x, weight, bias], out, move |grad| {
        let (dx, dweight) = product_gradients(&x_, &weight_, grad, wanted)?;
        let dbias = bias_type.map(|dtype| column_sums(&rows(grad)?)?.to_dtype(dtype));
        Ok(vec![dx, dweight, dbias.transpose()?])
    })
}

/// See [`super::super::linear_add`].
pub(in super::super) fn linear_add(
    x: &Tensor,
    weight: &Tensor,
    residual: &Tensor,
) -> Result<Tensor> {
    let (x_, weight_) = (x.detach(), weight.detach());
    let wanted = (x.track_op(), weight.track_op());
    let out = (product(&x_, &weight_)? + residual.detach())?;
    node(&[x, weight, residual], out, move |grad| {
        let (dx, dweight) = product_gradients(&x_, &weight_, grad, wanted)?;
        Ok(vec![dx, dweight, Some(grad.clone())])
    })
}

/// See [`super::super::relu2_linear_add`].
pub(in super::super) fn relu2_linear_add(
    u: &Tensor,
    weight: &Tensor,
    residual: &Tensor,
) -> Result<Tensor> {
    let (u_, weight_) = (u.detach(), weight.detach());
    let wanted = (u.track_op(), weight.track_op());
    let out = (product(&u_.relu()?.sqr()?, &weight_)? + residual.detach())?;
    node(&[u, weight, residual], out, move |grad| {
        let positive = u_.relu()?;
        let activated = positive.sqr()?;
        let (dactivated, dweight) = product_gradients(&activated, &weight_, grad, wanted)?;
        let du = dactivated.map(|it| (it * positive)? * 2.0).transpose()?;
        Ok(vec![du, dweight, Some(grad.clone())])
    })
}

/// See [`super::super::norm_linear`].
pub(in super::super) fn norm_linear(x: &Tensor, scale: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (x_, weight_) = (x.detach().contiguous()?, weight.detach());
    let scale_ = scale.detach().contiguous()?;
    let wanted = (x.track_op() || scale.track_op(), weight.track_op());
    let out = product(&normalised(&x_, &scale_)?, &weight_)?;
    node(&[x, scale, weight], out, move |grad| {
        let normed = normalised(&x_, &scale_)?;
        let (dnormed, dweight) = product_gradients(&normed, &weight_, grad, wanted)?;
        let (dx, dscale) = dnormed
            .map(|dnormed| normalised_gradients(&x_, &scale_, &dnormed))
            .transpose()?
            .unzip();
        Ok(vec![dx, dscale, dweight])
    })
}
