//! What classifiers of true actions see of transitions through a player that was found.

use super::footage::{FrameSource, Planes, Window, WorkingSize};
use super::frame_sights::{FRAMES, WORKING_EDGE};
use super::looks::crop;
use super::places::{TransitionPlace, by_window};
use super::transition::ClipActions;
use crate::dataset::{CHANNELS, DatasetError};

/// Half the edge of the picture around the agent, in working pixels.
const REACH: usize = 8;
/// Half the edge of the picture close around it.
const CLOSE: usize = 5;
/// Transitions around this one whose displacement is looked at.
const LAGS: [isize; 7] = [-3, -2, -1, 0, 1, 2, 3];
/// Values that describe the track around a transition.
const TRACK_VALUES: usize = LAGS.len() * 7 + 4;
/// Values of a picture around the agent over all frames.
const PICTURE_VALUES: usize = FRAMES.len() * CHANNELS * 4 * REACH * REACH;
/// Transitions whose codes are looked at.
const CODES: usize = 3;
/// Factor on the direction read from looks, which is small where looks carry little information.
const LOOK_SCALE: f32 = 3.0;

/// What there is to see of some transitions around a player that was found.
#[derive(Default)]
pub(super) struct AgentSights {
    /// Pictures around the agent, frame after frame.
    pictures: Vec<Vec<u8>>,
    tracks: Vec<[f32; TRACK_VALUES]>,
    /// Codes of the transitions before, at and after.
    codes: Vec<[usize; CODES]>,
}

impl AgentSights {
    /// What there is to see at some places, in ascending order, of footage in which an agent was found.
    pub(super) fn gather(
        source: &dyn FrameSource,
        found: &[ClipActions],
        places: &[TransitionPlace],
    ) -> Result<Self, DatasetError> {
        let size = WorkingSize::new(source.frame_size(), WORKING_EDGE);
        let parts = by_window(source, places, size, |frames, window, here| {
            let mut part = Self::default();
            for place in here {
                part.look(frames, window, &found[window.clip], place.frame, size);
            }
            part
        })?;
        let mut all = Self::default();
        for part in parts {
            all.pictures.extend(part.pictures);
            all.tracks.extend(part.tracks);
            all.codes.extend(part.codes);
        }
        Ok(all)
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

    /// Number of values of a transition's surroundings.
    pub(super) const fn surroundings_values() -> usize {
        PICTURE_VALUES + TRACK_VALUES
    }

    /// Writes the surroundings of the agent over four frames, and its track.
    pub(super) fn fill_surroundings(&self, transition: usize, out: &mut [f32]) {
        let picture = self.pictures[transition]
            .iter()
            .map(|&value| f32::from(value) / 64.0 - 2.0);
        let values = picture.chain(self.tracks[transition]);
        out.iter_mut()
            .zip(values)
            .for_each(|(slot, value)| *slot = value);
    }

    /// Number of values of the picture close around the agent before and after a transition.
    pub(super) const fn close_values() -> usize {
        2 * CHANNELS * 4 * CLOSE * CLOSE
    }

    /// Writes the picture close around the agent, before and after the transition.
    pub(super) fn fill_close(&self, transition: usize, out: &mut [f32]) {
        let edge = 2 * REACH;
        let picture = &self.pictures[transition];
        let mut slots = out.iter_mut();
        for frame in 1..3 {
            for channel in 0..CHANNELS {
                for row in REACH - CLOSE..REACH + CLOSE {
                    let start = ((frame * CHANNELS + channel) * edge + row) * edge;
                    let values = &picture[start + REACH - CLOSE..start + REACH + CLOSE];
                    for (&value, slot) in values.iter().zip(&mut slots) {
                        *slot = f32::from(value) / 64.0 - 2.0;
                    }
                }
            }
        }
    }

    /// Number of values of a transition's track.
    pub(super) const fn track_width() -> usize {
        TRACK_VALUES
    }

    /// The track around a transition.
    pub(super) fn track(&self, transition: usize) -> &[f32; TRACK_VALUES] {
        &self.tracks[transition]
    }

    /// Number of values of a transition's track and codes, where there are so many codes.
    pub(super) const fn track_values(codes: usize) -> usize {
        TRACK_VALUES + codes * CODES
    }

    /// Writes the agent's track and its codes alone.
    pub(super) fn fill_track(&self, transition: usize, out: &mut [f32]) {
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
