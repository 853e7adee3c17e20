//! Means, shares and mutual information.

/// Mean; 0 of nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Standard deviation of a sample; 0 of fewer than two values.
pub(crate) fn standard_deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let centre = mean(values);
    let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    (squares / (values.len() as f64 - 1.0)).sqrt()
}

/// Standard error of the mean; 0 of fewer than two values.
pub fn standard_error(values: &[f64]) -> f64 {
    standard_deviation(values) / (values.len().max(1) as f64).sqrt()
}

/// A share that is 0 where nothing was counted.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// How often each value of one variable came with each value of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contingency {
    columns: usize,
    /// Row by row.
    counts: Vec<u64>,
}

impl Contingency {
    /// An empty table.
    pub fn new(rows: usize, columns: usize) -> Self {
        Self {
            columns,
            counts: vec![0; rows * columns],
        }
    }

    /// Counts one observation.
    ///
    /// # Panics
    /// If the table has no such row or column.
    pub fn add(&mut self, row: usize, column: usize) {
        assert!(column < self.columns, "a column of the table");
        self.counts[row * self.columns + column] += 1;
    }

    /// The counts, one vector per row.
    pub fn rows(&self) -> Vec<Vec<u64>> {
        self.counts
            .chunks(self.columns.max(1))
            .map(<[u64]>::to_vec)
            .collect()
    }

    /// Number of observations.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn row_sums(&self) -> Vec<u64> {
        self.rows().iter().map(|row| row.iter().sum()).collect()
    }

    fn column_sums(&self) -> Vec<u64> {
        (0..self.columns)
            .map(|column| self.counts.iter().skip(column).step_by(self.columns).sum())
            .collect()
    }

    /// Entropy of the rows' variable in nats.
    pub fn row_entropy(&self) -> f64 {
        entropy(&self.row_sums())
    }

    /// Entropy of the columns' variable in nats.
    pub fn column_entropy(&self) -> f64 {
        entropy(&self.column_sums())
    }

    /// Mutual information of the two variables in nats.
    pub fn mutual_information(&self) -> f64 {
        // Rounding could make it negative.
        (self.row_entropy() + self.column_entropy() - entropy(&self.counts)).max(0.0)
    }

    /// Mutual information divided by the geometric mean of the entropies: 1 where each variable determines the other, 0 where
    /// they are independent, and where one of them never varies.
    pub fn normalised_mutual_information(&self) -> f64 {
        let scale = (self.row_entropy() * self.column_entropy()).sqrt();
        if scale < 1e-12 {
            return 0.0;
        }
        (self.mutual_information() / scale).min(1.0)
    }
}

/// Entropy of counts in nats.
fn entropy(counts: &[u64]) -> f64 {
    let total: u64 = counts.iter().sum();
    counts
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| {
            let p = share(count, total);
            -p * p.ln()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(rows: &[&[u64]]) -> Contingency {
        let mut table = Contingency::new(rows.len(), rows[0].len());
        for (row, counts) in rows.iter().enumerate() {
            for (column, &count) in counts.iter().enumerate() {
                (0..count).for_each(|_| table.add(row, column));
            }
        }
        table
    }

    #[test]
    fn information_of_known_tables() {
        let same = table(&[&[5, 0], &[0, 5]]);
        assert!((same.mutual_information() - 2.0_f64.ln()).abs() < 1e-12);
        assert!((same.normalised_mutual_information() - 1.0).abs() < 1e-12);
        let independent = table(&[&[2, 4], &[3, 6]]);
        assert!(independent.mutual_information() < 1e-12);
        // Four codes, two meanings: the information is complete, and the codes have more entropy.
        let finer = table(&[&[3, 0], &[3, 0], &[0, 3], &[0, 3]]);
        assert!((finer.mutual_information() - 2.0_f64.ln()).abs() < 1e-12);
        assert!((finer.normalised_mutual_information() - 0.5_f64.sqrt()).abs() < 1e-12);
        // A binary channel that errs one time in four: ln 2 - H(1/4).
        let noisy = table(&[&[3, 1], &[1, 3]]);
        let expected = 2.0_f64.ln() + 0.25 * 0.25_f64.ln() + 0.75 * 0.75_f64.ln();
        assert!((noisy.mutual_information() - expected).abs() < 1e-12);
        assert!(table(&[&[4, 3]]).normalised_mutual_information().abs() < 1e-12);
        assert!(Contingency::new(3, 2).normalised_mutual_information().abs() < 1e-12);
    }

    #[test]
    fn standard_error_of_known_values() {
        // Deviation 1 around 2, three values.
        assert!((standard_error(&[1.0, 2.0, 3.0]) - 1.0 / 3.0_f64.sqrt()).abs() < 1e-12);
        assert!(standard_error(&[4.0]).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn information_stays_in_its_bounds(cells in proptest::collection::vec(0_u64..9, 12)) {
            let rows: Vec<&[u64]> = cells.chunks(4).collect();
            let table = table(&rows);
            let information = table.mutual_information();
            prop_assert!(information >= 0.0);
            prop_assert!(information <= table.row_entropy().min(table.column_entropy()) + 1e-9);
            prop_assert!((0.0..=1.0).contains(&table.normalised_mutual_information()));
        }
    }
}
