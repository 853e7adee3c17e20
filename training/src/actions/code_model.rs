//! Codes as the hidden states of a chain: a player holds an action for some frames, so that what comes before and after says how to read a
//! transition.
//!
//! A hidden Markov model (Baum and others 1970; Rabiner 1989) with a Gaussian for each state, one broad Gaussian for what is not the
//! player's doing, such as a frame in which something else was followed, and a table of tokens for each state (`token_tables`). What values and
//! tokens tell is partly the same, so that each counts for a part only: a product of experts (Hinton 2002), each estimated by itself.

use nalgebra::{Cholesky, SMatrix, SVector};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::description::{Description, VALUES, Values};
use super::k_means::nearest;
use super::token_tables::{Overall, TokenCounts, TokenTables};

/// Share of the transitions that are taken to carry no information.
const STRAY: f64 = 0.05;
/// Probability of staying in a state, before it is learnt.
const STAY: f64 = 0.7;
/// Least variance of a state on each value: displacements come in whole pixels, whose variance would vanish.
const LEAST_VARIANCE: f64 = 0.06;
/// Transitions of mean variance 0.1 that each state is taken to have seen, so that rare ones keep a width.
const PRIOR_COUNT: f64 = 5.0;
const PRIOR_VARIANCE: f64 = 0.1;
/// How much the values count where there are tables of tokens.
const VALUES_WEIGHT: f64 = 0.5;
/// Added to the variance of each value where values vary together.
const ADDED_VARIANCE: f64 = 0.03;
/// Count that each change between two states starts with.
const PRIOR_CHANGES: f64 = 0.5;

/// A chain of states, each with a Gaussian over descriptions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CodeModel {
    states: Vec<State>,
    /// Mean and variance of the transitions that carry no information.
    stray: State,
    /// Probability of each state at the start of a clip.
    start: Vec<f64>,
    /// Probability of each state after each: [from, to].
    changes: Vec<Vec<f64>>,
    /// In files written before there were tokens there is none, and values count in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<TokenTables>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    mean: [f64; VALUES],
    variance: [f64; VALUES],
    /// What makes deviations from the mean independent and of variance 1, the inverse of the covariance's Cholesky factor, row by row; none where
    /// values vary independently.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    whitening: Option<[[f64; VALUES]; VALUES]>,
}

/// What a pass over a clip finds.
struct Smoothed {
    /// Probability of each state at each transition given the whole clip.
    states: Vec<Vec<f64>>,
    /// Expected number of changes between states: [from, to].
    changes: Vec<Vec<f64>>,
    log_likelihood: f64,
}

/// Sums over transitions that the states are estimated from.
#[derive(Clone)]
struct Sums {
    weight: f64,
    values: [f64; VALUES],
    /// Of the products of two values.
    products: [[f64; VALUES]; VALUES],
}

/// What a state is estimated from.
#[derive(Clone, Default)]
struct Seen {
    values: Sums,
    tokens: TokenCounts,
}

impl CodeModel {
    /// A chain whose states start from the descriptions nearest to the given centres, improved for `rounds` rounds of expectation
    /// maximisation. Also the mean log-likelihood of a transition in each round, before the round's update; as evidence counts for a part, it is no
    /// probability.
    pub(crate) fn fit(
        clips: &[Vec<Description>],
        centres: &[Values],
        rounds: usize,
    ) -> (Self, Vec<f64>) {
        let count = centres.len();
        let mut everything = Seen::default();
        for description in clips.iter().flatten() {
            everything.add(description, 1.0, 1.0);
        }
        let mut stray = everything.values.independent();
        let overall = everything.tokens.overall();
        for variance in &mut stray.variance {
            *variance = (2.0 * *variance).max(0.5);
        }
        let leave = (1.0 - STAY) / (count.max(2) - 1) as f64;
        let mut seen = vec![Seen::default(); count];
        for description in clips.iter().flatten() {
            seen[nearest(&description.values, centres).0].add(description, 1.0, 1.0);
        }
        let (states, tokens) = estimated(seen, &overall);
        let mut model = Self {
            states,
            tokens: Some(tokens),
            stray,
            start: vec![1.0 / count as f64; count],
            changes: (0..count)
                .map(|from| {
                    (0..count)
                        .map(|to| if from == to { STAY } else { leave })
                        .collect()
                })
                .collect(),
        };
        let transitions = clips.iter().map(Vec::len).sum::<usize>().max(1) as f64;
        let history = (0..rounds)
            .map(|_| model.improve(clips, &overall) / transitions)
            .collect();
        (model, history)
    }

