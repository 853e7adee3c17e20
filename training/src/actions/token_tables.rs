//! How often each state of a chain shows each token.

use serde::{Deserialize, Serialize};

use super::description::{Description, TOKEN_COUNTS};

/// How much a token of each kind counts: neighbouring transitions, and the kinds themselves, tell partly the same.
const WEIGHTS: [f64; TOKEN_COUNTS.len()] = [0.5, 0.25, 0.5];
/// Transitions, distributed as all are, that each state is taken to have seen.
const PRIOR_COUNT: f64 = 5.0;

/// All tokens of all kinds, one kind after the other.
const ALL: usize = TOKEN_COUNTS[0] + TOKEN_COUNTS[1] + TOKEN_COUNTS[2];

/// Where the tokens of a description stand among all.
fn places(description: &Description) -> [usize; TOKEN_COUNTS.len()] {
    let mut before = 0;
    std::array::from_fn(|kind| {
        let place = before + usize::from(description.tokens[kind]).min(TOKEN_COUNTS[kind] - 1);
        before += TOKEN_COUNTS[kind];
        place
    })
}

/// Divides the counts of each kind by their sum.
fn to_shares(counts: &mut [f64]) {
    let mut rest = counts;
    for count in TOKEN_COUNTS {
        let (kind, after) = rest.split_at_mut(count);
        let sum: f64 = kind.iter().sum();
        for it in kind {
            *it /= sum.max(f64::MIN_POSITIVE);
        }
        rest = after;
    }
}

/// Weighted counts of tokens.
#[derive(Debug, Clone)]
pub(super) struct TokenCounts(Vec<f64>);

impl Default for TokenCounts {
    fn default() -> Self {
        Self(vec![0.0; ALL])
    }
}

impl TokenCounts {
    pub(super) fn add(&mut self, description: &Description, weight: f64) {
        for place in places(description) {
            self.0[place] += weight;
        }
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        self.0
            .iter_mut()
            .zip(&other.0)
            .for_each(|(sum, it)| *sum += it);
    }

    /// The shares of all transitions, none of which is 0.
    pub(super) fn overall(mut self) -> Overall {
        for count in &mut self.0 {
            *count += 1.0;
        }
        to_shares(&mut self.0);
        Overall(self.0)
    }
}

/// Shares of the tokens in all transitions.
pub(super) struct Overall(Vec<f64>);

/// Logarithms of the shares of the tokens, for each state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TokenTables(Vec<Vec<f64>>);

impl TokenTables {
    /// By what each state was counted to show.
    pub(super) fn of(states: impl Iterator<Item = TokenCounts>, overall: &Overall) -> Self {
        let table = |TokenCounts(mut counts): TokenCounts| {
            for (count, share) in counts.iter_mut().zip(&overall.0) {
                *count += PRIOR_COUNT * share;
            }
            to_shares(&mut counts);
            counts.into_iter().map(f64::ln).collect()
        };
        Self(states.map(table).collect())
    }

    /// Evidence of the tokens for a state, in nats.
    pub(super) fn evidence(&self, state: usize, description: &Description) -> f64 {
        let logs = &self.0[state];
        let weighted = places(description).into_iter().zip(WEIGHTS);
        weighted.map(|(place, weight)| weight * logs[place]).sum()
    }

    /// Numbers that a fit is free to choose: shares of a kind sum to 1.
    pub(super) fn free_numbers(&self) -> usize {
        self.0.len() * (ALL - TOKEN_COUNTS.len())
    }

    /// Whether it is one for so many states.
    pub(super) fn fits(&self, states: usize) -> bool {
        self.0.len() == states
            && (self.0.iter()).all(|row| row.len() == ALL && row.iter().all(|log| log.is_finite()))
    }
}
