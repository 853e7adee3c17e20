//! Lines of a file, played again to the same frames: one after the other, the one that is looked at first.

use std::sync::Arc;

use bevy::prelude::*;
use bevy_genie::prelude::*;

use super::line::{Line, frames_of, line_world, world_of_run};
use super::tree::{Again, Lines, MOST_LINES};
use crate::project::Project;
use crate::toasts::Toasts;
use crate::tries::{Arriving, Try};

/// Frames a second that are asked for; as many come as the model can make.
const RATE: f32 = 1000.0;

/// Plays lines again.
pub(super) struct AgainPlugin;

impl Plugin for AgainPlugin {
    fn build(&self, app: &mut App) {
        app.add_observer(begin).add_observer(park);
    }
}

impl Lines {
    /// Frames that are there again, and all of them, while lines of a file are still to come.
    pub(crate) fn arrived(&self) -> Option<(usize, usize)> {
        let lines = self.all.iter().filter_map(Line::arrived);
        lines.reduce(|sum, line| (sum.0 + line.0, sum.1 + line.1))
    }

    /// No line is played again by itself any more; one that is chosen is.
    pub(crate) fn stop_playing_again(&mut self) {
        let not = self.played().map(|line| line.number);
        self.again = Again::Chosen { not };
    }

    /// The line that is played again now.
    pub(crate) fn arriving(&self) -> Option<usize> {
        let arrives = |index: &usize| self.all[*index].arriving.is_some();
        let played = Some(self.played).filter(|index| *index < self.all.len());
        let played = played.filter(arrives);
        match self.again {
            Again::All => played.or_else(|| (0..self.all.len()).find(arrives)),
            Again::Chosen { not } => played.filter(|index| Some(self.all[*index].number) != not),
        }
    }

    /// Its clock meanwhile.
    pub(super) fn clock_again(clock: &GenieClock, is_arriving: bool) -> GenieClock {
        GenieClock {
            paused: !is_arriving,
            speed: 1.0,
            tick_rate: Some(RATE),
            ..*clock
        }
    }

    /// What a file has brought becomes lines, beside the newest picture's own.
    pub(super) fn take_arriving(
        &mut self,
        arriving: Arriving,
        project: &Project,
        server: &AssetServer,
        commands: &mut Commands,
        toasts: &mut Toasts,
    ) {
        self.again = Again::All;
        match arriving {
            Arriving::Run(run) => {
                let own = self.all.iter().position(|line| self.is_own(line));
                if let Some(own) = own {
                    self.all[own].expect(&run, toasts);
                }
            }
            Arriving::Project(tries) => {
                self.take_project(&tries, project, server, commands, toasts);
            }
        }
    }

    fn take_project(
        &mut self,
        tries: &[Try],
        project: &Project,
        server: &AssetServer,
        commands: &mut Commands,
        toasts: &mut Toasts,
    ) {
        let picture = project.canvas.now().picture();
        let forked =
            |tree: u32| (tries.iter()).any(|line| line.tree == tree && line.parent.is_some());
        let is_newest = |line: &Try| line.run.prompt == picture && line.run.seed == project.seed;
        // As when another picture is made: a line of an earlier one without forks goes.
        let wanted = tries
            .iter()
            .filter(|line| is_newest(line) || forked(line.tree));
        self.parked.clear();
        let numbers = tries.iter().map(|line| line.number + 1).max();
        self.next_number = numbers.unwrap_or(1);
        let mut wanted: Vec<_> = wanted.collect();
        wanted.sort_by_key(|line| (!is_newest(line), line.number));
        // If none of them is the picture's own, one place is for that.
        let is_own = |line: &Try| line.parent.is_none() && line.checkpoint.is_none();
        let own_is_there = wanted.iter().any(|line| is_newest(line) && is_own(line));
        let room = MOST_LINES - usize::from(!own_is_there);
        let mut lines = Vec::new();
        for line in wanted {
            if lines.len() >= room {
                self.parked.push(line.clone());
                continue;
            }
            let model = match &line.checkpoint {
                Some(path) => server
                    .load_builder()
                    .override_unapproved()
                    .load(path.clone()),
                None => self.model.clone(),
            };
            let world = line_world(world_of_run(model.clone(), &line.run));
            let mut again = Line {
                number: line.number,
                name: line.name.clone(),
                tree: line.tree,
                picture: if is_newest(line) { project.version } else { 0 },
                world: commands.spawn(world).id(),
                parent: line.parent,
                frames: Vec::new(),
                actions: Vec::new(),
                go_to: None,
                model,
                checkpoint: line.checkpoint.clone(),
                arriving: None,
                kept: None,
                changed: false,
                asked: false,
            };
            again.expect(&line.run, toasts);
            again.kept = Some(line.run.clone());
            lines.push(again);
        }
        for line in self.all.drain(..) {
            commands.entity(line.world).despawn();
        }
        (self.beside, self.shown) = (None, None);
        self.all = lines;
        let own = self.all.iter().position(|line| self.is_own(line));
        self.played = own.unwrap_or_else(|| {
            let own = self.root(None, self.model.clone(), project, commands);
            self.all.insert(0, own);
            0
        });
    }

    /// The newest picture has its lines.
    pub(super) fn is_begun(&self) -> bool {
        self.started.is_some()
    }
}

impl Line {
    /// A run that is to be played again in it.
    fn expect(&mut self, run: &GenieReplay, toasts: &mut Toasts) {
        let (frames, all) = (frames_of(run), run.actions.len());
        if frames < all {
            toasts.note(format!(
                "the first {frames} of {all} frames are played again, which is the most"
            ));
        }
        self.changed = false;
        self.arriving = (frames > 0).then(|| Arc::new(run.clone()));
    }
}

/// The world is at its prompt.
fn begin(ready: On<GenieReady>, lines: Res<Lines>, mut genie: MessageWriter<GenieCommand>) {
    let line = lines.all.iter().find(|line| line.world == ready.world);
    if let Some(run) = line.and_then(|line| line.arriving.clone()) {
        genie.write(GenieCommand::replay(ready.world, run));
    }
}

/// A line of a project that cannot be played here, as it was played on another checkpoint, is kept for where it can be.
fn park(failed: On<GenieCommandFailed>, mut lines: ResMut<Lines>, mut commands: Commands) {
    if failed.command == GenieFailedCommand::Replay {
        lines.park(failed.world, &mut commands);
    }
}

impl Lines {
    fn park(&mut self, world: Entity, commands: &mut Commands) {
        let Some(index) = self.all.iter().position(|line| line.world == world) else {
            return;
        };
        let line = &mut self.all[index];
        (line.arriving, line.changed) = (None, true);
        if let Some(run) = line.kept.take() {
            self.parked.push(Try {
                number: line.number,
                tree: line.tree,
                name: std::mem::take(&mut line.name),
                parent: line.parent,
                checkpoint: line.checkpoint.clone(),
                run,
            });
        }
        if self.is_own(&self.all[index]) {
            // It begins anew under another number.
            let number = self.number();
            let line = &mut self.all[index];
            (line.number, line.tree) = (number, number);
        } else {
            self.remove(index, commands);
        }
    }
}
