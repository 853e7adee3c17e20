//! Information of latent actions about true ones, beside what can be seen of these at all.

use std::fmt::{Display, Formatter, Result as FmtResult};

use serde::{Deserialize, Serialize};

use super::action_table::ActionTable;
use super::known_transitions::KnownTransition;
use super::statistics::share;
use crate::actions::{PairCounts, VisibleActions};

/// Nats of visible information from which a ratio says something.
const LEAST_VISIBLE: f64 = 0.02;

/// Information of latent actions about true ones on clips from which nothing was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionInformation {
    /// Mutual information of inferred latent and true action in nats, bias corrected: about 0, on either side, where there is none.
    pub information: f64,
    /// The same of what a player has: where hidden actions count as the offered ones of their plain names (`left_2` as `left`), and the rest of them as one. Absent
    /// where no action is hidden.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub offered_information: Option<f64>,
    /// What the judge sees of the true action in the same frames, in nats: by its probabilities or by its decisions, whichever is more.
    pub visible_information: f64,
    /// Information of its decisions alone, in nats, bias corrected.
    pub visible_decisions: f64,
    /// `information` over `visible_information`; above 1 the judge is too weak, and without it nothing was visible.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ratio: Option<f64>,
    /// Share of the transitions whose true action the best table from latent to true action predicts; it is made on clips that are not scored.
    pub decoding_accuracy: f64,
    /// Share whose true action the judge predicts.
    pub visible_accuracy: f64,
    /// Entropy of the true action in nats: the most information that is possible.
    pub entropy: f64,
    /// Transitions that were scored.
    pub transitions: u64,
    /// Transitions that the judge learnt from.
    pub learnt_transitions: u64,
}

impl ActionInformation {
    /// Compares scored transitions with what the judge sees in them, one row of probabilities for each. `in_place` says which action a player has
    /// in place of each.
    pub(super) fn new(
        scored: &[KnownTransition],
        probabilities: &[Vec<f32>],
        (table, in_place): (&ActionTable, &[usize]),
        learnt: usize,
    ) -> Self {
        let truth: Vec<u8> = scored.iter().map(|it| it.truth).collect();
        let visible = VisibleActions::of(probabilities, &truth);
        let counts = PairCounts::new(scored.iter().map(|it| (it.latent, it.truth)));
        let information = counts.information();
        let is_hidden = in_place
            .iter()
            .enumerate()
            .any(|(action, &it)| it != action);
        let offered = scored.iter().map(|it| (in_place[it.latent], it.truth));
        let right = scored
            .iter()
            .filter(|it| table.likeliest(it.latent) == usize::from(it.truth))
            .count();
        Self {
            information,
            offered_information: is_hidden.then(|| PairCounts::new(offered).information()),
            visible_information: visible.information,
            visible_decisions: visible.decisions,
            ratio: (visible.information >= LEAST_VISIBLE)
                .then(|| information / visible.information),
            decoding_accuracy: share(right as u64, truth.len() as u64),
            visible_accuracy: visible.accuracy,
            entropy: counts.second_entropy(),
            transitions: counts.total(),
            learnt_transitions: learnt as u64,
        }
    }
}

impl Display for ActionInformation {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        let ratio = self
            .ratio
            .map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        writeln!(
            f,
            "\ninformation of latent actions about true ones ({} transitions; the judge learnt from {} others)",
            self.transitions, self.learnt_transitions
        )?;
        writeln!(
            f,
            "                       {:.3} of {:.3} visible nats, ratio {ratio}; entropy {:.3} nats",
            self.information, self.visible_information, self.entropy
        )?;
        if let Some(offered) = self.offered_information {
            writeln!(
                f,
                "                       {offered:.3} by the actions that players are offered"
            )?;
        }
        writeln!(
            f,
            "                       {:.2} decoded right by a table, {:.2} by the judge",
            self.decoding_accuracy, self.visible_accuracy
        )
    }
}
