//! What a training is planned for.

use super::Accelerator;

/// What a training runs on and how. What it computes with (`precision`, `recompute`) and how many passes a step takes (`accumulate`) is in its
/// configuration.
#[derive(Clone, Copy, Debug)]
pub struct PlanOptions {
    /// The kind of processor.
    pub accelerator: Accelerator,
    /// How many of them; each has the whole model and an equal share of the batch.
    pub count: usize,
    /// Clips that a processor takes at once; gradients of several such passes add up to a step. `None` takes as many as the configuration says: its share of
    /// the batch, in `accumulate` passes.
    pub micro_batch: Option<usize>,
    /// Share of the processor's peak that the training reaches.
    pub utilisation: f64,
}
