//! The instruction set that the fused kernels use.

use std::fmt;
use std::sync::OnceLock;

/// The environment variable that chooses a level.
const VARIABLE: &str = "GENIE_SIMD";

/// An instruction set that the kernels are compiled for. Results of different levels differ by rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SimdLevel {
    /// No particular one: what the compiler may assume of every processor of the target.
    Portable,
    /// AVX2 with FMA, on x86-64.
    Avx2,
    /// AVX-512F, on x86-64. Only at this level are `bf16` products computed by the tile unit (AMX).
    Avx512,
}

impl SimdLevel {
    /// All levels, slowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// The name in `GENIE_SIMD`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Whether this processor has the instructions.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Self::Avx2.is_available() && is_x86_feature_detected!("avx512f"),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// The best level of this processor.
    fn best() -> Self {
        let available = Self::ALL.into_iter().filter(|level| level.is_available());
        available.max().unwrap_or(Self::Portable)
    }

    /// The level for a value of `GENIE_SIMD`, or why it cannot be used.
    fn chosen(value: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|level| level.name() == value);
        let names = Self::ALL.map(Self::name).join(", ");
        let level = named.ok_or_else(|| format!("expected one of {names}"))?;
        if level.is_available() {
            Ok(level)
        } else {
            Err("this processor lacks the instructions".to_owned())
        }
    }
}

impl fmt::Display for SimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The level that this process uses: the best one of the processor, or the one that the environment variable `GENIE_SIMD`
/// names (`portable`, `avx2` or `avx512`), which is read once. A level that the processor lacks is refused with a warning in
/// the log, and the best one is used.
pub fn simd_level() -> SimdLevel {
    static LEVEL: OnceLock<SimdLevel> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let value = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
        let Some(value) = value else {
            return SimdLevel::best();
        };
        let value = value.to_string_lossy();
        SimdLevel::chosen(&value).unwrap_or_else(|reason| {
            let best = SimdLevel::best();
            tracing::warn!("{VARIABLE}={value} is not used: {reason}; using {best}");
            best
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_chosen_by_name_where_the_processor_has_them() {
        assert_eq!(SimdLevel::chosen("portable"), Ok(SimdLevel::Portable));
        for level in SimdLevel::ALL {
            let chosen = SimdLevel::chosen(level.name());
            assert_eq!(chosen.is_ok(), level.is_available(), "{level}");
        }
        let refused = SimdLevel::chosen("sse9").unwrap_err();
        assert!(refused.contains("portable, avx2, avx512"), "{refused}");
        assert!(SimdLevel::best().is_available());
    }
}
