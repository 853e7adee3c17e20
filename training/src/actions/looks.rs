//! Which way the anchor tries to go, by what it looks like: read from its picture, learnt where it did go.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::AgentSettings;
use super::footage::{FrameSource, Planes, WorkingSize, read_window, windows};
use super::network::{Network, TrainingPlan};
use super::tracking::TrackedFrame;
use crate::dataset::{CHANNELS, DatasetError};

/// Frames after which the other half of the footage may begin.
const BLOCK: usize = 250;
/// Fewest transitions with motion that a reader is learnt from.
const FEWEST: usize = 64;

/// Pictures around the anchor, one for each frame, [3, E, E] as bytes each.
pub(crate) type Crops = Vec<Vec<u8>>;

/// Cuts out what is around the anchor in every frame of the given clips.
pub(crate) fn crops(
    source: &dyn FrameSource,
    clips: &[usize],
    tracks: &[Vec<TrackedFrame>],
    size: WorkingSize,
    reach: usize,
) -> Result<Vec<Crops>, DatasetError> {
    let mut track_of = vec![&[][..]; source.clip_count()];
    for (&clip, track) in clips.iter().zip(tracks) {
        track_of[clip] = track;
    }
    let windows = windows(source, clips, 0);
    let parts: Vec<Crops> = windows
        .par_iter()
        .map(|window| {
            let frames = read_window(source, window, size)?;
            Ok(frames
                .iter()
                .zip(&track_of[window.clip][window.start..window.end])
                .map(|(frame, tracked)| crop(frame, tracked.place, reach))
                .collect())
        })
        .collect::<Result<_, DatasetError>>()?;
    let mut found: Vec<Crops> = vec![Vec::new(); source.clip_count()];
    for (window, part) in windows.iter().zip(parts) {
        found[window.clip].extend(part);
    }
    Ok(clips
        .iter()
        .map(|&clip| std::mem::take(&mut found[clip]))
        .collect())
}

/// The picture around a place; beyond the edge its last pixels go on.
pub(crate) fn crop(frame: &Planes, place: [f32; 2], reach: usize) -> Vec<u8> {
    let edge = 2 * reach;
    let mut out = Vec::with_capacity(CHANNELS * edge * edge);
    let start = place.map(|part| part.round() as i64 - reach as i64);
    let within = |value: i64, size: usize| value.clamp(0, size as i64 - 1) as usize;
    for channel in 0..CHANNELS {
        let plane = frame.plane(channel);
        for y in 0..edge as i64 {
            let row = within(start[1] + y, frame.height) * frame.width;
            out.extend((0..edge as i64).map(|x| plane[row + within(start[0] + x, frame.width)]));
        }
    }
    out
}

/// Reads directions from pictures: two networks, each learnt from one half of the footage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LookReader {
    /// Half the edge of its pictures in working pixels.
    pub(crate) reach: usize,
    networks: Vec<Network>,
    /// Direction [x, y] of each class.
    directions: Vec<[f32; 2]>,
    /// Mean of what is read, which carries no information and is subtracted.
    mean: [f32; 2],
    /// Information of looks about direction, and the entropy of direction, in nats.
    pub(crate) told: [f32; 2],
}

/// A transition, by the clip's number among those given and its earlier frame.
type Place = (usize, usize);

impl LookReader {
    /// One that says nothing.
    fn silent(reach: usize) -> Self {
        Self {
            reach,
            networks: Vec::new(),
            directions: Vec::new(),
            mean: [0.0; 2],
            told: [0.0; 2],
        }
    }

