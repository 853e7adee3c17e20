//! What leads to the frames of each line is asked of its world whenever it has changed, and kept in the project.

use bevy::prelude::*;
use bevy_genie::prelude::*;

use super::line::Line;
use super::tree::Lines;
use crate::project::Project;
use crate::tries::Try;

/// Seconds from one question to the next while a line runs. A crash takes what was played since.
const WHILE_RUNNING: f32 = 2.0;

/// Asks the worlds.
pub(super) struct KeepPlugin;

impl Plugin for KeepPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(PostUpdate, (ask, keep).chain())
            .add_observer(learn)
            .add_observer(give_up_question)
            .add_observer(give_up_world);
    }
}

impl Lines {
    /// Whether something was played that the project does not have yet.
    pub(crate) fn unkept(&self) -> bool {
        let waits = |line: &Line| line.asked || (line.changed && line.arriving.is_none());
        self.all
            .iter()
            .any(|line| self.is_kept(line) && waits(line))
    }

    /// Whether a line is worth keeping: something has been played in it, or something was forked from it.
    fn is_kept(&self, line: &Line) -> bool {
        if line.frames.is_empty() {
            // Of a file, and not there yet.
            return line.kept.is_some() || line.arriving.is_some();
        }
        let forked = self
            .all
            .iter()
            .any(|other| other.tree == line.tree && other.parent.is_some());
        let played = line.frames.len() > 1 || line.arriving.is_some();
        forked || played || !line.name.trim().is_empty()
    }

    /// All that is to be kept, by number.
    fn tries(&self) -> Vec<Try> {
        let kept = self.all.iter().filter(|line| self.is_kept(line));
        let lines = kept.filter_map(|line| {
            Some(Try {
                number: line.number,
                tree: line.tree,
                name: line.name.trim().to_owned(),
                parent: line.parent,
                checkpoint: line.checkpoint.clone(),
                run: (line.kept.clone()).or_else(|| line.arriving.as_deref().cloned())?,
            })
        });
        let mut tries: Vec<_> = lines.chain(self.parked.iter().cloned()).collect();
        tries.sort_by_key(|line| line.number);
        tries
    }
}

/// At rest at once; while time runs, now and then.
fn ask(
    time: Res<Time<Real>>,
    mut lines: ResMut<Lines>,
    mut genie: MessageWriter<GenieCommand>,
    mut waited: Local<f32>,
) {
    let lines = lines.bypass_change_detection();
    *waited += time.delta_secs();
    let now = !lines.running || *waited >= WHILE_RUNNING;
    if !now || !lines.unkept() {
        return;
    }
    *waited = 0.0;
    for index in 0..lines.all.len() {
        let line = &lines.all[index];
        let on_its_way = line.arriving.is_some() || line.go_to.is_some();
        if !line.changed || line.asked || on_its_way || !lines.is_kept(line) {
            continue;
        }
        let line = &mut lines.all[index];
        (line.changed, line.asked) = (false, true);
        genie.write(GenieCommand::snapshot(line.world));
    }
}

fn learn(taken: On<GenieSnapshotTaken>, mut lines: ResMut<Lines>) {
    let mut all = lines.all.iter_mut();
    if let Some(line) = all.find(|line| line.world == taken.world) {
        line.asked = false;
        line.kept = Some(taken.snapshot.replay());
    }
}

/// The toasts say why.
fn give_up_question(failed: On<GenieCommandFailed>, mut lines: ResMut<Lines>) {
    let mut all = lines.all.iter_mut();
    let line = all.find(|line| line.world == failed.world);
    if let Some(line) = line.filter(|_| failed.command == GenieFailedCommand::Snapshot) {
        line.asked = false;
    }
}

fn give_up_world(failed: On<GenieFailed>, mut lines: ResMut<Lines>) {
    let mut all = lines.all.iter_mut();
    if let Some(line) = all.find(|line| line.world == failed.world) {
        (line.asked, line.changed) = (false, false);
    }
}

/// The project has what is known. While lines of a file are still to come, it has theirs already.
fn keep(lines: Res<Lines>, mut project: ResMut<Project>) {
    if !lines.is_changed() || project.arriving.is_some() || !lines.is_begun() {
        return;
    }
    let tries = lines.tries();
    project.bypass_change_detection().keep_tries(tries);
}
