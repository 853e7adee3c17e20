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

/// What is judged together: the weights of its rows, and of the true actions that it stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mixture {
    pub(super) rows: Vec<f64>,
    pub(super) columns: Vec<f64>,
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
        let only = |at: usize, of: usize| (0..of).map(|it| f64::from(u8::from(it == at))).collect();
        let entries: Vec<Mixture> = (entries.iter())
            .map(|&(row, column)| Mixture {
                rows: only(row, self.rows),
                columns: only(column, self.columns),
            })
            .collect();
        self.recognition_of_mixtures(&entries, without)
    }

    /// The same where an entry is a mixture of rows, and stands for a mixture of true actions.
    pub(super) fn recognition_of_mixtures(
        &self,
        entries: &[Mixture],
        without: Option<usize>,
    ) -> Recognition {
        let table = self.table(without);
        let rates_of_row = |row: usize| -> Option<Vec<f64>> {
            let counts = &table[row * self.columns..][..self.columns];
            let total: u64 = counts.iter().sum();
            let rates = counts.iter().map(|&count| count as f64 / total as f64);
            (total > 0).then(|| rates.collect())
        };
        let rows: Vec<Option<Vec<f64>>> = (0..self.rows).map(rates_of_row).collect();
        let rates_of = |entry: &Mixture| -> Option<Vec<f64>> {
            let mut sum = vec![0.0; self.columns];
            let mut whole = 0.0;
            for (weight, rates) in entry.rows.iter().zip(&rows) {
                if let Some(rates) = rates.as_ref().filter(|_| *weight > 0.0) {
                    whole += weight;
                    (sum.iter_mut().zip(rates)).for_each(|(sum, rate)| *sum += weight * rate);
                }
            }
            (whole > 0.0).then(|| sum.iter().map(|sum| sum / whole).collect())
        };
        let judged: Vec<(Vec<f64>, &[f64])> = (entries.iter())
            .filter_map(|entry| Some((rates_of(entry)?, &entry.columns[..])))
            .collect();
        let count = judged.len().max(1) as f64;
        let named = |rates: &[f64], columns: &[f64]| -> f64 {
            rates.iter().zip(columns).map(|(a, b)| a * b).sum()
        };
        let recognised: f64 = (judged.iter())
            .map(|(rates, columns)| named(rates, columns))
            .sum();
        let chance: f64 = (judged.iter())
            .flat_map(|(_, columns)| judged.iter().map(|(rates, _)| named(rates, columns)))
            .sum();
        Recognition {
            recognised: recognised / count,
            chance: chance / (count * count),
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

    #[test]
    fn mixtures_are_recognised_by_their_parts() {
        let mut verdicts = Verdicts::new(3, 3);
        // Rows 0 and 1 are called 0 or 1 by chance, row 2 is called 2 in three of four cases.
        for (row, counts) in [[6, 2, 0], [6, 2, 0], [1, 0, 3]].into_iter().enumerate() {
            for (column, count) in counts.into_iter().enumerate() {
                (0..count).for_each(|clip| verdicts.add(clip, row, column));
            }
        }
        let mixture = |rows: [f64; 3], columns: [f64; 3]| Mixture {
            rows: rows.to_vec(),
            columns: columns.to_vec(),
        };
        let either = mixture([1.0, 1.0, 0.0], [0.5, 0.5, 0.0]);
        let last = mixture([0.0, 0.0, 2.0], [0.0, 0.0, 1.0]);
        let found = verdicts.recognition_of_mixtures(&[either, last], None);
        assert!((found.recognised - f64::midpoint(0.5, 0.75)).abs() < 1e-12);
        // Dealt out at random, half of the verdicts are those on the other entry.
        let chance = (0.5 + 0.125 + 0.0 + 0.75) / 4.0;
        assert!((found.chance - chance).abs() < 1e-12);
        let empty = mixture([0.0; 3], [1.0, 0.0, 0.0]);
        assert_eq!(
            verdicts.recognition_of_mixtures(&[empty], None),
            Recognition::default()
        );
    }
}
