//! What benchmarks need beside a clock.

use genie_model::percentile;

/// Ticks so far in which the host of this virtual machine gave a processor to somebody else; `None` where nobody counts
/// them. Two that differ lie on both sides of a disturbance of at least a hundredth of a second.
pub fn stolen_ticks() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines().next()?.split_whitespace().nth(8)?.parse().ok()
}

/// The [`percentile`] of values in any order, of none NaN.
pub fn percentile_of(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    percentile(&values, share).unwrap_or(f64::NAN)
}
