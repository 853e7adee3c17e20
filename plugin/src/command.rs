//! Orders to a running world.

use std::path::PathBuf;
use std::sync::Arc;

use bevy::prelude::*;

use crate::{GeniePrompt, Replay, WorldSnapshot};

/// Message: an order to one world, carried out in [`GenieSystems::Dispatch`](crate::GenieSystems::Dispatch).
///
/// Orders to an entity that is no world are ignored. An order that cannot be carried out leaves the world as it was and
/// is told by [`GenieOrderFailed`](crate::GenieOrderFailed).
#[derive(Message, Clone, Debug)]
pub struct WorldCommand {
    /// The world.
    pub world: Entity,
    /// What it is to do.
    pub order: WorldOrder,
}

/// What a world can be told to do.
#[derive(Clone, Debug)]
pub enum WorldOrder {
    /// Stop ticking; the last frame stays.
    Pause,
    /// Tick again.
    Resume,
    /// Dream one more frame as soon as possible, paused or not, under the action held then.
    Step,
    /// Go back to the prompt and its seed; [`GenieReset`](crate::GenieReset) follows. A failed world is started anew.
    Reset,
    /// Start over from another picture; [`GenieReady`](crate::GenieReady) follows.
    Prompt(GeniePrompt),
    /// Go back by so many frames, or as far as the [`Timeline`](crate::Timeline) is kept, or to the prompt;
    /// [`GenieJumped`](crate::GenieJumped) follows.
    Rewind(u64),
    /// Hand out this moment; [`GenieSnapshot`](crate::GenieSnapshot) follows.
    Snapshot,
    /// Go to a moment handed out before, here or by another world of the same checkpoint;
    /// [`GenieJumped`](crate::GenieJumped) follows. What lay before it cannot be rewound to.
    Restore(WorldSnapshot),
    /// Make an existing entity, which need have no components, a world of its own that goes on from this moment:
    /// [`GenieReady`](crate::GenieReady) follows there. It gets a copy of this world's settings, action map and timeline
    /// and a texture of its own; what it has of them already stays. A world that is still loading is started twice instead.
    Fork {
        /// The entity that becomes a world.
        into: Entity,
    },
    /// Write this moment to a file; [`GenieSaved`](crate::GenieSaved) follows. The file is complete or not there.
    Save(PathBuf),
    /// Go to a moment in a file that was saved on the same checkpoint; [`GenieJumped`](crate::GenieJumped) follows.
    Load(PathBuf),
    /// Go to the prompt of a replay and dream its frames again, the replay's actions in place of the player's.
    /// [`GenieJumped`](crate::GenieJumped) follows, and [`GenieEnded`](crate::GenieEnded) after the last frame. It keeps to
    /// the world's clock, pauses too.
    Replay(Arc<Replay>),
}

impl WorldCommand {
    /// The order [`WorldOrder::Pause`].
    pub fn pause(world: Entity) -> Self {
        let order = WorldOrder::Pause;
        Self { world, order }
    }

    /// The order [`WorldOrder::Resume`].
    pub fn resume(world: Entity) -> Self {
        let order = WorldOrder::Resume;
        Self { world, order }
    }

    /// The order [`WorldOrder::Step`].
    pub fn step(world: Entity) -> Self {
        let order = WorldOrder::Step;
        Self { world, order }
    }

    /// The order [`WorldOrder::Reset`].
    pub fn reset(world: Entity) -> Self {
        let order = WorldOrder::Reset;
        Self { world, order }
    }

    /// The order [`WorldOrder::Prompt`].
    pub fn prompt(world: Entity, prompt: GeniePrompt) -> Self {
        let order = WorldOrder::Prompt(prompt);
        Self { world, order }
    }

    /// The order [`WorldOrder::Rewind`].
    pub fn rewind(world: Entity, frames: u64) -> Self {
        let order = WorldOrder::Rewind(frames);
        Self { world, order }
    }

    /// The order [`WorldOrder::Snapshot`].
    pub fn snapshot(world: Entity) -> Self {
        let order = WorldOrder::Snapshot;
        Self { world, order }
    }

    /// The order [`WorldOrder::Restore`].
    pub fn restore(world: Entity, snapshot: WorldSnapshot) -> Self {
        let order = WorldOrder::Restore(snapshot);
        Self { world, order }
    }

    /// The order [`WorldOrder::Fork`].
    pub fn fork(world: Entity, into: Entity) -> Self {
        let order = WorldOrder::Fork { into };
        Self { world, order }
    }

    /// The order [`WorldOrder::Save`].
    pub fn save(world: Entity, path: impl Into<PathBuf>) -> Self {
        let order = WorldOrder::Save(path.into());
        Self { world, order }
    }

    /// The order [`WorldOrder::Load`].
    pub fn load(world: Entity, path: impl Into<PathBuf>) -> Self {
        let order = WorldOrder::Load(path.into());
        Self { world, order }
    }

    /// The order [`WorldOrder::Replay`].
    pub fn replay(world: Entity, replay: impl Into<Arc<Replay>>) -> Self {
        let order = WorldOrder::Replay(replay.into());
        Self { world, order }
    }
}
