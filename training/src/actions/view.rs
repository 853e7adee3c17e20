//! Supervised classifiers of true actions, for evaluation only: one network for each way to look at a transition.

use super::agent_sights::AgentSights;
use super::frame_sights::FrameSights;
use super::network::{Network, TrainingPlan};
use super::picture_network::PictureNetwork;

const WIDTH: usize = 128;
const BATCH: usize = 128;
const EPOCHS: usize = 8;
/// Fewest steps of a classifier of whole pictures, unless these are more epochs than `MOST_EPOCHS`; and of other values.
const LEAST_STEPS: [usize; 2] = [150, 300];
const MOST_EPOCHS: usize = 40;

/// A way to look at transitions, and what it shows of some.
#[derive(Clone, Copy)]
pub(super) enum View<'a> {
    /// The whole picture over four frames, whoever is in it.
    Picture(&'a FrameSights),
    /// The motion of every patch of the picture, whoever is in it.
    Motion(&'a FrameSights),
    /// The surroundings of the found agent over four frames, and its track.
    Surroundings(&'a AgentSights),
    /// The agent's track and its codes alone, where there are so many codes.
    TrackAndCodes(&'a AgentSights, usize),
}

impl View<'_> {
    /// Number of its values, where a network takes them as they come.
    fn values(self) -> usize {
        match self {
            Self::Picture(sights) => {
                let shape = sights.picture_shape();
                shape.height * shape.width * shape.channels
            }
            Self::Motion(sights) => sights.motion_values(),
            Self::Surroundings(_) => AgentSights::surroundings_values(),
            Self::TrackAndCodes(_, codes) => AgentSights::track_values(codes),
        }
    }

    /// Writes what it shows of a transition.
    fn fill(self, transition: usize, out: &mut [f32]) {
        match self {
            Self::Picture(sights) => sights.fill_picture(transition, out),
            Self::Motion(sights) => sights.fill_motion(transition, out),
            Self::Surroundings(sights) => sights.fill_surroundings(transition, out),
            Self::TrackAndCodes(sights, _) => sights.fill_track(transition, out),
        }
    }
}

/// True actions of some transitions, each below `classes`.
#[derive(Clone, Copy)]
pub(super) struct Truth<'a> {
    pub(super) actions: &'a [u8],
    pub(super) classes: usize,
}

/// A classifier that looks in one way.
pub(super) enum ViewClassifier {
    Picture(PictureNetwork),
    Values(Network),
}

impl ViewClassifier {
    /// Learns the true actions from some of the transitions that a view shows.
    pub(super) fn learn(view: View<'_>, truth: Truth<'_>, examples: &[usize], seed: u64) -> Self {
        let batches = examples.len().div_ceil(BATCH);
        let least = match view {
            View::Picture(_) => LEAST_STEPS[0].min(MOST_EPOCHS * batches),
            _ => LEAST_STEPS[1],
        };
        let plan = TrainingPlan {
            steps: (EPOCHS * batches).max(least),
            batch: BATCH,
            learning_rate: 1e-3,
            weight_decay: 0.05,
            dropout: 0.3,
            noise: 0.1,
            seed,
        };
        let count = examples.len();
        let fill = |example: usize, out: &mut [f32]| view.fill(examples[example], out);
        let target = |example: usize| usize::from(truth.actions[examples[example]]);
        if let View::Picture(sights) = view {
            let mut network = PictureNetwork::new(sights.picture_shape(), truth.classes, seed);
            network.train(count, &fill, &target, &plan);
            Self::Picture(network)
        } else {
            let mut network = Network::new(&[view.values(), WIDTH, WIDTH, truth.classes], seed);
            network.train(count, &fill, &target, &plan);
            Self::Values(network)
        }
    }

    /// Probabilities of the true actions, one row for each of some transitions that the same view shows.
    pub(super) fn read(&self, view: View<'_>, transitions: &[usize]) -> Vec<Vec<f32>> {
        let fill = |at: usize, out: &mut [f32]| view.fill(transitions[at], out);
        match self {
            Self::Picture(network) => network.probabilities_of(transitions.len(), &fill),
            Self::Values(network) => network.probabilities_of(transitions.len(), &fill),
        }
    }
}

/// Mean probabilities of some classifiers, one at least.
pub(super) fn mean_of(predicted: &[&Vec<Vec<f32>>]) -> Vec<Vec<f32>> {
    let mut mean = predicted[0].clone();
    for other in &predicted[1..] {
        for (row, other) in mean.iter_mut().zip(*other) {
            row.iter_mut()
                .zip(other)
                .for_each(|(sum, value)| *sum += value);
        }
    }
    mean.iter_mut()
        .flatten()
        .for_each(|value| *value /= predicted.len() as f32);
    mean
}
