//! How much of the true actions can be seen at all: supervised classifiers, for evaluation only.
//!
//! Three look at different things: one at the surroundings of the found agent over four frames, and at its track; one at the track
//! and the codes alone; one at the motion of every patch of the picture, whatever was found. Their means are asked too. The best counts.

use std::cmp::Reverse;

use rayon::prelude::*;

use super::agent::ClipActions;
use super::footage::{FrameSource, WorkingSize, read_window, windows};
use super::information::PairCounts;
use super::looks::crop;
use super::network::{Network, TrainingPlan};
use crate::dataset::{CHANNELS, DatasetError, TrueActions};

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

/// What a classifier sees of the true actions in frames that it has not learnt from.
#[derive(Debug, Clone, Copy, PartialEq)]
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

/// Frames around a transition that are looked at: one before, the transition's two, one after.
const FRAMES: [isize; 4] = [-1, 0, 1, 2];
/// Half the edge of the picture around the agent, in working pixels.
const REACH: usize = 8;
/// Transitions around this one whose displacement is looked at.
const LAGS: [isize; 7] = [-3, -2, -1, 0, 1, 2, 3];
/// Values that describe the track around a transition.
const TRACK_VALUES: usize = LAGS.len() * 7 + 4;
/// Values that the classifier of the agent's surroundings sees.
const ANCHORED_INPUTS: usize = FRAMES.len() * CHANNELS * 4 * REACH * REACH + TRACK_VALUES;
/// Transitions whose codes are looked at.
const CODES: usize = 3;
/// How much the direction that looks tell is enlarged: it is small where looks tell little.
const LOOK_SCALE: f32 = 3.0;
/// One in so many transitions is labelled where labels are few.
const LABELLED: usize = 100;
/// Steps of the classifier with few labels.
const FEW_LABEL_STEPS: usize = 300;
const WIDTH: usize = 128;
const BATCH: usize = 128;
const EPOCHS: usize = 8;
/// Most transitions that are learnt from.
const MOST: usize = 24_000;
/// Working edge of a frame, and edge of a patch, in pixels.
const WORKING_EDGE: usize = 64;
const PATCH: usize = 8;

/// Learns true actions from some footage and looks for them in other.
///
/// # Errors
/// Footage that cannot be read.
pub fn visible_actions(
    learnt: Labelled<'_>,
    scored: Labelled<'_>,
    seed: u64,
) -> Result<VisibleActions, DatasetError> {
    let learnt = Examples::gather(learnt, MOST)?;
    let scored = Examples::gather(scored, usize::MAX)?;
    if learnt.truth.is_empty() || scored.truth.is_empty() {
        return Ok(VisibleActions {
            information: 0.0,
            accuracy: 0.0,
            decisions: 0.0,
            likelihood_gain: 0.0,
            few_labels: FewLabels::default(),
        });
    }
    let classes = 1 + learnt
        .truth
        .iter()
        .chain(&scored.truth)
        .copied()
        .max()
        .map_or(0, usize::from);
    let codes = 1 + learnt
        .codes
        .iter()
        .chain(&scored.codes)
        .flatten()
        .copied()
        .max()
        .unwrap_or(0);
    let views: [(Fill, usize); 3] = [
        (Examples::fill_anchored, ANCHORED_INPUTS),
        (Examples::fill_track, TRACK_VALUES + codes * CODES),
        (Examples::fill_motion, learnt.motion_inputs),
    ];
    let learn = |(fill, inputs): (Fill, usize), stride: usize, steps: usize| {
        let mut network = Network::new(&[inputs, WIDTH, WIDTH, classes], seed);
        let plan = TrainingPlan {
            steps,
            batch: BATCH,
            learning_rate: 1e-3,
            weight_decay: 0.05,
            dropout: 0.3,
            noise: 0.1,
            seed,
        };
        network.train(
            learnt.truth.len().div_ceil(stride),
            &|example, out| fill(&learnt, example * stride, out),
            &|example| usize::from(learnt.truth[example * stride]),
            &plan,
        );
        network.probabilities_of(scored.truth.len(), &|example, out| {
            fill(&scored, example, out);
        })
    };
    let steps = EPOCHS * learnt.truth.len().div_ceil(BATCH);
    let probabilities: Vec<Vec<Vec<f32>>> = views
        .par_iter()
        .map(|view| learn(*view, 1, steps))
        .collect();
    let few = learn(views[1], LABELLED, FEW_LABEL_STEPS);
    let few_labels = FewLabels {
        table: table_with_few_labels(&learnt, &scored, codes, classes),
        head: judge(&few, &scored.truth).information,
    };
    let best = [&[0][..], &[1], &[2], &[0, 1], &[0, 1, 2]]
        .into_iter()
        .map(|views| judge(&mean_of(&probabilities, views), &scored.truth))
        .max_by(|a, b| a.information.total_cmp(&b.information));
    Ok(VisibleActions {
        few_labels,
        ..best.expect("some were judged")
    })
}

