//! What is done in the footage, by the actions that were found in it or given with it: known before anything is learned from them.

use std::path::Path;

use serde::Deserialize;

use crate::dataset::{Dataset, TrueActions, key_names};
use crate::train::{ActionSource, TrainConfig};

/// What is done in the transitions of the footage.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Acted {
    /// The action of most transitions, and its share of all.
    pub(super) most: Option<(String, f64)>,
    /// Share of transitions in which the player that was found stands or is not in sight; `None` where none was looked for.
    pub(super) standing: Option<f64>,
}

/// What is read of the actions that a training found (`found_actions.json` in the folder of its run).
#[derive(Debug, Deserialize)]
struct Found {
    codes: Vec<Vec<u16>>,
    /// For each clip the signs of the player's displacement, [x, y], in each transition.
    signs: Vec<Vec<[i8; 2]>>,
    #[serde(default)]
    labels: Option<Vec<Label>>,
}

#[derive(Debug, Deserialize)]
struct Label {
    name: String,
}

impl Acted {
    /// By what the run in a folder found, or what the footage of the training says; `None` where an encoder has yet to learn its actions.
    pub(super) fn of(run: &Path, training: &Dataset, config: &TrainConfig) -> Option<Self> {
        if config.action_source == ActionSource::Given {
            let truth = TrueActions::of(training).ok().flatten()?;
            let clips = (0..truth.clip_count()).filter_map(|clip| truth.clip(clip));
            let names = key_names(training.folder());
            let name = |action: usize| match names.get(action).map(String::as_str) {
                Some("") => "idle".to_owned(),
                Some(name) => name.to_owned(),
                None => format!("action_{action}"),
            };
            return Some(Self {
                most: most(clips.flatten().map(|&action| usize::from(action)), name),
                standing: None,
            });
        }
        let text = std::fs::read(run.join("found_actions.json")).ok()?;
        Some(Self::of_found(&serde_json::from_slice(&text).ok()?))
    }

    fn of_found(found: &Found) -> Self {
        let name = |action: usize| {
            let label = found.labels.as_ref().and_then(|labels| labels.get(action));
            label.map_or_else(|| format!("action_{action}"), |label| label.name.clone())
        };
        let codes = found.codes.iter().flatten();
        let signs = || found.signs.iter().flatten();
        let standing = signs().filter(|sign| **sign == [0, 0]).count();
        Self {
            most: most(codes.map(|&code| usize::from(code)), name),
            standing: Some(standing as f64 / signs().count().max(1) as f64),
        }
    }
}

/// The most frequent action by its name, and its share.
fn most(
    actions: impl Iterator<Item = usize>,
    name: impl Fn(usize) -> String,
) -> Option<(String, f64)> {
    let mut counts: Vec<u64> = Vec::new();
    for action in actions {
        if counts.len() <= action {
            counts.resize(action + 1, 0);
        }
        counts[action] += 1;
    }
    let total: u64 = counts.iter().sum();
    let (action, count) = counts.iter().enumerate().max_by_key(|(_, count)| **count)?;
    Some((name(action), *count as f64 / total as f64))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dataset::{DatasetWriter, FrameFormat};

    #[test]
    fn the_most_used_action_and_the_standing_player_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let format = FrameFormat {
            height: 2,
            width: 2,
            frames_per_second: 10.0,
        };
        let mut writer = DatasetWriter::create(folder.path(), format).unwrap();
        writer.push_clip(&[0; 12 * 5], Some(&[1, 1, 0, 1])).unwrap();
        let dataset = writer.finish().unwrap();
        let mut config = TrainConfig::game();
        let of = |config: &TrainConfig| Acted::of(folder.path(), &dataset, config);
        // Nothing was found yet.
        assert_eq!(of(&config), None);
        let text = r#"{"format_version":1,"actions":3,"codes":[[2,2,2,0]],"signs":[[[0,0],[1,0],[0,0],[0,0]]]}"#;
        std::fs::write(folder.path().join("found_actions.json"), text).unwrap();
        let acted = of(&config).unwrap();
        assert_eq!(acted.most, Some(("action_2".to_owned(), 0.75)));
        assert_eq!(acted.standing, Some(0.75));
        config.action_source = ActionSource::Given;
        let names = r#"{"keys": ["", "right"]}"#;
        std::fs::write(folder.path().join("true_actions.json"), names).unwrap();
        let acted = of(&config).unwrap();
        assert_eq!(acted.most, Some(("right".to_owned(), 0.75)));
        assert_eq!(acted.standing, None);
    }
}
