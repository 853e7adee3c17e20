//! The type of the activations inside transformers.

use std::cell::Cell;

use candle_core::{DType, Result, Tensor};

use super::fusion::composed_here;

thread_local! {
    static ACTIVATIONS: Cell<DType> = const { Cell::new(DType::F32) };
}

/// Runs `work` with transformers on this thread whose activations are of a type, such as `bf16`: half the memory and several times the
/// speed on graphics processors. Weights stay what they are (master weights) and are rounded for each product; their gradients have
/// their type. Sums that rounding would spoil (norms, softmax) are in `f32`.
///
/// Fused operations, those of the CPU, know `f32` alone: there nothing changes, unless they are
/// [turned off](super::with_composed).
pub fn with_activations<T>(dtype: DType, work: impl FnOnce() -> T) -> T {
    struct Restore(DType);
    impl Drop for Restore {
        fn drop(&mut self) {
            ACTIVATIONS.set(self.0);
        }
    }
    // Dropped also when the work panics.
    let _restore = Restore(ACTIVATIONS.replace(dtype));
    work()
}

/// `x` in the type of activations.
pub(crate) fn to_activations(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() && !composed_here() {
        return Ok(x.clone());
    }
    x.to_dtype(ACTIVATIONS.get())
}
