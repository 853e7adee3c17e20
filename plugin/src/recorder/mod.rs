//! Recording a running game into footage that `genie` trains on: play your own game, train, dream it.
//!
//! Add [`GameplayRecorderPlugin`] to the game and play. A folder of clips grows, each a folder of small PNG pictures, no
//! key or action noted anywhere. Then, with the command of the training crate:
//!
//! ```text
//! genie import --video recordings --out data/mine --size 64x64
//! genie train --config training/configs/platformer.toml --data data/mine --run runs/mine
//! ```
//!
//! ```no_run
//! use bevy::prelude::*;
//! use bevy_genie::recorder::{GameplayRecorder, GameplayRecorderPlugin};
//!
//! fn level_restarts(mut recorder: ResMut<GameplayRecorder>) {
//!     // What comes next does not follow from what was before: never train across an episode's end.
//!     recorder.cut();
//! }
//!
//! # let mut app = App::new();
//! app.add_plugins(GameplayRecorderPlugin::new("recordings"));
//! ```
//!
//! # What it costs
//! A picture is copied on the graphics card, read back asynchronously, and scaled and written by a thread of its own; the
//! main thread only passes it on. When disk or card cannot keep up, pictures are left out, and the clip is parted there,
//! so that no clip has a gap. Clips appear under their name when they are whole.
//!
//! Needs the feature `recorder`.

mod capture;
mod writer;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bevy::camera::RenderTarget;
use bevy::prelude::*;

use crate::{Fit, FitReflect, Frame};
use capture::{Shot, take_over, take_pictures};
use writer::{Job, Picture, Writer};

/// Pictures that are asked for and not yet back.
const MOST_WAITING: usize = 8;
/// A picture that has not come back by then never will.
const PATIENCE: Duration = Duration::from_secs(10);

/// Records the game while it runs. See the [module](self).
#[derive(Clone, Debug, Default)]
pub struct GameplayRecorderPlugin {
    /// The settings of the [`GameplayRecorder`].
    pub settings: RecorderSettings,
    /// Whether to record from the start; else the game calls [`GameplayRecorder::start`].
    pub start: bool,
}

impl GameplayRecorderPlugin {
    /// Records the primary window from the start, ten 64x64 frames a second, into a folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            settings: RecorderSettings::new(folder),
            start: true,
        }
    }
}

/// What is recorded, and how. By default the primary window goes into the folder `recordings`.
#[derive(Reflect, Clone, Debug)]
#[reflect(Debug, Default, Clone)]
pub struct RecorderSettings {
    /// The folder of the clips; made when the first one is written. Clips that are there already stay.
    pub folder: PathBuf,
    /// Where pictures come from.
    pub source: RecordingSource,
    /// Width and height of the recorded frames in pixels.
    pub size: UVec2,
    /// How pictures of another shape are fitted.
    #[reflect(remote = FitReflect)]
    pub fit: Fit,
    /// Frames per second of the game's `Time`. Paused time is not recorded.
    pub rate: u32,
    /// Longer clips are parted, in frames.
    pub longest_clip: u32,
    /// Shorter clips are thrown away, in frames: too short to learn from.
    pub shortest_clip: u32,
}

impl Default for RecorderSettings {
    fn default() -> Self {
        Self::new("recordings")
    }
}

impl RecorderSettings {
    /// The primary window, ten 64x64 frames a second, clips of 16 to 600 frames.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            source: RecordingSource::default(),
            size: UVec2::splat(64),
            fit: Fit::Crop,
            rate: 10,
            longest_clip: 600,
            shortest_clip: 16,
        }
    }
}

/// Where recorded pictures come from.
#[derive(Reflect, Clone, Debug, Default)]
#[reflect(Debug, Default, Clone)]
pub enum RecordingSource {
    /// All that is drawn in the primary window, user interface included.
    #[default]
    PrimaryWindow,
    /// A window or an image that a camera draws to.
    Target(RenderTarget),
    /// What this camera's target shows; nothing while there is no such camera.
    Camera(Entity),
    /// Nothing by itself: the game calls [`GameplayRecorder::push`], for pictures that it has anyway.
    Pushed,
}

