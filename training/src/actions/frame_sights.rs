//! What classifiers of true actions see of transitions in the frames alone, whoever is in them.

use super::footage::{FrameSource, Planes, Window, WorkingSize};
use super::picture_network::PictureShape;
use super::places::{TransitionPlace, by_window};
use crate::dataset::DatasetError;

/// Frames around a transition that are looked at: one before, the transition's two, one after.
pub(super) const FRAMES: [isize; 4] = [-1, 0, 1, 2];
/// Working edge of a frame in pixels.
pub(super) const WORKING_EDGE: usize = 64;
/// Edge of a patch whose motion is looked at, in pixels.
const PATCH: usize = 8;

/// What there is to see of some transitions in the whole picture.
pub(super) struct FrameSights {
    size: WorkingSize,
    /// Brightness of the frames that are needed, one after another.
    frames: Vec<u8>,
    /// The frames around each transition, by their number among these.
    around: Vec<[usize; FRAMES.len()]>,
    /// Motion of every patch, as bytes.
    motion: Vec<Vec<u8>>,
}

impl FrameSights {
    /// What there is to see at some places, in ascending order, of footage.
    pub(super) fn gather(
        source: &dyn FrameSource,
        places: &[TransitionPlace],
    ) -> Result<Self, DatasetError> {
        let size = WorkingSize::new(source.frame_size(), WORKING_EDGE);
        let parts = by_window(source, places, size, |frames, window, here| {
            Self::of_window(frames, window, here, size)
        })?;
        let mut all = Self::empty(size);
        for part in parts {
            let before = all.frames.len() / size.pixels();
            all.frames.extend(part.frames);
            let around = part.around.into_iter();
            all.around
                .extend(around.map(|frames| frames.map(|frame| before + frame)));
            all.motion.extend(part.motion);
        }
        Ok(all)
    }

    fn empty(size: WorkingSize) -> Self {
        Self {
            size,
            frames: Vec::new(),
            around: Vec::new(),
            motion: Vec::new(),
        }
    }

    /// The transitions from some frames of a window on.
    fn of_window(
        frames: &[Planes],
        window: &Window,
        here: &[TransitionPlace],
        size: WorkingSize,
    ) -> Self {
        let mut part = Self::empty(size);
        let mut numbers: Vec<Option<usize>> = vec![None; frames.len()];
        for place in here {
            let local = place.frame - window.read_start;
            let around = FRAMES.map(|offset| {
                // At the ends of a clip the nearest frame stands in.
                let frame = local.saturating_add_signed(offset).min(frames.len() - 1);
                *numbers[frame].get_or_insert_with(|| {
                    part.frames.extend(frames[frame].grey());
                    part.frames.len() / size.pixels() - 1
                })
            });
            part.around.push(around);
            let motion = part.patch_motion(&frames[local..local + 2]);
            part.motion.push(motion);
        }
        part
    }

    /// Motion of every patch between two frames.
    fn patch_motion(&self, pair: &[Planes]) -> Vec<u8> {
        let pair: Vec<u8> = pair.iter().flat_map(Planes::interleaved).collect();
        let (height, width) = (self.size.height, self.size.width);
        let features = genie_model::motion_features(&pair, height, width, PATCH);
        features.into_iter().map(to_byte).collect()
    }

    /// Shape of the whole picture's values.
    pub(super) fn picture_shape(&self) -> PictureShape {
        PictureShape {
            height: self.size.height,
            width: self.size.width,
            channels: FRAMES.len(),
        }
    }

    /// Writes the brightness of every pixel before the transition, its change in the transition, in the one before and in the one after.
    pub(super) fn fill_picture(&self, transition: usize, out: &mut [f32]) {
        let [before, here, next, after] = self.around[transition]
            .map(|frame| &self.frames[frame * self.size.pixels()..][..self.size.pixels()]);
        for (pixel, out) in out.chunks_exact_mut(FRAMES.len()).enumerate() {
            let change =
                |from: &[u8], to: &[u8]| (f32::from(to[pixel]) - f32::from(from[pixel])) / 16.0;
            out[0] = f32::from(here[pixel]) / 64.0 - 2.0;
            out[1] = change(here, next);
            out[2] = change(before, here);
            out[3] = change(next, after);
        }
    }

    /// Number of values of the motion of every patch.
    pub(super) fn motion_values(&self) -> usize {
        let (rows, columns) = genie_model::patch_grid(self.size.height, self.size.width, PATCH);
        rows * columns * genie_model::MOTION_FEATURES
    }

    /// Writes the motion of every patch.
    pub(super) fn fill_motion(&self, transition: usize, out: &mut [f32]) {
        for (slot, &value) in out.iter_mut().zip(&self.motion[transition]) {
            *slot = f32::from(value) / 16.0 - 8.0;
        }
    }
}

fn to_byte(value: f32) -> u8 {
    ((value + 8.0) * 16.0).clamp(0.0, 255.0) as u8
}
