//! Requests to the worker.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use genie_model::checkpoint::Checkpoint;
use genie_model::{Fit, SamplerSettings};

use crate::model::GenieModel;
use crate::timeline::component::GenieSnapshot;
use crate::timeline::replay::GenieReplay;
use crate::world::events::{GenieFailedCommand, GenieJump};
use crate::world::prompt::Origin;

/// Requests that may wait for the worker.
pub(super) const CAPACITY: usize = 64;

/// A request of the main thread.
pub(crate) enum Request {
    /// Start a world, in place of the one that the entity had.
    Start(Box<StartRequest>),
    /// Go back to the prompt.
    Reset { world: Entity, generation: u64 },
    /// Generate one frame in each of these worlds.
    Step(Vec<StepRequest>),
    /// Sample the next frames in this way.
    Tune {
        world: Entity,
        generation: u64,
        sampler: SamplerSettings,
    },
    /// Jump to another state.
    Jump {
        world: Entity,
        generation: u64,
        to: JumpTarget,
    },
    /// Take a snapshot.
    Snapshot { world: Entity, generation: u64 },
    /// Write the current state to a file.
    Save {
        world: Entity,
        generation: u64,
        path: PathBuf,
    },
    /// Forget the world.
    End { world: Entity },
    /// Forget the networks built from this asset; running worlds keep theirs.
    Forget { model: AssetId<GenieModel> },
}

pub(crate) struct StartRequest {
    pub(crate) world: Entity,
    pub(crate) generation: u64,
    pub(crate) model: AssetId<GenieModel>,
    pub(crate) checkpoint: Arc<Checkpoint>,
    pub(crate) origin: Origin,
    pub(crate) fit: Fit,
    pub(crate) seed: u64,
    pub(crate) sampler: SamplerSettings,
}

#[derive(Clone, Copy)]
pub(crate) struct StepRequest {
    pub(crate) world: Entity,
    pub(crate) generation: u64,
    pub(crate) action: usize,
    pub(crate) asked: Instant,
    /// When the first press or release came in that this frame is the first to show.
    pub(crate) pressed: Option<Instant>,
    /// Frames of the past to keep.
    pub(crate) keep: usize,
    /// Time between two frames at the rate that is the world's floor; `Duration::MAX` without one.
    pub(crate) interval: Duration,
}

/// Where a jump leads.
pub(crate) enum JumpTarget {
    /// The frame with this tick.
    Tick(u64),
    Snapshot(GenieSnapshot),
    File(PathBuf),
    /// The prompt of a replay.
    Replay(Arc<GenieReplay>),
}

impl JumpTarget {
    pub(super) fn names(&self) -> (GenieFailedCommand, GenieJump) {
        match self {
            Self::Tick(_) => (GenieFailedCommand::Rewind, GenieJump::Rewound),
            Self::Snapshot(_) => (GenieFailedCommand::Restore, GenieJump::Restored),
            Self::File(_) => (GenieFailedCommand::Load, GenieJump::Loaded),
            Self::Replay(_) => (GenieFailedCommand::Replay, GenieJump::Replayed),
        }
    }
}

impl Request {
    /// The one world that the request is about.
    pub(super) fn world(&self) -> Option<Entity> {
        match self {
            Self::Start(start) => Some(start.world),
            Self::Reset { world, .. }
            | Self::End { world }
            | Self::Tune { world, .. }
            | Self::Jump { world, .. }
            | Self::Snapshot { world, .. }
            | Self::Save { world, .. } => Some(*world),
            Self::Step(_) | Self::Forget { .. } => None,
        }
    }

    /// Whether it makes all earlier requests about the world pointless.
    pub(super) fn supersedes(&self) -> bool {
        matches!(self, Self::Start(_) | Self::Reset { .. } | Self::End { .. })
    }

    /// Whether it has an effect outside the world.
    pub(super) fn has_effect_elsewhere(&self) -> bool {
        matches!(self, Self::Snapshot { .. } | Self::Save { .. })
    }
}
