//! How far values are from what they should be.

use candle_core::{DType, Result, Tensor};
use rayon::prelude::*;

use super::buffer::written;
use super::fusion::fused;
use super::node::node;
use super::slices::with_floats;

/// Values that one task compares.
const CHUNK: usize = 32 * 1024;
/// Sums that are added side by side, so that the compiler makes vectors of them.
const LANES: usize = 16;

/// The mean squared and the mean absolute difference of `x` and `target` of the same shape, as a tensor `[2]` of `f32`. Only `x` gets a gradient.
///
/// # Errors
/// When shapes do not match.
pub fn mean_errors(x: &Tensor, target: &Tensor) -> Result<Tensor> {
    if x.dims() != target.dims() || x.elem_count() == 0 {
        candle_core::bail!(
            "mean_errors: values {:?} and targets {:?} do not go together",
            x.dims(),
            target.dims()
        );
    }
    let (fixed, target) = (x.detach().contiguous()?, target.detach().contiguous()?);
    let count = x.elem_count() as f64;
    if fused(&[&fixed, &target]) {
        let sums = with_floats([&fixed, &target], |[x, target]| Ok(sums(x, target)))?;
        let means = sums.map(|sum| (sum / count) as f32);
        let means = Tensor::from_slice(&means, 2, x.device())?;
        return node(&[x], means, move |grad| {
            let grad = grad.to_vec1::<f32>()?;
            let factors = [2.0 * grad[0] / count as f32, grad[1] / count as f32];
            let dx = with_floats([&fixed, &target], |[x, target]| {
                Ok(gradient(x, target, factors))
            })?;
            Ok(vec![Some(Tensor::from_vec(
                dx,
                fixed.shape(),
                fixed.device(),
            )?)])
        });
    }
    let error = (&fixed - &target)?.to_dtype(DType::F32)?;
    let means = Tensor::stack(&[error.sqr()?.mean_all()?, error.abs()?.mean_all()?], 0)?;
    node(&[x], means, move |grad| {
        let squared = error.broadcast_mul(&(grad.narrow(0, 0, 1)? * (2.0 / count))?)?;
        let absolute = (error.sign()?).broadcast_mul(&(grad.narrow(0, 1, 1)? / count)?)?;
        let dx = (squared + absolute)?.to_dtype(fixed.dtype())?;
        Ok(vec![Some(dx)])
    })
}

/// Sums of squared and of absolute differences; the same with any number of threads.
fn sums(x: &[f32], target: &[f32]) -> [f64; 2] {
    let parts: Vec<[f64; 2]> = (x.par_chunks(CHUNK).zip(target.par_chunks(CHUNK)))
        .map(|(x, target)| {
            let pieces = x.chunks(1024).zip(target.chunks(1024));
            pieces.fold([0.0; 2], |[squares, sizes], (x, target)| {
                let mut lanes = [[0f32; LANES]; 2];
                let add = |lanes: &mut [[f32; LANES]; 2], x: &[f32], target: &[f32]| {
                    for (lane, (x, target)) in x.iter().zip(target).enumerate() {
                        let error = x - target;
                        lanes[0][lane] += error * error;
                        lanes[1][lane] += error.abs();
                    }
                };
                let (whole, rest) = x.as_chunks::<LANES>();
                let (whole_target, rest_target) = target.as_chunks::<LANES>();
                for (x, target) in whole.iter().zip(whole_target) {
                    add(&mut lanes, x, target);
                }
                add(&mut lanes, rest, rest_target);
                let [a, b] = lanes.map(|lanes| f64::from(lanes.iter().sum::<f32>()));
                [squares + a, sizes + b]
            })
        })
        .collect();
    parts
        .iter()
        .fold([0.0; 2], |[a, b], part| [a + part[0], b + part[1]])
}

/// The gradient of sums of squared differences, half of it times the first factor, and of absolute ones, times the second one.
fn gradient(x: &[f32], target: &[f32], [squared, absolute]: [f32; 2]) -> Vec<f32> {
    written(x.len(), CHUNK, |start, part| {
        let (x, target) = (&x[start..][..part.len()], &target[start..][..part.len()]);
        for (out, (x, target)) in part.iter_mut().zip(x.iter().zip(target)) {
            let error = x - target;
            let sign = f32::from(error > 0.0) - f32::from(error < 0.0);
            out.write(squared * error + absolute * sign);
        }
    })
}
