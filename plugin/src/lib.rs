//! Genie world models as a Bevy plugin: one picture in, a playable world out.
//!
//! Add [`GeniePlugin`], load a checkpoint, spawn a [`GenieWorld`] with a prompt picture, and show its
//! [`GenieTexture`] wherever an `Image` can be shown. Arrow keys (or whatever keys the checkpoint names) play it.
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
//! fn watch(mut frames: MessageReader<WorldFrame>) {
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
//! # What flows where
//! Keys, gamepads and game code press named actions with [`InputAction`] messages; the world's [`LatentActionMap`] turns
//! what is held into one latent action per tick; a worker thread that owns all tensors dreams the next frame; it comes
//! back as a texture, as the [`WorldFrame`] component and as a [`WorldFrame`] message. The main thread never waits for
//! the model. [`WorldCommand`] messages step and reset worlds; [`GenieReady`], [`GenieReset`] and [`GenieFailed`] tell
//! what became of them. [`GenieSystems`] says when each part runs.

mod action;
mod blend;
mod command;
mod conditions;
mod devices;
mod diagnostics;
mod error;
mod files;
mod frame;
mod lifecycle;
mod line;
mod model;
mod plugin;
mod prompt;
mod reflect;
mod replay;
mod save;
mod session;
mod settings;
mod systems;
mod timeline;
mod worker;
mod world;

pub use action::{ActionRule, InputAction, LatentActionMap, LatentTarget};
pub use blend::FrameBlend;
pub use command::{WorldCommand, WorldOrder};
pub use conditions::{all_worlds_ready, any_world_ready, world_is_ready};
pub use devices::{GamepadControl, InputSource, KeyboardControl, MouseControl, StickDirection};
pub use diagnostics::GenieDiagnosticsPlugin;
pub use error::GenieError;
pub use frame::{GenieTexture, WorldFrame};
pub use genie_model;
pub use genie_model::{ActionLabel, Fit, Frame, SamplerSettings, UnmaskingOrder};
pub use lifecycle::{
    EndReason, GenieEnded, GenieFailed, GenieJumped, GenieOrderFailed, GenieReady, GenieReset,
    GenieSaved, GenieSnapshot, Jump, OrderKind,
};
pub use model::{GenieModel, GenieModelLoader};
pub use plugin::{GeniePlugin, GeniePlugins, GenieSystems};
pub use prompt::{GeniePrompt, PromptError};
pub use reflect::{FitReflect, OrderReflect, SamplerReflect};
pub use replay::{Replay, ReplayError, SamplerChange};
pub use save::SaveError;
pub use settings::GenieSettings;
pub use timeline::{Timeline, WorldSnapshot};
pub use world::{GenieWorld, WorldPhase, WorldStatus};

/// What most games import.
pub mod prelude {
    pub use crate::{
        ActionRule, EndReason, Fit, Frame, FrameBlend, GamepadControl, GenieDiagnosticsPlugin,
        GenieEnded, GenieError, GenieFailed, GenieJumped, GenieModel, GenieOrderFailed,
        GeniePlugin, GeniePlugins, GeniePrompt, GenieReady, GenieReset, GenieSaved, GenieSettings,
        GenieSnapshot, GenieSystems, GenieTexture, GenieWorld, InputAction, InputSource, Jump,
        KeyboardControl, LatentActionMap, LatentTarget, MouseControl, OrderKind, Replay,
        SamplerSettings, StickDirection, Timeline, WorldCommand, WorldFrame, WorldOrder,
        WorldPhase, WorldSnapshot, WorldStatus, all_worlds_ready, any_world_ready, world_is_ready,
    };
}
