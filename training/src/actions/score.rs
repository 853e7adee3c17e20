//! Information of codes about true actions, where these are known.

use super::information::PairCounts;
use super::transition::ClipActions;
use crate::dataset::TrueActions;

/// How well codes stand for the player's true actions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ActionScore {
    /// Information between code and true action in nats, bias corrected.
    pub information: f64,
    /// Entropy of the true action in nats.
    pub entropy: f64,
    /// Share of the transitions that the best table from code to true action gets right.
    pub accuracy: f64,
    /// Transitions that were compared.
    pub transitions: u64,
}

impl ActionScore {
    /// Compares codes, clip by clip, with the truth; clips of another length are left out.
    pub fn new(found: &[ClipActions], truth: &TrueActions) -> Self {
        let codes: Vec<Vec<usize>> = found
            .iter()
            .map(|clip| clip.iter().map(|transition| transition.code).collect())
            .collect();
        Self::of_codes(&codes, truth)
    }

    /// As [`new`](Self::new), for codes from anywhere.
    pub fn of_codes(codes: &[Vec<usize>], truth: &TrueActions) -> Self {
        let counts = PairCounts::new(
            codes
                .iter()
                .enumerate()
                .filter_map(|(clip, codes)| Some((codes, truth.clip(clip)?)))
                .filter(|(codes, truth)| codes.len() == truth.len())
                .flat_map(|(codes, truth)| codes.iter().copied().zip(truth.iter().copied())),
        );
        Self {
            information: counts.information(),
            entropy: counts.second_entropy(),
            accuracy: counts.table_accuracy(),
            transitions: counts.total(),
        }
    }
}
