//! One line of play, one strip, and what their worlds are made of.

use std::sync::Arc;

use bevy::prelude::*;
use bevy_genie::prelude::*;

use crate::project::Project;

/// Frames that a line can be taken back by.
pub(crate) const REWINDABLE: usize = 240;
/// Frames of a line, all of which are remembered as pictures; it ends at the last one.
pub(crate) const MOST_FRAMES: usize = 6000;
/// Frames of a strip, the prompt's included.
pub(crate) const STRIP: u64 = 8;

/// A line of play.
pub(crate) struct Line {
    /// Its number; of all lines that are there, no other one has it.
    pub(crate) number: u32,
    /// The number of the line at the root of its tree: its own, if it is no fork.
    pub(crate) tree: u32,
    /// The version of the project whose picture its tree began with.
    pub(crate) picture: u64,
    /// Its world.
    pub(crate) world: Entity,
    /// The line that it was forked from, and the frame.
    pub(crate) parent: Option<(u32, u64)>,
    /// The frames so far, from the prompt on.
    pub(crate) frames: Vec<Arc<GeniePicture>>,
    /// The latent actions that led to them.
    pub(crate) actions: Vec<Option<usize>>,
    /// The frame to go back to as soon as the fork is there.
    pub(super) go_to: Option<u64>,
    /// The model of its world.
    pub(super) model: Handle<GenieModel>,
    /// The checkpoint, if it is not the first one.
    pub(crate) checkpoint: Option<String>,
}

impl Line {
    /// The newest frame.
    pub(crate) fn newest(&self) -> u64 {
        self.frames.len().saturating_sub(1) as u64
    }

    /// Puts a frame in its place. One with a tick that is there already means that the line has gone back.
    pub(super) fn take(&mut self, frame: &GenieFrame) {
        let tick = frame.tick as usize;
        if tick > self.frames.len() || tick >= MOST_FRAMES {
            return;
        }
        self.frames.truncate(tick);
        self.actions.truncate(tick);
        self.frames.push(Arc::clone(&frame.pixels));
        self.actions.push(frame.action);
    }

    /// Whether it has as many frames as a line can have.
    pub(super) fn is_full(&self) -> bool {
        self.frames.len() >= MOST_FRAMES
    }
}

/// The frame that a world at `newest` lands on when it is to go back to `to`: as near as what is kept of it reaches; its prompt
/// is always kept.
pub(super) fn reachable(to: u64, newest: u64, rewindable: u64) -> u64 {
    if to == 0 {
        return 0;
    }
    to.max(newest.saturating_sub(rewindable)).min(newest)
}

/// One strip.
pub(crate) struct Strip {
    /// Its world.
    pub(crate) world: Entity,
    /// Name of the latent action.
    pub(crate) label: String,
    /// The frames so far.
    pub(crate) frames: Vec<Arc<GeniePicture>>,
}

/// The world of the project's picture.
pub(super) fn world(model: Handle<GenieModel>, project: &Project) -> impl Bundle {
    (
        GenieWorld::new(model, project.canvas.now().picture()).with_seed(project.seed),
        GenieSampler::from(project.sampler.clone()),
    )
}

/// The world of a line.
pub(super) fn line_world(model: Handle<GenieModel>, project: &Project) -> impl Bundle {
    (
        world(model, project),
        GenieClock::paused().with_tick_limit(MOST_FRAMES as u64 - 1),
        GenieKeyboard { enabled: false },
        GenieTimeline {
            capacity: REWINDABLE,
        },
    )
}
