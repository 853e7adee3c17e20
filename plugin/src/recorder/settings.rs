//! What is recorded, and how.

use std::path::PathBuf;

use bevy::camera::RenderTarget;
use bevy::prelude::*;
use genie_model::Fit;

use crate::reflect::GenieFitReflect;

/// What is recorded, and how. By default the primary window goes into the folder `recordings`.
#[derive(Reflect, Clone, Debug)]
#[reflect(Debug, Default, Clone)]
pub struct GenieRecorderSettings {
    /// The folder of the clips; made when the first one is written. Clips that are there already stay.
    pub folder: PathBuf,
    /// Where pictures come from.
    pub source: GenieRecordingSource,
    /// Width and height of the recorded frames in pixels.
    pub size: UVec2,
    /// How pictures of another shape are fitted.
    #[reflect(remote = GenieFitReflect)]
    pub fit: Fit,
    /// Frames per second of the game's `Time`. Paused time is not recorded.
    pub rate: u32,
    /// Longer clips are split, in frames.
    pub longest_clip: u32,
    /// Shorter clips are thrown away, in frames: too short to learn from.
    pub shortest_clip: u32,
    /// Whether the keys of the keyboard that are held are written beside the frames, as `actions.csv` in each clip. A game that
    /// is played otherwise sets this to false and says what is held by [`GenieRecorder::hold`](super::GenieRecorder::hold), or
    /// leaves it: no world needs it to be trained.
    pub keys: bool,
}

impl Default for GenieRecorderSettings {
    fn default() -> Self {
        Self::new("recordings")
    }
}

impl GenieRecorderSettings {
    /// The primary window, ten 64x64 frames a second, clips of 16 to 600 frames.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            source: GenieRecordingSource::default(),
            size: UVec2::splat(64),
            fit: Fit::Crop,
            rate: 10,
            longest_clip: 600,
            shortest_clip: 16,
            keys: true,
        }
    }
}

/// Where recorded pictures come from.
#[derive(Reflect, Clone, Debug, Default)]
#[reflect(Debug, Default, Clone)]
pub enum GenieRecordingSource {
    /// All that is drawn in the primary window, user interface included.
    #[default]
    PrimaryWindow,
    /// A window or an image that a camera draws to.
    Target(RenderTarget),
    /// What this camera's target shows; nothing while there is no such camera.
    Camera(Entity),
    /// Nothing by itself: the game calls [`GenieRecorder::push`](super::GenieRecorder::push), for pictures that it has anyway.
    Pushed,
}
