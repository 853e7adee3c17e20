//! How much of the true actions can be seen at all: what supervised classifiers tell, for evaluation only.
//!
//! Three look at different things (see [`View`]). Their means are asked too. The best counts.

use std::cmp::Reverse;

use rayon::prelude::*;

use super::classifier::{Labelled, Lesson, ViewClassifier, mean_of};
use super::information::PairCounts;
use super::sights::{Sights, View};
use crate::dataset::DatasetError;

/// What a classifier sees of the true actions in frames that it has not learnt from.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct VisibleActions {
    /// Information about the true action that was seen, in nats: what its decisions give, bias corrected, or what its probabilities do,
    /// whichever is more.
    pub information: f64,
    /// Share of right decisions.
    pub accuracy: f64,
    /// What its decisions alone tell, bias corrected, in nats: what compares like for like with codes.
    pub decisions: f64,
    /// Entropy of the true action less the cross-entropy of its probabilities, in nats.
    pub likelihood_gain: f64,
    /// What can be told with the true actions of one transition in a hundred.
    pub few_labels: FewLabels,
}

/// Information about the true action that is told with few labels, in nats.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FewLabels {
    /// By a table from code to the true action that it meets most often among those labelled.
    pub table: f64,
    /// By a classifier of the agent's track and codes.
    pub head: f64,
}

/// One in so many transitions is labelled where labels are few.
const LABELLED: usize = 100;
/// Steps of the classifier with few labels.
const FEW_LABEL_STEPS: usize = 300;
/// Most transitions that are learnt from.
const MOST: usize = 24_000;

/// Learns true actions from some footage and looks for them in other.
///
/// # Errors
/// Footage that cannot be read.
pub fn visible_actions(
    learnt: Labelled<'_>,
    scored: Labelled<'_>,
    seed: u64,
) -> Result<VisibleActions, DatasetError> {
    let (learnt, learnt_truth) = learnt.gather(MOST)?;
    let (scored, truth) = scored.gather(usize::MAX)?;
    if learnt_truth.is_empty() || truth.is_empty() {
        return Ok(VisibleActions::default());
    }
    let actions = learnt_truth.iter().chain(&truth).copied();
    let classes = 1 + actions.max().map_or(0, usize::from);
    let codes = learnt.codes().max(scored.codes());
    let tell = |view: View, lesson: Lesson| {
        let material = (&learnt, &learnt_truth[..]);
        ViewClassifier::learn(view, material, (classes, codes), lesson, seed).read(&scored)
    };
    let whole = Lesson::whole(learnt_truth.len());
    let told: Vec<Vec<Vec<f32>>> = [View::Surroundings, View::TrackAndCodes, View::Motion]
        .par_iter()
        .map(|&view| tell(view, whole))
        .collect();
    let few = Lesson {
        every: LABELLED,
        steps: FEW_LABEL_STEPS,
    };
    let few = tell(View::TrackAndCodes, few);
    let few_labels = FewLabels {
        table: table_with_few_labels((&learnt, &learnt_truth), (&scored, &truth), codes, classes),
        head: VisibleActions::of(&few, &truth).information,
    };
    let best = [&[0][..], &[1], &[2], &[0, 1], &[0, 1, 2]]
        .into_iter()
        .map(|views| {
            let some: Vec<_> = views.iter().map(|&view: &usize| &told[view]).collect();
            VisibleActions::of(&mean_of(&some), &truth)
        })
        .max_by(|a, b| a.information.total_cmp(&b.information));
    Ok(VisibleActions {
        few_labels,
        ..best.expect("some were judged")
    })
}

/// What the labelled transitions' table from code to true action tells elsewhere.
fn table_with_few_labels(
    (learnt, learnt_truth): (&Sights, &[u8]),
    (scored, truth): (&Sights, &[u8]),
    codes: usize,
    classes: usize,
) -> f64 {
    let mut counts = vec![vec![0_u32; classes]; codes];
    for (code, &truth) in learnt.own_codes().zip(learnt_truth).step_by(LABELLED) {
        counts[code][usize::from(truth)] += 1;
    }
    let table: Vec<usize> = counts
        .iter()
        .map(|counts| {
            let most = (0..classes).max_by_key(|&class| (counts[class], Reverse(class)));
            most.unwrap_or(0)
        })
        .collect();
    let told = scored.own_codes().map(|code| table[code]);
    PairCounts::new(told.zip(truth.iter().copied())).information()
}

impl VisibleActions {
    /// What rows of probabilities tell about true actions, one for each row. True actions that a row has no probability for count as
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
            few_labels: FewLabels::default(),
        }
    }
}