    /// One round of expectation maximisation; the log-likelihood before it.
    fn improve(&mut self, clips: &[Vec<Description>], overall: &Overall) -> f64 {
        let count = self.states.len();
        let parts: Vec<(Smoothed, Vec<Seen>)> = clips
            .par_iter()
            .map(|clip| {
                let smoothed = self.smooth(clip, None);
                let mut seen = vec![Seen::default(); count];
                for (description, shares) in clip.iter().zip(&smoothed.states) {
                    for ((seen, state), &share) in seen.iter_mut().zip(&self.states).zip(shares) {
                        let belonging = state.belonging(&self.stray, &description.values);
                        seen.add(description, share * belonging, share);
                    }
                }
                (smoothed, seen)
            })
            .collect();
        // In the order of clips, so that the sum does not depend on threads.
        let mut seen = vec![Seen::default(); count];
        let mut changes = vec![vec![PRIOR_CHANGES; count]; count];
        let mut start = vec![PRIOR_CHANGES; count];
        let mut log_likelihood = 0.0;
        for (smoothed, part) in &parts {
            log_likelihood += smoothed.log_likelihood;
            seen.iter_mut()
                .zip(part)
                .for_each(|(sum, part)| sum.add_all(part));
            for (row, part) in changes.iter_mut().zip(&smoothed.changes) {
                row.iter_mut()
                    .zip(part)
                    .for_each(|(sum, part)| *sum += part);
            }
            if let Some(first) = smoothed.states.first() {
                start
                    .iter_mut()
                    .zip(first)
                    .for_each(|(sum, part)| *sum += part);
            }
        }
        let (states, tokens) = estimated(seen, overall);
        (self.states, self.tokens) = (states, Some(tokens));
        self.changes = changes.into_iter().map(to_shares).collect();
        self.start = to_shares(start);
        log_likelihood
    }

    /// Whether tokens of descriptions count.
    pub(crate) fn reads_tokens(&self) -> bool {
        self.tokens.is_some()
    }

