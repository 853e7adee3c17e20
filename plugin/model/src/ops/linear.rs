//! Linear layers, with what comes before or after them in a block fused in.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, D, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::buffer::{copied, repeated, zeros};
use super::device;
use super::fusion::fused;
use super::matmul::{matmul_nn, matmul_nt, matmul_tn};
use super::norm::{check_scale, normalise, normalise_backward, sum_rows};
use super::slices::{floats, with_floats};

/// Elements that one task of an element-wise pass works on.
const CHUNK: usize = 16 * 1024;

/// `x [.., K]` times the transpose of `weight [O, K]`: `[.., O]`.
///
/// # Errors
/// When shapes do not match.
pub fn linear(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    if !fused(&[x, weight]) {
        return device::linear(x, weight);
    }
    check(x, weight, None)?;
    x.contiguous()?.apply_op2(&weight.contiguous()?, Linear)
}

/// [`linear`] plus `bias [O]`.
///
/// # Errors
/// When shapes do not match.
pub fn linear_bias(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if !fused(&[x, weight, bias]) {
        return device::linear_bias(x, weight, bias);
    }
    check(x, weight, None)?;
    if bias.dims() != [weight.dim(0)?] {
        candle_core::bail!(
            "linear_bias: bias {:?} does not suit weight {:?}",
            bias.dims(),
            weight.dims()
        );
    }
    x.contiguous()?
        .apply_op3(&weight.contiguous()?, &bias.contiguous()?, LinearBias)
}

/// `residual [.., O]` plus [`linear`] of `x [.., K]`.
///
/// # Errors
/// When shapes do not match.
pub fn linear_add(x: &Tensor, weight: &Tensor, residual: &Tensor) -> Result<Tensor> {
    if !fused(&[x, weight, residual]) {
        return device::linear_add(x, weight, residual);
    }
    check(x, weight, Some(residual))?;
    let op = LinearAdd {
        squared_relu: false,
    };
    x.contiguous()?
        .apply_op3(&weight.contiguous()?, &residual.contiguous()?, op)
}

/// `residual [.., O]` plus `relu(u)^2 W^T` for `u [.., K]`: the second half of a feed-forward. The activation is
/// computed again for the gradient, not kept.
///
/// # Errors
/// When shapes do not match.
pub fn relu2_linear_add(u: &Tensor, weight: &Tensor, residual: &Tensor) -> Result<Tensor> {
    if !fused(&[u, weight, residual]) {
        return device::relu2_linear_add(u, weight, residual);
    }
    check(u, weight, Some(residual))?;
    let op = LinearAdd { squared_relu: true };
    u.contiguous()?
        .apply_op3(&weight.contiguous()?, &residual.contiguous()?, op)
}

/// [`linear`] of [`super::rms_norm`] with `scale [K]`. The normalised input is computed again for the gradient, not
/// kept.
///
/// # Errors
/// When shapes do not match.
pub fn norm_linear(x: &Tensor, scale: &Tensor, weight: &Tensor) -> Result<Tensor> {
    if !fused(&[x, scale, weight]) {
        return device::norm_linear(x, scale, weight);
    }
    check(x, weight, None)?;
    check_scale(x, scale)?;
    x.contiguous()?
        .apply_op3(&scale.contiguous()?, &weight.contiguous()?, NormLinear)
}

fn check(x: &Tensor, weight: &Tensor, residual: Option<&Tensor>) -> Result<()> {
    let (outer, inner) = weight.dims2()?;
    let suits = x.dim(D::Minus1)? == inner
        && residual.is_none_or(|r| {
            r.rank() == x.rank()
                && r.dims()[..x.rank() - 1] == x.dims()[..x.rank() - 1]
                && r.dims()[x.rank() - 1] == outer
        });
    if !suits {
        candle_core::bail!(
            "linear: input {:?}, weight {:?} and residual {:?} do not go together",
            x.dims(),
            weight.dims(),
            residual.map(Tensor::dims)
        );
    }
    Ok(())
}

/// The shape `(M, O, K)` of a product and the shape of its output tensor.
fn shapes(x: &Shape, weight: &Shape) -> ((usize, usize, usize), Shape) {
    let (outer, inner) = (weight.dims()[0], weight.dims()[1]);
    let mut out = x.dims().to_vec();
    if let Some(last) = out.last_mut() {
        *last = outer;
    }
    let rows = out[..out.len() - 1].iter().product();
    ((rows, outer, inner), Shape::from(out))
}

