//! Genie world models as a Bevy plugin: one picture in, a playable world out.
//!
//! Add [`GeniePlugin`], load a checkpoint, spawn a [`GenieWorld`] with a prompt picture, and show its
//! [`GenieTexture`] wherever an `Image` can be shown. Arrow keys (or whatever keys the checkpoint names), or a gamepad,
//! play it.
//!
//! ```no_run
//! use bevy::prelude::*;
//! use bevy_genie::prelude::*;
//!
//! fn dream(mut commands: Commands, assets: Res<AssetServer>) {
//!     let model = assets.load("models/platformer.genie.safetensors");
//!     let prompt = GeniePrompt::Image(assets.load("prompts/meadow.png"));
//!     commands.spawn(GenieWorld::new(model, prompt));
//! }
//!
//! fn watch(mut frames: MessageReader<GenieFrame>) {
//!     for frame in frames.read() {
//!         info!("tick {} took {:?}", frame.tick, frame.latency);
//!     }
//! }
//!
//! # let mut app = App::new();
//! app.add_plugins((MinimalPlugins, AssetPlugin::default(), GeniePlugin::default()))
//!     .add_systems(Startup, dream)
//!     .add_systems(Update, watch);
//! ```
//!
//! The main thread never waits for the model: a worker thread owns all tensors, takes requests and sends frames back.
//! What follows goes through the parts one by one, and then puts them together.
//!
//! # Models
//! A [`GenieModel`] is an asset: one file `*.genie.safetensors` with weights, configuration and action labels. The asset
//! server reads and checks it, the worker builds the networks, and all worlds of one model are dreamt in one batch. When
//! the asset changes, by hot reloading or by hand, its worlds start again from their prompts on the new weights; a file
//! that cannot be loaded leaves them as they are.
//!
//! # Worlds
//! A [`GenieWorld`] component makes an entity a world; the components that it requires come with it:
//!
//! | component | holds |
//! |---|---|
//! | [`GenieTexture`] | the image of the newest frame, for a `Sprite`, an `ImageNode` or a material |
//! | [`GenieFrame`] | the newest frame, with its tick, action, latency and pixels, once there is one |
//! | [`GenieStatus`] | phase, late ticks, how far it can be rewound; for reading only |
//! | [`GenieActionMap`] | which named actions lead to which latent action |
//! | [`GenieKeyboard`], [`GenieMouse`], [`GenieGamepad`] | which devices press its actions |
//! | [`GenieTimeline`] | how many frames of its past are kept |
//!
//! Its prompt is a [`GeniePrompt`]: an image asset, a picture file, pixels, or a saved world. Worlds are independent;
//! spawn as many as the machine can dream. Despawning one frees all that belongs to it.
//!
//! # Actions
//! Whatever plays a world says so with [`GenieInput`] messages: a named action of a world is pressed or released. Keys,
//! mouse buttons and gamepads do it by themselves, under the names of [`GenieInputSource`]; game code, replays and the network
//! do it with the names that they like. At each tick the world's [`GenieActionMap`] turns what is held into one latent
//! action:
//!
//! ```
//! # use bevy::prelude::*;
//! # use bevy_genie::prelude::*;
//! fn let_an_enemy_play(worlds: Query<Entity, With<GenieWorld>>, mut actions: MessageWriter<GenieInput>) {
//!     for world in &worlds {
//!         actions.write(GenieInput::press(world, "right"));
//!     }
//! }
//!
//! let map = GenieActionMap::default()
//!     .bind_keys([KeyCode::KeyD, KeyCode::KeyW], "right_jump")
//!     .bind_inputs([MouseButton::Left], "jump")
//!     .bind_inputs([GenieStickDirection::RightStickUp], "jump");
//! ```
//!
//! Input managers write the same messages. Turn off the plugin's own devices, with [`GeniePlugin::input`] or with
//! `GenieKeyboard { enabled: false }` and the like on the world, so that presses do not count twice. With
//! `bevy_enhanced_input`, its context being a component of the world's entity:
//!
//! ```ignore
//! fn press(jump: On<Start<GenieJump>>, mut actions: MessageWriter<bevy_genie::GenieInput>) {
//!     actions.write(bevy_genie::GenieInput::press(jump.context, "jump"));
//! }
//! fn release(jump: On<Complete<GenieJump>>, mut actions: MessageWriter<bevy_genie::GenieInput>) {
//!     actions.write(bevy_genie::GenieInput::release(jump.context, "jump"));
//! }
//! ```
//!
//! With `leafwing-input-manager`, its `InputMap` being a component of the world's entity:
//!
//! ```ignore
//! for (world, state) in &worlds {
//!     for play in state.get_just_pressed() {
//!         actions.write(GenieInput::press(world, play.name()));
//!     }
//!     for play in state.get_just_released() {
//!         actions.write(GenieInput::release(world, play.name()));
//!     }
//! }
//! ```
//!
//! The examples `enhanced_input` and `leafwing_input` are whole.
//!
//! # Time
//! Each world ticks on its own clock, which follows Bevy's `Time`: at [`GenieWorld::tick_rate`], else that of
//! [`GenieSettings`], else the model's own, times [`GenieWorld::speed`]. [`GenieWorld::paused`] stops it,
//! [`GenieCommand::step`] dreams a single frame. A world has at most one frame under way: when the model is slower than
//! the clock, ticks are left out and counted in [`GenieStatus::late_ticks`], the last frame stays on show, and the newest
//! actions count for the next one. [`GenieBlend`] fades from frame to frame on display.
//! [`GenieWorld::sampler`] may be changed at any time, for the next tick.
//!
//! # GenieTimeline
//! The same checkpoint, prompt, seed and actions give the same frames, and a world's state is a value. So [`GenieCommand`]
//! can [`rewind`](GenieCommand::rewind) a world, [`snapshot`](GenieCommand::snapshot) and
//! [`restore`](GenieCommand::restore) it, [`fork`](GenieCommand::fork) it into another entity,
//! [`save`](GenieCommand::save) and [`load`](GenieCommand::load) it, and [`replay`](GenieCommand::replay) what was played:
//!
//! ```
//! # use bevy::prelude::*;
//! # use bevy_genie::prelude::*;
//! /// Half a second back while the key is held down.
//! fn regret(
//!     keys: Res<ButtonInput<KeyCode>>,
//!     worlds: Query<Entity, With<GenieWorld>>,
//!     mut orders: MessageWriter<GenieCommand>,
//! ) {
//!     if keys.just_pressed(KeyCode::Backspace) {
//!         orders.write_batch(worlds.iter().map(|world| GenieCommand::rewind(world, 5)));
//!     }
//! }
//!
//! /// Two futures side by side.
//! fn split(mut commands: Commands, worlds: Query<Entity, With<GenieWorld>>) {
//!     for world in &worlds {
//!         let twin = commands.spawn_empty().id();
//!         commands.write_message(GenieCommand::fork(world, twin));
//!     }
//! }
//!
//! /// What was played, to be shown again.
//! fn keep_replay(taken: On<GenieSnapshotTaken>) {
//!     if let Err(error) = taken.snapshot.replay().write("best_run.json") {
//!         error!("{error}");
//!     }
//! }
//! ```
//!
//! # Events
//! Messages tell what happens all the time: [`GenieFrame`] each frame that arrives. `EntityEvent`s tell what becomes of a
//! world; observe them on its entity, or globally:
//!
//! | event | when |
//! |---|---|
//! | [`GenieReady`] | its prompt is on show |
//! | [`GenieReset`] | it is back at its prompt |
//! | [`GenieJumped`] | it has been rewound, restored, loaded, or taken to the prompt of a replay |
//! | [`GenieSnapshotTaken`], [`GenieSaved`] | a snapshot or a file has been made |
//! | [`GenieEnded`] | its tick limit is reached, its replay is over, or it is despawned |
//! | [`GenieCommandFailed`] | an order could not be carried out; it goes on as before |
//! | [`GenieFailed`] | it stands still; [`GenieCommand::reset`] starts it anew |
//!
//! # When things go wrong
//! A checkpoint that is damaged, a prompt that is no picture, values that are not finite, a panic in the model: each becomes
//! a [`GenieFailed`] of the worlds that it concerns and a line in the log. The others go on. If the worker thread itself is
//! lost, all worlds fail and a new thread takes its place, so that they can be reset. At exit the worker is told to stop and
//! joined; if it is in the middle of a pass that takes longer than a second, it is left to end alone.
//!
//! # When things run
//! [`GenieSystems`] names the parts: frames arrive and devices are read in `PreUpdate`, orders and actions are taken in
//! `PostUpdate`. Systems of `Update` need no ordering. [`any_world_ready`], [`all_worlds_ready`] and [`world_is_ready`]
//! are run conditions. [`GeniePlugins`] adds [`triggers::GenieTriggersPlugin`], with the feature `recorder` the recorder,
//! standing still, and [`GenieDiagnosticsPlugin`], which measures frames per second, latencies, queue,
//! late ticks and memory; `GenieOverlayPlugin`, behind the feature `overlay`, writes the figures on screen.
//!
//! Passes run on a worker thread and a pool of its own, on one core less than there are unless [`GeniePlugin::threads`] says
//! otherwise. They take what the game leaves over: where cores are short, worlds are late before frames are. On two cores
//! they also stop while the main thread is in a frame. [`GeniePriority`] says what that costs and how to have it otherwise.
//! `cargo bench --profile dev --bench frame_time` measures what a busy world costs the frames of a game. On two virtual cores,
//! for a game of sixty frames a second and a world on one thread, the 99th percentile of a frame with the world over that
//! without it, leaving out frames that the host of the machine interrupted:
//!
//! | | `BetweenFrames`, two runs | `Background`, six runs | nothing against nothing |
//! |---|---|---|---|
//! | 7 ms a frame on the main thread | 0.93, 0.97 | 1.10 to 1.25 | 1.00 to 1.10 |
//! | 5 ms a frame on Bevy's task pool | 1.07, 1.10 | 1.05 to 2.22 | 0.91 to 1.07 |
//!
//! The world dreamt 15 to 18 frames a second between frames, 15 to 28 in the background.
//!
//! All systems of the plugin together take the main thread 0.12 ms of a frame at the 99th percentile with one world and
//! 0.35 ms with 64, each ticking ten times a second, measured with optimisation level 1 on a core kept free for it;
//! `cargo bench --profile dev --bench main_thread` measures it on yours.
//!
//! # Put together
//! ```no_run
//! use bevy::prelude::*;
//! use bevy_genie::prelude::*;
//!
//! /// Where a run ends.
//! const LENGTH: u64 = 600;
//!
//! fn start(mut commands: Commands, assets: Res<AssetServer>) {
//!     let model = assets.load("models/platformer.genie.safetensors");
//!     let prompt = GeniePrompt::Image(assets.load("prompts/meadow.png"));
//!     let genie = GenieWorld::new(model, prompt).with_seed(7).with_tick_limit(LENGTH);
//!     let map = GenieActionMap::default().bind_inputs([MouseButton::Left], "jump");
//!     commands.spawn((genie, map, GenieTimeline { capacity: 100 }));
//! }
//!
//! fn rewind(
//!     keys: Res<ButtonInput<KeyCode>>,
//!     world: Single<Entity, With<GenieWorld>>,
//!     mut orders: MessageWriter<GenieCommand>,
//! ) {
//!     if keys.just_pressed(KeyCode::Backspace) {
//!         orders.write(GenieCommand::rewind(*world, 10));
//!     }
//! }
//!
//! fn show_the_run_again(ended: On<GenieEnded>, mut orders: MessageWriter<GenieCommand>) {
//!     if ended.reason == GenieEndReason::TickLimit {
//!         orders.write(GenieCommand::snapshot(ended.world));
//!     }
//! }
//!
//! fn replay(taken: On<GenieSnapshotTaken>, mut orders: MessageWriter<GenieCommand>) {
//!     orders.write(GenieCommand::replay(taken.world, taken.snapshot.replay()));
//! }
//!
//! fn apologise(failed: On<GenieFailed>) {
//!     info!("the dream is over: {}", failed.error);
//! }
//!
//! # let mut app = App::new();
//! app.add_plugins((MinimalPlugins, AssetPlugin::default(), GeniePlugins))
//!     .add_systems(Startup, start)
//!     .add_systems(Update, rewind.run_if(any_world_ready))
//!     .add_observer(show_the_run_again)
//!     .add_observer(replay)
//!     .add_observer(apologise);
//! ```
//!
//! # Bevy versions
//! | bevy | bevy_genie | bevy_enhanced_input | leafwing-input-manager |
//! |---|---|---|---|
//! | 0.19 | 0.1 | 0.26 | 0.21 |

