//! Estimates the motion of the player's figure, with the hero detector where the footage is the built-in gameplay's.

use rayon::prelude::*;

use super::motion::{Camera, Motion, hero_motion};
use super::reference::{Reference, motions, references};
use crate::actions::{AgentError, AnchoredAgent, ClipActions, ClipsInMemory};
use crate::evaluate::{Footage, WorldParts};
use crate::gameplay::{FRAME_BYTES, GameplayRules, hero_visible};

/// One in so many transitions is used to estimate the camera.
const CAMERA_EVERY: usize = 4;

/// Estimates the motion of the player's figure.
pub(super) enum MotionEstimator {
    /// By the hero detector of the built-in gameplay.
    HeroDetector,
    /// By block matching under a camera, on frames of so many bytes.
    Camera(Camera, usize),
    /// By the player that was found in the world's footage.
    Player(FollowedPlayer),
}

/// A player that was found, and how its motion counts.
pub(super) struct FollowedPlayer {
    agent: Box<AnchoredAgent>,
    /// `(height, width)` in pixels.
    frame_size: (usize, usize),
    /// Sideways, and up or down.
    references: [Reference; 2],
}

impl FollowedPlayer {
    fn follow(&self, segments: &[&[u8]]) -> Result<Vec<ClipActions>, AgentError> {
        self.agent.apply(&ClipsInMemory {
            frame_size: self.frame_size,
            clips: segments.iter().map(|segment| segment.to_vec()).collect(),
        })
    }

    fn motions(&self, clips: &[ClipActions]) -> Vec<Vec<Motion>> {
        (clips.iter())
            .map(|clip| motions(self.references, clip))
            .collect()
    }
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

    /// For a player that was found, in these segments of frames of `(height, width)` pixels, with the motion of their transitions.
    ///
    /// # Errors
    /// Segments in which it cannot be followed.
    pub(super) fn for_player(
        agent: Box<AnchoredAgent>,
        frame_size: (usize, usize),
        segments: &[&[u8]],
    ) -> Result<(Self, Vec<Vec<Motion>>), AgentError> {
        let mut player = FollowedPlayer {
            agent,
            frame_size,
            references: [Reference::Scene; 2],
        };
        let clips = player.follow(segments)?;
        player.references = references(&player.agent, &clips);
        let motions = player.motions(&clips);
        Ok((Self::Player(player), motions))
    }

    /// The motion of every transition of some segments of frames.
    ///
    /// # Errors
    /// Segments in which the player cannot be followed.
    pub(super) fn motions(&self, segments: &[&[u8]]) -> Result<Vec<Vec<Motion>>, AgentError> {
        let pairs = |frame_bytes: usize, motion: &(dyn Fn(&[u8], &[u8]) -> Motion + Sync)| {
            (segments.iter())
                .map(|segment| {
                    let frames: Vec<&[u8]> = segment.chunks_exact(frame_bytes).collect();
                    frames
                        .par_windows(2)
                        .map(|pair| motion(pair[0], pair[1]))
                        .collect()
                })
                .collect()
        };
        match self {
            Self::HeroDetector => Ok(pairs(FRAME_BYTES, &hero_motion)),
            Self::Camera(camera, frame_bytes) => Ok(pairs(*frame_bytes, &|before, after| {
                camera.motion(before, after)
            })),
            Self::Player(player) => Ok(player.motions(&player.follow(segments)?)),
        }
    }

    /// Frames before a transition that it needs to see.
    pub(super) fn frames_before(&self) -> usize {
        match self {
            Self::HeroDetector | Self::Camera(..) => 0,
            Self::Player(player) => player.agent.frames_before(),
        }
    }
}

/// Whether the built-in gameplay's hero is in most of the frames.
pub(super) fn shows_hero(parts: &WorldParts, footage: &Footage) -> bool {
    // Its rule knows the hero's column.
    if footage.built_in != Some(GameplayRules::ALIGNED) {
        return false;
    }
    let frames = footage
        .segments
        .iter()
        .filter_map(|segment| segment.bytes.get(..parts.frame_bytes()));
    let (mut seen, mut all) = (0, 0);
    for frame in frames {
        all += 1;
        seen += usize::from(hero_visible(frame, GameplayRules::ALIGNED.camera));
    }
    seen * 2 > all
}
