//! How often each state of a chain shows each token.

use serde::{Deserialize, Serialize};

use super::description::{CHANGE_TOKENS, Description, TOKEN_COUNTS};

/// How much a token of each kind counts: neighbouring transitions, and the kinds themselves, tell partly the same.
const WEIGHTS: [f64; TOKEN_COUNTS.len()] = [0.5, 0.25, 0.5];
/// How much a change of displacement counts.
const CHANGE_WEIGHT: f64 = 0.5;
/// Transitions, distributed as all are, that each state is taken to have seen.
const PRIOR_COUNT: f64 = 5.0;

/// All tokens of the kinds that every description has, one kind after the other.
const USUAL: usize = TOKEN_COUNTS[0] + TOKEN_COUNTS[1] + TOKEN_COUNTS[2];
/// Those and, after them, changes of displacement.
const ALL: usize = USUAL + CHANGE_TOKENS;

/// Where the tokens of a description stand among all, and how much each counts.
fn places(description: &Description) -> impl Iterator<Item = (usize, f64)> {
    let mut before = 0;
    let usual: [usize; TOKEN_COUNTS.len()] = std::array::from_fn(|kind| {
        let place = before + usize::from(description.tokens[kind]).min(TOKEN_COUNTS[kind] - 1);
        before += TOKEN_COUNTS[kind];
        place
    });
    let change = description.change.map(usize::from);
    let change = change.map(|change| (USUAL + change.min(CHANGE_TOKENS - 1), CHANGE_WEIGHT));
    usual.into_iter().zip(WEIGHTS).chain(change)
}

/// Divides the counts of each kind by their sum.
fn to_shares(counts: &mut [f64]) {
    let mut rest = counts;
    for count in TOKEN_COUNTS.into_iter().chain([CHANGE_TOKENS]) {
        if rest.is_empty() {
            break;
        }
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
        for (place, _) in places(description) {
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
        if self.0[USUAL..].iter().all(|count| *count == 0.0) {
            self.0.truncate(USUAL);
        }
        for count in &mut self.0 {
            *count += 1.0;
        }
        to_shares(&mut self.0);
        Overall(self.0)
    }
}

/// Shares of the tokens in all transitions; without changes of displacement if no description has them.
pub(super) struct Overall(Vec<f64>);

/// Logarithms of the shares of the tokens, for each state; of changes of displacement where descriptions have them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TokenTables(Vec<Vec<f64>>);

impl TokenTables {
    /// By what each state was counted to show.
    pub(super) fn of(states: impl Iterator<Item = TokenCounts>, overall: &Overall) -> Self {
        let table = |TokenCounts(mut counts): TokenCounts| {
            counts.truncate(overall.0.len());
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
        places(description)
            .filter_map(|(place, weight)| Some(weight * logs.get(place)?))
            .sum()
    }

    /// Numbers that a fit is free to choose: shares of a kind sum to 1.
    pub(super) fn free_numbers(&self) -> usize {
        let of_row = |row: &Vec<f64>| {
            let kinds = TOKEN_COUNTS.len() + usize::from(row.len() > USUAL);
            row.len() - kinds
        };
        self.0.iter().map(of_row).sum()
    }

    /// Whether it is one for so many states.
    pub(super) fn fits(&self, states: usize) -> bool {
        let lengths = self.0.first().map_or(USUAL, Vec::len);
        self.0.len() == states
            && [USUAL, ALL].contains(&lengths)
            && (self.0.iter())
                .all(|row| row.len() == lengths && row.iter().all(|log| log.is_finite()))
    }
}
