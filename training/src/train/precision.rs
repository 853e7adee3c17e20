//! How a training computes: in which precision, and what it keeps for gradients.

use std::sync::Once;

use candle_core::{DType, Device};
use genie_model::ops::{self, with_activations, with_matmul_precision, with_recomputation};

use super::config::TrainConfig;

/// Runs `work` with the matrix products that the configuration asks for: with `bf16` in bfloat16 on processors with a unit for
/// it, and in `TF32` (`f32` with ten bits of mantissa) on Nvidia's graphics processors; with activations of its `precision` where
/// operations are not fused; and with activations that are computed again for gradients if it says so.
pub(super) fn with_precision<T>(
    config: &TrainConfig,
    device: &Device,
    work: impl FnOnce() -> T,
) -> T {
    if device.is_cuda() {
        // A setting of the whole process.
        candle_core::cuda::set_gemm_reduced_precision_f32(config.bf16);
    }
    let activations = config.activations();
    if activations != DType::F32 && device.is_cpu() && ops::fused(&[]) {
        static SAID: Once = Once::new();
        SAID.call_once(|| {
            tracing::warn!(
                "the CPU computes in float32; {} is for graphics processors",
                config.precision.name()
            );
        });
    }
    with_matmul_precision(config.matmul_precision(), || {
        with_activations(activations, || with_recomputation(config.recompute, work))
    })
}
