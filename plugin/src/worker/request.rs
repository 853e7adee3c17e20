//! What the main thread asks the worker for.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bevy::prelude::*;
use genie_model::checkpoint::Checkpoint;
use genie_model::{Fit, SamplerSettings};

use crate::prompt::Origin;
use crate::{GenieModel, Jump, OrderKind, Replay, WorldSnapshot};

/// One thing that the main thread asks for.
pub(crate) enum Request {
    /// Start a world, in place of the one that the entity had.
    Start(Box<StartOrder>),
    /// Go back to the prompt.
    Reset { world: Entity, ticket: u64 },
    /// Dream one frame in each of these worlds.
    Step(Vec<StepOrder>),
    /// Sample the next frames in this way.
    Tune {
        world: Entity,
        ticket: u64,
        sampler: SamplerSettings,
    },
    /// Go to another moment.
    Jump {
        world: Entity,
        ticket: u64,
        to: Moment,
    },
    /// Hand out the present moment.
    Snapshot { world: Entity, ticket: u64 },
    /// Write the present moment to a file.
    Save {
        world: Entity,
        ticket: u64,
        path: PathBuf,
    },
    /// Forget the world.
    End { world: Entity },
    /// Forget the networks built from this asset; running worlds keep theirs.
    Forget { model: AssetId<GenieModel> },
}

pub(crate) struct StartOrder {
    pub(crate) world: Entity,
    pub(crate) ticket: u64,
    pub(crate) model: AssetId<GenieModel>,
    pub(crate) checkpoint: Arc<Checkpoint>,
    pub(crate) origin: Origin,
    pub(crate) fit: Fit,
    pub(crate) seed: u64,
    pub(crate) sampler: SamplerSettings,
}

#[derive(Clone, Copy)]
pub(crate) struct StepOrder {
    pub(crate) world: Entity,
    pub(crate) ticket: u64,
    pub(crate) action: usize,
    pub(crate) asked: Instant,
    /// When the first press or release came in that this frame is the first to show.
    pub(crate) pressed: Option<Instant>,
    /// Frames of the past to keep.
    pub(crate) keep: usize,
}

/// Where a jump leads.
pub(crate) enum Moment {
    /// The frame with this tick.
    Tick(u64),
    Snapshot(WorldSnapshot),
    File(PathBuf),
    /// The prompt of a replay.
    Replay(Arc<Replay>),
}

impl Moment {
    pub(super) fn names(&self) -> (OrderKind, Jump) {
        match self {
            Self::Tick(_) => (OrderKind::Rewind, Jump::Rewound),
            Self::Snapshot(_) => (OrderKind::Restore, Jump::Restored),
            Self::File(_) => (OrderKind::Load, Jump::Loaded),
            Self::Replay(_) => (OrderKind::Replay, Jump::Replayed),
        }
    }
}

impl Request {
    /// The one world that the request is about.
    pub(super) fn world(&self) -> Option<Entity> {
        match self {
            Self::Start(order) => Some(order.world),
            Self::Reset { world, .. }
            | Self::End { world }
            | Self::Tune { world, .. }
            | Self::Jump { world, .. }
            | Self::Snapshot { world, .. }
            | Self::Save { world, .. } => Some(*world),
            Self::Step(_) | Self::Forget { .. } => None,
        }
    }

    /// Whether nothing that the world was told before counts any more.
    pub(super) fn supersedes(&self) -> bool {
        matches!(self, Self::Start(_) | Self::Reset { .. } | Self::End { .. })
    }

    /// Whether the request serves something else than the world's next frames.
    pub(super) fn has_effect_elsewhere(&self) -> bool {
        matches!(self, Self::Snapshot { .. } | Self::Save { .. })
    }
}