/// What the labelled transitions' table from code to true action tells elsewhere.
fn table_with_few_labels(
    learnt: &Examples,
    scored: &Examples,
    codes: usize,
    classes: usize,
) -> f64 {
    let code_of = |around: &[usize; CODES]| around[CODES / 2];
    let mut counts = vec![vec![0_u32; classes]; codes];
    let labelled = learnt.codes.iter().zip(&learnt.truth).step_by(LABELLED);
    for (around, &truth) in labelled {
        counts[code_of(around)][usize::from(truth)] += 1;
    }
    let table: Vec<usize> = counts
        .iter()
        .map(|counts| {
            let most = (0..classes).max_by_key(|&class| (counts[class], Reverse(class)));
            most.unwrap_or(0)
        })
        .collect();
    let told = scored.codes.iter().map(|around| table[code_of(around)]);
    PairCounts::new(told.zip(scored.truth.iter().copied())).information()
}

/// Mean probabilities of some of the classifiers.
fn mean_of(probabilities: &[Vec<Vec<f32>>], views: &[usize]) -> Vec<Vec<f32>> {
    let mut mean = probabilities[views[0]].clone();
    for &view in &views[1..] {
        for (row, other) in mean.iter_mut().zip(&probabilities[view]) {
            row.iter_mut()
                .zip(other)
                .for_each(|(sum, value)| *sum += value);
        }
    }
    mean.iter_mut()
        .flatten()
        .for_each(|value| *value /= views.len() as f32);
    mean
}

fn judge(rows: &[Vec<f32>], truth: &[u8]) -> VisibleActions {
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
        .map(|(row, &truth)| -f64::from(row[usize::from(truth)].max(1e-6)).ln())
        .sum();
    let count = truth.len() as f64;
    let likelihood_gain = counts.second_entropy() - surprise / count;
    VisibleActions {
        information: counts.information().max(likelihood_gain),
        accuracy: right as f64 / count,
        decisions: counts.information(),
        likelihood_gain,
        few_labels: FewLabels::default(),
    }
}

/// Writes what a classifier sees of an example.
type Fill = fn(&Examples, usize, &mut [f32]);

/// What the classifiers see of transitions.
struct Examples {
    /// Pictures around the agent, frame after frame.
    pictures: Vec<Vec<u8>>,
    tracks: Vec<[f32; TRACK_VALUES]>,
    /// Codes of the transitions before, at and after.
    codes: Vec<[usize; CODES]>,
    /// Motion of every patch, as bytes.
    motion: Vec<Vec<u8>>,
    motion_inputs: usize,
    truth: Vec<u8>,
}

