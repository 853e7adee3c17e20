//! All lines of play, and the trees that they make: forks, earlier pictures, and which of them go when there are too many.

use std::collections::BTreeSet;
use std::path::PathBuf;

use bevy::prelude::*;
use bevy_genie::prelude::*;

use super::line::{Line, Strip, line_world, reachable, world};
use crate::project::Project;
use crate::toasts::Toasts;
use crate::tries::Try;

/// Lines that there are at most; each has a world.
pub(crate) const MOST_LINES: usize = 12;

/// Which lines of a file are played again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// All of them, the one that is looked at first.
    All,
    /// The one that is looked at, once it is chosen.
    Chosen {
        /// The line that was looked at when the others were stopped: it waits as well.
        not: Option<u32>,
    },
}

impl Default for Again {
    fn default() -> Self {
        Self::Chosen { not: None }
    }
}

impl Again {
    /// A line is chosen.
    fn go_on(&mut self) {
        if let Self::Chosen { not } = self {
            *not = None;
        }
    }
}

/// All worlds.
#[derive(Resource)]
pub(crate) struct Lines {
    /// The model of all lines but those with a checkpoint of their own.
    pub(crate) model: Handle<GenieModel>,
    /// Lines of play: those of the newest picture, then what is left of earlier ones.
    pub(crate) all: Vec<Line>,
    /// Which one is played.
    pub(crate) played: usize,
    /// Another one beside it, under the same keys.
    pub(crate) beside: Option<usize>,
    /// The frame of the played line that is looked at; `None` for the newest.
    pub(crate) shown: Option<usize>,
    /// Whether time runs.
    pub(crate) running: bool,
    /// Its speed; 1 is the model's own.
    pub(crate) speed: f32,
    /// One for each latent action.
    pub(crate) strips: Vec<Strip>,
    /// Whether the strips were stopped before they were whole.
    pub(crate) strips_stopped: bool,
    /// Lines of a file that cannot be played here; they are kept for where they can be.
    pub(super) parked: Vec<Try>,
    /// Which lines of a file are played again.
    pub(super) again: Again,
    /// Whether there will never be a model, so that no world will start.
    pub(crate) without_model: bool,
    /// The version of the project whose picture the newest lines begin with.
    pub(super) started: Option<u64>,
    pub(super) strips_asked: u64,
    pub(super) strips_started: u64,
    /// Seconds for which the picture has rested.
    pub(super) rest: f32,
    pub(super) next_number: u32,
}

impl Lines {
    /// No worlds yet.
    pub(crate) fn new(model: Handle<GenieModel>) -> Self {
        Self {
            model,
            all: Vec::new(),
            played: 0,
            beside: None,
            shown: None,
            running: false,
            speed: 1.0,
            strips: Vec::new(),
            strips_stopped: false,
            parked: Vec::new(),
            again: Again::default(),
            without_model: false,
            started: None,
            strips_asked: 0,
            strips_started: 0,
            rest: 0.0,
            next_number: 1,
        }
    }

    /// The line that is played.
    pub(crate) fn played(&self) -> Option<&Line> {
        self.all.get(self.played)
    }

    /// The strips start anew: the sampler has changed, or they were stopped.
    pub(crate) fn renew_strips(&mut self) {
        self.strips_asked += 1;
    }

    /// Whether worlds of the newest picture are still to be started.
    pub(crate) fn waiting(&self, project: &Project) -> bool {
        let newer = self.started != Some(project.version);
        !self.without_model && (newer || self.strips_started != self.strips_asked)
    }

    /// Whether a line belongs to the newest picture, not to an earlier one.
    pub(crate) fn is_of_newest_picture(&self, line: &Line) -> bool {
        self.started == Some(line.picture)
    }

    /// Whether a line is the newest picture's own, which cannot be closed.
    pub(crate) fn is_own(&self, line: &Line) -> bool {
        self.is_of_newest_picture(line) && line.parent.is_none() && line.checkpoint.is_none()
    }

