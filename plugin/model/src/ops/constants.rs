//! Constants that the fused operations and their composed definitions share.

/// Added to the mean square of an RMS norm before its root is taken.
pub(super) const EPSILON: f32 = 1e-6;

/// The sum of the weights of a loss is taken to be at least this, so that a batch without weight costs nothing.
pub(super) const LEAST_TOTAL_WEIGHT: f32 = 1e-6;

/// Its negative stands for minus infinity among logits: larger than any logit, yet finite, so that its gradient is zero and
/// not NaN.
pub(super) const MASKED_LOGIT: f32 = 1e30;
