//! Latent actions that the footage says: what was pressed, where its dataset has true actions.

use std::collections::BTreeMap;

use genie_model::ActionLabel;

use super::error::TrainError;
use crate::dataset::{Dataset, DatasetError, TrueActions, key_label, key_names, pressed};

/// Most actions of a world: what is pressed rarely becomes the most similar of these.
const MOST_ACTIONS: usize = 16;
/// Share of the transitions below which what is pressed is rare.
const RARE: f64 = 0.002;

/// What was pressed in every transition of a dataset, as actions of a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GivenActions {
    /// One label for each action: its name, and the keys that it stands for.
    pub(super) labels: Vec<ActionLabel>,
    /// For each clip the action of each transition.
    pub(super) codes: Vec<Vec<u16>>,
}

impl GivenActions {
    /// Those of a dataset.
    ///
    /// # Errors
    /// A dataset without true actions, or with those of other footage.
    pub(crate) fn of(dataset: &Dataset) -> Result<Self, TrainError> {
        let truth = TrueActions::of(dataset)?.ok_or_else(|| {
            DatasetError::Request(format!(
                "{}: nothing says what was pressed in this footage: it needs a file actions.csv in each folder of pictures, or \
                 film.actions.csv beside film.mp4",
                dataset.folder().display()
            ))
        })?;
        let clips: Vec<&[u8]> = (0..dataset.clip_count())
            .map(|clip| truth.clip(clip).unwrap_or_default())
            .collect();
        Ok(Self::new(&clips, &key_names(dataset.folder())))
    }

    fn new(clips: &[&[u8]], names: &[String]) -> Self {
        let mut counts: BTreeMap<u8, u64> = BTreeMap::new();
        for &action in clips.iter().copied().flatten() {
            *counts.entry(action).or_default() += 1;
        }
        let total: u64 = counts.values().sum();
        let mut by_count: Vec<(u64, u8)> = counts.iter().map(|(&a, &count)| (count, a)).collect();
        by_count.sort_by_key(|&(count, action)| (std::cmp::Reverse(count), action));
        let mut kept: Vec<u8> = by_count
            .iter()
            .take(MOST_ACTIONS)
            .filter(|(count, _)| *count as f64 >= RARE * total as f64)
            .map(|(_, action)| *action)
            .collect();
        // A world has a choice.
        if kept.len() < 2 {
            kept = by_count.iter().take(2).map(|(_, action)| *action).collect();
        }
        kept.sort_unstable();
        let name = |action: u8| {
            names
                .get(usize::from(action))
                .cloned()
                .unwrap_or_else(|| format!("action_{action}"))
        };
        let place = |action: u8| -> u16 {
            let wanted = name(action);
            let wanted = pressed(&wanted);
            let differing = |kept: u8| {
                let name = name(kept);
                wanted.symmetric_difference(&pressed(&name)).count()
            };
            let nearest =
                (0..kept.len()).min_by_key(|&at| (kept[at] != action, differing(kept[at])));
            nearest.unwrap_or(0) as u16
        };
        let places: BTreeMap<u8, u16> = counts
            .keys()
            .map(|&action| (action, place(action)))
            .collect();
        let codes = clips
            .iter()
            .map(|clip| clip.iter().map(|action| places[action]).collect())
            .collect();
        let mut labels: Vec<ActionLabel> = kept
            .iter()
            .map(|&action| key_label(&name(action)))
            .collect();
        while labels.len() < 2 {
            labels.push(ActionLabel {
                name: format!("unused_{}", labels.len()),
                keys: Vec::new(),
            });
        }
        Self { labels, codes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pressed_becomes_actions_with_keys_and_rare_ones_the_nearest() {
        let names = [
            "",
            "arrowright",
            "arrowright+space",
            "arrowright+keyq+space",
        ]
        .map(str::to_owned);
        let mut clip = [0_u8, 1, 1, 2].repeat(300);
        clip.push(3);
        let given = GivenActions::new(&[&clip, &[2, 0]], &names);
        let labels: Vec<(&str, Vec<Vec<&str>>)> = given
            .labels
            .iter()
            .map(|label| {
                let keys = label.keys.iter();
                let keys = keys.map(|keys| keys.iter().map(String::as_str).collect());
                (label.name.as_str(), keys.collect())
            })
            .collect();
        assert_eq!(
            labels,
            [
                ("idle", vec![]),
                ("right", vec![vec!["ArrowRight"]]),
                ("right_space", vec![vec!["ArrowRight", "Space"]]),
            ]
        );
        assert_eq!(given.codes[0][..4], [0, 1, 1, 2]);
        assert_eq!(given.codes[0].last(), Some(&2));
        assert_eq!(given.codes[1], [2, 0]);
    }
}