    /// Number of states.
    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }

    /// Numbers that a fit is free to choose.
    pub(crate) fn free_numbers(&self) -> usize {
        let states = self.states.len();
        // Means, and variances with covariances.
        let values = VALUES + VALUES * (VALUES + 1) / 2;
        let tokens = self.tokens.as_ref().map_or(0, TokenTables::free_numbers);
        // Shares sum to 1: those of the first state, and of the next one after each.
        let shares = (states + 1) * states.saturating_sub(1);
        states * values + tokens + shares
    }

    /// The likeliest state of each transition of a clip, given the whole of it.
    pub(crate) fn read(&self, clip: &[Description]) -> Vec<usize> {
        self.read_told(clip, None)
    }

    /// The same where something else tells of the states too: for each transition what it tells for each of them, in nats, up to a constant.
    pub(crate) fn read_told(&self, clip: &[Description], told: Option<&[Vec<f32>]>) -> Vec<usize> {
        self.smooth(clip, told)
            .states
            .iter()
            .map(|states| {
                let best = states.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
                best.map_or(0, |(state, _)| state)
            })
            .collect()
    }

    /// Probability of each state at each transition of a clip, given the whole of it: [transitions, states].
    pub(crate) fn posteriors(&self, clip: &[Description]) -> Vec<Vec<f64>> {
        self.smooth(clip, None).states
    }

    /// The forward-backward algorithm, with probabilities scaled to sum to 1 at each transition. What is `told` of the states of each
    /// transition counts as evidence beside the description.
    fn smooth(&self, clip: &[Description], told: Option<&[Vec<f32>]>) -> Smoothed {
        let count = self.states.len();
        let mut log_likelihood = 0.0;
        let mut evidence = Vec::with_capacity(clip.len());
        let mut forward: Vec<Vec<f64>> = Vec::with_capacity(clip.len());
        for (at, value) in clip.iter().enumerate() {
            let told = told.and_then(|told| told.get(at));
            let told = |state: usize| told.map_or(0.0, |told| f64::from(told[state]));
            let logs: Vec<f64> = (0..count)
                .map(|state| self.evidence(state, value) + told(state))
                .collect();
            let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let here: Vec<f64> = logs.iter().map(|log| (log - most).exp()).collect();
            let mut now = match forward.last() {
                None => self.start.clone(),
                Some(before) => (0..count)
                    .map(|to| {
                        (0..count)
                            .map(|from| before[from] * self.changes[from][to])
                            .sum()
                    })
                    .collect(),
            };
            now.iter_mut()
                .zip(&here)
                .for_each(|(now, here)| *now *= here);
            let scale: f64 = now.iter().sum();
            for now in &mut now {
                *now /= scale;
            }
            log_likelihood += scale.ln() + most;
            forward.push(now);
            evidence.push(here);
        }
        let mut changes = vec![vec![0.0; count]; count];
        let mut states = forward.clone();
        let mut backward = vec![1.0; count];
        for at in (0..clip.len().saturating_sub(1)).rev() {
            let ahead: Vec<f64> = (backward.iter().zip(&evidence[at + 1]))
                .map(|(backward, evidence)| backward * evidence)
                .collect();
            let before = &forward[at];
            let mut total = 0.0;
            for from in 0..count {
                backward[from] = (0..count)
                    .map(|to| self.changes[from][to] * ahead[to])
                    .sum();
                total += before[from] * backward[from];
            }
            for from in 0..count {
                states[at][from] = before[from] * backward[from] / total;
                for to in 0..count {
                    changes[from][to] += before[from] * self.changes[from][to] * ahead[to] / total;
                }
            }
            let scale: f64 = backward.iter().sum();
            for backward in &mut backward {
                *backward /= scale;
            }
        }
        Smoothed {
            states,
            changes,
            log_likelihood,
        }
    }

    /// What a description tells for a state, in nats, up to a constant.
    fn evidence(&self, state: usize, description: &Description) -> f64 {
        let values = self.states[state].log_density(&self.stray, &description.values);
        match &self.tokens {
            Some(tokens) => VALUES_WEIGHT * values + tokens.evidence(state, description),
            None => values,
        }
    }

    /// What does not fit together in one that comes from a file.
    pub(crate) fn problem(&self) -> Option<String> {
        let count = self.states.len();
        let is_distribution = |shares: &[f64]| {
            shares.len() == count
                && shares.iter().all(|share| *share > 0.0 && share.is_finite())
                && (shares.iter().sum::<f64>() - 1.0).abs() < 1e-3
        };
        let sound = |state: &State| {
            state.mean.iter().all(|value| value.is_finite())
                && state
                    .variance
                    .iter()
                    .all(|value| *value > 0.0 && value.is_finite())
                && state.whitening.as_ref().is_none_or(|rows| {
                    rows.iter().flatten().all(|value| value.is_finite())
                        && (0..VALUES).all(|axis| rows[axis][axis] > 0.0)
                })
        };
        if count == 0 {
            return Some("expected codes, found none".to_owned());
        }
        let all = self.states.iter().chain([&self.stray]).all(sound)
            && self.changes.len() == count
            && self.changes.iter().all(|row| is_distribution(row))
            && is_distribution(&self.start)
            && self.tokens.as_ref().is_none_or(|tokens| tokens.fits(count));
        (!all).then(|| format!("expected {count} codes with finite numbers and probabilities"))
    }
}

impl State {
    /// Logarithm of the Gaussian's density, without its constant.
    fn log_gaussian(&self, values: &Values) -> f64 {
        let off: [f64; VALUES] =
            std::array::from_fn(|axis| f64::from(values[axis]) - self.mean[axis]);
        let mut sum = 0.0;
        if let Some(whitening) = &self.whitening {
            for (axis, row) in whitening.iter().enumerate() {
                let white: f64 = row.iter().zip(&off).map(|(part, off)| part * off).sum();
                sum += row[axis].ln() - 0.5 * white * white;
            }
        } else {
            for (off, variance) in off.iter().zip(&self.variance) {
                sum -= 0.5 * (off * off / variance + variance.ln());
            }
        }
        sum
    }

    /// Logarithm of the density of the state and what strays, without its constant.
    fn log_density(&self, stray: &Self, value: &Values) -> f64 {
        let own = (1.0 - STRAY).ln() + self.log_gaussian(value);
        let other = STRAY.ln() + stray.log_gaussian(value);
        let most = own.max(other);
        most + ((own - most).exp() + (other - most).exp()).ln()
    }

