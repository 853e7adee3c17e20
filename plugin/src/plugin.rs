//! The plugin itself.

use std::num::NonZero;
use std::thread::available_parallelism;

use bevy::diagnostic::{Diagnostic, DiagnosticPath, RegisterDiagnostic};
use bevy::input::InputSystems;
use bevy::prelude::*;

use crate::systems::{
    begin_world, end_world, follow_actions, obey_commands, pace_worlds, press_keys, receive_frames,
    send_requests, start_worlds,
};
use crate::worker::Worker;
use crate::{GenieModel, GenieModelLoader, InputAction, WorldCommand, WorldFrame};

/// Makes [`GenieWorld`](crate::GenieWorld) entities playable.
///
/// Add it after Bevy's `AssetPlugin` (`DefaultPlugins` has it). It needs no window, no renderer and no keyboard, and
/// uses them where they are there.
#[derive(Clone, Debug, Default)]
pub struct GeniePlugin {
    /// Frames per second of worlds that do not set their own; `None` takes each model's.
    pub tick_rate: Option<f32>,
    /// Threads that the model's passes run on; `None` leaves one core to the game.
    pub threads: Option<NonZero<usize>>,
}

impl GeniePlugin {
    /// Diagnostic: milliseconds from the request for a frame to its arrival.
    pub const LATENCY: DiagnosticPath = DiagnosticPath::const_new("genie/latency");
    /// Diagnostic: ticks that the world of the newest frame has left out since its start.
    pub const LATE_TICKS: DiagnosticPath = DiagnosticPath::const_new("genie/late_ticks");
}

/// When the plugin's parts run.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GenieSystems {
    /// In `PreUpdate`: frames that have arrived become textures, [`WorldFrame`] components and messages, and the events
    /// of [`GenieReady`](crate::GenieReady) and the like. Systems of `Update` see them in the same frame.
    Receive,
    /// In `PreUpdate`, after Bevy's `InputSystems` and after [`Receive`](Self::Receive): keys become [`InputAction`]
    /// messages. Order systems that change `ButtonInput<KeyCode>` before it.
    Input,
    /// In `PostUpdate`: [`InputAction`] and [`WorldCommand`] messages are read, worlds are started, and frames that are
    /// due are asked for. Messages written in `Update` count for the tick of the same frame; systems of `PostUpdate`
    /// that write them should be ordered before it.
    Dispatch,
}

/// The plugin's settings, for its systems.
#[derive(Resource)]
pub(crate) struct GenieSettings {
    pub(crate) tick_rate: Option<f32>,
}

impl Plugin for GeniePlugin {
    fn build(&self, app: &mut App) {
        let threads = self.threads.map_or_else(
            || available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1)),
            NonZero::get,
        );
        app.init_asset::<GenieModel>()
            .register_asset_loader(GenieModelLoader)
            .add_message::<InputAction>()
            .add_message::<WorldCommand>()
            .add_message::<WorldFrame>()
            .insert_resource(GenieSettings {
                tick_rate: self.tick_rate,
            })
            .insert_resource(Worker::start(threads))
            .register_diagnostic(Diagnostic::new(Self::LATENCY).with_suffix(" ms"))
            .register_diagnostic(Diagnostic::new(Self::LATE_TICKS))
            .add_observer(begin_world)
            .add_observer(end_world)
            .configure_sets(
                PreUpdate,
                (
                    GenieSystems::Receive,
                    GenieSystems::Input.after(InputSystems),
                )
                    .chain(),
            )
            .add_systems(
                PreUpdate,
                (
                    receive_frames.in_set(GenieSystems::Receive),
                    press_keys.in_set(GenieSystems::Input),
                ),
            )
            .add_systems(
                PostUpdate,
                (
                    follow_actions,
                    obey_commands,
                    start_worlds,
                    pace_worlds,
                    send_requests,
                )
                    .chain()
                    .in_set(GenieSystems::Dispatch),
            );
    }

    fn finish(&self, app: &mut App) {
        // Apps without Bevy's `ImagePlugin` get at least a place for textures.
        if !app.world().contains_resource::<Assets<Image>>() {
            app.init_asset::<Image>();
        }
    }
}