/// Gradients of `x W^T`, each only if it is needed.
fn gradients(
    x: &[f32],
    weight: &[f32],
    grad: &[f32],
    shape: (usize, usize, usize),
    wanted: (bool, bool),
) -> (Option<Vec<f32>>, Option<Vec<f32>>) {
    let (rows, outer, inner) = shape;
    let dx = wanted.0.then(|| {
        let mut dx = zeros(rows * inner);
        matmul_nn(shape, grad, weight, &mut dx, false);
        dx
    });
    let dw = wanted.1.then(|| {
        let mut dw = zeros(outer * inner);
        matmul_tn(shape, grad, x, &mut dw, false);
        dw
    });
    (dx, dw)
}

fn tensor_like(data: Option<Vec<f32>>, like: &Tensor) -> Result<Option<Tensor>> {
    data.map(|data| Tensor::from_vec(data, like.shape(), like.device()))
        .transpose()
}

struct Linear;

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (shape, out_shape) = shapes(x_layout.shape(), weight_layout.shape());
        let mut out = zeros(shape.0 * shape.1);
        let (x, weight) = (floats(x, x_layout)?, floats(weight, weight_layout)?);
        matmul_nt(shape, x, weight, &mut out, false);
        Ok((CpuStorage::F32(out), out_shape))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (shape, _) = shapes(x.shape(), weight.shape());
        let wanted = (x.track_op(), weight.track_op());
        let (dx, dw) = with_floats([x, weight, &grad], |[x, w, g]| {
            Ok(gradients(x, w, g, shape, wanted))
        })?;
        Ok((tensor_like(dx, x)?, tensor_like(dw, weight)?))
    }
}

struct LinearBias;

impl CustomOp3 for LinearBias {
    fn name(&self) -> &'static str {
        "linear_bias"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (shape, out_shape) = shapes(x_layout.shape(), weight_layout.shape());
        let bias = floats(bias, bias_layout)?;
        let mut out = repeated(bias, shape.0);
        let (x, weight) = (floats(x, x_layout)?, floats(weight, weight_layout)?);
        matmul_nt(shape, x, weight, &mut out, true);
        Ok((CpuStorage::F32(out), out_shape))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (shape, _) = shapes(x.shape(), weight.shape());
        let wanted = (x.track_op(), weight.track_op());
        let (dx, dw, db) = with_floats([x, weight, &grad], |[x, w, g]| {
            let (dx, dw) = gradients(x, w, g, shape, wanted);
            Ok((dx, dw, column_sums(g, shape.1)))
        })?;
        Ok((
            tensor_like(dx, x)?,
            tensor_like(dw, weight)?,
            tensor_like(Some(db), bias)?,
        ))
    }
}

/// Sums of the columns of `grad [R, width]`, in blocks of rows whose sums are then added in order.
fn column_sums(grad: &[f32], width: usize) -> Vec<f32> {
    if width == 0 {
        return Vec::new();
    }
    let partial: Vec<Vec<f32>> = grad
        .par_chunks(256 * width)
        .map(|rows| sum_rows(rows, width))
        .collect();
    sum_rows(&partial.concat(), width)
}

struct LinearAdd {
    squared_relu: bool,
}

impl LinearAdd {
    /// `relu(u)^2`, or nothing when the input is used as it is.
    fn activate(&self, u: &[f32]) -> Option<Vec<f32>> {
        self.squared_relu.then(|| {
            let mut out = zeros(u.len());
            out.par_chunks_mut(CHUNK)
                .zip(u.par_chunks(CHUNK))
                .for_each(|(out, u)| {
                    for (out, u) in out.iter_mut().zip(u) {
                        let positive = if *u > 0.0 { *u } else { 0.0 };
                        *out = positive * positive;
                    }
                });
            out
        })
    }