    /// Probability that a description is of the state and does not stray.
    fn belonging(&self, stray: &Self, value: &Values) -> f64 {
        let own = (1.0 - STRAY).ln() + self.log_gaussian(value);
        (own - self.log_density(stray, value)).exp()
    }
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            weight: 0.0,
            values: [0.0; VALUES],
            products: [[0.0; VALUES]; VALUES],
        }
    }
}

impl Sums {
    fn add(&mut self, values: &Values, weight: f64) {
        self.weight += weight;
        for (axis, &value) in values.iter().enumerate() {
            let weighted = weight * f64::from(value);
            self.values[axis] += weighted;
            for (sum, &other) in self.products[axis].iter_mut().zip(values) {
                *sum += weighted * f64::from(other);
            }
        }
    }

    fn add_all(&mut self, other: &Self) {
        self.weight += other.weight;
        for axis in 0..VALUES {
            self.values[axis] += other.values[axis];
            for (sum, other) in self.products[axis].iter_mut().zip(&other.products[axis]) {
                *sum += other;
            }
        }
    }

    /// The mean, and how values vary around it.
    fn moments(&self) -> ([f64; VALUES], SMatrix<f64, VALUES, VALUES>) {
        let weight = self.weight.max(1e-9);
        let mean = self.values.map(|sum| sum / weight);
        let spread = SMatrix::from_fn(|a, b| self.products[a][b] - weight * mean[a] * mean[b]);
        let prior = SMatrix::from_diagonal_element(PRIOR_COUNT * PRIOR_VARIANCE);
        (mean, (spread + prior) / (weight + PRIOR_COUNT))
    }

    /// The Gaussian of the weighted values, each of which varies by itself.
    fn independent(&self) -> State {
        let (mean, covariance) = self.moments();
        let variance = |axis| f64::max(covariance[(axis, axis)], LEAST_VARIANCE);
        State {
            mean,
            variance: std::array::from_fn(variance),
            whitening: None,
        }
    }

    /// The Gaussian of the weighted values, which vary together.
    fn state(&self) -> State {
        let (mean, covariance) = self.moments();
        let covariance = covariance + SMatrix::from_diagonal_element(ADDED_VARIANCE);
        let inverse = Cholesky::new(covariance).and_then(|cholesky| cholesky.l().try_inverse());
        match inverse {
            Some(inverse) => State {
                mean,
                variance: std::array::from_fn(|axis| covariance[(axis, axis)]),
                whitening: Some(std::array::from_fn(|row| {
                    let row: SVector<f64, VALUES> = inverse.row(row).transpose();
                    row.into()
                })),
            },
            // Of rounding alone.
            None => self.independent(),
        }
    }
}

impl Seen {
    /// Adds a description whose values and whose tokens have a weight.
    fn add(&mut self, description: &Description, values: f64, tokens: f64) {
        self.values.add(&description.values, values);
        self.tokens.add(description, tokens);
    }

    fn add_all(&mut self, other: &Self) {
        self.values.add_all(&other.values);
        self.tokens.add_all(&other.tokens);
    }
}

/// States and their tables, estimated from what each has seen.
fn estimated(seen: Vec<Seen>, overall: &Overall) -> (Vec<State>, TokenTables) {
    let states = seen.iter().map(|seen| seen.values.state()).collect();
    let tokens = TokenTables::of(seen.into_iter().map(|seen| seen.tokens), overall);
    (states, tokens)
}

