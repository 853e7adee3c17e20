//! The peak of this machine, with which parts are compared: the fastest matrix product measured.

use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use genie_model::Error;
use genie_model::ops::{
    MatmulPrecision, matmul_nn, matmul_precision, simd_level, with_matmul_precision,
};
use serde::Serialize;

/// Rows, columns and inner size of the product.
const SIZE: usize = 1024;
/// Each kernel is tried for so long, and at least a few times.
const LONG: Duration = Duration::from_millis(300);

/// Billions of operations per second in a product of two square matrices, as the best kernels do it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Peak {
    /// Rows, columns and inner size of the product.
    size: usize,
    /// `f32`, by [`matmul_nn`].
    matmul_nn_gflops: f64,
    /// `f32`, by candle's own product: the `gemm` crate with AVX-512.
    candle_gflops: f64,
    /// Which of the two is the peak.
    best: Kernel,
    /// `bf16` factors with sums in `f32`, by [`matmul_nn`], where the processor has a matrix unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    bf16_gflops: Option<f64>,
}

/// A matrix product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kernel {
    MatmulNn,
    Candle,
}

/// Whether matrix products can be computed in `bf16` here.
pub(super) fn has_bf16() -> bool {
    with_matmul_precision(MatmulPrecision::Bf16, matmul_precision) == MatmulPrecision::Bf16
}

impl Peak {
    /// Measures it; takes about a second.
    pub(super) fn measure() -> Result<Self, Error> {
        let a: Vec<f32> = (0..SIZE * SIZE).map(|i| (i % 7) as f32 - 3.0).collect();
        let b: Vec<f32> = (0..SIZE * SIZE).map(|i| (i % 5) as f32 - 2.0).collect();
        let mut product = vec![0f32; SIZE * SIZE];
        let mut ours = |precision| {
            with_matmul_precision(precision, || {
                best_rate(|| {
                    matmul_nn((SIZE, SIZE, SIZE), &a, &b, &mut product, false);
                    Ok(())
                })
            })
        };
        let matmul_nn_gflops = ours(MatmulPrecision::F32)?;
        let bf16_gflops = has_bf16()
            .then(|| ours(MatmulPrecision::Bf16))
            .transpose()?;
        let [a, b] = [&a, &b].map(|m| Tensor::from_slice(m, (SIZE, SIZE), &Device::Cpu));
        let (a, b) = (a?, b?);
        let candle_gflops = best_rate(|| Ok(a.matmul(&b).map(drop)?))?;
        Ok(Self::new(matmul_nn_gflops, candle_gflops, bf16_gflops))
    }

    fn new(matmul_nn_gflops: f64, candle_gflops: f64, bf16_gflops: Option<f64>) -> Self {
        Self {
            size: SIZE,
            matmul_nn_gflops,
            candle_gflops,
            best: if matmul_nn_gflops >= candle_gflops {
                Kernel::MatmulNn
            } else {
                Kernel::Candle
            },
            bf16_gflops,
        }
    }

    /// The better of two measurements, kernel by kernel.
    pub(super) fn or(self, other: Self) -> Self {
        Self::new(
            self.matmul_nn_gflops.max(other.matmul_nn_gflops),
            self.candle_gflops.max(other.candle_gflops),
            self.bf16_gflops
                .zip(other.bf16_gflops)
                .map(|(a, b)| a.max(b)),
        )
    }

    /// Share of the `f32` peak that `operations` in `milliseconds` are.
    pub(super) fn share(&self, operations: f64, milliseconds: f64) -> f64 {
        share(
            operations,
            milliseconds,
            self.matmul_nn_gflops.max(self.candle_gflops),
        )
    }

    /// The same of the `bf16` peak, where there is one.
    pub(super) fn bf16_share(&self, operations: f64, milliseconds: f64) -> Option<f64> {
        Some(share(operations, milliseconds, self.bf16_gflops?))
    }

    /// The peaks in words.
    pub(super) fn describe(&self) -> String {
        let name = match self.best {
            Kernel::MatmulNn => "matmul_nn",
            Kernel::Candle => "candle's gemm",
        };
        let best = self.matmul_nn_gflops.max(self.candle_gflops);
        let least = self.matmul_nn_gflops.min(self.candle_gflops);
        let bf16 = self
            .bf16_gflops
            .map_or_else(String::new, |rate| format!("; bf16 {rate:.0}"));
        let level = simd_level();
        format!(
            "{best:.0} GFLOP/s f32 by {name} (the other one: {least:.0}){bf16}; {level} kernels"
        )
    }
}

fn share(operations: f64, milliseconds: f64, gflops: f64) -> f64 {
    1e-6 * operations / milliseconds.max(1e-9) / gflops.max(1e-9)
}

/// Billions of operations per second in the quickest of many products: a peak is what is possible.
fn best_rate(mut product: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    let begun = Instant::now();
    let mut least = f64::INFINITY;
    let mut runs = 0;
    while runs < 3 || begun.elapsed() < LONG {
        let one = Instant::now();
        product()?;
        least = least.min(one.elapsed().as_secs_f64());
        runs += 1;
    }
    Ok(2e-9 * (SIZE * SIZE * SIZE) as f64 / least.max(1e-9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_better_kernel_and_of_the_better_measurement() {
        let peak = Peak::new(50.0, 100.0, None).or(Peak::new(80.0, 90.0, Some(1.0)));
        assert_eq!(peak.best, Kernel::Candle);
        // 50 million operations in a millisecond are 50 GFLOP/s.
        assert!((peak.share(50e6, 1.0) - 0.5).abs() < 1e-12);
        assert!(peak.bf16_share(1.0, 1.0).is_none());
        let peak = Peak::new(200.0, 100.0, Some(400.0));
        assert_eq!(peak.best, Kernel::MatmulNn);
        assert!((peak.share(50e6, 1.0) - 0.25).abs() < 1e-12);
        assert!((peak.bf16_share(50e6, 1.0).unwrap() - 0.125).abs() < 1e-12);
    }
}
