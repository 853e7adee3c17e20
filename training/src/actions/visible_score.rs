//! Information of predicted probabilities about true actions, in nats.

use super::information::PairCounts;
use super::symbols::symbols;

/// What a classifier sees of the true actions in frames that it has not learnt from.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct VisibleActions {
    /// Information about the true action that was seen, in nats: what its decisions give, bias corrected, or what its probabilities do,
    /// whichever is more.
    pub information: f64,
    /// Share of right decisions.
    pub accuracy: f64,
    /// Information of its decisions alone, bias corrected, in nats.
    pub decisions: f64,
    /// Entropy of the true action less the cross-entropy of its probabilities, in nats.
    pub likelihood_gain: f64,
    /// Information of its probabilities as far as so many symbols tell it, bias corrected, in nats: what compares like for like with as many
    /// codes. Of its decisions until [other symbols](Self::in_symbols) are asked for.
    pub symbols: f64,
}

impl VisibleActions {
    /// Information of rows of probabilities about true actions, one for each row. True actions that a row has no probability for count as
    /// missed.
    pub fn of(rows: &[Vec<f32>], truth: &[u8]) -> Self {
        let decision = |row: &Vec<f32>| {
            row.iter()
                .enumerate()
                .max_by(|a, b| a.1.total_cmp(b.1))
                .map_or(0, |(class, _)| class)
        };
        let counts = PairCounts::new(rows.iter().map(decision).zip(truth.iter().copied()));
        let right = rows
            .iter()
            .zip(truth)
            .filter(|(row, truth)| decision(row) == usize::from(**truth))
            .count();
        let surprise: f64 = rows
            .iter()
            .zip(truth)
            .map(|(row, &truth)| {
                let probability = row.get(usize::from(truth)).copied().unwrap_or(0.0);
                -f64::from(probability.max(1e-6)).ln()
            })
            .sum();
        let count = truth.len().max(1) as f64;
        let likelihood_gain = counts.second_entropy() - surprise / count;
        Self {
            information: counts.information().max(likelihood_gain),
            accuracy: right as f64 / count,
            decisions: counts.information(),
            likelihood_gain,
            symbols: counts.information(),
        }
    }

    /// The same with the information of `count` symbols for the rows that it is of.
    #[must_use]
    pub fn in_symbols(self, rows: &[Vec<f32>], truth: &[u8], count: usize) -> Self {
        let pairs = symbols(rows, count).into_iter().zip(truth.iter().copied());
        Self {
            symbols: PairCounts::new(pairs).information(),
            ..self
        }
    }
}