    pub(super) fn number(&mut self) -> u32 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// Forks the played line at a frame; the fork is played from now on. It begins later if the line cannot be taken back that far.
    pub(crate) fn fork(
        &mut self,
        at: u64,
        commands: &mut Commands,
        genie: &mut MessageWriter<GenieCommand>,
        toasts: &mut Toasts,
    ) {
        if self.is_played_again(toasts) || !self.make_room(1, commands, toasts) {
            return;
        }
        let number = self.number();
        let Some(line) = self.all.get(self.played) else {
            return;
        };
        let into = commands.spawn_empty().id();
        genie.write(GenieCommand::fork(line.world, into));
        let newest = line.newest();
        let fork = Line {
            number,
            name: String::new(),
            tree: line.tree,
            picture: line.picture,
            world: into,
            parent: Some((line.number, at)),
            // All of them, until it is known where it begins.
            frames: line.frames.clone(),
            actions: line.actions.clone(),
            go_to: Some(at),
            model: line.model.clone(),
            checkpoint: line.checkpoint.clone(),
            arriving: None,
            kept: None,
            changed: true,
            asked: false,
        };
        self.all.push(fork);
        self.played = self.all.len() - 1;
        self.shown = (at < newest).then_some(at as usize);
    }

    /// Takes the played line back to a frame, or as near as it can be rewound.
    pub(crate) fn go_back(
        &mut self,
        to: u64,
        statuses: &Query<&'static GenieStatus>,
        genie: &mut MessageWriter<GenieCommand>,
        toasts: &mut Toasts,
    ) {
        if self.is_played_again(toasts) {
            return;
        }
        self.shown = None;
        let Some(line) = self.all.get(self.played) else {
            return;
        };
        let newest = line.newest();
        if to == 0 {
            genie.write(GenieCommand::reset(line.world));
        } else if to < newest {
            let rewindable = statuses.get(line.world);
            let rewindable = rewindable.map_or(0, |status| status.rewindable);
            let lands = reachable(to, newest, rewindable);
            if lands > to {
                toasts.note(format!(
                    "frame {to} is not kept any more: back at frame {lands}, the first that is"
                ));
            }
            if lands < newest {
                genie.write(GenieCommand::rewind(line.world, newest - lands));
            }
        }
    }

    /// Whether the played line is still on its way, so that nothing else can be done with it; that is said.
    fn is_played_again(&self, toasts: &mut Toasts) -> bool {
        let arrived = self.played().and_then(Line::arrived);
        if let Some((now, all)) = arrived {
            toasts.note(format!(
                "this line is still played again: frame {now} of {all}"
            ));
        }
        arrived.is_some()
    }

    /// Another line is played from now on.
    pub(crate) fn choose(&mut self, index: usize) {
        (self.played, self.shown) = (index, None);
        self.beside = self.beside.filter(|beside| *beside != index);
        self.again.go_on();
    }

    /// Closes a line; the newest picture's own stays.
    pub(crate) fn close(&mut self, index: usize, commands: &mut Commands) {
        if let Some(line) = self.all.get(index)
            && !self.is_own(line)
        {
            self.remove(index, commands);
            self.shown = None;
        }
    }

    pub(super) fn remove(&mut self, index: usize, commands: &mut Commands) {
        commands.entity(self.all.remove(index).world).despawn();
        if self.played >= index {
            self.played = self.played.saturating_sub(1);
        }
        self.beside = self.beside.filter(|beside| *beside != index);
        if let Some(beside) = &mut self.beside
            && *beside > index
        {
            *beside -= 1;
        }
    }

