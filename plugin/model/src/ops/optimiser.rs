//! One step of `AdamW` over plain slices.

use rayon::prelude::*;

use super::simd::{Lanes, multiversion};

/// Elements that one task works on: fixed, so that sums come out the same with any number of threads.
const CHUNK: usize = 16 * 1024;

/// What one [`adamw_step`] needs to know besides its slices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWStep {
    /// Learning rate.
    pub lr: f32,
    /// Decay of the mean of gradients.
    pub beta1: f32,
    /// Decay of the mean of squared gradients.
    pub beta2: f32,
    /// Added to the root of the mean of squares.
    pub eps: f32,
    /// Decoupled weight decay: a parameter shrinks by `lr * weight_decay` of itself.
    pub weight_decay: f32,
    /// `1 - beta1^t` at step `t`, counted from 1.
    pub bias_correction1: f32,
    /// `1 - beta2^t`.
    pub bias_correction2: f32,
    /// Gradients are multiplied by this first: clipping, averaging.
    pub grad_scale: f32,
}

/// Updates `param` and the running means `m` and `v` from `grad`.
///
/// # Panics
/// When the slices differ in length.
pub fn adamw_step(
    param: &mut [f32],
    grad: &[f32],
    m: &mut [f32],
    v: &mut [f32],
    settings: &AdamWStep,
) {
    assert!(
        param.len() == grad.len() && m.len() == grad.len() && v.len() == grad.len(),
        "one gradient and two means for each parameter"
    );
    param
        .par_chunks_mut(CHUNK)
        .zip(grad.par_chunks(CHUNK))
        .zip(m.par_chunks_mut(CHUNK))
        .zip(v.par_chunks_mut(CHUNK))
        .for_each(|(((param, grad), m), v)| {
            // SAFETY: the kernel stays within four slices of equal length.
            #[allow(unsafe_code)]
            unsafe {
                step(param, grad, m, v, settings);
            }
        });
}

/// Sum of the squares of all elements.
pub fn sum_of_squares(x: &[f32]) -> f64 {
    let partial: Vec<f64> = x
        .par_chunks(CHUNK)
        .map(|chunk| {
            // Eight running sums, so that they can be computed side by side.
            let mut sums = [0f64; 8];
            let mut groups = chunk.chunks_exact(8);
            for group in &mut groups {
                for (sum, x) in sums.iter_mut().zip(group) {
                    *sum += f64::from(*x) * f64::from(*x);
                }
            }
            let rest: f64 = groups
                .remainder()
                .iter()
                .map(|x| f64::from(*x) * f64::from(*x))
                .sum();
            sums.iter().sum::<f64>() + rest
        })
        .collect();
    partial.iter().sum()
}

multiversion! {
    #[allow(unsafe_code, unsafe_op_in_unsafe_fn)]
    unsafe fn step(
        param: &mut [f32], grad: &[f32], m: &mut [f32], v: &mut [f32], settings: &AdamWStep,
    ) = step_body
}

#[allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]
#[inline(always)]
unsafe fn step_body<L: Lanes>(
    param: &mut [f32],
    grad: &[f32],
    m: &mut [f32],
    v: &mut [f32],
    s: &AdamWStep,
) {
    let n = param.len();
    let keep = 1.0 - s.lr * s.weight_decay;
    let rate = s.lr / s.bias_correction1;
    let root = 1.0 / s.bias_correction2;
    let (p, g, m, v) = (
        param.as_mut_ptr(),
        grad.as_ptr(),
        m.as_mut_ptr(),
        v.as_mut_ptr(),
    );
    let mut i = 0;
    while i + L::WIDTH <= n {
        let grad = L::mul(L::load(g.add(i)), L::splat(s.grad_scale));
        let mean = L::fma(
            L::load(m.add(i)),
            L::splat(s.beta1),
            L::mul(grad, L::splat(1.0 - s.beta1)),
        );
        let square = L::fma(
            L::load(v.add(i)),
            L::splat(s.beta2),
            L::mul(L::mul(grad, grad), L::splat(1.0 - s.beta2)),
        );
        L::store(m.add(i), mean);
        L::store(v.add(i), square);
        let below = L::add(L::sqrt(L::mul(square, L::splat(root))), L::splat(s.eps));
        let change = L::div(L::mul(mean, L::splat(rate)), below);
        let kept = L::mul(L::load(p.add(i)), L::splat(keep));
        L::store(p.add(i), L::sub(kept, change));
        i += L::WIDTH;
    }
    while i < n {
        let grad = *g.add(i) * s.grad_scale;
        let mean = *m.add(i) * s.beta1 + grad * (1.0 - s.beta1);
        let square = *v.add(i) * s.beta2 + grad * grad * (1.0 - s.beta2);
        *m.add(i) = mean;
        *v.add(i) = square;
        *p.add(i) = *p.add(i) * keep - rate * mean / ((square * root).sqrt() + s.eps);
        i += 1;
    }
}
