//! Cross-entropy over the positions that count.

use candle_core::{CpuStorage, CustomOp3, D, DType, Layout, Result, Shape, Storage, Tensor};
use rayon::prelude::*;

use super::buffer::zeros;
use super::composed;
use super::constants::LEAST_TOTAL_WEIGHT;
use super::fusion::fused;
use super::node::node;
use super::simd::{Lanes, PAD, exp, multiversion, padded};
use super::slices::{floats, with_floats, within};

/// Weighted mean over rows of the cross-entropy of `logits [R, V]` against `targets [R]` (`u32`) with `weights [R]`:
/// a scalar. Rows of weight zero are skipped, whatever their target. Only `logits` gets a gradient.
///
/// # Errors
/// When shapes do not match, or the target of a row that counts is not below `V`.
pub fn masked_cross_entropy(logits: &Tensor, targets: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let (rows, classes) = logits.dims2()?;
    if targets.dims() != [rows] || weights.dims() != [rows] || classes == 0 {
        candle_core::bail!(
            "masked_cross_entropy: logits {:?}, targets {:?} and weights {:?} do not go together",
            logits.dims(),
            targets.dims(),
            weights.dims()
        );
    }
    // Neither targets nor weights are learned.
    let (targets, weights) = (targets.detach(), weights.detach());
    if !fused(&[logits, &weights]) {
        return spelled_out(logits, targets, weights);
    }
    logits.contiguous()?.apply_op3(
        &targets.contiguous()?,
        &weights.contiguous()?,
        MaskedCrossEntropy,
    )
}

/// The loss where it is not fused, with a gradient of few operations.
fn spelled_out(logits: &Tensor, targets: Tensor, weights: Tensor) -> Result<Tensor> {
    let fixed = logits.detach();
    let loss = composed::masked_cross_entropy(&fixed, &targets, &weights)?;
    node(&[logits], loss, move |grad| {
        let total = weights.sum_all()?.to_dtype(DType::F32)?;
        let floor = Tensor::new(LEAST_TOTAL_WEIGHT, weights.device())?;
        let factor = grad.to_dtype(DType::F32)?.div(&total.maximum(&floor)?)?;
        let factors = weights.to_dtype(DType::F32)?.broadcast_mul(&factor)?;
        let factors = factors.to_dtype(fixed.dtype())?.unsqueeze(1)?;
        let probabilities = candle_nn::ops::softmax(&fixed, D::Minus1)?;
        let targets = targets.contiguous()?.unsqueeze(1)?;
        let minus = Tensor::full(-1f32, targets.shape(), fixed.device())?;
        let minus = minus.to_dtype(fixed.dtype())?;
        let difference = probabilities.scatter_add(&targets, &minus, 1)?;
        Ok(vec![Some(difference.broadcast_mul(&factors)?)])
    })
}

struct MaskedCrossEntropy;

fn total_weight(weights: &[f32]) -> f32 {
    let total: f64 = weights.iter().map(|w| f64::from(*w)).sum();
    (total as f32).max(LEAST_TOTAL_WEIGHT)
}

impl CustomOp3 for MaskedCrossEntropy {
    fn name(&self) -> &'static str {
        "masked_cross_entropy"
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        logits_layout: &Layout,
        targets: &CpuStorage,
        targets_layout: &Layout,
        weights: &CpuStorage,
        weights_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let logits = floats(logits, logits_layout)?;
        let targets = within(targets.as_slice::<u32>()?, targets_layout)?;
        let weights = floats(weights, weights_layout)?;
        let classes = logits_layout.dims()[1];
        let losses: Vec<f64> = logits
            .par_chunks(classes)
            .zip(targets)
            .zip(weights)
            .map(|((row, target), weight)| {
                if *weight == 0.0 {
                    return Ok(0.0);
                }
                let Some(logit) = row.get(*target as usize) else {
                    candle_core::bail!(
                        "masked_cross_entropy: target {target} of {classes} classes"
                    );
                };
                let (largest, sum) = largest_and_sum(row);
                let loss = f64::from(sum).ln() + f64::from(largest) - f64::from(*logit);
                Ok(loss * f64::from(*weight))
            })
            .collect::<Result<_>>()?;
        let loss = losses.iter().sum::<f64>() / f64::from(total_weight(weights));
        Ok((CpuStorage::F32(vec![loss as f32]), Shape::from(())))
    }

    fn bwd(
        &self,
        logits: &Tensor,
        targets: &Tensor,
        weights: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let classes = logits.dim(1)?;
        let upstream = grad.to_scalar::<f32>()?;
        let (storage, layout) = targets.storage_and_layout();
        let Storage::Cpu(storage) = &*storage else {
            candle_core::bail!("expected a tensor on the CPU");
        };
        let targets = within(storage.as_slice::<u32>()?, layout)?;
        let dlogits = with_floats([logits, weights], |[data, weights]| {
            let factor = upstream / total_weight(weights);
            let mut dlogits = zeros(data.len());
            dlogits
                .par_chunks_mut(classes)
                .zip(data.par_chunks(classes))
                .zip(targets)
                .zip(weights)
                .for_each(|(((out, row), target), weight)| {
                    if *weight == 0.0 {
                        return;
                    }
                    let (largest, sum) = largest_and_sum(row);
                    scaled_exp(row, largest, factor * *weight / sum, out);
                    out[*target as usize] -= factor * *weight;
                });
            Ok(dlogits)
        })?;
        let dlogits = Tensor::from_vec(dlogits, logits.shape(), logits.device())?;
        Ok((Some(dlogits), None, None))
    }
}