    /// Starts the picture on another checkpoint, beside the played line.
    pub(crate) fn open_beside(
        &mut self,
        checkpoint: PathBuf,
        model: Handle<GenieModel>,
        project: &Project,
        commands: &mut Commands,
        toasts: &mut Toasts,
    ) {
        if !self.make_room(1, commands, toasts) {
            return;
        }
        let line = self.root(Some(checkpoint), model, project, commands);
        self.all.push(line);
        self.beside = Some(self.all.len() - 1);
    }

    /// A line that begins with the project's picture.
    pub(super) fn root(
        &mut self,
        checkpoint: Option<PathBuf>,
        model: Handle<GenieModel>,
        project: &Project,
        commands: &mut Commands,
    ) -> Line {
        let number = self.number();
        let world = line_world(world(model.clone(), project));
        Line {
            number,
            name: String::new(),
            tree: number,
            picture: project.version,
            world: commands.spawn(world).id(),
            parent: None,
            frames: Vec::new(),
            actions: Vec::new(),
            go_to: None,
            model,
            checkpoint,
            arriving: None,
            kept: None,
            changed: true,
            asked: false,
        }
    }

    /// Lines of the project's picture take the place of those of the last one. Trees with forks are deliberate work and stay;
    /// other checkpoints begin anew with the picture, and the one that was beside is beside again.
    pub(super) fn begin_picture(
        &mut self,
        project: &Project,
        commands: &mut Commands,
        toasts: &mut Toasts,
    ) {
        let is_fork = |line: &&Line| line.parent.is_some();
        let forked: BTreeSet<u32> = (self.all.iter().filter(is_fork))
            .map(|line| line.tree)
            .collect();
        let beside = self.beside.and_then(|beside| self.all.get(beside));
        let beside = beside.and_then(|line| line.checkpoint.clone());
        let again: Vec<_> = (self.all.iter())
            .filter(|line| self.is_of_newest_picture(line) && line.parent.is_none())
            .filter_map(|line| Some((line.checkpoint.clone()?, line.model.clone())))
            .collect();
        let (kept, dropped): (Vec<_>, Vec<_>) = std::mem::take(&mut self.all)
            .into_iter()
            .partition(|line| forked.contains(&line.tree));
        for line in dropped {
            commands.entity(line.world).despawn();
        }
        let kept_numbers = kept.iter().map(|line| line.number);
        let numbers = kept_numbers.chain(self.parked.iter().map(|line| line.number));
        self.next_number = numbers.max().map_or(1, |last| last + 1);
        let own = self.root(None, self.model.clone(), project, commands);
        self.all.push(own);
        for (name, model) in again {
            let line = self.root(Some(name), model, project, commands);
            self.all.push(line);
        }
        self.beside = beside.and_then(|name| {
            let again = |line: &Line| line.checkpoint.as_ref() == Some(&name);
            self.all.iter().position(again)
        });
        self.all.extend(kept);
        (self.played, self.shown) = (0, None);
        self.started = Some(project.version);
        self.make_room(0, commands, toasts);
    }

    /// Makes room for so many more lines: the oldest tree of an earlier picture goes, as long as nobody looks at it. Returns whether
    /// there is room.
    fn make_room(&mut self, more: usize, commands: &mut Commands, toasts: &mut Toasts) -> bool {
        while self.all.len() + more > MOST_LINES {
            let looked_at = [Some(self.played), self.beside];
            let looked_at = looked_at.map(|index| Some(self.all.get(index?)?.tree));
            let old = self.all.iter().filter(|line| {
                !self.is_of_newest_picture(line) && !looked_at.contains(&Some(line.tree))
            });
            let Some(oldest) = old.map(|line| line.tree).min() else {
                toasts.note(format!(
                    "there are {MOST_LINES} lines, which is the most: close one first"
                ));
                return false;
            };
            while let Some(index) = self.all.iter().position(|line| line.tree == oldest) {
                self.remove(index, commands);
            }
            toasts.note(format!(
                "line {oldest} of an earlier picture and its forks are gone: there are at most {MOST_LINES} lines"
            ));
        }
        true
    }
}
