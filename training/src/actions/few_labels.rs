//! How much of the true actions is found with the labels of one transition in a hundred, for evaluation only.

use std::cmp::Reverse;

use super::agent_sights::AgentSights;
use super::information::PairCounts;
use super::key_reader::{KeyReader, LabelledPlaces};
use super::places::{TransitionPlace, known_places};
use super::visible::Labelled;
use super::visible_score::VisibleActions;
use crate::dataset::DatasetError;

/// One in so many transitions is labelled.
const LABELLED: usize = 100;

/// Information about the true action that is found with the labels of one transition in a hundred, in nats.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FewLabels {
    /// By a table from code to the true action that it meets most often among those labelled.
    pub table: f64,
    /// By a classifier of what the agent does and how it looks, which learns from all transitions and from these labels.
    pub head: f64,
    /// Number of labels.
    pub labels: usize,
}

/// Learns true actions from one transition in a hundred of some footage and looks for them in other.
///
/// # Errors
/// Footage that cannot be read, or in which less was found than the transitions whose true action is known.
pub fn few_label_actions(
    learnt: Labelled<'_>,
    scored: Labelled<'_>,
    seed: u64,
) -> Result<FewLabels, DatasetError> {
    let (few, labels) = places(learnt, LABELLED)?;
    let (asked, truth) = places(scored, 1)?;
    if labels.is_empty() || truth.is_empty() {
        return Ok(FewLabels::default());
    }
    let actions = labels.iter().chain(&truth).copied();
    let classes = 1 + actions.max().map_or(0, usize::from);
    let codes = learnt.found.iter().chain(scored.found).flatten();
    let codes = 1 + codes.map(|step| step.code).max().unwrap_or(0);
    let labelled = LabelledPlaces {
        places: &few,
        actions: &labels,
        kinds: classes,
    };
    let reader = KeyReader::fit(learnt.source, learnt.found, codes, labelled, seed)?;
    let predicted = reader.read(scored.source, scored.found, &asked)?;
    let sights = |of: Labelled<'_>, places| AgentSights::gather(of.source, of.found, places);
    let seen = [sights(learnt, &few)?, sights(scored, &asked)?];
    Ok(FewLabels {
        table: table([&seen[0], &seen[1]], [&labels, &truth], codes, classes),
        head: VisibleActions::of(&predicted, &truth).information,
        labels: labels.len(),
    })
}

/// The first in each `step` of the transitions whose true action is known, and these actions.
fn places(
    footage: Labelled<'_>,
    step: usize,
) -> Result<(Vec<TransitionPlace>, Vec<u8>), DatasetError> {
    let (places, truth) = known_places(footage.source, footage.truth, usize::MAX);
    footage.check_found(&places)?;
    Ok((
        places.into_iter().step_by(step).collect(),
        truth.into_iter().step_by(step).collect(),
    ))
}

/// Information in nats of the true action that a table from code to true action predicts: made of the first transitions, scored on the
/// second ones.
fn table(
    [few, scored]: [&AgentSights; 2],
    [labels, truth]: [&[u8]; 2],
    codes: usize,
    classes: usize,
) -> f64 {
    let mut counts = vec![vec![0_u32; classes]; codes];
    for (code, &truth) in few.own_codes().zip(labels) {
        counts[code][usize::from(truth)] += 1;
    }
    let table: Vec<usize> = counts
        .iter()
        .map(|counts| {
            let most = (0..classes).max_by_key(|&class| (counts[class], Reverse(class)));
            most.unwrap_or(0)
        })
        .collect();
    let predicted = scored.own_codes().map(|code| table[code]);
    PairCounts::new(predicted.zip(truth.iter().copied())).information()
}
