//! What a training is planned for.

use super::Accelerator;
use crate::train::Precision;

/// What a training runs on and how.
#[derive(Clone, Copy, Debug)]
pub struct PlanOptions {
    /// The kind of processor.
    pub accelerator: Accelerator,
    /// How many of them; each has the whole model and an equal share of the batch.
    pub count: usize,
    /// Number format of the products.
    pub precision: Precision,
    /// Whether blocks compute their activations again on the way back instead of keeping them.
    pub recompute: bool,
    /// Clips that a processor takes at once; gradients of several such rounds add up to a step. `None` takes its whole share.
    pub micro_batch: Option<usize>,
    /// Share of the processor's peak that the training reaches.
    pub utilisation: f64,
}
