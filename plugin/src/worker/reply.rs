//! What the worker answers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bevy::prelude::*;
use genie_model::{Frame, SamplerSettings};

use crate::{FrameTokens, GenieError, Jump, OrderKind, Replay, WorldSnapshot};

/// What became of a request about one world.
pub(crate) struct Reply {
    pub(crate) world: Entity,
    /// The ticket of the request.
    pub(crate) ticket: u64,
    pub(crate) outcome: Outcome,
}

pub(crate) enum Outcome {
    /// A frame that was asked for.
    Frame(Box<News>),
    /// The world has failed.
    Failed(GenieError),
    /// The request was refused, the world goes on. `settles` says whether a frame was awaited.
    Refused {
        order: OrderKind,
        error: GenieError,
        settles: bool,
    },
    Snapshot(WorldSnapshot),
    Saved {
        path: PathBuf,
        tick: u64,
    },
}

/// A frame that has been made.
pub(crate) struct News {
    pub(crate) kind: NewsKind,
    pub(crate) tick: u64,
    pub(crate) action: Option<usize>,
    pub(crate) asked: Instant,
    pub(crate) pressed: Option<Instant>,
    /// Frames that the world can be rewound by.
    pub(crate) kept: usize,
    pub(crate) frame: Arc<Frame>,
    pub(crate) tokens: Arc<FrameTokens>,
    /// The frame as the texture wants it.
    pub(crate) rgba: Vec<u8>,
}

pub(crate) enum NewsKind {
    Ready {
        actions: usize,
        /// Seed and sampler settings of the file that it goes on from.
        saved: Option<Box<(u64, SamplerSettings)>>,
    },
    Reset,
    Stepped,
    /// The world has gone to another moment; `origin` tells where it now comes from if that is another start.
    Jumped {
        jump: Jump,
        origin: Option<Box<NewOrigin>>,
    },
}

/// What a world's settings become after a jump to another line through time.
pub(crate) struct NewOrigin {
    pub(crate) prompt: Frame,
    pub(crate) seed: u64,
    pub(crate) sampler: SamplerSettings,
    /// To be played from here on.
    pub(crate) replay: Option<Arc<Replay>>,
}