    /// Gradients of the input and the weight, each only if it is needed.
    fn gradients(
        &self,
        x: &Tensor,
        weight: &Tensor,
        grad: &Tensor,
        wanted: (bool, bool),
    ) -> Result<(Gradient, Gradient)> {
        let (shape, _) = shapes(x.shape(), weight.shape());
        with_floats([x, weight, grad], |[u, w, g]| {
            let activated = self.activate(u);
            let input = activated.as_deref().unwrap_or(u);
            let (mut dx, dw) = gradients(input, w, g, shape, wanted);
            if let (true, Some(dx)) = (self.squared_relu, &mut dx) {
                dx.par_chunks_mut(CHUNK)
                    .zip(u.par_chunks(CHUNK))
                    .for_each(|(dx, u)| {
                        for (dx, u) in dx.iter_mut().zip(u) {
                            *dx *= if *u > 0.0 { 2.0 * *u } else { 0.0 };
                        }
                    });
            }
            Ok((dx, dw))
        })
    }
}

/// Gradients of the input and the weight of [`linear_add`] or, with `squared_relu`, of [`relu2_linear_add`].
pub(super) fn linear_add_gradients(
    x: &Tensor,
    weight: &Tensor,
    grad: &Tensor,
    squared_relu: bool,
) -> Result<(Vec<f32>, Vec<f32>)> {
    let (dx, dw) = LinearAdd { squared_relu }.gradients(x, weight, grad, (true, true))?;
    Ok((dx.unwrap_or_default(), dw.unwrap_or_default()))
}

/// Gradients of the input, the scale and the weight of [`norm_linear`].
pub(super) fn norm_linear_gradients(
    x: &Tensor,
    scale: &Tensor,
    weight: &Tensor,
    grad: &Tensor,
) -> Result<(Vec<f32>, Vec<f32>, Vec<f32>)> {
    let (dx, dscale, dw) = NormLinear::gradients(x, scale, weight, grad, (true, true))?;
    Ok((
        dx.unwrap_or_default(),
        dscale.unwrap_or_default(),
        dw.unwrap_or_default(),
    ))
}

impl CustomOp3 for LinearAdd {
    fn name(&self) -> &'static str {
        "linear_add"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (shape, out_shape) = shapes(x_layout.shape(), weight_layout.shape());
        let mut out = copied(floats(residual, residual_layout)?);
        let (x, weight) = (floats(x, x_layout)?, floats(weight, weight_layout)?);
        let activated = self.activate(x);
        let x = activated.as_deref().unwrap_or(x);
        matmul_nt(shape, x, weight, &mut out, true);
        Ok((CpuStorage::F32(out), out_shape))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _residual: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let wanted = (x.track_op(), weight.track_op());
        let (dx, dw) = self.gradients(x, weight, &grad, wanted)?;
        Ok((tensor_like(dx, x)?, tensor_like(dw, weight)?, Some(grad)))
    }
}

struct NormLinear;

/// A gradient, if it is needed.
type Gradient = Option<Vec<f32>>;

impl NormLinear {
    /// Each gradient only if it is needed: `wanted` for the normalised input and for the weight.
    fn gradients(
        x: &Tensor,
        scale: &Tensor,
        weight: &Tensor,
        grad: &Tensor,
        wanted: (bool, bool),
    ) -> Result<(Gradient, Gradient, Gradient)> {
        let (shape, _) = shapes(x.shape(), weight.shape());
        with_floats([x, scale, weight, grad], |[x, scale, w, g]| {
            let normed = normalise(x, scale);
            let (dnormed, dw) = gradients(&normed, w, g, shape, wanted);
            drop(normed);
            let (dx, dscale) = dnormed
                .map(|dnormed| normalise_backward(x, scale, &dnormed))
                .unzip();
            Ok((dx, dscale, dw))
        })
    }
}

impl CustomOp3 for NormLinear {
    fn name(&self) -> &'static str {
        "norm_linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        scale: &CpuStorage,
        scale_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (shape, out_shape) = shapes(x_layout.shape(), weight_layout.shape());
        let normed = normalise(floats(x, x_layout)?, floats(scale, scale_layout)?);
        let mut out = zeros(shape.0 * shape.1);
        matmul_nt(
            shape,
            &normed,
            floats(weight, weight_layout)?,
            &mut out,
            false,
        );
        Ok((CpuStorage::F32(out), out_shape))
    }

    fn bwd(
        &self,
        x: &Tensor,
        scale: &Tensor,
        weight: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let wanted = (x.track_op() || scale.track_op(), weight.track_op());
        let (dx, dscale, dw) = Self::gradients(x, scale, weight, &grad, wanted)?;
        Ok((
            tensor_like(dx, x)?,
            tensor_like(dscale, scale)?,
            tensor_like(dw, weight)?,
        ))
    }
}
