//! Probabilities as a few symbols: what a classifier could tell if it had no more to say a transition than codes have.
//!
//! Rows of probabilities are put into groups so that the mean of a group says as much as its rows do: k-means by relative entropy (Banerjee and
//! others 2005), which is the information bottleneck (Tishby and others 1999) with hard groups. Nothing but the rows is looked at.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Starts, of which the best is kept, and rounds of each.
const STARTS: u64 = 8;
const ROUNDS: usize = 30;
/// Probabilities below are taken as this.
const LEAST: f32 = 1e-6;

/// The group, out of `count`, of each row of probabilities.
pub(super) fn symbols(rows: &[Vec<f32>], count: usize) -> Vec<usize> {
    if rows.is_empty() || count == 0 {
        return vec![0; rows.len()];
    }
    let fits = (0..STARTS).map(|seed| fit(rows, count, seed));
    let best = fits.min_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or_else(Vec::new, |(_, groups)| groups)
}

/// What the groups of one start leave out, in nats a row, and the group of each row.
fn fit(rows: &[Vec<f32>], count: usize, seed: u64) -> (f64, Vec<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut logs = spread_starts(rows, count, &mut rng);
    let (mut lost, mut groups) = (f64::INFINITY, Vec::new());
    for _ in 0..ROUNDS {
        let found: Vec<(usize, f32)> = rows.iter().map(|row| nearest(row, &logs)).collect();
        lost = found.iter().map(|(_, lost)| f64::from(*lost)).sum::<f64>() / rows.len() as f64;
        let same = groups.iter().eq(found.iter().map(|(group, _)| group));
        groups = found.into_iter().map(|(group, _)| group).collect();
        if same {
            break;
        }
        for (group, logs) in logs.iter_mut().enumerate() {
            let own = rows.iter().zip(&groups).filter(|(_, of)| **of == group);
            let mut mean = vec![0.0_f64; logs.len()];
            let mut own_rows = 0_u32;
            for (row, _) in own {
                own_rows += 1;
                mean.iter_mut()
                    .zip(row)
                    .for_each(|(sum, share)| *sum += f64::from(*share));
            }
            // A group without rows stays where it is.
            if own_rows > 0 {
                *logs = (mean.iter())
                    .map(|sum| (sum / f64::from(own_rows)) as f32)
                    .map(log)
                    .collect();
            }
        }
    }
    (lost, groups)
}

/// Logarithms of rows, each drawn in proportion to what those drawn before leave out of it.
fn spread_starts(rows: &[Vec<f32>], count: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<f32>> {
    let of_row = |at: usize| -> Vec<f32> { rows[at].iter().copied().map(log).collect() };
    let mut starts = vec![of_row(rng.random_range(0..rows.len()))];
    while starts.len() < count {
        let lost: Vec<f64> = (rows.iter())
            .map(|row| f64::from(nearest(row, &starts).1.max(0.0)))
            .collect();
        let mut left = rng.random::<f64>() * lost.iter().sum::<f64>();
        let drawn = lost.iter().position(|lost| {
            left -= lost;
            left < 0.0
        });
        starts.push(of_row(
            drawn.unwrap_or_else(|| rng.random_range(0..rows.len())),
        ));
    }
    starts
}

/// The group whose logarithms leave least out of a row, and the relative entropy that they leave out.
fn nearest(row: &[f32], groups: &[Vec<f32>]) -> (usize, f32) {
    let own: f32 = row.iter().map(|&share| share * log(share)).sum();
    let lost = |logs: &Vec<f32>| own - row.iter().zip(logs).map(|(p, log)| p * log).sum::<f32>();
    let mut best = (0, f32::INFINITY);
    for (group, logs) in groups.iter().enumerate() {
        let lost = lost(logs);
        if lost < best.1 {
            best = (group, lost);
        }
    }
    best
}

fn log(share: f32) -> f32 {
    share.max(LEAST).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::PairCounts;

    /// Rows that are sure of one of three classes to different degrees, and the class.
    fn rows() -> (Vec<Vec<f32>>, Vec<u8>) {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        (0..3000)
            .map(|_| {
                let sure = [0.5, 0.9][rng.random_range(0..2)];
                let guess = rng.random_range(0..3_usize);
                let mut row = vec![(1.0 - sure) / 2.0; 3];
                row[guess] = sure;
                let other = (guess + rng.random_range(1..3)) % 3;
                let class = if rng.random::<f32>() < sure {
                    guess
                } else {
                    other
                };
                (row, class as u8)
            })
            .unzip()
    }

    fn told(groups: &[usize], truth: &[u8]) -> f64 {
        let pairs = groups.iter().copied().zip(truth.iter().copied());
        PairCounts::new(pairs).information()
    }

    #[test]
    fn symbols_enough_for_all_rows_tell_what_their_probabilities_do() {
        let (rows, truth) = rows();
        // Half of the rows leave this entropy, half that.
        let left = |sure: f64| -sure * sure.ln() - (1.0 - sure) * ((1.0 - sure) / 2.0).ln();
        let expected = 3_f64.ln() - f64::midpoint(left(0.5), left(0.9));
        let told = |count| told(&symbols(&rows, count), &truth);
        assert!((told(6) - expected).abs() < 0.03, "{} {expected}", told(6));
        // Decisions, which are three symbols, tell less, and one symbol nothing.
        let three = told(3);
        assert!(three < told(6) - 0.02 && three > 0.2, "{three}");
        assert!(told(1).abs() < 1e-3);
    }

    #[test]
    fn odd_rows_are_survived() {
        assert!(symbols(&[], 8).is_empty());
        assert_eq!(symbols(&[vec![1.0, 0.0]], 0), [0]);
        let same = symbols(&vec![vec![0.5, 0.5]; 4], 8);
        assert!(same.iter().all(|group| *group == same[0]));
        assert_eq!(symbols(&[vec![], vec![]], 2).len(), 2);
    }
}