/// Counts as shares of their sum.
fn to_shares(counts: Vec<f64>) -> Vec<f64> {
    let sum: f64 = counts.iter().sum();
    counts.into_iter().map(|count| count / sum).collect()
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const MEANS: [Values; 3] = [
        [0.0, 0.0, 0.0, 0.0],
        [1.2, 0.0, 0.4, 0.0],
        [0.0, 1.2, 0.0, -0.4],
    ];

    /// Values with the tokens of their directions.
    fn described(values: Values) -> Description {
        let [x, y] = [0, 1].map(|axis| (values[axis].clamp(-1.0, 1.0).round() + 2.0) as u8);
        let look = u8::from(values[2] > 0.2);
        Description {
            values,
            tokens: [5 * x + y, 12, look],
            change: None,
        }
    }

    /// Clips in which one of three states is held for some transitions and seen through noise; and the states.
    fn planted(clips: usize, seed: u64) -> (Vec<Vec<Description>>, Vec<Vec<usize>>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..clips)
            .map(|_| {
                let (mut state, mut left) = (0, 0);
                (0..100)
                    .map(|_| {
                        if left == 0 {
                            (state, left) = (rng.random_range(0..3), rng.random_range(3..9));
                        }
                        left -= 1;
                        let mut noise = || (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0;
                        let values = MEANS[state].map(|mean| mean + 0.5 * noise());
                        (described(values), state)
                    })
                    .unzip()
            })
            .unzip()
    }

    fn agreement(found: &[Vec<usize>], truth: &[Vec<usize>]) -> f64 {
        let pairs = found
            .iter()
            .flatten()
            .copied()
            .zip(truth.iter().flatten().copied());
        crate::actions::PairCounts::new(pairs).table_accuracy()
    }

    #[test]
    fn planted_states_are_recovered_better_than_one_by_one() {
        let (clips, truth) = planted(30, 1);
        let (model, _) = CodeModel::fit(&clips, &MEANS, 20);
        let (others, others_truth) = planted(10, 2);
        for (clips, truth) in [(&clips, &truth), (&others, &others_truth)] {
            let read: Vec<Vec<usize>> = clips.iter().map(|clip| model.read(clip)).collect();
            let alone: Vec<Vec<usize>> = (clips.iter())
                .map(|clip| {
                    clip.iter()
                        .map(|it| nearest(&it.values, &MEANS).0)
                        .collect()
                })
                .collect();
            let (read, alone) = (agreement(&read, truth), agreement(&alone, truth));
            assert!(read > 0.93 && read > alone + 0.05, "{read} against {alone}");
        }
    }

    #[test]
    fn likelihood_does_not_fall() {
        let (clips, _) = planted(30, 3);
        let starts = [
            [0.3, 0.3, 0.0, 0.0],
            [0.6, 0.1, 0.2, 0.0],
            [0.1, 0.5, 0.0, 0.1],
        ];
        let (_, history) = CodeModel::fit(&clips, &starts, 15);
        for pair in history.windows(2) {
            assert!(pair[1] > pair[0] - 1e-4, "{history:?}");
        }
        assert!(history[14] > history[0] + 0.05, "{history:?}");
    }

    #[test]
    fn smoothing_equals_the_sum_over_all_paths() {
        let (clips, _) = planted(8, 4);
        let (model, _) = CodeModel::fit(&clips, &MEANS, 5);
        let clip = &clips[0][..5];
        let mut sums = vec![[0.0; 3]; clip.len()];
        let mut total = 0.0;
        for path in 0..3_usize.pow(5) {
            let states: Vec<usize> = (0..5).map(|at| path / 3_usize.pow(at) % 3).collect();
            let mut weight = model.start[states[0]];
            for pair in states.windows(2) {
                weight *= model.changes[pair[0]][pair[1]];
            }
            for (&state, value) in states.iter().zip(clip) {
                weight *= model.evidence(state, value).exp();
            }
            total += weight;
            for (sum, &state) in sums.iter_mut().zip(&states) {
                sum[state] += weight;
            }
        }
        for (found, sums) in model.posteriors(clip).iter().zip(&sums) {
            for (found, sum) in found.iter().zip(sums) {
                assert!(
                    (found - sum / total).abs() < 1e-9,
                    "{found} against {}",
                    sum / total
                );
            }
        }
        assert!((model.smooth(clip, None).log_likelihood - f64::ln(total)).abs() < 1e-9);
    }

    #[test]
    fn clips_without_transitions_and_far_values_are_survived() {
        let far = described([1e6, -1e6, 0.0, 0.0]);
        let clips = vec![vec![], vec![far; 3], vec![described([0.0; VALUES])]];
        let (model, _) = CodeModel::fit(&clips, &[[0.0; VALUES], [1e6, -1e6, 0.0, 0.0]], 10);
        assert!(model.problem().is_none());
        assert!(model.read(&[]).is_empty());
        for clip in &clips {
            assert!(
                model
                    .posteriors(clip)
                    .iter()
                    .flatten()
                    .all(|share| share.is_finite())
            );
        }
    }
}
