//! Latent actions that the footage says: what was pressed, where its dataset has true actions, of all of it or of a part.

use std::collections::BTreeMap;

use genie_model::ActionLabel;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::error::TrainError;
use crate::actions::{LabelledPlaces, TransitionPlace};
use crate::dataset::{Dataset, DatasetError, TrueActions, key_label, key_names, pressed};

/// Most actions of a world: what is pressed rarely becomes the most similar of these.
const MOST_ACTIONS: usize = 16;
/// Most labelled transitions that are learnt from: many more say little more, and take long.
const MOST_LABELS: usize = 4000;
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
        let truth = truth_of(
            dataset,
            "each folder of pictures, or film.actions.csv beside each film.mp4",
        )?;
        let clips: Vec<&[u8]> = (0..dataset.clip_count())
            .map(|clip| truth.clip(clip).unwrap_or_default())
            .collect();
        let whole = |clip: &usize| clips[*clip].len() + 1 >= dataset.clip_len(*clip);
        let known = (0..clips.len()).filter(whole).count();
        if known < clips.len() {
            return Err(DatasetError::Request(format!(
                "{}: what was pressed is known of {known} of {} clips alone: action_source = \"given\" needs it of all; with \
                 action_source = \"labelled\" the rest is read from the pictures",
                dataset.folder().display(),
                clips.len()
            ))
            .into());
        }
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
                ..ActionLabel::default()
            });
        }
        Self { labels, codes }
    }
}

/// The true actions of a dataset, which are asked for in so many files.
fn truth_of(dataset: &Dataset, files: &str) -> Result<TrueActions, TrainError> {
    Ok(TrueActions::of(dataset)?.ok_or_else(|| {
        DatasetError::Request(format!(
            "{}: nothing says what was pressed in this footage: it needs a file actions.csv in {files}",
            dataset.folder().display()
        ))
    })?)
}

/// What was pressed in some transitions of a dataset, as actions of a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LabelledActions {
    /// One label for each action: its name, and the keys that it stands for.
    pub(super) labels: Vec<ActionLabel>,
    places: Vec<TransitionPlace>,
    /// The action of each of these.
    actions: Vec<u8>,
}

impl LabelledActions {
    /// At most so large a share of a dataset's transitions, in clips that are drawn by `seed` from those whose true actions are known.
    ///
    /// # Errors
    /// A dataset without true actions, or with those of other footage.
    pub(super) fn draw(dataset: &Dataset, share: f64, seed: u64) -> Result<Self, TrainError> {
        let truth = truth_of(
            dataset,
            "some folders of pictures, or film.actions.csv beside some films",
        )?;
        let count = |clip: usize| dataset.clip_len(clip).saturating_sub(1);
        let all: usize = (0..dataset.clip_count()).map(count).sum();
        let mut clips: Vec<usize> = (0..dataset.clip_count()).collect();
        clips.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let known = clips.into_iter().flat_map(|clip| {
            let actions = truth.clip(clip).unwrap_or_default().iter().enumerate();
            actions.map(move |(frame, &action)| (TransitionPlace { clip, frame }, action))
        });
        let most = (share * all as f64).ceil() as usize;
        let mut known: Vec<(TransitionPlace, u8)> = known.take(most).collect();
        known.sort_unstable();
        let kept = known.len().min(MOST_LABELS);
        let known = (0..kept).map(|at| known[at * known.len() / kept]);
        let (places, pressed): (Vec<_>, Vec<u8>) = known.unzip();
        let given = GivenActions::new(&[&pressed], &key_names(dataset.folder()));
        let codes = &given.codes[0];
        if codes.iter().all(|code| code == &codes[0]) {
            return Err(DatasetError::Request(format!(
                "{}: in the {} labelled transitions hardly anything but one action is pressed: label clips in which there are others, or \
                 more of them (labelled_share)",
                dataset.folder().display(),
                places.len()
            ))
            .into());
        }
        Ok(Self {
            labels: given.labels,
            places,
            actions: codes.iter().map(|&code| code as u8).collect(),
        })
    }

    /// Where they are.
    pub(super) fn places(&self) -> LabelledPlaces<'_> {
        LabelledPlaces {
            places: &self.places,
            actions: &self.actions,
            kinds: self.labels.len(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dataset::{DatasetWriter, FrameFormat};

    #[test]
    fn labels_of_one_action_alone_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let format = FrameFormat {
            height: 1,
            width: 1,
            frames_per_second: 10.0,
        };
        let draw = |name: &str, labels: Option<&[u8]>| {
            let mut writer = DatasetWriter::create(&folder.path().join(name), format).unwrap();
            writer.push_clip(&[0; 15], labels).unwrap();
            writer.push_clip(&[0; 15], None).unwrap();
            LabelledActions::draw(&writer.finish().unwrap(), 1.0, 0)
        };
        let error = |name, labels| draw(name, labels).unwrap_err().to_string();
        let one = error("one", Some(&[0; 4]));
        assert!(one.contains("4 labelled transitions"), "{one}");
        assert!(error("none", None).contains("actions.csv"));
        assert_eq!(draw("two", Some(&[0, 1, 0, 1])).unwrap().labels.len(), 2);
    }

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
