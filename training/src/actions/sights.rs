//! What classifiers of true actions see of transitions.

use rayon::prelude::*;

use super::agent::ClipActions;
use super::footage::{FrameSource, Planes, Window, WorkingSize, read_window, windows};
use super::looks::crop;
use crate::dataset::{CHANNELS, DatasetError};

/// A transition: its clip, and the earlier of its two frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransitionPlace {
    /// Number of the clip.
    pub clip: usize,
    /// The earlier frame.
    pub frame: usize,
}

/// A way to look at a transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The surroundings of the found agent over four frames, and its track.
    Surroundings,
    /// The agent's track and its codes alone.
    TrackAndCodes,
    /// The motion of every patch of the picture, whatever was found.
    Motion,
}

/// Frames around a transition that are looked at: one before, the transition's two, one after.
const FRAMES: [isize; 4] = [-1, 0, 1, 2];
/// Half the edge of the picture around the agent, in working pixels.
const REACH: usize = 8;
/// Transitions around this one whose displacement is looked at.
const LAGS: [isize; 7] = [-3, -2, -1, 0, 1, 2, 3];
/// Values that describe the track around a transition.
const TRACK_VALUES: usize = LAGS.len() * 7 + 4;
/// Values of a picture around the agent over all frames.
const PICTURE_VALUES: usize = FRAMES.len() * CHANNELS * 4 * REACH * REACH;
/// Transitions whose codes are looked at.
const CODES: usize = 3;
/// How much the direction that looks tell is enlarged: it is small where looks tell little.
const LOOK_SCALE: f32 = 3.0;
/// Working edge of a frame, and edge of a patch, in pixels.
const WORKING_EDGE: usize = 64;
const PATCH: usize = 8;

/// What there is to see of some transitions.
pub(super) struct Sights {
    /// Pictures around the agent, frame after frame.
    pictures: Vec<Vec<u8>>,
    tracks: Vec<[f32; TRACK_VALUES]>,
    /// Codes of the transitions before, at and after.
    codes: Vec<[usize; CODES]>,
    /// Motion of every patch, as bytes.
    motion: Vec<Vec<u8>>,
    motion_values: usize,
}

impl Sights {
    /// What there is to see at some places, in ascending order, of footage in which an agent was found.
    pub(super) fn gather(
        source: &dyn FrameSource,
        found: &[ClipActions],
        places: &[TransitionPlace],
    ) -> Result<Self, DatasetError> {
        let size = WorkingSize::new(source.frame_size(), WORKING_EDGE);
        let mut clips: Vec<usize> = places.iter().map(|place| place.clip).collect();
        clips.dedup();
        let parts: Vec<Self> = windows(source, &clips, 2)
            .par_iter()
            .map(|window| {
                let within = |place: &&TransitionPlace| {
                    place.clip == window.clip && (window.start..window.end).contains(&place.frame)
                };
                let places: Vec<TransitionPlace> = places.iter().filter(within).copied().collect();
                if places.is_empty() {
                    return Ok(Self::empty(size));
                }
                let frames = read_window(source, window, size)?;
                let mut part = Self::empty(size);
                for place in places {
                    part.look(&frames, window, &found[window.clip], place.frame, size);
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
        }
        Ok(all)
    }

    fn empty(size: WorkingSize) -> Self {
        Self {
            pictures: Vec::new(),
            tracks: Vec::new(),
            codes: Vec::new(),
            motion: Vec::new(),
            motion_values: (size.height / PATCH)
                * (size.width / PATCH)
                * genie_model::MOTION_FEATURES,
        }
    }

    /// Adds the transition from a frame on.
    fn look(
        &mut self,
        frames: &[Planes],
        window: &Window,
        track: &ClipActions,
        at: usize,
        size: WorkingSize,
    ) {
        let place = track[at]
            .position
            .map(|part| part / size.factor as f32 - 0.5);
        let mut picture = Vec::with_capacity(PICTURE_VALUES);
        for offset in FRAMES {
            // At the ends of a clip the nearest frame stands in.
            let frame = (at as isize + offset - window.read_start as isize)
                .clamp(0, frames.len() as isize - 1);
            picture.extend(crop(&frames[frame as usize], place, REACH));
        }
        self.pictures.push(picture);
        self.tracks.push(describe_track(track, at, size));
        self.codes.push([-1, 0, 1].map(|lag| {
            at.checked_add_signed(lag)
                .and_then(|at| track.get(at))
                .map_or(track[at].code, |step| step.code)
        }));
        let local = at - window.read_start;
        let pair: Vec<u8> = frames[local..local + 2]
            .iter()
            .flat_map(Planes::interleaved)
            .collect();
        let features = genie_model::motion_features(&pair, size.height, size.width, PATCH);
        self.motion
            .push(features.into_iter().map(to_byte).collect());
    }

    /// Number of transitions.
    pub(super) fn len(&self) -> usize {
        self.tracks.len()
    }

    /// One more than the largest code.
    pub(super) fn codes(&self) -> usize {
        1 + self.codes.iter().flatten().copied().max().unwrap_or(0)
    }

    /// The agent's code of each transition.
    pub(super) fn own_codes(&self) -> impl Iterator<Item = usize> + '_ {
        self.codes.iter().map(|around| around[CODES / 2])
    }

    /// Number of values of a view, where there are so many codes.
    pub(super) fn values(&self, view: View, codes: usize) -> usize {
        match view {
            View::Surroundings => PICTURE_VALUES + TRACK_VALUES,
            View::TrackAndCodes => TRACK_VALUES + codes * CODES,
            View::Motion => self.motion_values,
        }
    }

    /// Writes what a view shows of a transition.
    pub(super) fn fill(&self, view: View, transition: usize, out: &mut [f32]) {
        match view {
            View::Surroundings => {
                let picture = self.pictures[transition]
                    .iter()
                    .map(|&value| f32::from(value) / 64.0 - 2.0);
                let values = picture.chain(self.tracks[transition]);
                out.iter_mut()
                    .zip(values)
                    .for_each(|(slot, value)| *slot = value);
            }
            View::TrackAndCodes => {
                let (track, codes) = out.split_at_mut(TRACK_VALUES);
                track.copy_from_slice(&self.tracks[transition]);
                codes.fill(0.0);
                let kinds = codes.len() / CODES;
                for (lag, &code) in self.codes[transition].iter().enumerate() {
                    if code < kinds {
                        codes[lag * kinds + code] = 1.0;
                    }
                }
            }
            View::Motion => {
                for (slot, &value) in out.iter_mut().zip(&self.motion[transition]) {
                    *slot = f32::from(value) / 16.0 - 8.0;
                }
            }
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
