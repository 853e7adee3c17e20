//! Peak signal-to-noise ratio.

/// Identical frames would have an infinite PSNR; all are capped here, in dB.
pub const MOST_PSNR: f64 = 60.0;

/// Peak signal-to-noise ratio of two equally long sequences of pixel values, in dB, at most [`MOST_PSNR`].
///
/// # Panics
/// If the lengths differ.
pub fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len(), "frames of one size");
    let squared: u64 = a
        .iter()
        .zip(b)
        .map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2))
        .sum();
    if squared == 0 {
        return MOST_PSNR;
    }
    let mean = squared as f64 / a.len() as f64;
    (10.0 * (255.0 * 255.0 / mean).log10()).min(MOST_PSNR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn psnr_of_known_errors() {
        // An error of one grey level everywhere: 20 log10(255).
        assert!((psnr(&[10; 300], &[11; 300]) - 48.130_803_6).abs() < 1e-6);
        // Black against white: 0 dB.
        assert!(psnr(&[0; 12], &[255; 12]).abs() < 1e-12);
        assert!((psnr(&[7; 12], &[7; 12]) - MOST_PSNR).abs() < 1e-12);
        // One value of a million off by one would be 108 dB.
        let mut almost = vec![7; 1_000_000];
        almost[5] = 8;
        assert!((psnr(&almost, &vec![7; 1_000_000]) - MOST_PSNR).abs() < 1e-12);
    }
}
