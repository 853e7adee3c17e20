//! One line of play, one strip, and what their worlds are made of.

use std::path::PathBuf;
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
    /// What the designer calls it, if anything.
    pub(crate) name: String,
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
    pub(crate) checkpoint: Option<PathBuf>,
    /// A run from a file that is still to be played again.
    pub(crate) arriving: Option<Arc<GenieReplay>>,
    /// What leads to its frames, as far as it is known.
    pub(super) kept: Option<GenieReplay>,
    /// Whether it has changed since.
    pub(super) changed: bool,
    /// Whether the world has been asked for it.
    pub(super) asked: bool,
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
        self.changed = true;
        if self
            .arriving
            .as_ref()
            .is_some_and(|run| tick >= frames_of(run))
        {
            self.arriving = None;
        }
    }

    /// The frames of its run that are there again, and all of them, while it is still played again.
    pub(crate) fn arrived(&self) -> Option<(usize, usize)> {
        let run = self.arriving.as_ref()?;
        Some((self.newest() as usize, frames_of(run)))
    }

    /// What it is called on the screen.
    pub(crate) fn title(&self) -> String {
        let checkpoint = self.checkpoint.as_ref().and_then(|path| path.file_name());
        match checkpoint {
            _ if !self.name.trim().is_empty() => self.name.trim().to_owned(),
            Some(name) => name.to_string_lossy().into_owned(),
            None => format!("line {}", self.number),
        }
    }

    /// Whether it has as many frames as a line can have.
    pub(super) fn is_full(&self) -> bool {
        self.frames.len() >= MOST_FRAMES
    }
}

/// Frames that a run has after its prompt, as far as a line has room for them.
pub(super) fn frames_of(run: &GenieReplay) -> usize {
    run.actions.len().min(MOST_FRAMES - 1)
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
pub(super) fn world(model: Handle<GenieModel>, project: &Project) -> (GenieWorld, GenieSampler) {
    (
        GenieWorld::new(model, project.canvas.now().picture()).with_seed(project.seed),
        project.sampler.clone().into(),
    )
}

/// The world of a run from a file.
pub(super) fn world_of_run(
    model: Handle<GenieModel>,
    run: &GenieReplay,
) -> (GenieWorld, GenieSampler) {
    (
        GenieWorld::new(model, run.prompt.clone()).with_seed(run.seed),
        run.sampler.clone().into(),
    )
}

/// A world as it is in a line: it waits, and hears no keys, until it is looked at.
pub(super) fn line_world(world: (GenieWorld, GenieSampler)) -> impl Bundle {
    (
        world,
        GenieClock::paused().with_tick_limit(MOST_FRAMES as u64 - 1),
        GenieKeyboard { enabled: false },
        GenieTimeline {
            capacity: REWINDABLE,
        },
    )
}
