//! Percentiles of measurements.

/// The value that this share (0 to 1) of the `sorted` values lies before, or the last one: a value that occurred, and one
/// that at least this share of the values does not exceed. `None` of no values.
pub fn percentile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let last = sorted.len().checked_sub(1)?;
    let place = (share * sorted.len() as f64) as usize;
    Some(sorted[place.min(last)])
}

/// The [`percentile`] one half of numbers in any order: the middle one, or the larger of the two in the middle.
pub fn median<T: Copy + Into<f64>>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut sorted: Vec<T> = values.into_iter().collect();
    sorted.sort_by(|&a, &b| a.into().total_cmp(&b.into()));
    percentile(&sorted, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<_> = (1..=200).collect();
        assert_eq!(percentile(&values, 0.0), Some(1));
        assert_eq!(percentile(&values, 0.5), Some(101));
        assert_eq!(percentile(&values, 0.99), Some(199));
        assert_eq!(percentile(&values, 1.0), Some(200));
        assert_eq!(percentile(&values[..1], 0.99), Some(1));
        assert_eq!(percentile::<f64>(&[], 0.5), None);
        for share in (0..=100).map(|hundredth| f64::from(hundredth) / 100.0) {
            for count in 1..values.len() {
                let values = &values[..count];
                let found = percentile(values, share).expect("there are values");
                let not_above = values.iter().filter(|&&value| value <= found).count();
                assert!(
                    not_above as f64 >= share * count as f64,
                    "{share} of {count}"
                );
            }
        }
    }

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0_f32, 1.0, 2.0, 3.0]), Some(3.0));
        assert_eq!(median([-0.5, f64::NAN, -2.0]), Some(-0.5));
        assert_eq!(median::<f64>([]), None);
    }
}
