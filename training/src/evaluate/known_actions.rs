//! Where true actions are known: which clips are scored, and which the judge learns from.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::Footage;
use crate::actions::SomeClips;
use crate::dataset::{Dataset, TrueActions};

/// The true actions of the footage that a world is compared with, and other footage of the same game for the judge.
#[derive(Clone, Copy, Debug)]
pub struct KnownActions<'a> {
    /// Those of the dataset that the world is compared with.
    pub actions: &'a TrueActions,
    /// What the judge learns from; without it, from half of the clips of that dataset, which are then not scored.
    pub learn: Option<(&'a Dataset, &'a TrueActions)>,
}

impl<'a> From<&'a TrueActions> for KnownActions<'a> {
    fn from(actions: &'a TrueActions) -> Self {
        Self {
            actions,
            learn: None,
        }
    }
}

/// Some clips of a dataset and their true actions.
#[derive(Clone, Debug)]
pub(super) struct KnownClips<'a> {
    pub(super) dataset: &'a Dataset,
    /// Their numbers in the dataset.
    pub(super) clips: Vec<usize>,
    /// Those of the whole dataset.
    pub(super) actions: &'a TrueActions,
}

impl<'a> KnownClips<'a> {
    /// As footage of its own.
    pub(super) fn source(&self) -> SomeClips<'a> {
        SomeClips::new(self.dataset, self.clips.clone())
    }

    /// The true actions of [`source`](Self::source).
    pub(super) fn truth(&self) -> TrueActions {
        self.actions.select(&self.clips)
    }

    /// Keeps the first clips, up to about so many transitions.
    pub(super) fn up_to(mut self, most: usize) -> Self {
        let mut transitions = 0;
        self.clips.retain(|&clip| {
            let kept = transitions < most;
            transitions += self.dataset.clip_len(clip).saturating_sub(1);
            kept
        });
        self
    }
}

/// Clips that are scored, and clips that are learnt from: none is in both.
#[derive(Clone, Debug)]
pub(super) struct Split<'a> {
    pub(super) scored: KnownClips<'a>,
    pub(super) learnt: KnownClips<'a>,
}

impl<'a> Split<'a> {
    /// Scored clips begin with those of the footage's segments, in their order. There are at most about `most` transitions to learn
    /// from, and half as many that are scored. Clips whose true actions are not known are in neither part.
    pub(super) fn new(
        dataset: &'a Dataset,
        footage: &Footage,
        known: KnownActions<'a>,
        (most, seed): (usize, u64),
    ) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x73_706c_6974);
        let mut drawn: Vec<usize> = Vec::new();
        for segment in &footage.segments {
            if !drawn.contains(&segment.clip) {
                drawn.push(segment.clip);
            }
        }
        let mut others: Vec<usize> = (0..dataset.clip_count())
            .filter(|clip| !drawn.contains(clip))
            .collect();
        others.shuffle(&mut rng);
        let mut scored = [drawn, others].concat();
        scored.retain(|&clip| known.actions.is_known(clip));
        let learnt = if let Some((dataset, actions)) = known.learn {
            let mut clips: Vec<usize> = (0..dataset.clip_count()).collect();
            clips.shuffle(&mut rng);
            clips.retain(|&clip| actions.is_known(clip));
            KnownClips {
                dataset,
                clips,
                actions,
            }
        } else {
            KnownClips {
                dataset,
                clips: scored.split_off(scored.len().div_ceil(2)),
                actions: known.actions,
            }
        };
        let scored = KnownClips {
            dataset,
            clips: scored,
            actions: known.actions,
        };
        Self {
            scored: scored.up_to(most / 2),
            learnt: learnt.up_to(most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::WorldParts;
    use crate::evaluate::tests::{tiny_dataset, tiny_world};

    #[test]
    fn no_clip_is_both_learnt_from_and_scored() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = tiny_dataset(&folder.path().join("one"), 11, 8);
        let other = tiny_dataset(&folder.path().join("other"), 5, 8);
        let truth = |dataset: &Dataset| TrueActions::open(dataset.folder()).unwrap();
        let (actions, others) = (truth(&dataset), truth(&other));
        let world = tiny_world(1);
        let parts = WorldParts::new(&world).unwrap();
        for segments in [1, 4, 30] {
            let footage = Footage::choose(&parts, &dataset, segments, 3).unwrap();
            let known = KnownActions::from(&actions);
            let split = Split::new(&dataset, &footage, known, (1000, 3));
            assert_eq!((split.scored.clips.len(), split.learnt.clips.len()), (6, 5));
            let scored = &split.scored.clips;
            assert!(!split.learnt.clips.iter().any(|clip| scored.contains(clip)));
            // What dreams begin from is scored, as far as half of the clips go.
            assert!(scored.contains(&footage.segments[0].clip));
            let some = Split::new(&dataset, &footage, known, (15, 3));
            assert_eq!(some.learnt.clips, split.learnt.clips[..3]);
            assert_eq!(some.scored.clips, split.scored.clips[..1]);

            let known = KnownActions {
                learn: Some((&other, &others)),
                ..known
            };
            let split = Split::new(&dataset, &footage, known, (1000, 3));
            assert_eq!(
                (split.scored.clips.len(), split.learnt.clips.len()),
                (11, 5)
            );
            assert_eq!(split.learnt.dataset.folder(), other.folder());
        }
    }

    #[test]
    fn clips_of_which_nothing_is_known_are_neither_learnt_from_nor_scored() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = tiny_dataset(folder.path(), 12, 8);
        let all = TrueActions::open(folder.path()).unwrap();
        let some = (0..12).map(|clip| match clip % 3 {
            0 => all.clip(clip).unwrap().to_vec(),
            _ => Vec::new(),
        });
        let some = TrueActions::from_clips(some.collect());
        some.check(&dataset).unwrap();
        let world = tiny_world(1);
        let parts = WorldParts::new(&world).unwrap();
        let footage = Footage::choose(&parts, &dataset, 4, 3).unwrap();
        let split = Split::new(&dataset, &footage, KnownActions::from(&some), (1000, 3));
        let mut clips = [split.scored.clips, split.learnt.clips].concat();
        clips.sort_unstable();
        assert_eq!(clips, [0, 3, 6, 9]);
    }
}
