//! The plugin itself, and the group that it is part of.

use std::num::NonZero;
use std::thread::available_parallelism;

use bevy::app::PluginGroupBuilder;
use bevy::image::{CompressedImageFormats, ImageLoader};
use bevy::input::InputSystems;
use bevy::prelude::*;
use bevy::tasks::futures::now_or_never;

use crate::blend::blend_frames;
use crate::compute::ComputeSettings;
use crate::reflect::register_types;
use crate::systems::{
    begin_world, end_world, follow_actions, learn_labels, obey_commands, pace_worlds, press_inputs,
    receive_frames, send_requests, start_worlds,
};
use crate::triggers::GenieTriggersPlugin;
use crate::turns::{Turns, begin_frame, end_frame};
use crate::worker::Worker;
use crate::{
    GenieDevice, GenieDiagnosticsPlugin, GenieModel, GenieModelLoader, GeniePriority,
    GenieSettings, InputAction, WorldCommand, WorldFrame,
};

/// [`GeniePlugin`] with its optional parts: [`GenieDiagnosticsPlugin`], [`GenieTriggersPlugin`], and with the feature
/// `recorder` the `GameplayRecorderPlugin`, which records nothing until it is told to.
///
/// Leave one out, or give it other settings, as with every plugin group:
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_genie::prelude::*;
/// # let mut app = App::new();
/// # app.add_plugins((MinimalPlugins, AssetPlugin::default()));
/// app.add_plugins(
///     GeniePlugins
///         .set(GeniePlugin {
///             tick_rate: Some(8.0),
///             ..default()
///         })
///         .disable::<GenieDiagnosticsPlugin>(),
/// );
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GeniePlugins;

impl PluginGroup for GeniePlugins {
    fn build(self) -> PluginGroupBuilder {
        let group = PluginGroupBuilder::start::<Self>()
            .add(GeniePlugin::default())
            .add(GenieDiagnosticsPlugin::default())
            .add(GenieTriggersPlugin);
        #[cfg(feature = "recorder")]
        let group = group.add(crate::recorder::GameplayRecorderPlugin::default());
        group
    }
}

/// Makes [`GenieWorld`](crate::GenieWorld) entities playable.
///
/// Add it after Bevy's `AssetPlugin` (`DefaultPlugins` has it). It needs no window, no renderer and no keyboard, and
/// uses them where they are there. Its settings are for good; what can be changed later is in [`GenieSettings`].
#[derive(Clone, Debug)]
pub struct GeniePlugin {
    /// Frames per second of worlds that do not set their own; `None` takes each model's.
    pub tick_rate: Option<f32>,
    /// Threads that the model's passes run on; `None` leaves one core to the game.
    pub threads: Option<NonZero<usize>>,
    /// Device that the model's passes run on.
    pub device: GenieDevice,
    /// Whether the game or its worlds go first where cores are short.
    pub priority: GeniePriority,
    /// Whether keys, mouse buttons and gamepads press actions, as [`KeyboardControl`](crate::KeyboardControl) and its
    /// like say for each world. Without it, actions come from the game's own [`InputAction`] messages alone.
    pub input: bool,
}

impl Default for GeniePlugin {
    fn default() -> Self {
        Self {
            tick_rate: None,
            threads: None,
            device: GenieDevice::default(),
            priority: GeniePriority::default(),
            input: true,
        }
    }
}

/// When the plugin's parts run.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GenieSystems {
    /// In `PreUpdate`: frames that have arrived become textures, [`WorldFrame`] components and messages, and the events
    /// of [`GenieReady`](crate::GenieReady) and the like. Systems of `Update` see them in the same frame.
    Receive,
    /// In `PreUpdate`, after Bevy's `InputSystems` and after [`Receive`](Self::Receive): keys, mouse buttons and gamepads
    /// become [`InputAction`] messages. Order systems that change `ButtonInput` or `Gamepad` before it.
    Input,
    /// In `PostUpdate`: [`InputAction`] and [`WorldCommand`] messages are read, worlds are started, and frames that are
    /// due are asked for. Messages written in `Update` count for the tick of the same frame; systems of `PostUpdate`
    /// that write them should be ordered before it.
    Dispatch,
    /// In `First` the model stops, in `Last` it goes on, with [`GeniePriority::BetweenFrames`] only.
    Turns,
}

impl Plugin for GeniePlugin {
    fn build(&self, app: &mut App) {
        let threads = self.threads.map_or_else(
            || available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1)),
            NonZero::get,
        );
        let turns = Turns::default();
        let compute = ComputeSettings {
            threads,
            device: self.device,
            priority: self.priority,
            turns: turns.clone(),
        };
        app.init_asset::<GenieModel>()
            .register_asset_loader(GenieModelLoader)
            .add_message::<InputAction>()
            .add_message::<WorldCommand>()
            .add_message::<WorldFrame>()
            .insert_resource(GenieSettings {
                tick_rate: self.tick_rate,
                ..default()
            })
            .insert_resource(Worker::start(compute))
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
            .add_systems(PreStartup, load_images)
            .add_systems(
                PreUpdate,
                (receive_frames, blend_frames)
                    .chain()
                    .in_set(GenieSystems::Receive),
            )
            .add_systems(
                PostUpdate,
                (
                    follow_actions,
                    obey_commands,
                    start_worlds,
                    learn_labels,
                    pace_worlds,
                    send_requests,
                )
                    .chain()
                    .in_set(GenieSystems::Dispatch),
            );
        if self.priority == GeniePriority::BetweenFrames {
            app.insert_resource(turns)
                .add_systems(First, begin_frame.in_set(GenieSystems::Turns))
                .add_systems(Last, end_frame.in_set(GenieSystems::Turns));
        }
        if self.input {
            app.add_systems(PreUpdate, press_inputs.in_set(GenieSystems::Input));
        }
        register_types(app);
        #[cfg(feature = "embedded_model")]
        crate::model::embed(app);
    }

    fn finish(&self, app: &mut App) {
        // Apps without Bevy's `ImagePlugin` get at least a place for textures.
        if !app.world().contains_resource::<Assets<Image>>() {
            app.init_asset::<Image>();
        }
    }
}

/// Prompts may be image assets in apps without a renderer too, where nobody else registers Bevy's loader.
fn load_images(server: Res<AssetServer>) {
    let loader = now_or_never(server.get_asset_loader_with_asset_type::<Image>());
    if !matches!(loader, Some(Ok(_))) {
        server.register_loader(ImageLoader::new(CompressedImageFormats::NONE));
    }
}
