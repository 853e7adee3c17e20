//! What the player can choose, kept between starts.

use bevy::prelude::*;
use bevy_genie::prelude::*;
use genie_examples::json_file;
use serde::{Deserialize, Serialize};

use crate::bindings::Bindings;
use crate::saving::Saving;
use crate::states::Session;
use crate::toast::Toast;

/// The settings.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// Pixels of the window for each of the dream's; 0 for as many as fit.
    pub(crate) scale: u32,
    /// How fast time passes; 1 is the world's own speed.
    pub(crate) speed: f32,
    /// How carefully frames are sampled.
    pub(crate) quality: Quality,
    /// Dark lines as on an old screen.
    pub(crate) scanlines: bool,
    /// A frame around the level.
    pub(crate) frame: bool,
    /// Whether the best run runs along.
    pub(crate) ghost: bool,
    /// How loud the game is, 0 to [`LOUDEST`].
    pub(crate) volume: u32,
    /// Keys and buttons.
    pub(crate) bindings: Bindings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            scale: 0,
            speed: 1.0,
            quality: Quality::default(),
            scanlines: false,
            frame: true,
            ghost: true,
            volume: 7,
            bindings: Bindings::default(),
        }
    }
}

/// The largest [`Settings::volume`].
pub(crate) const LOUDEST: u32 = 10;

impl Settings {
    /// The volume as a factor of amplitudes, 0 to 1. Ears hear ratios, so that the steps are wider at the loud end.
    pub(crate) fn loudness(&self) -> f32 {
        (self.volume.min(LOUDEST) as f32 / LOUDEST as f32).powi(2)
    }
}

/// How many MaskGIT steps a frame takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Quality {
    /// Two steps, for slow machines.
    Fast,
    /// The model's own four.
    #[default]
    Good,
    /// Eight.
    Best,
}

impl Quality {
    /// All of them, from fast to good.
    pub(crate) const ALL: [Self; 3] = [Self::Fast, Self::Good, Self::Best];

    /// In words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast (2 steps)",
            Self::Good => "good (4 steps)",
            Self::Best => "best (8 steps)",
        }
    }

    /// The sampler.
    pub(crate) fn sampler(self) -> GenieSampler {
        let usual = GenieSamplerSettings::default();
        let steps = match self {
            Self::Fast => 2,
            Self::Good => usual.steps,
            Self::Best => 8,
        };
        GenieSamplerSettings { steps, ..usual }.into()
    }
}

/// Loads the settings at the start, and saves them when they change.
pub(crate) struct SettingsPlugin;

impl Plugin for SettingsPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Settings>()
            .add_systems(PreStartup, load)
            .add_systems(PostUpdate, save.run_if(resource_changed::<Settings>));
    }
}

const FILE: &str = "settings.json";

fn load(session: Res<Session>, mut settings: ResMut<Settings>, mut toasts: MessageWriter<Toast>) {
    let (read, problem) = json_file::read(&session.data.join(FILE));
    *settings = read;
    if let Some(problem) = problem {
        toasts.write(Toast::error(problem));
    }
}

fn save(
    session: Res<Session>,
    settings: Res<Settings>,
    mut saved: Local<Option<Settings>>,
    mut saving: ResMut<Saving>,
) {
    // The first change is that they were loaded.
    let before = saved.replace(settings.clone());
    if before.is_some_and(|before| before != *settings) {
        let (path, settings) = (session.data.join(FILE), settings.clone());
        saving.write(path.clone(), move || json_file::write(&path, &settings));
    }
}