mod diagnostics;
mod error;
mod input;
mod model;
mod output;
mod plugin;
#[cfg(feature = "recorder")]
pub mod recorder;
mod reflect;
mod settings;
mod timeline;
pub mod triggers;
mod worker;
mod world;

#[cfg(feature = "overlay")]
pub use diagnostics::overlay::{GenieOverlay, GenieOverlayPlugin};
pub use diagnostics::plugin::GenieDiagnosticsPlugin;
pub use error::GenieError;
pub use genie_model;
pub use genie_model::{
    ActionLabel as GenieActionLabel, Fit as GenieFit, Frame as GeniePicture,
    SamplerSettings as GenieSamplerSettings, UnmaskingOrder as GenieUnmaskingOrder,
};
pub use input::action_map::GenieActionMap;
pub use input::collect::GenieInput;
pub use input::devices::{
    GenieGamepad, GenieInputSource, GenieKeyboard, GenieMouse, GenieStickDirection,
};
pub use input::rule::{GenieAction, GenieActionRule};
#[cfg(feature = "embedded_model")]
pub use model::EMBEDDED_MODEL;
pub use model::{GenieModel, GenieModelLoader};
pub use output::blend::GenieBlend;
pub use output::frame::{GenieFrame, GenieTexture, GenieTokens};
pub use plugin::GeniePlugin;
pub use reflect::{FitReflect, OrderReflect, SamplerReflect};
pub use settings::{GenieSettings, GenieSystems};
pub use timeline::component::{GenieSnapshot, GenieTimeline};
pub use timeline::replay::{GenieReplay, GenieReplayError, GenieSamplerChange};
pub use timeline::save::GenieSaveError;
pub use worker::compute::{GenieDevice, GeniePriority};
pub use world::command::{GenieCommand, GenieCommandKind};
pub use world::component::{GenieClock, GeniePhase, GenieSampler, GenieStatus, GenieWorld};
pub use world::conditions::{all_worlds_ready, any_world_ready, world_is_ready};
pub use world::events::{
    GenieCommandFailed, GenieEndReason, GenieEnded, GenieFailed, GenieFailedCommand, GenieJump,
    GenieJumped, GenieReady, GenieReset, GenieSaved, GenieSnapshotTaken,
};
pub use world::prompt::{GeniePrompt, GeniePromptError};

