//! Recording a running game into footage that `genie` trains on: play your own game, train a model, play the model.
//!
//! Add [`GenieRecorderPlugin`] to the game and play. A folder of clips grows, each a folder of small PNG pictures, and beside
//! them `actions.csv`, which says what was held at each frame: the training does not see it unless it is told to, the evaluation compares
//! with it. Then the command of the training crate
//!
//! ```text
//! genie dream recordings --out my.genie.safetensors --hours 1
//! ```
//!
//! makes a world of them with a report about it; with `--actions given` its actions are the keys that were held.
//!
//! ```no_run
//! use bevy::prelude::*;
//! use bevy_genie::recorder::{GenieRecorder, GenieRecorderPlugin};
//!
//! fn level_restarts(mut recorder: ResMut<GenieRecorder>) {
//!     // What comes next does not follow from what was before: never train across an episode's end.
//!     recorder.cut();
//! }
//!
//! # let mut app = App::new();
//! app.add_plugins(GenieRecorderPlugin::new("recordings"));
//! ```
//!
//! # What it costs
//! A picture is copied on the graphics card, read back asynchronously, and scaled and written by a thread of its own; the
//! main thread only passes it on. When disk or card cannot keep up, pictures are left out, and the clip is split there,
//! so that no clip has a gap. Clips appear under their name when they are whole.
//!
//! Needs the feature `recorder`.

mod capture;
mod control;
mod settings;
mod writer;

use std::path::PathBuf;

use bevy::prelude::*;

pub use control::{GenieRecorder, GenieRecorderStatus};
pub use settings::{GenieRecorderSettings, GenieRecordingSource};

use capture::{take_over, take_pictures};

/// Records the game while it runs. See the [module](self).
#[derive(Clone, Debug, Default)]
pub struct GenieRecorderPlugin {
    /// The settings of the [`GenieRecorder`].
    pub settings: GenieRecorderSettings,
    /// Whether to record from the start; else the game calls [`GenieRecorder::start`].
    pub start: bool,
}

impl GenieRecorderPlugin {
    /// Records the primary window from the start, ten 64x64 frames a second, into a folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            settings: GenieRecorderSettings::new(folder),
            start: true,
        }
    }
}

impl Plugin for GenieRecorderPlugin {
    fn build(&self, app: &mut App) {
        let mut recorder = GenieRecorder::new(self.settings.clone());
        if self.start {
            recorder.start();
        }
        app.insert_resource(recorder)
            .add_systems(Last, take_pictures)
            .add_observer(take_over)
            .register_type::<GenieRecorderSettings>();
    }
}
