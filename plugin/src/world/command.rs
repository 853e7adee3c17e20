//! Commands to a running world.

use std::path::PathBuf;
use std::sync::Arc;

use bevy::prelude::*;

use crate::timeline::component::GenieSnapshot;
use crate::timeline::replay::GenieReplay;
use crate::world::prompt::GeniePrompt;

/// Message: a command to one world, carried out in [`GenieSystems::Dispatch`](crate::GenieSystems::Dispatch).
///
/// Commands to an entity that is no world are ignored. A command that cannot be carried out leaves the world as it was, and
/// [`GenieCommandFailed`](crate::GenieCommandFailed) follows.
#[derive(Message, Clone, Debug)]
pub struct GenieCommand {
    /// The world.
    pub world: Entity,
    /// What the world should do.
    pub kind: GenieCommandKind,
}

/// What a world can be commanded to do.
#[derive(Clone, Debug)]
pub enum GenieCommandKind {
    /// Stop ticking; the last frame stays.
    Pause,
    /// Tick again.
    Resume,
    /// Generate one more frame as soon as possible, paused or not, under the action held then.
    Step,
    /// Go back to the prompt and its seed; [`GenieReset`](crate::GenieReset) follows. A failed world is started anew.
    Reset,
    /// Start over from another picture; [`GenieReady`](crate::GenieReady) follows.
    Prompt(GeniePrompt),
    /// Go back by so many frames, or as far as the [`GenieTimeline`](crate::GenieTimeline) is kept, or to the prompt;
    /// [`GenieJumped`](crate::GenieJumped) follows.
    Rewind(u64),
    /// Take a snapshot of the current state; [`GenieSnapshotTaken`](crate::GenieSnapshotTaken) follows.
    Snapshot,
    /// Go to the state of a snapshot, of this world or of another one of the same checkpoint;
    /// [`GenieJumped`](crate::GenieJumped) follows. It cannot be rewound further than to there.
    Restore(GenieSnapshot),
    /// Make an existing entity, which needs no components, a second world that goes on from the current state:
    /// [`GenieReady`](crate::GenieReady) follows there. It gets a copy of this world's settings, action map and timeline
    /// and a texture of its own; components of these kinds that it has already stay as they are. A world that is still loading is started twice instead.
    Fork {
        /// The entity that becomes a world.
        into: Entity,
    },
    /// Write the current state to a file; [`GenieSaved`](crate::GenieSaved) follows. The file is either complete or not written at all.
    Save(PathBuf),
    /// Go to the state in a file that was saved on the same checkpoint; [`GenieJumped`](crate::GenieJumped) follows.
    Load(PathBuf),
    /// Go to the prompt of a replay and generate its frames again, the replay's actions in place of the player's.
    /// [`GenieJumped`](crate::GenieJumped) follows, and [`GenieEnded`](crate::GenieEnded) after the last frame. The
    /// world's clock sets the pace; pauses count.
    Replay(Arc<GenieReplay>),
}

impl GenieCommand {
    /// The command [`GenieCommandKind::Pause`].
    pub fn pause(world: Entity) -> Self {
        let kind = GenieCommandKind::Pause;
        Self { world, kind }
    }

    /// The command [`GenieCommandKind::Resume`].
    pub fn resume(world: Entity) -> Self {
        let kind = GenieCommandKind::Resume;
        Self { world, kind }
    }

    /// The command [`GenieCommandKind::Step`].
    pub fn step(world: Entity) -> Self {
        let kind = GenieCommandKind::Step;
        Self { world, kind }
    }

    /// The command [`GenieCommandKind::Reset`].
    pub fn reset(world: Entity) -> Self {
        let kind = GenieCommandKind::Reset;
        Self { world, kind }
    }

    /// The command [`GenieCommandKind::Prompt`].
    pub fn prompt(world: Entity, prompt: GeniePrompt) -> Self {
        let kind = GenieCommandKind::Prompt(prompt);
        Self { world, kind }
    }

    /// The command [`GenieCommandKind::Rewind`].
    pub fn rewind(world: Entity, frames: u64) -> Self {
        let kind = GenieCommandKind::Rewind(frames);
        Self { world, kind }
    }

    /// The command [`GenieCommandKind::Snapshot`].
    pub fn snapshot(world: Entity) -> Self {
        let kind = GenieCommandKind::Snapshot;
        Self { world, kind }
    }

    /// The command [`GenieCommandKind::Restore`].
    pub fn restore(world: Entity, snapshot: GenieSnapshot) -> Self {
        let kind = GenieCommandKind::Restore(snapshot);
        Self { world, kind }
    }

    /// The command [`GenieCommandKind::Fork`].
    pub fn fork(world: Entity, into: Entity) -> Self {
        let kind = GenieCommandKind::Fork { into };
        Self { world, kind }
    }

    /// The command [`GenieCommandKind::Save`].
    pub fn save(world: Entity, path: impl Into<PathBuf>) -> Self {
        let kind = GenieCommandKind::Save(path.into());
        Self { world, kind }
    }

    /// The command [`GenieCommandKind::Load`].
    pub fn load(world: Entity, path: impl Into<PathBuf>) -> Self {
        let kind = GenieCommandKind::Load(path.into());
        Self { world, kind }
    }

    /// The command [`GenieCommandKind::Replay`].
    pub fn replay(world: Entity, replay: impl Into<Arc<GenieReplay>>) -> Self {
        let kind = GenieCommandKind::Replay(replay.into());
        Self { world, kind }
    }
}