/// What most games import. All names begin with `Genie`, apart from run conditions, so that it goes beside Bevy's prelude
/// and those of input managers.
pub mod prelude {
    #[cfg(feature = "embedded_model")]
    pub use crate::EMBEDDED_MODEL;
    #[cfg(feature = "recorder")]
    pub use crate::recorder::{
        GenieRecorder, GenieRecorderPlugin, GenieRecorderSettings, GenieRecordingSource,
    };
    pub use crate::triggers::{
        GenieMotion, GenieSense, GenieTrigger, GenieTriggerFired, GenieTriggerReleased,
        GenieTriggers,
    };
    pub use crate::{
        GenieAction, GenieActionMap, GenieActionRule, GenieBlend, GenieClock, GenieCommand,
        GenieCommandFailed, GenieCommandKind, GenieDevice, GenieDiagnosticsPlugin, GenieEndReason,
        GenieEnded, GenieError, GenieFailed, GenieFailedCommand, GenieFit, GenieFrame,
        GenieGamepad, GenieInput, GenieInputSource, GenieJump, GenieJumped, GenieKeyboard,
        GenieModel, GenieMouse, GeniePhase, GeniePicture, GeniePlugin, GeniePriority, GeniePrompt,
        GenieReady, GenieReplay, GenieReset, GenieSampler, GenieSamplerSettings, GenieSaved,
        GenieSettings, GenieSnapshot, GenieSnapshotTaken, GenieStatus, GenieStickDirection,
        GenieSystems, GenieTexture, GenieTimeline, GenieTokens, GenieUnmaskingOrder, GenieWorld,
        all_worlds_ready, any_world_ready, world_is_ready,
    };
}
