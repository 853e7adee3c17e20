//! Supervised classifiers of true actions, for evaluation only: one network for each way to look at a transition.

use rayon::prelude::*;

use super::agent::ClipActions;
use super::footage::FrameSource;
use super::network::{Network, TrainingPlan};
use super::sights::{Sights, TransitionPlace, View};
use crate::dataset::{DatasetError, TrueActions};

const WIDTH: usize = 128;
const BATCH: usize = 128;
const EPOCHS: usize = 8;

/// Footage, what was found in it, and the truth.
#[derive(Clone, Copy)]
pub struct Labelled<'a> {
    /// The frames.
    pub source: &'a dyn FrameSource,
    /// What the agent does, clip by clip.
    pub found: &'a [ClipActions],
    /// What the player did, clip by clip.
    pub truth: &'a TrueActions,
}

impl Labelled<'_> {
    /// At most so many of the transitions whose true action is known, spread evenly, and these actions.
    fn places(&self, most: usize) -> (Vec<TransitionPlace>, Vec<u8>) {
        let clips = 0..self.source.clip_count().min(self.found.len());
        let all: Vec<(TransitionPlace, u8)> = clips
            .filter_map(|clip| Some((clip, self.truth.clip(clip)?)))
            .filter(|(clip, truth)| truth.len() == self.found[*clip].len())
            .flat_map(|(clip, truth)| {
                let known = truth.iter().copied().enumerate();
                known.map(move |(frame, action)| (TransitionPlace { clip, frame }, action))
            })
            .collect();
        let count = all.len().min(most);
        (0..count).map(|at| all[at * all.len() / count]).unzip()
    }

    /// What there is to see of at most so many transitions, and their true actions.
    pub(super) fn gather(self, most: usize) -> Result<(Sights, Vec<u8>), DatasetError> {
        let (places, truth) = self.places(most);
        Ok((Sights::gather(self.source, self.found, &places)?, truth))
    }
}

/// How much a classifier learns: from one transition in so many, in so many steps.
#[derive(Clone, Copy)]
pub(super) struct Lesson {
    pub(super) every: usize,
    pub(super) steps: usize,
}

impl Lesson {
    /// Each of so many transitions a few times.
    pub(super) fn whole(transitions: usize) -> Self {
        Self {
            every: 1,
            steps: EPOCHS * transitions.div_ceil(BATCH),
        }
    }
}

/// A classifier that looks in one way.
pub(super) struct ViewClassifier {
    view: View,
    network: Network,
}

impl ViewClassifier {
    /// Learns the true actions, of which there are `classes`, from what is seen. `codes` is the number of the agent's codes.
    pub(super) fn learn(
        view: View,
        (sights, truth): (&Sights, &[u8]),
        (classes, codes): (usize, usize),
        lesson: Lesson,
        seed: u64,
    ) -> Self {
        let widths = [sights.values(view, codes), WIDTH, WIDTH, classes];
        let mut network = Network::new(&widths, seed);
        let plan = TrainingPlan {
            steps: lesson.steps,
            batch: BATCH,
            learning_rate: 1e-3,
            weight_decay: 0.05,
            dropout: 0.3,
            noise: 0.1,
            seed,
        };
        network.train(
            truth.len().div_ceil(lesson.every),
            &|example, out| sights.fill(view, example * lesson.every, out),
            &|example| usize::from(truth[example * lesson.every]),
            &plan,
        );
        Self { view, network }
    }

    /// Probabilities of the true actions, one row for each transition.
    pub(super) fn read(&self, sights: &Sights) -> Vec<Vec<f32>> {
        self.network
            .probabilities_of(sights.len(), &|transition, out| {
                sights.fill(self.view, transition, out);
            })
    }
}

/// Tells true actions from footage, by the mean of several ways to look at it.
pub struct ActionClassifier {
    views: Vec<ViewClassifier>,
    /// Share of each true action among what was learnt from.
    shares: Vec<f64>,
    learnt: usize,
}

impl ActionClassifier {
    /// Learns from at most so many transitions, spread evenly over the footage; `None` where no true action is known.
    ///
    /// # Errors
    /// Footage that cannot be read.
    pub fn learn(
        labelled: Labelled<'_>,
        views: &[View],
        most: usize,
        seed: u64,
    ) -> Result<Option<Self>, DatasetError> {
        let (sights, truth) = labelled.gather(most)?;
        let Some(&last) = truth.iter().max() else {
            return Ok(None);
        };
        let classes = 1 + usize::from(last);
        let mut shares = vec![0.0; classes];
        for &action in &truth {
            shares[usize::from(action)] += 1.0 / truth.len() as f64;
        }
        let kinds = (classes, sights.codes());
        let lesson = Lesson::whole(truth.len());
        let views = views
            .par_iter()
            .map(|&view| ViewClassifier::learn(view, (&sights, &truth), kinds, lesson, seed))
            .collect();
        Ok(Some(Self {
            views,
            shares,
            learnt: truth.len(),
        }))
    }

    /// Probabilities of the true actions at some places, in ascending order, of other footage.
    ///
    /// # Errors
    /// Footage that cannot be read.
    pub fn read(
        &self,
        source: &dyn FrameSource,
        found: &[ClipActions],
        places: &[TransitionPlace],
    ) -> Result<Vec<Vec<f32>>, DatasetError> {
        let sights = Sights::gather(source, found, places)?;
        let told: Vec<Vec<Vec<f32>>> = self
            .views
            .par_iter()
            .map(|view| view.read(&sights))
            .collect();
        Ok(mean_of(&told.iter().collect::<Vec<_>>()))
    }

    /// Share of each true action among the transitions that were learnt from.
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// Transitions that were learnt from.
    pub fn learnt(&self) -> usize {
        self.learnt
    }
}

/// Mean probabilities of some classifiers, one at least.
pub(super) fn mean_of(told: &[&Vec<Vec<f32>>]) -> Vec<Vec<f32>> {
    let mut mean = told[0].clone();
    for other in &told[1..] {
        for (row, other) in mean.iter_mut().zip(*other) {
            row.iter_mut()
                .zip(other)
                .for_each(|(sum, value)| *sum += value);
        }
    }
    mean.iter_mut()
        .flatten()
        .for_each(|value| *value /= told.len() as f32);
    mean
}
