//! Replies of the worker.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bevy::prelude::*;
use genie_model::{Frame, SamplerSettings};

use crate::error::GenieError;
use crate::output::frame::GenieTokens;
use crate::timeline::component::GenieSnapshot;
use crate::timeline::replay::GenieReplay;
use crate::worker::cpu_time::PassTimes;
use crate::world::events::{GenieFailedCommand, GenieJump};

/// The outcome of a request about one world.
pub(crate) struct Reply {
    pub(crate) world: Entity,
    /// The generation of the request.
    pub(crate) generation: u64,
    pub(crate) outcome: Outcome,
}

pub(crate) enum Outcome {
    /// A frame that was asked for.
    Frame(Box<FrameReply>),
    /// The world has failed.
    Failed(GenieError),
    /// The request was refused, the world goes on. `settles` says whether a frame was awaited.
    Refused {
        command: GenieFailedCommand,
        error: GenieError,
        settles: bool,
    },
    Snapshot(GenieSnapshot),
    Saved {
        path: PathBuf,
        tick: u64,
    },
}

/// A frame that has been made.
pub(crate) struct FrameReply {
    pub(crate) kind: FrameReplyKind,
    pub(crate) tick: u64,
    pub(crate) action: Option<usize>,
    pub(crate) asked: Instant,
    pub(crate) pressed: Option<Instant>,
    /// How the time of the pass that made it was spent.
    pub(crate) times: PassTimes,
    /// Frames that the world can be rewound by.
    pub(crate) kept: usize,
    pub(crate) frame: Arc<Frame>,
    pub(crate) tokens: Arc<GenieTokens>,
    /// The frame as the texture wants it.
    pub(crate) rgba: Vec<u8>,
}

pub(crate) enum FrameReplyKind {
    Ready {
        actions: usize,
        /// Seed and sampler settings of the file that it goes on from.
        saved: Option<Box<(u64, SamplerSettings)>>,
    },
    Reset,
    Stepped,
    /// The world has gone to another moment; `origin` has its new prompt, seed and settings if it has another start now.
    Jumped {
        jump: GenieJump,
        origin: Option<Box<NewOrigin>>,
    },
}

/// What a world's settings become after a jump to another trajectory.
pub(crate) struct NewOrigin {
    pub(crate) prompt: Frame,
    pub(crate) seed: u64,
    pub(crate) sampler: SamplerSettings,
    /// Its actions are played from here on.
    pub(crate) replay: Option<Arc<GenieReplay>>,
}