/// The largest element and the sum of exponentials of the differences to it.
#[allow(unsafe_code)]
fn largest_and_sum(row: &[f32]) -> (f32, f32) {
    let mut result = (0.0, 0.0);
    // SAFETY: the kernel reads `row` only within its length.
    unsafe { reduce(row, &mut result) };
    result
}

/// `out = factor * exp(row - largest)`.
#[allow(unsafe_code)]
fn scaled_exp(row: &[f32], largest: f32, factor: f32, out: &mut [f32]) {
    assert_eq!(row.len(), out.len(), "one gradient for each logit");
    // SAFETY: the kernel stays within two slices of equal length.
    unsafe { expand(row, largest, factor, out) };
}

multiversion! {
    #[allow(unsafe_code, unsafe_op_in_unsafe_fn)]
    unsafe fn reduce(row: &[f32], result: &mut (f32, f32)) = reduce_body
}

multiversion! {
    #[allow(unsafe_code, unsafe_op_in_unsafe_fn)]
    unsafe fn expand(row: &[f32], largest: f32, factor: f32, out: &mut [f32]) = expand_body
}

#[allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]
#[inline(always)]
unsafe fn reduce_body<L: Lanes>(row: &[f32], result: &mut (f32, f32)) {
    let whole = row.len() / PAD * PAD;
    // The rest of the row, filled up with something that neither is largest nor counts.
    let mut rest = [f32::MIN; PAD];
    rest[..row.len() - whole].copy_from_slice(&row[whole..]);
    let steps = padded(row.len()) / L::WIDTH;
    let at = |step: usize| {
        let i = step * L::WIDTH;
        if i < whole {
            row.as_ptr().add(i)
        } else {
            rest.as_ptr().add(i - whole)
        }
    };
    let mut largest = L::load(at(0));
    for step in 1..steps {
        largest = L::max(largest, L::load(at(step)));
    }
    let largest = L::largest(largest);
    let mut sum = L::splat(0.0);
    for step in 0..steps {
        sum = L::add(sum, exp::<L>(L::sub(L::load(at(step)), L::splat(largest))));
    }
    *result = (largest, L::sum(sum));
}

#[allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]
#[inline(always)]
unsafe fn expand_body<L: Lanes>(row: &[f32], largest: f32, factor: f32, out: &mut [f32]) {
    let mut i = 0;
    while i + L::WIDTH <= row.len() {
        scaled_exp_at::<L>(
            row.as_ptr().add(i),
            largest,
            factor,
            out.as_mut_ptr().add(i),
        );
        i += L::WIDTH;
    }
    let rest = row.len() - i;
    if rest > 0 {
        let mut buffer = [0f32; PAD];
        buffer[..rest].copy_from_slice(&row[i..]);
        scaled_exp_at::<L>(buffer.as_ptr(), largest, factor, buffer.as_mut_ptr());
        out[i..].copy_from_slice(&buffer[..rest]);
    }
}

#[allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]
#[inline(always)]
unsafe fn scaled_exp_at<L: Lanes>(from: *const f32, largest: f32, factor: f32, to: *mut f32) {
    let e = exp::<L>(L::sub(L::load(from), L::splat(largest)));
    L::store(to, L::mul(e, L::splat(factor)));
}
