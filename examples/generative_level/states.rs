//! Which screen is shown, and what lies over it.

use bevy::prelude::*;
use bevy_genie::prelude::*;
use bevy_state::app::StatesPlugin as BevyStatesPlugin;
use bevy_state::prelude::*;
use std::path::PathBuf;

/// The screen.
#[derive(States, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Screen {
    /// The name of the game over a dream that plays itself.
    #[default]
    Title,
    /// The pictures to start from.
    Levels,
    /// A run.
    Play,
    /// Nobody plays: the game does.
    Attract,
}

/// What lies over the screen; the screen stands still under it.
#[derive(States, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Overlay {
    /// Nothing.
    #[default]
    Closed,
    /// A run is paused.
    Pause,
    /// The settings.
    Settings,
    /// A run is over.
    Result,
}

/// What holds from the start of the program to its end.
#[derive(Resource)]
pub(crate) struct Session {
    /// The world model of all levels.
    pub(crate) model: Handle<GenieModel>,
    /// Seed of each run: the same seed and keys give the same level.
    pub(crate) seed: u64,
    /// Length of a run in frames.
    pub(crate) run_ticks: u64,
    /// The folder of settings, best runs and drawings.
    pub(crate) data: PathBuf,
}

/// All systems of the game itself, for those who measure them.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct GameSystems;

/// The two states.
pub(crate) struct StatesPlugin;

impl Plugin for StatesPlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins(BevyStatesPlugin)
            .init_state::<Screen>()
            .init_state::<Overlay>()
            .add_systems(OnExit(Screen::Play), close_overlay);
    }
}

fn close_overlay(mut overlay: ResMut<NextState<Overlay>>) {
    overlay.set(Overlay::Closed);
}
