//! Genie world models as a Bevy plugin: one picture in, a playable world out.
//!
//! Add [`GeniePlugin`], load a checkpoint, and spawn a [`GenieWorld`] with a prompt picture. A `Sprite`, an `ImageNode` or a
//! material on the same entity shows the world; the arrow keys, or the keys that the checkpoint names, play it.
//!
//! ```no_run
//! use bevy::prelude::*;
//! use bevy_genie::prelude::*;
//!
//! fn start(mut commands: Commands, assets: Res<AssetServer>) {
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
//!     .add_systems(Startup, start)
//!     .add_systems(Update, watch);
//! ```
//!
//! # The trip of a key press
//! ```text
//!   main thread                                                  worker thread
//!   -----------                                                  -------------
//!   keys, mouse, gamepads, game code
//!     | GenieInput: a named action is pressed or released
//!   actions that are held
//!     | GenieActionMap: names -> latent action, at each tick of the GenieClock
//!   request ------------------- bounded channel ---------------> one pass of the model
//!                                                                  for all worlds that are due
//!   texture, GenieFrame, events <-- bounded channel ------------ frame
//! ```
//!
//! The main thread never waits for the model. The worker thread owns all tensors. The sections below go through the parts
//! one by one; the last example puts them together.
//!
//! # Models
//! A [`GenieModel`] is an asset: one file `*.genie.safetensors` with weights, configuration and action labels. The asset
//! server reads and checks the file, and the worker builds the networks. All worlds of one model are computed in one batch.
//! When the asset changes, its worlds start again from their prompts with the new weights. A file that cannot be loaded
//! changes nothing.
//!
//! # Worlds
//! A [`GenieWorld`] component makes an entity a world. Its fields (model, prompt, fit, seed) are read when the world starts.
//! The components that it requires come with it, and can be changed at any time:
//!
//! | component | holds |
//! |---|---|
//! | [`GenieClock`] | tick rate, speed, tick limit, and whether the world is paused |
//! | [`GenieSampler`] | how frames are sampled |
//! | [`GenieActionMap`] | which named actions lead to which latent action |
//! | [`GenieKeyboard`], [`GenieMouse`], [`GenieGamepad`] | which devices press its actions |
//! | [`GenieTimeline`] | how many past frames are kept |
//! | [`GenieTexture`] | the image of the newest frame |
//! | [`GenieFrame`] | the newest frame, with its tick, action, latency and pixels, once there is one |
//! | [`GenieStatus`] | phase, late ticks, how far the world can be rewound; the plugin writes it |
//!
//! The prompt is a [`GeniePrompt`]: an image asset, a picture file, pixels, or a saved world. Worlds are independent of each
//! other: spawn as many as the machine can compute. Despawning a world frees all that belongs to it.
//!
//! # Showing a world
//! Put one of these on the world's own entity, and it shows the world by itself, as long as it has no image of its own:
//!
//! | component | cargo feature, on by default |
//! |---|---|
//! | `Sprite` | `sprite` |
//! | `ImageNode` | `ui` |
//! | `MeshMaterial3d<StandardMaterial>`, with the world as its base colour | `pbr` |
//! | `MeshMaterial2d<ColorMaterial>` | `mesh2d` |
//!
//! Everything else that shows an `Image` takes the handle in [`GenieTexture`].
//!
//! # Actions
//! A [`GenieInput`] message presses or releases a named action of a world. Keys, mouse buttons and gamepads write these
//! messages by themselves, under the names of [`GenieInputSource`]. Game code, replays and the network write them under any
//! names. At each tick the world's [`GenieActionMap`] turns the names that are held into one latent action:
//!
//! ```
//! # use bevy::prelude::*;
//! # use bevy_genie::prelude::*;
//! fn let_an_enemy_play(worlds: Query<Entity, With<GenieWorld>>, mut inputs: MessageWriter<GenieInput>) {
//!     for world in &worlds {
//!         inputs.write(GenieInput::press(world, "right"));
//!     }
//! }
//!
//! let map = GenieActionMap::default()
//!     .bind_keys([KeyCode::KeyD, KeyCode::KeyW], "right_jump")
//!     .bind_inputs([MouseButton::Left], "jump")
//!     .bind_inputs([GenieStickDirection::RightStickUp], "jump");
//! ```
//!
//! Bevy reads gamepads only with its own feature `bevy_gilrs`, which the game turns on.
//!
//! Input managers write the same messages. Turn the plugin's own devices off, with [`GeniePlugin::input`] or with
//! `GenieKeyboard { enabled: false }` on the world, so that presses do not count twice. With `bevy_enhanced_input`, whose
//! context is a component of the world's entity:
//!
//! ```ignore
//! fn press(jump: On<Start<Jump>>, mut inputs: MessageWriter<GenieInput>) {
//!     inputs.write(GenieInput::press(jump.context, "jump"));
//! }
//! fn release(jump: On<Complete<Jump>>, mut inputs: MessageWriter<GenieInput>) {
//!     inputs.write(GenieInput::release(jump.context, "jump"));
//! }
//! ```
//!
//! With `leafwing-input-manager`, whose `InputMap` is a component of the world's entity:
//!
//! ```ignore
//! for (world, state) in &worlds {
//!     for play in state.get_just_pressed() {
//!         inputs.write(GenieInput::press(world, play.name()));
//!     }
//!     for play in state.get_just_released() {
//!         inputs.write(GenieInput::release(world, play.name()));
//!     }
//! }
//! ```
//!
//! The examples `enhanced_input` and `leafwing_input` are complete programs.
//!
//! # Time
//! Each world has a [`GenieClock`], which follows Bevy's `Time`. Its tick rate is [`GenieClock::tick_rate`], else that of
//! [`GenieSettings`], else the model's own. [`GenieClock::paused`] stops the clock, and [`GenieCommand::step`] asks for a
//! single frame even then.
//!
//! A world has at most one frame in flight. When the model is slower than the clock, ticks are left out and counted in
//! [`GenieStatus::late_ticks`]. The last frame stays on show, and the newest actions count for the next one. [`GenieBlend`]
//! fades from frame to frame on display.
//!
//! # Timeline
//! The same checkpoint, prompt, seed and actions give the same frames, and the state of a world is a value. A
//! [`GenieCommand`] can therefore [`rewind`](GenieCommand::rewind) a world, [`snapshot`](GenieCommand::snapshot) and
//! [`restore`](GenieCommand::restore) it, [`fork`](GenieCommand::fork) it into another entity,
//! [`save`](GenieCommand::save) and [`load`](GenieCommand::load) it, and [`replay`](GenieCommand::replay) what was played:
//!
//! ```
//! # use bevy::prelude::*;
//! # use bevy_genie::prelude::*;
//! /// Goes back by half a second.
//! fn rewind(
//!     keys: Res<ButtonInput<KeyCode>>,
//!     worlds: Query<Entity, With<GenieWorld>>,
//!     mut genie: MessageWriter<GenieCommand>,
//! ) {
//!     if keys.just_pressed(KeyCode::Backspace) {
//!         genie.write_batch(worlds.iter().map(|world| GenieCommand::rewind(world, 5)));
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
//! /// Keeps what was played.
//! fn keep_replay(taken: On<GenieSnapshotTaken>) {
//!     if let Err(error) = taken.snapshot.replay().write("best_run.json") {
//!         error!("{error}");
//!     }
//! }
//! ```
//!
//! # Events
//! [`GenieFrame`] is also a message, written for each frame that arrives. Each step in the life of a world triggers an
//! `EntityEvent`; observe it on the world's entity, or globally:
//!
//! | event | when |
//! |---|---|
//! | [`GenieReady`] | the prompt is on show |
//! | [`GenieReset`] | the world is back at its prompt |
//! | [`GenieJumped`] | the world has been rewound, restored, loaded, or taken to the prompt of a replay |
//! | [`GenieSnapshotTaken`], [`GenieSaved`] | a snapshot or a file has been made |
//! | [`GenieEnded`] | the tick limit is reached, the replay is over, or the world is despawned |
//! | [`GenieCommandFailed`] | a command could not be carried out; the world goes on as before |
//! | [`GenieFailed`] | the world has stopped; [`GenieCommand::reset`] starts it again |
//!
//! # Rules of the game
//! A world model paints pictures and keeps no score. [`triggers`] read the frames: colours, templates, motion of the scene
//! and of the hero, and places seen before.
//!
//! # Errors
//! A damaged checkpoint, a prompt that is no picture, values that are not finite, a panic in the model: each becomes a
//! [`GenieFailed`] of the worlds that it concerns and a line in the log. The other worlds go on. If the worker thread itself is
//! lost, all worlds fail and a new thread takes its place, so that they can be reset. When the app ends, the worker is stopped
//! and joined. A pass that takes longer than a second is left to end alone.
//!
//! # Schedules
//! [`GenieSystems`] names the parts of the plugin: frames arrive and devices are read in `PreUpdate`, commands and actions
//! are taken in `PostUpdate`. Systems of `Update` need no ordering. [`any_world_ready`], [`all_worlds_ready`] and
//! [`world_is_ready`] are run conditions. [`GenieDiagnosticsPlugin`], a part of [`GeniePlugin`], measures frames per second,
//! latencies, queue, late ticks and memory; `GenieOverlayPlugin`, behind the feature `overlay`, writes the figures on screen.
//!
//! # Processor time
//! Passes run on a worker thread and a thread pool of its own. The pool has one thread less than there are cores, unless
//! [`GeniePlugin::threads`] says otherwise. [`GeniePriority`] says who goes first where cores are short: by default the game,
//! down to a floor for the worlds.
//!
//! All systems of the plugin together take less than 0.2 ms of the main thread with one world. The benchmarks `frame_time`,
//! `main_thread` and `starvation` of the workspace measure this and what a busy world costs the frames of a game.
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
//!     commands.spawn((
//!         GenieWorld::new(model, prompt).with_seed(7),
//!         GenieClock::default().with_tick_limit(LENGTH),
//!         GenieActionMap::default().bind_inputs([MouseButton::Left], "jump"),
//!         GenieTimeline { capacity: 100 },
//!     ));
//! }
//!
//! fn rewind(
//!     keys: Res<ButtonInput<KeyCode>>,
//!     world: Single<Entity, With<GenieWorld>>,
//!     mut genie: MessageWriter<GenieCommand>,
//! ) {
//!     if keys.just_pressed(KeyCode::Backspace) {
//!         genie.write(GenieCommand::rewind(*world, 10));
//!     }
//! }
//!
//! fn keep_the_run(ended: On<GenieEnded>, mut genie: MessageWriter<GenieCommand>) {
//!     if ended.reason == GenieEndReason::TickLimit {
//!         genie.write(GenieCommand::snapshot(ended.world));
//!     }
//! }
//!
//! fn show_the_run_again(taken: On<GenieSnapshotTaken>, mut genie: MessageWriter<GenieCommand>) {
//!     genie.write(GenieCommand::replay(taken.world, taken.snapshot.replay()));
//! }
//!
//! fn report(failed: On<GenieFailed>) {
//!     info!("the world has failed: {}", failed.error);
//! }
//!
//! # let mut app = App::new();
//! app.add_plugins((MinimalPlugins, AssetPlugin::default(), GeniePlugin::default()))
//!     .add_systems(Startup, start)
//!     .add_systems(Update, rewind.run_if(any_world_ready))
//!     .add_observer(keep_the_run)
//!     .add_observer(show_the_run_again)
//!     .add_observer(report);
//! ```
//!
//! # Cargo features
//! | feature | brings |
//! |---|---|
//! | `sprite`, `ui`, `pbr`, `mesh2d` (default) | worlds that show themselves, see above |
//! | `overlay` | `GenieOverlayPlugin` |
//! | `recorder` | the module `recorder`: a running game records itself as footage for training |
//! | `embedded_model` | the shipped platformer inside the program, `EMBEDDED_MODEL` |
//! | `cuda`, `metal`, `accelerate` | candle's backends for [`GenieDevice`] |
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
pub use reflect::{GenieFitReflect, GenieOrderReflect, GenieSamplerReflect};
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
