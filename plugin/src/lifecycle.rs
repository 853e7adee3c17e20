//! Events of a world's life. They target the world's entity: observe them there, or globally.

use std::path::PathBuf;

use bevy::prelude::*;

use crate::{GenieError, WorldSnapshot};

/// The world's prompt has been taken in: its texture and [`WorldFrame`](crate::WorldFrame) are there, and it runs
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

/// The world has failed and stands still, its last frame on show. A reset or a new prompt starts it again.
#[derive(EntityEvent, Debug)]
pub struct GenieFailed {
    /// The world.
    #[event_target]
    pub world: Entity,
    /// Why; it has been logged too.
    pub error: GenieError,
}

/// The world has gone to another moment of its timeline: its texture and [`WorldFrame`](crate::WorldFrame) show it, and
/// it goes on from there.
#[derive(EntityEvent, Reflect, Clone, Debug)]
#[reflect(Event, Debug, Clone)]
pub struct GenieJumped {
    /// The world.
    #[event_target]
    pub world: Entity,
    /// Where it is now: 0 for the prompt.
    pub tick: u64,
    /// What took it there.
    pub jump: Jump,
}

/// What takes a world to another moment.
#[derive(Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Debug, PartialEq, Clone)]
pub enum Jump {
    /// [`WorldOrder::Rewind`](crate::WorldOrder::Rewind); not further than its timeline is kept.
    Rewound,
    /// [`WorldOrder::Restore`](crate::WorldOrder::Restore).
    Restored,
    /// [`WorldOrder::Load`](crate::WorldOrder::Load).
    Loaded,
    /// [`WorldOrder::Replay`](crate::WorldOrder::Replay): it is at the prompt of the replay.
    Replayed,
}

/// A snapshot has been made on [`WorldOrder::Snapshot`](crate::WorldOrder::Snapshot).
#[derive(EntityEvent, Clone, Debug)]
pub struct GenieSnapshot {
    /// The world.
    #[event_target]
    pub world: Entity,
    /// The moment.
    pub snapshot: WorldSnapshot,
}

/// The world has been saved on [`WorldOrder::Save`](crate::WorldOrder::Save).
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

/// The world has come to an end, its last frame on show; [`WorldOrder::Resume`](crate::WorldOrder::Resume) goes on from
/// there, and a reset, a prompt or a jump to another moment starts it again.
#[derive(EntityEvent, Reflect, Clone, Debug)]
#[reflect(Event, Debug, Clone)]
pub struct GenieEnded {
    /// The world.
    #[event_target]
    pub world: Entity,
    /// Why.
    pub reason: EndReason,
}

/// Why a world has ended.
#[derive(Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Debug, PartialEq, Clone)]
pub enum EndReason {
    /// Its [`tick_limit`](crate::GenieWorld::tick_limit) is reached.
    TickLimit,
    /// The last action of a replay has been played.
    ReplayFinished,
    /// Its entity is despawned, or its [`GenieWorld`](crate::GenieWorld) removed. Observe this one globally: an observer
    /// of the entity goes with it.
    Removed,
}

/// An order could not be carried out. The world goes on as if it had not been given.
#[derive(EntityEvent, Debug)]
pub struct GenieOrderFailed {
    /// The world.
    #[event_target]
    pub world: Entity,
    /// Which order.
    pub order: OrderKind,
    /// Why; it has been logged too.
    pub error: GenieError,
}

/// Orders that can fail.
#[derive(Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Debug, PartialEq, Clone)]
pub enum OrderKind {
    /// [`WorldOrder::Rewind`](crate::WorldOrder::Rewind).
    Rewind,
    /// [`WorldOrder::Snapshot`](crate::WorldOrder::Snapshot).
    Snapshot,
    /// [`WorldOrder::Restore`](crate::WorldOrder::Restore).
    Restore,
    /// [`WorldOrder::Fork`](crate::WorldOrder::Fork).
    Fork,
    /// [`WorldOrder::Save`](crate::WorldOrder::Save).
    Save,
    /// [`WorldOrder::Load`](crate::WorldOrder::Load).
    Load,
    /// [`WorldOrder::Replay`](crate::WorldOrder::Replay).
    Replay,
    /// A change of [`GenieWorld::sampler`](crate::GenieWorld::sampler).
    Sampler,
}
