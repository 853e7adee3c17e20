//! Which group is the player: the one whose motion the past explains least, though it is there once, and all the time.

use std::cell::RefCell;
use std::ops::Range;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::AgentSettings;
use super::motion_series::{GroupState, activity, continuity};
use super::network::{Network, TrainingPlan};
use super::observation::ClipObservation;

/// Bounds of the bins of displacement on each axis.
const BOUNDS: [f32; 4] = [-2.5, -0.5, 0.5, 2.5];
/// Bins on each axis, and half the width of the blur between two of them, in pixels.
const BINS: usize = BOUNDS.len() + 1;
const BLUR: f32 = 0.5;
/// Kinds of displacement: a bin for each axis.
const TOKENS: usize = BINS * BINS;
/// Frames of a candidate's own past that the predictor sees.
const LAGS: usize = 3;
/// Frames after which the held-out part of the footage may begin or end.
const BLOCK: usize = 250;
/// Every so many blocks one is held out.
const HELD_OUT: usize = 4;
/// Displacements beyond this are all alike to the predictor.
const FARTHEST: f32 = 6.0;

/// A thing that may be the player.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    /// Index among what is ranked: groups of looks, lanes, and the view.
    pub(crate) group: usize,
    /// What ranks it.
    pub(crate) score: f32,
    /// Held-out surprise of its way over the next few frames given the past, in nats.
    pub(crate) surprise: f32,
    /// Share of the frames in which it is there.
    pub(crate) presence: f32,
    /// Mean number of its blobs where it is there.
    pub(crate) count: f32,
    /// Share of the frames in which it moves.
    pub(crate) activity: f32,
    /// Share of the frames through which it lasts.
    pub(crate) continuity: f32,
}

/// Ranks the groups that move most, and the lanes, by their states in each of the clips, the likeliest player first. `lanes` are their indices.
pub(crate) fn rank(
    clips: &[ClipObservation],
    states: &[Vec<Vec<GroupState>>],
    lanes: Range<usize>,
    edges: [f32; 2],
    settings: &AgentSettings,
    seed: u64,
) -> Vec<Candidate> {
    let active: Vec<f32> = states
        .iter()
        .map(|clips| activity(clips, settings))
        .collect();
    let mut order: Vec<usize> = (0..states.len())
        .filter(|&group| active[group] > 0.0 && !lanes.contains(&group))
        .collect();
    order.sort_by(|&a, &b| active[b].total_cmp(&active[a]).then(a.cmp(&b)));
    order.truncate(settings.candidates);
    let others: Vec<usize> = order.iter().take(settings.neighbours).copied().collect();
    order.extend(lanes.clone().filter(|&lane| active[lane] > 0.0));
    let mut candidates: Vec<Candidate> = order
        .par_iter()
        .map(|&group| {
            let view = View {
                clips,
                states,
                group,
                others: others
                    .iter()
                    .copied()
                    .filter(|&other| other != group)
                    .collect(),
                edges,
                settings,
            };
            let surprise = view.surprise(seed);
            let frames = || states[group].iter().flatten();
            let present = frames().filter(|state| state.count > 0).count();
            let blobs: usize = frames().map(|state| state.count).sum();
            let count = blobs as f32 / present.max(1) as f32;
            let continuity = continuity(clips, &states[group], settings);
            let alone = (-settings.count_penalty * (count - 1.0)).exp();
            let lasts = alone * continuity;
            // What is in a lane is told from other things by nothing else than that it is there alone and stays.
            let trust = if lanes.contains(&group) {
                settings.lane_weight * lasts * lasts
            } else {
                lasts
            };
            Candidate {
                group,
                score: surprise * trust,
                surprise,
                presence: present as f32 / frames().count().max(1) as f32,
                count,
                activity: active[group],
                continuity,
            }
        })
        .collect();
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.group.cmp(&b.group)));
    candidates
}

/// What the predictor of one group's motion sees.
struct View<'a> {
    clips: &'a [ClipObservation],
    states: &'a [Vec<Vec<GroupState>>],
    group: usize,
    others: Vec<usize>,
    /// Width and height in working pixels.
    edges: [f32; 2],
    settings: &'a AgentSettings,
}

