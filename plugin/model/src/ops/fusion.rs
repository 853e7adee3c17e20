//! Whether operations are fused where they can be.

use std::cell::Cell;
use std::sync::OnceLock;

use candle_core::{DType, Tensor};

/// The environment variable that turns fused operations off.
const VARIABLE: &str = "GENIE_COMPOSED";

thread_local! {
    static COMPOSED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` with the operations of this thread composed of candle's, as on a graphics processor, and fused ones afterwards
/// again. The environment variable `GENIE_COMPOSED=1` does the same for a whole process.
///
/// What holds on the CPU in this mode holds on other devices, as far as candle computes the same on them.
pub fn with_composed<T>(work: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            COMPOSED.set(self.0);
        }
    }
    // Dropped also when the work panics.
    let _restore = Restore(COMPOSED.replace(true));
    work()
}

/// Whether this thread composes its operations of candle's on the CPU too.
pub(super) fn composed_here() -> bool {
    static FORCED: OnceLock<bool> = OnceLock::new();
    COMPOSED.get()
        || *FORCED.get_or_init(|| std::env::var_os(VARIABLE).is_some_and(|value| value == "1"))
}

/// True where the fused kernels run: `f32` on the CPU, unless they are turned off.
pub fn fused(tensors: &[&Tensor]) -> bool {
    tensors
        .iter()
        .all(|t| t.device().is_cpu() && t.dtype() == DType::F32)
        && !composed_here()
}
