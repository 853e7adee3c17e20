//! Events in the life of a world. They target the world's entity: observe them there, or globally.

use std::path::PathBuf;

use bevy::prelude::*;

use crate::error::GenieError;
use crate::timeline::component::GenieSnapshot;
use crate::world::component::{GeniePhase, GenieStatus};

/// The model has encoded the world's prompt: its texture and [`GenieFrame`](crate::GenieFrame) are there, and it runs
/// unless it is paused. Comes again after a new prompt.
#[derive(EntityEvent, Reflect, Clone, Debug)]
#[reflect(Event, Debug, Clone)]
pub struct GenieReady {
    /// The world.
    #[event_target]
    pub world: Entity,
    /// Size of its frames in pixels.
    pub size: UVec2,
    /// Number `A` of its latent actions.
    pub actions: usize,
}

/// The world is back at its prompt.
#[derive(EntityEvent, Reflect, Clone, Debug)]
#[reflect(Event, Debug, Clone)]
pub struct GenieReset {
    /// The world.
    #[event_target]
    pub world: Entity,
}

/// The world has failed and has stopped. Its last frame stays on show. A reset or a new prompt starts it again.
#[derive(EntityEvent, Debug)]
pub struct GenieFailed {
    /// The world.
    #[event_target]
    pub world: Entity,
    /// Why; it has been logged too.
    pub error: GenieError,
}

/// The world has jumped to another state: its texture and [`GenieFrame`](crate::GenieFrame) show it, and
/// it goes on from there.
#[derive(EntityEvent, Reflect, Clone, Debug)]
#[reflect(Event, Debug, Clone)]
pub struct GenieJumped {
    /// The world.
    #[event_target]
    pub world: Entity,
    /// Where it is now: 0 for the prompt.
    pub tick: u64,
    /// Why.
    pub jump: GenieJump,
}

/// Why a world has jumped to another state.
#[derive(Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Debug, PartialEq, Clone)]
pub enum GenieJump {
    /// [`GenieCommandKind::Rewind`](crate::GenieCommandKind::Rewind); not further than its timeline is kept.
    Rewound,
    /// [`GenieCommandKind::Restore`](crate::GenieCommandKind::Restore).
    Restored,
    /// [`GenieCommandKind::Load`](crate::GenieCommandKind::Load).
    Loaded,
    /// [`GenieCommandKind::Replay`](crate::GenieCommandKind::Replay): it is at the prompt of the replay.
    Replayed,
}

/// A snapshot has been made on [`GenieCommandKind::Snapshot`](crate::GenieCommandKind::Snapshot).
#[derive(EntityEvent, Clone, Debug)]
pub struct GenieSnapshotTaken {
    /// The world.
    #[event_target]
    pub world: Entity,
    /// The state, with its frame.
    pub snapshot: GenieSnapshot,
}

/// The world has been saved on [`GenieCommandKind::Save`](crate::GenieCommandKind::Save).
#[derive(EntityEvent, Clone, Debug)]
pub struct GenieSaved {
    /// The world.
    #[event_target]
    pub world: Entity,
    /// The file, complete.
    pub path: PathBuf,
    /// The frame that it was saved at.
    pub tick: u64,
}

/// The world has ended. Its last frame stays on show; [`GenieCommandKind::Resume`](crate::GenieCommandKind::Resume) goes on from
/// there, and a reset, a prompt or a jump to another state starts it again.
#[derive(EntityEvent, Reflect, Clone, Debug)]
#[reflect(Event, Debug, Clone)]
pub struct GenieEnded {
    /// The world.
    #[event_target]
    pub world: Entity,
    /// Why.
    pub reason: GenieEndReason,
}

/// Why a world has ended.
#[derive(Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Debug, PartialEq, Clone)]
pub enum GenieEndReason {
    /// Its [`tick_limit`](crate::GenieClock::tick_limit) is reached.
    TickLimit,
    /// The last action of a replay has been played.
    ReplayFinished,
    /// Its entity is despawned, or its [`GenieWorld`](crate::GenieWorld) removed. Observe this one globally: an observer
    /// of the entity goes with it.
    Removed,
}

/// A command could not be carried out. The world goes on as before.
#[derive(EntityEvent, Debug)]
pub struct GenieCommandFailed {
    /// The world.
    #[event_target]
    pub world: Entity,
    /// Which command.
    pub command: GenieFailedCommand,
    /// Why; it has been logged too.
    pub error: GenieError,
}

/// Commands that can fail.
#[derive(Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Debug, PartialEq, Clone)]
pub enum GenieFailedCommand {
    /// [`GenieCommandKind::Rewind`](crate::GenieCommandKind::Rewind).
    Rewind,
    /// [`GenieCommandKind::Snapshot`](crate::GenieCommandKind::Snapshot).
    Snapshot,
    /// [`GenieCommandKind::Restore`](crate::GenieCommandKind::Restore).
    Restore,
    /// [`GenieCommandKind::Fork`](crate::GenieCommandKind::Fork).
    Fork,
    /// [`GenieCommandKind::Save`](crate::GenieCommandKind::Save).
    Save,
    /// [`GenieCommandKind::Load`](crate::GenieCommandKind::Load).
    Load,
    /// [`GenieCommandKind::Replay`](crate::GenieCommandKind::Replay).
    Replay,
    /// A change of the [`GenieSampler`](crate::GenieSampler).
    Sampler,
}

/// Stops a world, logs why and triggers the event.
pub(crate) fn fail(
    commands: &mut Commands,
    world: Entity,
    status: &mut GenieStatus,
    error: GenieError,
) {
    error!("world {world}: {error}");
    status.phase = GeniePhase::Failed;
    commands.trigger(GenieFailed { world, error });
}

/// Logs that a command could not be carried out and triggers the event.
pub(crate) fn refuse(
    commands: &mut Commands,
    world: Entity,
    command: GenieFailedCommand,
    error: GenieError,
) {
    warn!("world {world}: {command:?}: {error}");
    commands.trigger(GenieCommandFailed {
        world,
        command,
        error,
    });
}
