//! Verdicts of the judge, counted by clip, so that standard errors can be computed: transitions of one clip are alike.

use std::collections::BTreeMap;

/// How often the judge named each true action (column) where each action was commanded, done or inferred (row), clip by clip.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Verdicts {
    columns: usize,
    /// Row after row.
    clips: BTreeMap<usize, Vec<u64>>,
    rows: usize,
}

/// What was recognised, and what would be if rows were dealt out at random.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Recognition {
    pub(super) recognised: f64,
    pub(super) chance: f64,
}

impl Recognition {
    /// How much better than chance.
    pub(super) fn gain(self) -> f64 {
        self.recognised - self.chance
    }
}

impl Verdicts {
    /// An empty table.
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        Self {
            columns,
            rows,
            clips: BTreeMap::new(),
        }
    }

    /// Counts a verdict on a transition of a clip; what lies outside of the table is not counted.
    pub(super) fn add(&mut self, clip: usize, row: usize, column: usize) {
        if row < self.rows && column < self.columns {
            let empty = || vec![0; self.rows * self.columns];
            self.clips.entry(clip).or_insert_with(empty)[row * self.columns + column] += 1;
        }
    }

    /// The clips that there are verdicts on.
    pub(super) fn clips(&self) -> impl Iterator<Item = usize> + '_ {
        self.clips.keys().copied()
    }

    /// Verdicts on a row.
    pub(super) fn of_row(&self, row: usize) -> u64 {
        let start = row * self.columns;
        let rows = self.clips.values();
        rows.map(|counts| counts[start..start + self.columns].iter().sum::<u64>())
            .sum()
    }

    /// Verdicts in all.
    pub(super) fn total(&self) -> u64 {
        self.clips.values().flatten().sum()
    }

    /// Share of the verdicts on a row that name a true action.
    pub(super) fn rate(&self, row: usize, column: usize) -> f64 {
        let table = self.table(None);
        let row = &table[row * self.columns..][..self.columns];
        row[column] as f64 / row.iter().sum::<u64>().max(1) as f64
    }

    /// How often the judge names the true action that each of some rows stands for. Each entry, a row and a true action, counts alike,
    /// those without verdicts not at all. Chance is what comes out if every entry is judged by the verdicts on all of them alike. A
    /// clip may be left out.
    pub(super) fn recognition(
        &self,
        entries: &[(usize, usize)],
        without: Option<usize>,
    ) -> Recognition {
        let table = self.table(without);
        let rates: Vec<(Vec<f64>, usize)> = entries
            .iter()
            .filter_map(|&(row, column)| {
                let counts = &table[row * self.columns..][..self.columns];
                let total: u64 = counts.iter().sum();
                let rates = counts.iter().map(|&count| count as f64 / total as f64);
                (total > 0).then(|| (rates.collect(), column))
            })
            .collect();
        let count = rates.len().max(1) as f64;
        let recognised: f64 = rates.iter().map(|(rates, column)| rates[*column]).sum();
        let chance: f64 = rates
            .iter()
            .map(|(_, column)| rates.iter().map(|(rates, _)| rates[*column]).sum::<f64>() / count)
            .sum();
        Recognition {
            recognised: recognised / count,
            chance: chance / count,
        }
    }

    /// The counts over all clips but one.
    fn table(&self, without: Option<usize>) -> Vec<u64> {
        let mut sum = vec![0; self.rows * self.columns];
        for (&clip, counts) in &self.clips {
            if Some(clip) != without {
                sum.iter_mut()
                    .zip(counts)
                    .for_each(|(sum, count)| *sum += count);
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_count_alike_and_a_constant_verdict_is_chance() {
        let mut verdicts = Verdicts::new(2, 2);
        // Row 0 is seen a hundred times and always right, row 1 twice and once right.
        (0..100).for_each(|_| verdicts.add(0, 0, 0));
        verdicts.add(1, 1, 1);
        verdicts.add(2, 1, 0);
        let entries = [(0, 0), (1, 1)];
        let found = verdicts.recognition(&entries, None);
        assert!((found.recognised - 0.75).abs() < 1e-12);
        assert!((found.chance - 0.5).abs() < 1e-12);
        // Without clip 2 all is right.
        let found = verdicts.recognition(&entries, Some(2));
        assert!((found.recognised - 1.0).abs() < 1e-12);
        assert_eq!(verdicts.total(), 102);

        let mut constant = Verdicts::new(3, 2);
        for row in 0..3 {
            (0..7).for_each(|clip| constant.add(clip, row, 1));
        }
        // Two rows stand for the action that is always named, one for the other.
        let found = constant.recognition(&[(0, 1), (1, 1), (2, 0)], None);
        assert!((found.recognised - 2.0 / 3.0).abs() < 1e-12);
        assert!(found.gain().abs() < 1e-12, "{found:?}");
    }
}