impl View<'_> {
    fn inputs(&self) -> usize {
        LAGS * 5 + 4 + 4 + 5 * self.others.len()
    }

    /// Inputs that describe what came before a transition.
    fn fill(&self, clip: usize, frame: usize, out: &mut [f32]) {
        let own = &self.states[self.group][clip];
        let bounded = |value: f32| value.clamp(-FARTHEST, FARTHEST) / (FARTHEST / 2.0);
        let direction = |value: f32| {
            if value.abs() > self.settings.least_motion {
                value.signum()
            } else {
                0.0
            }
        };
        let mut values = out.iter_mut();
        let mut put = |value: f32| {
            if let Some(slot) = values.next() {
                *slot = value;
            }
        };
        for lag in 1..=LAGS {
            let before = &own[frame - lag];
            before.motion.iter().for_each(|&part| put(bounded(part)));
            before.motion.iter().for_each(|&part| put(direction(part)));
            put(f32::from(u8::from(before.seen)));
        }
        let here = &own[frame];
        for axis in [0, 1] {
            put(2.0 * here.place[axis] / self.edges[axis] - 1.0);
        }
        put(f32::from(u8::from(here.count > 0)));
        put(f32::from(u8::from(here.count > 1)));
        for lag in 1..=2 {
            self.clips[clip].scrolls[frame - lag]
                .iter()
                .for_each(|&part| put(bounded(part)));
        }
        for &other in &self.others {
            let other = &self.states[other][clip];
            let there = &other[frame];
            for axis in [0, 1] {
                let apart = (there.place[axis] - here.place[axis]) / 16.0;
                put(if there.count > 0 { apart } else { 0.0 });
            }
            put(f32::from(u8::from(there.count > 0)));
            other[frame - 1]
                .motion
                .iter()
                .for_each(|&part| put(bounded(part)));
        }
    }

    /// How far the group goes from a frame on, over the next few transitions; those that are not seen count as none.
    fn way(&self, &(clip, frame): &(usize, usize)) -> [f32; 2] {
        let ahead = frame..frame + self.settings.surprise_frames;
        let motions = self.states[self.group][clip][ahead].iter();
        motions.fold([0.0; 2], |sum, state| {
            [sum[0] + state.motion[0], sum[1] + state.motion[1]]
        })
    }

    /// Held-out surprise, in nats, of the group's way given what came before: cross-entropy less what the blurred bins themselves leave
    /// open. 0 where the footage is too short to measure.
    fn surprise(&self, seed: u64) -> f32 {
        let (mut learnt, mut held_out) = (Vec::new(), Vec::new());
        let mut block = 0;
        for (clip, states) in self.states[self.group].iter().enumerate() {
            for frame in LAGS..states.len().saturating_sub(self.settings.surprise_frames) {
                let here = block + frame / BLOCK;
                let part = if here % HELD_OUT == HELD_OUT - 1 {
                    &mut held_out
                } else {
                    &mut learnt
                };
                part.push((clip, frame));
            }
            block += states.len().div_ceil(BLOCK).max(1);
        }
        if learnt.is_empty() || held_out.is_empty() {
            // Too little to hold anything out: what it does not know it must be judged by.
            (learnt, held_out) = {
                let all: Vec<_> = learnt.into_iter().chain(held_out).collect();
                (all.clone(), all)
            };
        }
        if learnt.is_empty() {
            return 0.0;
        }
        let width = self.settings.predictor_width;
        let mut network = Network::new(&[self.inputs(), width, width, TOKENS], seed);
        let plan = TrainingPlan {
            steps: self.settings.predictor_steps,
            batch: 256,
            learning_rate: 3e-3,
            weight_decay: 0.02,
            dropout: 0.0,
            noise: 0.0,
            seed,
        };
        // A bin drawn after an even shift is one drawn from the blurred bins.
        let shifts = RefCell::new(ChaCha8Rng::seed_from_u64(seed));
        let shifted = |part: f32| bin(part + BLUR * shifts.borrow_mut().random_range(-1.0..1.0));
        network.train(
            learnt.len(),
            &|example, out| self.fill(learnt[example].0, learnt[example].1, out),
            &|example| {
                let [x, y] = self.way(&learnt[example]).map(shifted);
                x * BINS + y
            },
            &plan,
        );
        let rows = network.probabilities_of(held_out.len(), &|example, out| {
            self.fill(held_out[example].0, held_out[example].1, out);
        });
        let total: f32 = rows
            .iter()
            .zip(&held_out)
            .map(|(row, example)| divergence(self.way(example), row))
            .sum();
        total / held_out.len() as f32
    }
}

/// The bin of a displacement on one axis.
fn bin(part: f32) -> usize {
    BOUNDS.iter().filter(|&&bound| part >= bound).count()
}

/// Weights of the bins of a displacement on one axis: near a bound it is in both, so that noise of a fraction of a pixel, as films that
/// were compressed have it, changes little. A whole number of pixels is in one bin.
fn blurred_bins(part: f32) -> [f32; BINS] {
    let above = |bound: f32| ((part - bound) / (2.0 * BLUR) + 0.5).clamp(0.0, 1.0);
    let mut weights = [1.0; BINS];
    for (index, &bound) in BOUNDS.iter().enumerate() {
        weights[index + 1] = above(bound);
        weights[index] -= weights[index + 1];
    }
    weights
}

/// Kullback-Leibler divergence of predicted probabilities from the blurred bins of a displacement, in nats.
fn divergence(way: [f32; 2], predicted: &[f32]) -> f32 {
    let [x, y] = way.map(blurred_bins);
    let pairs = x.iter().flat_map(|x| y.iter().map(move |y| x * y));
    pairs
        .zip(predicted)
        .filter(|(weight, _)| *weight > 0.0)
        .map(|(weight, &predicted)| weight * (weight / predicted.max(1e-6)).ln())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_pixels_are_in_one_bin_and_halves_in_two() {
        for part in [-7.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 9.0_f32] {
            let weights = blurred_bins(part);
            assert!(
                (weights[bin(part)] - 1.0).abs() < 1e-6,
                "{part}: {weights:?}"
            );
        }
        for step in -400..400 {
            let weights = blurred_bins(step as f32 / 100.0);
            assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(weights.iter().all(|&weight| weight >= 0.0));
        }
        assert_eq!(blurred_bins(0.5)[2..4], [0.5, 0.5]);
    }

    #[test]
    fn nothing_is_surprising_about_what_is_predicted_exactly() {
        let way = [0.7, -2.6];
        let [x, y] = way.map(blurred_bins);
        let exact: Vec<f32> = (x.iter().flat_map(|x| y.iter().map(move |y| x * y))).collect();
        assert!(divergence(way, &exact).abs() < 1e-5);
        let even = [1.0 / TOKENS as f32; TOKENS];
        assert!(divergence(way, &even) > 1.0);
    }
}
