//! Processors that trainings run on, as their makers describe them.

use serde::Serialize;

use crate::train::Precision;

/// A kind of processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Accelerator {
    /// The RTX 4090 of NVIDIA, 24 GB.
    Rtx4090,
    /// NVIDIA A100, 80 GB.
    A100,
    /// NVIDIA H100 SXM, 80 GB.
    H100,
    /// NVIDIA H200 SXM, 141 GB.
    H200,
    /// Google TPU v5p, 95 GB: what the paper's largest model was trained on.
    TpuV5p,
}

impl Accelerator {
    /// All kinds, with the names that a user types.
    pub const ALL: [(&'static str, Self); 5] = [
        ("rtx4090", Self::Rtx4090),
        ("a100", Self::A100),
        ("h100", Self::H100),
        ("h200", Self::H200),
        ("tpuv5p", Self::TpuV5p),
    ];

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, kind)| kind)
    }

    /// Memory in bytes.
    pub fn memory_bytes(self) -> f64 {
        1e9 * match self {
            Self::Rtx4090 => 24.0,
            Self::A100 | Self::H100 => 80.0,
            Self::H200 => 141.0,
            Self::TpuV5p => 95.0,
        }
    }

    /// Dense matrix operations per second at the peak, as its maker says: bfloat16, or float32 as TF32 where there is such.
    pub fn operations_per_second(self, precision: Precision) -> f64 {
        let (bf16, f32) = match self {
            Self::Rtx4090 => (165.0, 82.6),
            Self::A100 => (312.0, 156.0),
            Self::H100 | Self::H200 => (989.0, 494.0),
            Self::TpuV5p => (459.0, 115.0),
        };
        1e12 * match precision {
            Precision::Bf16 | Precision::F16 => bf16,
            Precision::F32 => f32,
        }
    }
}