impl Examples {
    fn gather(labelled: Labelled<'_>, most: usize) -> Result<Self, DatasetError> {
        let Labelled {
            source,
            found,
            truth,
        } = labelled;
        let size = WorkingSize::new(source.frame_size(), WORKING_EDGE);
        let clips: Vec<usize> = (0..source.clip_count().min(found.len()))
            .filter(|&clip| {
                truth
                    .clip(clip)
                    .is_some_and(|truth| truth.len() == found[clip].len())
            })
            .collect();
        let total: usize = clips.iter().map(|&clip| found[clip].len()).sum();
        let stride = total.div_ceil(most.max(1)).max(1);
        let windows = windows(source, &clips, 2);
        let parts: Vec<Self> = windows
            .par_iter()
            .map(|window| {
                let frames = read_window(source, window, size)?;
                let mut part = Self::empty(size);
                let track = &found[window.clip];
                let actions = truth.clip(window.clip).unwrap_or_default();
                let last = window.end.min(track.len());
                for at in (window.start..last).step_by(stride) {
                    let place = track[at]
                        .position
                        .map(|part| part / size.factor as f32 - 0.5);
                    let mut picture = Vec::new();
                    for offset in FRAMES {
                        // At the ends of a clip the nearest frame stands in.
                        let frame = (at as isize + offset - window.read_start as isize)
                            .clamp(0, frames.len() as isize - 1);
                        picture.extend(crop(&frames[frame as usize], place, REACH));
                    }
                    part.pictures.push(picture);
                    part.tracks.push(describe_track(track, at, size));
                    part.codes.push([-1, 0, 1].map(|lag| {
                        at.checked_add_signed(lag)
                            .and_then(|at| track.get(at))
                            .map_or(track[at].code, |step| step.code)
                    }));
                    let local = at - window.read_start;
                    let pair: Vec<u8> = frames[local..local + 2]
                        .iter()
                        .flat_map(super::footage::Planes::interleaved)
                        .collect();
                    let features =
                        genie_model::motion_features(&pair, size.height, size.width, PATCH);
                    part.motion
                        .push(features.into_iter().map(to_byte).collect());
                    part.truth.push(actions[at]);
                }
                Ok(part)
            })
            .collect::<Result<_, DatasetError>>()?;
        let mut all = Self::empty(size);
        for part in parts {
            all.pictures.extend(part.pictures);
            all.tracks.extend(part.tracks);
            all.codes.extend(part.codes);
            all.motion.extend(part.motion);
            all.truth.extend(part.truth);
        }
        Ok(all)
    }

    fn empty(size: WorkingSize) -> Self {
        Self {
            pictures: Vec::new(),
            tracks: Vec::new(),
            codes: Vec::new(),
            motion: Vec::new(),
            motion_inputs: (size.height / PATCH)
                * (size.width / PATCH)
                * genie_model::MOTION_FEATURES,
            truth: Vec::new(),
        }
    }

    fn fill_anchored(&self, example: usize, out: &mut [f32]) {
        let picture = self.pictures[example]
            .iter()
            .map(|&value| f32::from(value) / 64.0 - 2.0);
        let values = picture.chain(self.tracks[example]);
        out.iter_mut()
            .zip(values)
            .for_each(|(slot, value)| *slot = value);
    }

    fn fill_track(&self, example: usize, out: &mut [f32]) {
        let (track, codes) = out.split_at_mut(TRACK_VALUES);
        track.copy_from_slice(&self.tracks[example]);
        codes.fill(0.0);
        let kinds = codes.len() / CODES;
        for (lag, &code) in self.codes[example].iter().enumerate() {
            codes[lag * kinds + code] = 1.0;
        }
    }

    fn fill_motion(&self, example: usize, out: &mut [f32]) {
        for (slot, &value) in out.iter_mut().zip(&self.motion[example]) {
            *slot = f32::from(value) / 16.0 - 8.0;
        }
    }
}

fn to_byte(value: f32) -> u8 {
    ((value + 8.0) * 16.0).clamp(0.0, 255.0) as u8
}

fn describe_track(track: &ClipActions, at: usize, size: WorkingSize) -> [f32; TRACK_VALUES] {
    let mut values = [0.0; TRACK_VALUES];
    let mut slots = values.iter_mut();
    let mut put = |value: f32| {
        if let Some(slot) = slots.next() {
            *slot = value;
        }
    };
    let factor = size.factor as f32;
    for lag in LAGS {
        let step = at.checked_add_signed(lag).and_then(|at| track.get(at));
        for axis in [0, 1] {
            let moved = step.map_or(0.0, |step| step.displacement[axis] / factor);
            put(moved.clamp(-6.0, 6.0) / 2.0);
            put(if moved.abs() > 0.4 {
                moved.signum()
            } else {
                0.0
            });
        }
        put(if step.is_some_and(|step| step.seen) {
            1.0
        } else {
            0.0
        });
        step.map_or([0.0; 2], |step| step.look.map(|part| LOOK_SCALE * part))
            .into_iter()
            .for_each(&mut put);
    }
    let edges = [size.width as f32, size.height as f32];
    let here = track[at].position;
    let next = track.get(at + 1).map_or(here, |next| next.position);
    for axis in [0, 1] {
        put(2.0 * here[axis] / factor / edges[axis] - 1.0);
        put(((next[axis] - here[axis]) / factor).clamp(-6.0, 6.0) / 2.0);
    }
    values
}