/// The recorder of a running game.
#[derive(Resource)]
pub struct GameplayRecorder {
    settings: RecorderSettings,
    recording: bool,
    writer: Writer,
    /// Number of the clip at hand, in this run.
    clip: u64,
    /// Pictures of the clip at hand that were due so far.
    due: u32,
    /// Game time since the last picture.
    debt: Duration,
    waiting: Vec<Shot>,
    /// Clips that are over, with their length, but not yet reported to the writer.
    over: Vec<(u64, u32)>,
    left_out: u64,
}

/// What a recorder has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecorderStatus {
    /// Frames in clips that are written and whole.
    pub frames: u64,
    /// Clips that are written and whole.
    pub clips: u64,
    /// Pictures that were due but could not be had in time.
    pub left_out: u64,
    /// Why nothing more can be written, if so. It has been logged too.
    pub failure: Option<String>,
}

impl GameplayRecorder {
    /// A recorder that stands still.
    pub fn new(settings: RecorderSettings) -> Self {
        Self {
            writer: Writer::start(&settings),
            settings,
            recording: false,
            clip: 0,
            due: 0,
            debt: Duration::ZERO,
            waiting: Vec::new(),
            over: Vec::new(),
            left_out: 0,
        }
    }

    /// Records from now on.
    pub fn start(&mut self) {
        self.recording = true;
    }

    /// Records no longer; the clip at hand is finished.
    pub fn stop(&mut self) {
        self.recording = false;
        self.cut();
    }

    /// Finishes the clip at hand and begins another one, as at the start of a level or after a death: clips should show
    /// what follows from what.
    pub fn cut(&mut self) {
        if self.due > 0 {
            self.over.push((self.clip, self.due));
            self.clip += 1;
        }
        self.due = 0;
        self.debt = Duration::ZERO;
        self.report_ends();
    }

    /// Whether it records.
    pub fn is_recording(&self) -> bool {
        self.recording
    }

    /// The settings.
    pub fn settings(&self) -> &RecorderSettings {
        &self.settings
    }

    /// What it has done so far.
    pub fn status(&self) -> RecorderStatus {
        let counts = self.writer.counts();
        RecorderStatus {
            frames: counts.frames.load(Ordering::Relaxed),
            clips: counts.clips.load(Ordering::Relaxed),
            left_out: self.left_out,
            failure: counts.failure(),
        }
    }

    /// Records a picture of the game's own making as the next frame, unless the recorder stands still. Meant for
    /// [`RecordingSource::Pushed`]; the game then keeps to the [`rate`](RecorderSettings::rate).
    pub fn push(&mut self, frame: Frame) {
        if self.recording {
            let (clip, index) = self.next_place();
            self.pass_on(clip, index, Picture::Frame(frame));
        }
    }

    /// Clip and index of the picture that is due.
    fn next_place(&mut self) -> (u64, u32) {
        if self.due >= self.settings.longest_clip.max(1) {
            let debt = self.debt;
            self.cut();
            self.debt = debt;
        }
        self.due += 1;
        (self.clip, self.due - 1)
    }

    /// Hands a picture to the writer, or leaves it out if that is busy.
    fn pass_on(&mut self, clip: u64, index: u32, picture: Picture) {
        let job = Job::Picture {
            clip,
            index,
            picture,
        };
        if self.writer.send(job).is_err() {
            self.left_out += 1;
        }
    }

    /// Tells the writer which clips are over; those whose pictures are still on their way wait.
    fn report_ends(&mut self) {
        let (waiting, writer) = (&self.waiting, &self.writer);
        self.over.retain(|&(clip, length)| {
            waiting.iter().any(|shot| shot.clip == clip)
                || writer.send(Job::End { clip, length }).is_err() && writer.works()
        });
    }
}

impl Plugin for GameplayRecorderPlugin {
    fn build(&self, app: &mut App) {
        let mut recorder = GameplayRecorder::new(self.settings.clone());
        recorder.recording = self.start;
        app.insert_resource(recorder)
            .add_systems(Last, take_pictures)
            .add_observer(take_over)
            .register_type::<RecorderSettings>();
    }
}
