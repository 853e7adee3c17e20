//! The weights of a softmax over one row, for sampling.
#![allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]

use super::simd::{Lanes, exp, multiversion};

/// Writes `exp((logit - largest) * inverse_temperature)` of every logit to `weights`. Returns the largest logit and the sum of
/// the weights; neither is finite if some logit is not a number.
///
/// # Panics
/// If both are not of the same length.
pub(crate) fn softmax_weights(
    logits: &[f32],
    inverse_temperature: f32,
    weights: &mut [f32],
) -> (f32, f32) {
    assert_eq!(logits.len(), weights.len(), "one weight for each logit");
    let mut found = (f32::NEG_INFINITY, 0.0);
    // SAFETY: the kernel stays within slices of equal length.
    unsafe { row(logits, inverse_temperature, weights, &mut found) };
    found
}

multiversion! {
    unsafe fn row(
        logits: &[f32], inverse_temperature: f32, weights: &mut [f32], found: &mut (f32, f32),
    ) = row_body
}

#[inline(always)]
unsafe fn row_body<L: Lanes>(
    logits: &[f32],
    inverse_temperature: f32,
    weights: &mut [f32],
    found: &mut (f32, f32),
) {
    let (n, whole) = (logits.len(), logits.len() / L::WIDTH * L::WIDTH);
    let mut largest = L::splat(f32::NEG_INFINITY);
    for i in (0..whole).step_by(L::WIDTH) {
        largest = L::max(largest, L::load(logits.as_ptr().add(i)));
    }
    let mut top = L::largest(largest);
    for &logit in &logits[whole..] {
        top = if logit > top { logit } else { top };
    }
    let (shift, factor) = (L::splat(top), L::splat(inverse_temperature));
    let mut sums = L::splat(0.0);
    for i in (0..whole).step_by(L::WIDTH) {
        let logit = L::load(logits.as_ptr().add(i));
        let weight = exp::<L>(L::mul(L::sub(logit, shift), factor));
        L::store(weights.as_mut_ptr().add(i), weight);
        sums = L::add(sums, weight);
    }
    let mut sum = L::sum(sums);
    for i in whole..n {
        weights[i] = ((logits[i] - top) * inverse_temperature).exp();
        sum += weights[i];
    }
    *found = (top, sum);
}
