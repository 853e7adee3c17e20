//! Estimates the motion of the player's figure, with the hero detector where the footage is the built-in gameplay's.

use rayon::prelude::*;

use super::motion::{Camera, Motion, hero_motion};
use crate::evaluate::{Footage, WorldParts};
use crate::gameplay::{FRAME_BYTES, FRAME_SIZE, hero_visible};

/// One in so many transitions is used to estimate the camera.
const CAMERA_EVERY: usize = 4;

/// Estimates the motion of the player's figure.
pub(super) enum MotionEstimator {
    /// By the hero detector of the built-in gameplay.
    HeroDetector,
    /// By block matching under a camera, on frames of so many bytes.
    Camera(Camera, usize),
}

impl MotionEstimator {
    /// For the camera of these segments of frames of `(height, width)` pixels.
    pub(super) fn for_camera_of<'f>(
        segments: impl Iterator<Item = &'f [u8]>,
        (height, width): (usize, usize),
    ) -> Self {
        let frame_bytes = height * width * 3;
        let frames: Vec<Vec<&[u8]>> = segments
            .map(|segment| segment.chunks_exact(frame_bytes).collect())
            .collect();
        // A part of the transitions is enough to estimate the camera.
        let pairs = frames
            .par_iter()
            .flat_map(|frames| frames.par_windows(2).step_by(CAMERA_EVERY));
        let camera = Camera::estimate(pairs.map(|pair| [pair[0], pair[1]]), height, width);
        Self::Camera(camera, frame_bytes)
    }

    /// The motion of every transition of a segment of frames.
    pub(super) fn motions(&self, segment: &[u8]) -> Vec<Motion> {
        let frame_bytes = match self {
            Self::HeroDetector => FRAME_BYTES,
            Self::Camera(_, frame_bytes) => *frame_bytes,
        };
        let frames: Vec<&[u8]> = segment.chunks_exact(frame_bytes).collect();
        frames
            .par_windows(2)
            .map(|pair| match self {
                Self::HeroDetector => hero_motion(pair[0], pair[1]),
                Self::Camera(camera, _) => camera.motion(pair[0], pair[1]),
            })
            .collect()
    }
}

/// Whether the built-in gameplay's hero is in most of the frames.
pub(super) fn shows_hero(parts: &WorldParts, footage: &Footage) -> bool {
    let config = parts.config();
    if (config.frame_height, config.frame_width) != (FRAME_SIZE, FRAME_SIZE) {
        return false;
    }
    let frames = footage
        .segments
        .iter()
        .filter_map(|segment| segment.bytes.get(..parts.frame_bytes()));
    let (mut seen, mut all) = (0, 0);
    for frame in frames {
        all += 1;
        seen += usize::from(hero_visible(frame));
    }
    seen * 2 > all
}