    /// Learns from the transitions that show motion; also what it reads in every transition of the same footage, each half read by the
    /// network that was learnt from the other.
    pub(crate) fn fit(
        tracks: &[Vec<TrackedFrame>],
        crops: &[Crops],
        reach: usize,
        settings: &AgentSettings,
        seed: u64,
    ) -> (Self, Vec<Vec<[f32; 2]>>) {
        let mut halves: [Vec<Place>; 2] = [Vec::new(), Vec::new()];
        let mut half_of = Vec::with_capacity(tracks.len());
        let mut block = 0;
        for (clip, track) in tracks.iter().enumerate() {
            let transitions = track.len().saturating_sub(1);
            let halves_here: Vec<usize> = (0..transitions)
                .map(|frame| (block + frame / BLOCK) % 2)
                .collect();
            for (frame, &half) in halves_here.iter().enumerate() {
                halves[half].push((clip, frame));
            }
            half_of.push(halves_here);
            block += track.len().div_ceil(BLOCK).max(1);
        }
        let way = |&(clip, frame): &Place| direction(tracks[clip][frame].motion, settings);
        let moving: [Vec<Place>; 2] = [0, 1].map(|half: usize| {
            halves[half]
                .iter()
                .copied()
                .filter(|place| way(place) != [0, 0])
                .collect()
        });
        let nothing = || {
            half_of
                .iter()
                .map(|halves| vec![[0.0; 2]; halves.len()])
                .collect()
        };
        if moving.iter().any(|half| half.len() < FEWEST) {
            return (Self::silent(reach), nothing());
        }
        let mut directions: Vec<[i8; 2]> = moving.iter().flatten().map(&way).collect();
        directions.sort_unstable();
        directions.dedup();
        let class = |place: &Place| directions.binary_search(&way(place)).unwrap_or(0);
        let fill =
            |&(clip, frame): &Place, out: &mut [f32]| to_inputs(&crops[clip][frame + 1], out);
        let networks: Vec<Network> = moving
            .par_iter()
            .enumerate()
            .map(|(half, places)| {
                let inputs = CHANNELS * 4 * reach * reach;
                let seed = seed * 2 + half as u64;
                let mut network =
                    Network::new(&[inputs, settings.look_width, directions.len()], seed);
                let plan = TrainingPlan {
                    steps: settings.look_steps,
                    batch: 128,
                    learning_rate: 2e-3,
                    weight_decay: 0.1,
                    dropout: 0.2,
                    noise: 0.1,
                    seed,
                };
                network.train(
                    places.len(),
                    &|example, out| fill(&places[example], out),
                    &|example| class(&places[example]),
                    &plan,
                );
                network
            })
            .collect();
        let read: Vec<Vec<Vec<f32>>> = halves
            .par_iter()
            .enumerate()
            .map(|(half, places)| {
                networks[1 - half]
                    .probabilities_of(places.len(), &|example, out| fill(&places[example], out))
            })
            .collect();
        let mut reader = Self {
            reach,
            networks,
            directions: directions.iter().map(|way| way.map(f32::from)).collect(),
            mean: [0.0; 2],
            told: [0.0; 2],
        };
        // Put back in the order of frames.
        let mut next = [0, 0];
        let mut expected: Vec<Vec<[f32; 2]>> = half_of
            .iter()
            .map(|halves| {
                halves
                    .iter()
                    .map(|&half| {
                        next[half] += 1;
                        reader.expected(&read[half][next[half] - 1])
                    })
                    .collect()
            })
            .collect();
        let count = expected.iter().map(Vec::len).sum::<usize>() as f32;
        for axis in [0, 1] {
            reader.mean[axis] = expected.iter().flatten().map(|way| way[axis]).sum::<f32>() / count;
        }
        for way in expected.iter_mut().flatten() {
            *way = [way[0] - reader.mean[0], way[1] - reader.mean[1]];
        }
        reader.told = told(&halves, &read, directions.len(), &|place| {
            (way(place) != [0, 0]).then(|| class(place))
        });
        (reader, expected)
    }

    /// What does not fit together in one that comes from a file.
    pub(crate) fn problem(&self, settings: &AgentSettings) -> Option<String> {
        if !(settings.look_reach[0]..=settings.look_reach[1]).contains(&self.reach) {
            return Some("expected a picture of the anchor within the settings".to_owned());
        }
        let inputs = CHANNELS * 4 * self.reach * self.reach;
        let fits = |network: &Network| {
            network.is_sound()
                && network.inputs() == inputs
                && network.classes() == self.directions.len()
        };
        (!self.networks.iter().all(fits)).then(|| {
            format!(
                "expected networks from {inputs} values to {} directions",
                self.directions.len()
            )
        })
    }

    /// What is read in every transition of a clip, by its pictures.
    pub(crate) fn read(&self, crops: &Crops) -> Vec<[f32; 2]> {
        let transitions = crops.len().saturating_sub(1);
        let mut sums = vec![[0.0; 2]; transitions];
        for network in &self.networks {
            let rows = network
                .probabilities_of(transitions, &|frame, out| to_inputs(&crops[frame + 1], out));
            for (sum, row) in sums.iter_mut().zip(&rows) {
                let way = self.expected(row);
                for axis in [0, 1] {
                    sum[axis] += (way[axis] - self.mean[axis]) / self.networks.len() as f32;
                }
            }
        }
        sums
    }

    fn expected(&self, probabilities: &[f32]) -> [f32; 2] {
        [0, 1].map(|axis| {
            probabilities
                .iter()
                .zip(&self.directions)
                .map(|(probability, way)| probability * way[axis])
                .sum()
        })
    }
}

/// Information that looks give about direction where there was motion, in nats, and the entropy of direction.
fn told(
    halves: &[Vec<Place>; 2],
    read: &[Vec<Vec<f32>>],
    classes: usize,
    class: &dyn Fn(&Place) -> Option<usize>,
) -> [f32; 2] {
    let (mut surprise, mut counts) = (0.0_f32, vec![0.0_f32; classes]);
    for (places, rows) in halves.iter().zip(read) {
        for (place, row) in places.iter().zip(rows) {
            if let Some(class) = class(place) {
                surprise -= row[class].max(1e-4).ln();
                counts[class] += 1.0;
            }
        }
    }
    let total: f32 = counts.iter().sum();
    let entropy: f32 = counts
        .iter()
        .filter(|&&count| count > 0.0)
        .map(|count| -count / total * (count / total).ln())
        .sum();
    [entropy - surprise / total, entropy]
}

/// Signs of a displacement.
fn direction(motion: [f32; 2], settings: &AgentSettings) -> [i8; 2] {
    motion.map(|part| {
        if part.abs() > settings.least_motion {
            part.signum() as i8
        } else {
            0
        }
    })
}

/// A picture of the anchor as a network sees it.
pub(crate) fn to_inputs(crop: &[u8], out: &mut [f32]) {
    for (slot, &value) in out.iter_mut().zip(crop) {
        *slot = f32::from(value) / 64.0 - 2.0;
    }
}
