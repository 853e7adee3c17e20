//! How a training computes: in which precision, and what it keeps for gradients.

use candle_core::Device;
use genie_model::ops::{with_matmul_precision, with_recomputation};

use super::config::TrainConfig;

/// Runs `work` with the matrix products that the configuration asks for: with `bf16` in bfloat16 on processors with a unit for
/// it, and in `TF32` (`f32` with ten bits of mantissa) on Nvidia's graphics processors. Activations are computed again for gradients if
/// it says so.
pub(super) fn with_precision<T>(
    config: &TrainConfig,
    device: &Device,
    work: impl FnOnce() -> T,
) -> T {
    if device.is_cuda() {
        // A setting of the whole process.
        candle_core::cuda::set_gemm_reduced_precision_f32(config.bf16);
    }
    with_matmul_precision(config.matmul_precision(), || {
        with_recomputation(config.recompute, work)
    })
}
