//! Matrix products in `bf16` on the tile unit of recent server processors (Intel AMX), summed in `f32`.
//!
//! The tile instructions are written as assembly because their intrinsics are not stable. Operands are packed to `bf16`
//! (rounded to nearest even) in blocks of 16 rows by 32 inner elements; four tiles of the output are kept in tile
//! registers while the inner dimension runs by.

mod factor;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod packing;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod product;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod unit;

pub(super) use factor::Factor;

/// Whether this processor and its operating system support tiles, and the level in use permits them.
pub(super) fn available() -> bool {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    {
        use super::level::{SimdLevel, simd_level};
        use std::sync::OnceLock;
        static AVAILABLE: OnceLock<bool> = OnceLock::new();
        *AVAILABLE.get_or_init(|| simd_level() == SimdLevel::Avx512 && unit::request())
    }
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    false
}

/// `out[m, n] (+)= a[m, k] b[k, n]`, `out` row by row. Only when [`available`].
pub(super) fn product(
    (m, n, k): (usize, usize, usize),
    a: Factor<'_>,
    b: Factor<'_>,
    out: &mut [f32],
    accumulate: bool,
) {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    product::product((m, n, k), a, b, out, accumulate);
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    {
        let _ = (m, n, k, a, b, out, accumulate);
        unreachable!("only called when available");
    }
}
