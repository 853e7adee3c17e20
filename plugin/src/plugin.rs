//! The plugin itself.

use std::num::NonZero;
use std::thread::available_parallelism;

use bevy::image::{CompressedImageFormats, ImageLoader};
use bevy::input::InputSystems;
use bevy::prelude::*;
use bevy::tasks::futures::now_or_never;

use crate::diagnostics::plugin::GenieDiagnosticsPlugin;
use crate::input::action_map::GenieActionMap;
use crate::input::collect::{GenieInput, collect_actions};
use crate::input::devices::{
    GenieGamepad, GenieInputSource, GenieKeyboard, GenieMouse, GenieStickDirection,
};
use crate::input::press::press_inputs;
use crate::input::rule::{GenieAction, GenieActionRule};
use crate::model::{GenieModel, GenieModelLoader};
use crate::output::blend::{GenieBlend, blend_frames};
use crate::output::frame::{GenieFrame, GenieTexture};
use crate::output::receive::receive_frames;
use crate::output::show::ShowPlugin;
use crate::settings::{GenieSettings, GenieSystems};
use crate::timeline::component::GenieTimeline;
use crate::triggers::TriggersPlugin;
use crate::worker::Worker;
use crate::worker::compute::{ComputeSettings, GenieDevice, GeniePriority};
use crate::worker::frame_gate::{FrameGate, begin_frame, end_frame};
use crate::world::command::GenieCommand;
use crate::world::component::{GenieClock, GeniePhase, GenieSampler, GenieStatus, GenieWorld};
use crate::world::events::{
    GenieEndReason, GenieEnded, GenieFailedCommand, GenieJump, GenieJumped, GenieReady, GenieReset,
};
use crate::world::execute::execute_commands;
use crate::world::lifetime::{begin_world, end_world};
use crate::world::pace::{pace_worlds, send_requests};
use crate::world::prompt::GeniePrompt;
use crate::world::start::{learn_labels, start_worlds};

/// All of the plugin: makes [`GenieWorld`] entities playable, evaluates [`triggers`](crate::triggers), and measures what
/// [`GenieDiagnosticsPlugin`] says.
///
/// Add it after Bevy's `AssetPlugin` (`DefaultPlugins` has it). It needs no window, no renderer and no keyboard, and
/// uses them where they are there. Its settings cannot be changed later; those of [`GenieSettings`] can.
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
    /// Whether keys, mouse buttons and gamepads press actions, as [`GenieKeyboard`](crate::GenieKeyboard) and its
    /// like say for each world. Without it, actions come from the game's own [`GenieInput`] messages alone.
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

impl Plugin for GeniePlugin {
    fn build(&self, app: &mut App) {
        let threads = self.threads.map_or_else(
            || available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1)),
            NonZero::get,
        );
        let gate = FrameGate::default();
        let compute = ComputeSettings {
            threads,
            device: self.device,
            priority: self.priority,
            gate: gate.clone(),
        };
        app.init_asset::<GenieModel>()
            .register_asset_loader(GenieModelLoader)
            .add_message::<GenieInput>()
            .add_message::<GenieCommand>()
            .add_message::<GenieFrame>()
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
                    collect_actions,
                    execute_commands,
                    start_worlds,
                    learn_labels,
                    pace_worlds,
                    send_requests,
                )
                    .chain()
                    .in_set(GenieSystems::Dispatch),
            );
        if self.priority == GeniePriority::BetweenFrames {
            app.insert_resource(gate)
                .add_systems(First, begin_frame.in_set(GenieSystems::FrameGate))
                .add_systems(Last, end_frame.in_set(GenieSystems::FrameGate));
        }
        if self.input {
            app.add_systems(PreUpdate, press_inputs.in_set(GenieSystems::Input));
        }
        app.add_plugins((ShowPlugin, TriggersPlugin));
        // One with other settings may be there already, or come later.
        if !app.is_plugin_added::<GenieDiagnosticsPlugin>() {
            app.add_plugins(GenieDiagnosticsPlugin::default());
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

/// Prompts may be image assets in apps without a renderer too, where nothing else registers Bevy's loader.
fn load_images(server: Res<AssetServer>) {
    let loader = now_or_never(server.get_asset_loader_with_asset_type::<Image>());
    if !matches!(loader, Some(Ok(_))) {
        server.register_loader(ImageLoader::new(CompressedImageFormats::NONE));
    }
}

/// Makes all public types known to inspectors, whether or not Bevy registers types by itself.
pub(crate) fn register_types(app: &mut App) {
    app.register_type::<GenieActionRule>()
        .register_type::<GenieEndReason>()
        .register_type::<GenieBlend>()
        .register_type::<GenieDevice>()
        .register_type::<GeniePriority>()
        .register_type::<GenieClock>()
        .register_type::<GenieSampler>()
        .register_type::<GenieGamepad>()
        .register_type::<GenieEnded>()
        .register_type::<GenieJumped>()
        .register_type::<Handle<GenieModel>>()
        .register_type::<GeniePrompt>()
        .register_type::<GenieReady>()
        .register_type::<GenieReset>()
        .register_type::<GenieSettings>()
        .register_type::<GenieTexture>()
        .register_type::<GenieWorld>()
        .register_type::<GenieInput>()
        .register_type::<GenieInputSource>()
        .register_type::<GenieJump>()
        .register_type::<GenieKeyboard>()
        .register_type::<GenieActionMap>()
        .register_type::<GenieAction>()
        .register_type::<GenieMouse>()
        .register_type::<GenieFailedCommand>()
        .register_type::<GenieStickDirection>()
        .register_type::<GenieTimeline>()
        .register_type::<GenieFrame>()
        .register_type::<GeniePhase>()
        .register_type::<GenieStatus>();
}
