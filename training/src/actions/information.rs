//! Information of one labelling about another.

use std::collections::HashMap;
use std::hash::Hash;

/// Counts of pairs of labels.
#[derive(Debug, Clone, Default)]
pub struct PairCounts {
    /// [first, second]: how often the two occur together.
    counts: Vec<Vec<u64>>,
}

impl PairCounts {
    /// Counts how often each value of the first series meets each of the second.
    pub fn new<A: Eq + Hash, B: Eq + Hash>(pairs: impl IntoIterator<Item = (A, B)>) -> Self {
        let (mut firsts, mut seconds) = (HashMap::new(), HashMap::new());
        let mut counts: Vec<Vec<u64>> = Vec::new();
        for (first, second) in pairs {
            let next = firsts.len();
            let row = *firsts.entry(first).or_insert(next);
            let next = seconds.len();
            let column = *seconds.entry(second).or_insert(next);
            if row == counts.len() {
                counts.push(Vec::new());
            }
            if counts[row].len() <= column {
                counts[row].resize(column + 1, 0);
            }
            counts[row][column] += 1;
        }
        for row in &mut counts {
            row.resize(seconds.len(), 0);
        }
        Self { counts }
    }

    /// Number of pairs.
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// Mutual information of the two labels in nats: the plug-in estimate less its bias (Miller 1955; Madow), so that labels that
    /// have nothing to do with each other come out at about 0, on either side of it.
    pub fn information(&self) -> f64 {
        let total = self.total();
        if total == 0 {
            return 0.0;
        }
        let entropy = |counts: &mut dyn Iterator<Item = u64>| -> f64 {
            counts
                .filter(|&count| count > 0)
                .map(|count| {
                    let share = count as f64 / total as f64;
                    -share * share.ln()
                })
                .sum()
        };
        let columns = self.columns();
        let rows = entropy(&mut self.counts.iter().map(|row| row.iter().sum()));
        let joint = entropy(&mut self.counts.iter().flatten().copied());
        let bias = (self.counts.len() - 1) * (columns.len() - 1);
        rows + entropy(&mut columns.iter().copied()) - joint - bias as f64 / (2.0 * total as f64)
    }

    /// Entropy of the second label in nats (plug-in).
    pub fn second_entropy(&self) -> f64 {
        let total = self.total() as f64;
        self.columns()
            .iter()
            .filter(|&&count| count > 0)
            .map(|&count| -(count as f64 / total) * (count as f64 / total).ln())
            .sum()
    }

    /// Share of the pairs in which the second label is the one that meets the first most often: the accuracy of the best table.
    pub fn table_accuracy(&self) -> f64 {
        let best: u64 = self.counts.iter().filter_map(|row| row.iter().max()).sum();
        best as f64 / self.total().max(1) as f64
    }

    fn columns(&self) -> Vec<u64> {
        let mut sums = vec![0; self.counts.first().map_or(0, Vec::len)];
        for row in &self.counts {
            for (sum, count) in sums.iter_mut().zip(row) {
                *sum += count;
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn the_same_label_twice_tells_all_of_it() {
        let counts = PairCounts::new((0..4000).map(|i| (i % 4, "abcd".chars().nth(i % 4))));
        assert!((counts.information() - 4_f64.ln()).abs() < 0.002);
        assert!((counts.second_entropy() - 4_f64.ln()).abs() < 1e-9);
        assert!((counts.table_accuracy() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn unrelated_labels_tell_nothing_on_average() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mean: f64 = (0..40)
            .map(|_| {
                let pairs: Vec<(u8, u8)> = (0..300)
                    .map(|_| (rng.random_range(0..8), rng.random_range(0..9)))
                    .collect();
                PairCounts::new(pairs).information()
            })
            .sum::<f64>()
            / 40.0;
        // Without the correction it would be 56 / 600 = 0.09.
        assert!(mean.abs() < 0.015, "{mean}");
    }

    #[test]
    fn a_known_case() {
        // Both bits even; they agree in three of four.
        let counts = PairCounts::new(
            [
                (0, 0),
                (0, 0),
                (0, 0),
                (0, 1),
                (1, 1),
                (1, 1),
                (1, 1),
                (1, 0),
            ]
            .repeat(10_000),
        );
        let expected = 2_f64.ln() + 0.75 * 0.75_f64.ln() + 0.25 * 0.25_f64.ln();
        assert!((counts.information() - expected).abs() < 1e-4);
        assert!((counts.table_accuracy() - 0.75).abs() < 1e-9);
    }

    #[test]
    fn no_pairs_are_no_information() {
        let counts = PairCounts::new(std::iter::empty::<(u8, u8)>());
        assert!(counts.information().abs() < 1e-12 && counts.table_accuracy().abs() < 1e-12);
    }
}
