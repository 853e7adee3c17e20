//! Root-mean-square normalisation.

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::buffer::zeros;
use super::constants::EPSILON;
use super::device;
use super::fusion::fused;
use super::simd::{Lanes, dot, multiversion};
use super::slices::{floats, with_floats};

/// Rows that one task normalises: fixed, so that sums over rows come out the same with any number of threads.
const ROWS: usize = 64;

/// `x [.., D]` divided by its root mean square over `D`, times `scale [D]`.
///
/// # Errors
/// When `scale` is not as wide as `x`.
pub fn rms_norm(x: &Tensor, scale: &Tensor) -> Result<Tensor> {
    if !fused(&[x, scale]) {
        return device::rms_norm(x, scale);
    }
    check_scale(x, scale)?;
    x.contiguous()?.apply_op2(&scale.contiguous()?, RmsNorm)
}

pub(super) fn check_scale(x: &Tensor, scale: &Tensor) -> Result<()> {
    let width = x.dim(D::Minus1)?;
    if width == 0 || scale.dims() != [width] {
        candle_core::bail!(
            "rms_norm: expected a scale of [{width}], got {:?}",
            scale.dims()
        );
    }
    Ok(())
}

struct RmsNorm;

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        scale: &CpuStorage,
        scale_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let out = normalise(floats(x, x_layout)?, floats(scale, scale_layout)?);
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        scale: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (dx, dscale) = with_floats([x, scale, &grad], |[x, scale, grad]| {
            Ok(normalise_backward(x, scale, grad))
        })?;
        Ok((
            Some(Tensor::from_vec(dx, x.shape(), x.device())?),
            Some(Tensor::from_vec(dscale, scale.shape(), x.device())?),
        ))
    }
}

/// `x [R, D]` normalised; `D` is the length of `scale`.
pub(super) fn normalise(x: &[f32], scale: &[f32]) -> Vec<f32> {
    let width = scale.len();
    let mut out = zeros(x.len());
    out.par_chunks_mut(ROWS * width)
        .zip(x.par_chunks(ROWS * width))
        // SAFETY: the kernel stays within slices of equal length.
        .for_each(|(out, x)| {
            #[allow(unsafe_code)]
            unsafe {
                forward_rows(x, scale, out);
            }
        });
    out
}

/// Gradients of [`normalise`] for `x` and `scale`.
pub(super) fn normalise_backward(x: &[f32], scale: &[f32], grad: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let width = scale.len();
    let mut dx = zeros(x.len());
    let mut partial = vec![0f32; x.len().div_ceil(ROWS * width) * width];
    dx.par_chunks_mut(ROWS * width)
        .zip(partial.par_chunks_mut(width))
        .zip(x.par_chunks(ROWS * width))
        .zip(grad.par_chunks(ROWS * width))
        // SAFETY: the kernel stays within slices of equal length, `dscale` and `scale` being one row.
        .for_each(|(((dx, dscale), x), grad)| {
            #[allow(unsafe_code)]
            unsafe {
                backward_rows(x, scale, grad, dx, dscale);
            }
        });
    (dx, sum_rows(&partial, width))
}

/// Sums the rows of `partial [n, width]` in order.
pub(super) fn sum_rows(partial: &[f32], width: usize) -> Vec<f32> {
    let mut sum = vec![0f32; width];
    for row in partial.chunks_exact(width) {
        for (s, p) in sum.iter_mut().zip(row) {
            *s += p;
        }
    }
    sum
}

multiversion! {
    #[allow(unsafe_code, unsafe_op_in_unsafe_fn)]
    unsafe fn forward_rows(x: &[f32], scale: &[f32], out: &mut [f32]) = forward_body
}

multiversion! {
    #[allow(unsafe_code, unsafe_op_in_unsafe_fn)]
    unsafe fn backward_rows(
        x: &[f32], scale: &[f32], grad: &[f32], dx: &mut [f32], dscale: &mut [f32],
    ) = backward_body
}

#[allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]
#[inline(always)]
unsafe fn forward_body<L: Lanes>(x: &[f32], scale: &[f32], out: &mut [f32]) {
    let n = scale.len();
    for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
        let (x, s, out) = (x.as_ptr(), scale.as_ptr(), out.as_mut_ptr());
        let inverse = 1.0 / (dot::<L>(x, x, n) / n as f32 + EPSILON).sqrt();
        let factor = L::splat(inverse);
        let mut i = 0;
        while i + L::WIDTH <= n {
            let v = L::mul(L::mul(L::load(x.add(i)), factor), L::load(s.add(i)));
            L::store(out.add(i), v);
            i += L::WIDTH;
        }
        while i < n {
            *out.add(i) = *x.add(i) * inverse * *s.add(i);
            i += 1;
        }
    }
}

#[allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]
#[inline(always)]
unsafe fn backward_body<L: Lanes>(
    x: &[f32],
    scale: &[f32],
    grad: &[f32],
    dx: &mut [f32],
    dscale: &mut [f32],
) {
    let n = scale.len();
    let rows = x
        .chunks_exact(n)
        .zip(grad.chunks_exact(n))
        .zip(dx.chunks_exact_mut(n));
    for ((x, grad), dx) in rows {
        let (x, g, s) = (x.as_ptr(), grad.as_ptr(), scale.as_ptr());
        let (dx, ds) = (dx.as_mut_ptr(), dscale.as_mut_ptr());
        let inverse = 1.0 / (dot::<L>(x, x, n) / n as f32 + EPSILON).sqrt();
        // With h = x * inverse and p = grad * scale: dx = inverse * (p - h * mean(p h)), dscale += grad h.
        let mut sums = L::splat(0.0);
        let factor = L::splat(inverse);
        let mut i = 0;
        while i + L::WIDTH <= n {
            let gh = L::mul(L::load(g.add(i)), L::mul(L::load(x.add(i)), factor));
            L::store(ds.add(i), L::add(L::load(ds.add(i)), gh));
            sums = L::fma(gh, L::load(s.add(i)), sums);
            i += L::WIDTH;
        }
        let mut sum = L::sum(sums);
        while i < n {
            let gh = *g.add(i) * *x.add(i) * inverse;
            *ds.add(i) += gh;
            sum += gh * *s.add(i);
            i += 1;
        }
        let mean = sum / n as f32;
        let back = L::splat(-mean * inverse * inverse);
        let mut i = 0;
        while i + L::WIDTH <= n {
            let p = L::mul(L::mul(L::load(g.add(i)), L::load(s.add(i))), factor);
            L::store(dx.add(i), L::fma(L::load(x.add(i)), back, p));
            i += L::WIDTH;
        }
        while i < n {
            *dx.add(i) = *g.add(i) * *s.add(i) * inverse - *x.add(i) * mean * inverse * inverse;
            i += 1;
        }
    }
}
