//! Latent actions in real footage: their usage, and their agreement with the true actions.

use serde::{Deserialize, Serialize};

use super::statistics::share;
use super::{Contingency, EvaluateError, Footage, WorldParts};
use crate::dataset::TrueActions;
use crate::gameplay::{Steer, TrueAction};

/// Least share of the real transitions that an action in use has, of eight or fewer. Of more, each of which happens less often, it is as much less.
const IN_USE: f64 = 0.03;
/// What is counted for an action was chosen for so many; where there are more, each happens, and is commanded, less often.
pub(crate) const FEW_ACTIONS: usize = 8;

/// Least share of an action in use, of so many actions.
fn frequent(actions: usize) -> f64 {
    IN_USE * (FEW_ACTIONS as f64 / actions as f64).min(1.0)
}

/// How often a latent action happens in real footage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionUsage {
    /// Its number.
    pub action: usize,
    /// Its label.
    pub name: String,
    /// Share of the real transitions.
    pub usage: f64,
    /// Whether that is 3 % or more (1.2 % of 20 actions, where eight would have 3 %) and players are offered it; random play commands these actions alone.
    pub in_use: bool,
}

/// Agreement of latent and true actions. Mutual information is in nats; the normalised one is divided by the
/// geometric mean of both entropies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrueActionAgreement {
    /// Real transitions compared.
    pub transitions: u64,
    /// With all true actions.
    pub all: Information,
    /// With the true horizontal direction: left, idle or right. For built-in footage only.
    pub steer: Option<Information>,
    /// With whether the jump button was down. For built-in footage only.
    pub jump: Option<Information>,
    /// How often each latent action (row) came with each true one (column).
    pub table: Vec<Vec<u64>>,
}

/// Information of one variable about another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Information {
    /// Mutual information in nats.
    pub nats: f64,
    /// The same, divided by the geometric mean of the entropies: 0 to 1.
    pub normalised: f64,
    /// Entropy of the true variable in nats: the most that is possible.
    pub true_entropy: f64,
}

impl Information {
    fn of(table: &Contingency) -> Self {
        Self {
            nats: table.mutual_information(),
            normalised: table.normalised_mutual_information(),
            true_entropy: table.column_entropy(),
        }
    }
}

/// The inferred actions of one segment of footage.
pub(super) struct Inferred {
    clip: usize,
    start: usize,
    pub(super) actions: Vec<usize>,
}

impl Inferred {
    /// The true action of every transition, as far as they are known.
    pub(super) fn true_actions<'k>(
        &self,
        known: &'k TrueActions,
    ) -> impl Iterator<Item = usize> + use<'k> {
        let truth = known.clip(self.clip).and_then(|it| it.get(self.start..));
        truth.unwrap_or_default().iter().map(|&it| usize::from(it))
    }
}

/// The latent action of every transition of the footage.
pub(super) fn infer(parts: &WorldParts, footage: &Footage) -> Result<Vec<Inferred>, EvaluateError> {
    let clips: Vec<&[u8]> = (footage.segments.iter())
        .map(|segment| &segment.bytes[..])
        .collect();
    let inferred = footage.segments.iter().zip(parts.infer(&clips)?);
    Ok(inferred
        .map(|(segment, actions)| Inferred {
            clip: segment.clip,
            start: segment.start,
            actions,
        })
        .collect())
}

/// Usage of every latent action. Where none that players are offered reaches the share of an action in use (with very many actions), all of them that
/// happen count as in use, and hidden ones where no other happens.
pub(super) fn usage(parts: &WorldParts, inferred: &[Inferred]) -> Vec<ActionUsage> {
    let mut counts = vec![0; parts.world.action_count()];
    for &action in inferred.iter().flat_map(|inferred| &inferred.actions) {
        counts[action] += 1;
    }
    let total = counts.iter().sum();
    let labels = parts.world.actions();
    let happens = |action: usize| counts[action] > 0;
    let all_hidden = (0..counts.len()).all(|action| labels[action].hidden || !happens(action));
    let offered = |action: usize| all_hidden || !labels[action].hidden;
    let frequent = frequent(counts.len());
    let is_frequent = |action: usize| share(counts[action], total) >= frequent;
    let least = if (0..counts.len()).any(|action| offered(action) && is_frequent(action)) {
        frequent
    } else {
        f64::MIN_POSITIVE
    };
    counts
        .iter()
        .zip(labels)
        .enumerate()
        .map(|(action, (&count, label))| {
            let usage = share(count, total);
            ActionUsage {
                action,
                name: label.name.clone(),
                usage,
                in_use: usage >= least && offered(action),
            }
        })
        .collect()
}

/// The actions in use.
pub(super) fn in_use(usage: &[ActionUsage]) -> Vec<usize> {
    let in_use = usage.iter().filter(|it| it.in_use);
    in_use.map(|it| it.action).collect()
}

/// Compares inferred with true actions; `None` where the latter cover none of the footage.
pub(super) fn agree(
    parts: &WorldParts,
    footage: &Footage,
    inferred: &[Inferred],
    known: &TrueActions,
) -> Option<TrueActionAgreement> {
    let pairs: Vec<(usize, usize)> = inferred
        .iter()
        .flat_map(|inferred| {
            let actions = inferred.actions.iter().copied();
            actions.zip(inferred.true_actions(known))
        })
        .collect();
    let kinds = pairs.iter().map(|&(_, truth)| truth + 1).max()?;
    let latent = parts.world.action_count();
    let table = |columns: usize, column: &dyn Fn(usize) -> usize| {
        let mut table = Contingency::new(latent, columns);
        for &(action, truth) in &pairs {
            table.add(action, column(truth));
        }
        table
    };
    let built_in = footage.built_in.is_some() && kinds <= TrueAction::COUNT;
    let action = |index: usize| TrueAction::from_index(index).expect("there are no more kinds");
    let all = table(kinds.max(TrueAction::COUNT), &|truth| truth);
    Some(TrueActionAgreement {
        transitions: all.total(),
        all: Information::of(&all),
        steer: built_in.then(|| {
            Information::of(&table(3, &|truth| match action(truth).steer {
                Steer::Left => 0,
                Steer::Idle => 1,
                Steer::Right => 2,
            }))
        }),
        jump: built_in
            .then(|| Information::of(&table(2, &|truth| usize::from(action(truth).jump)))),
        table: all.rows(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_actions_rarer_ones_are_in_use_too() {
        for (actions, least) in [(2, 0.03), (8, 0.03), (16, 0.015), (20, 0.012)] {
            assert!((frequent(actions) - least).abs() < 1e-9, "{actions}");
        }
    }
}
