//! The past of a world: how much of it is kept, and snapshots of it.

use std::sync::Arc;

use bevy::prelude::*;

use genie_model::GenieConfig;

use crate::timeline::replay::GenieReplay;
use crate::worker::trajectory::{Trajectory, frame_bytes};
use genie_model::{Frame, SamplerSettings};

/// How many frames a world can be rewound by.
///
/// Each frame that is kept takes memory of the worker: the keys and values that the model remembers of it and its
/// pixels, as [`bytes_per_frame`](Self::bytes_per_frame) says. That is 524 KiB a frame with the shipped model, 16 MiB with
/// the default of 32 frames. Frames that the model itself looks back on are shared, not counted twice, and what is kept
/// never grows beyond the capacity.
#[derive(Component, Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Component, Default, Debug, PartialEq, Clone)]
pub struct GenieTimeline {
    /// Frames kept, besides the newest and the prompt, to which [`GenieCommand::reset`](crate::GenieCommand::reset) goes
    /// back at any time. 0 keeps none. Takes effect at the next tick.
    pub capacity: usize,
}

impl Default for GenieTimeline {
    fn default() -> Self {
        Self { capacity: 32 }
    }
}

impl GenieTimeline {
    /// Bytes that each frame kept takes with a model of this configuration.
    pub fn bytes_per_frame(config: &GenieConfig) -> usize {
        frame_bytes(config)
    }
}

/// The state of a world at one tick, held by the game: [`GenieCommand::restore`](crate::GenieCommand::restore) goes back to it, in the
/// same world or in another one of the same checkpoint, as often as wanted.
///
/// It is made on [`GenieCommand::snapshot`](crate::GenieCommand::snapshot) and comes with
/// [`GenieSnapshotTaken`](crate::GenieSnapshotTaken). Cloning it is cheap; the memory is free when the last clone is gone.
#[derive(Clone, Debug)]
pub struct GenieSnapshot {
    pub(crate) trajectory: Arc<Trajectory>,
}

impl GenieSnapshot {
    /// Its tick: 0 for the prompt.
    pub fn tick(&self) -> u64 {
        self.trajectory.tick()
    }

    /// Its frame.
    pub fn frame(&self) -> &Frame {
        self.trajectory.frame()
    }

    /// How frames were sampled then.
    pub fn sampler(&self) -> &SamplerSettings {
        self.trajectory.sampler()
    }

    /// What led from the prompt to this state, to be played again or saved in little space.
    pub fn replay(&self) -> GenieReplay {
        self.trajectory.replay()
    }
}
