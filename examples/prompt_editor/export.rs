//! Exports that the worker has to answer first: replays and saved worlds.

use std::path::PathBuf;

use bevy::prelude::*;
use bevy_genie::prelude::*;

use crate::files::Files;
use crate::toasts::Toasts;

/// Where exports go, and which are under way.
#[derive(Resource)]
pub(crate) struct Exports {
    /// As it is typed.
    pub(crate) folder: String,
    /// As it is typed, without an ending.
    pub(crate) name: String,
    pending: Vec<Pending>,
}

/// What the worker has been asked for.
struct Pending {
    world: Entity,
    path: PathBuf,
    /// The command that asked for it.
    command: GenieFailedCommand,
}

impl Default for Exports {
    fn default() -> Self {
        let here = std::env::current_dir().unwrap_or_default();
        Self {
            folder: here.display().to_string(),
            name: "prompt".to_owned(),
            pending: Vec::new(),
        }
    }
}

impl Exports {
    /// Asks for the replay of a world; it is written when it comes.
    pub(crate) fn replay(
        &mut self,
        world: Entity,
        path: PathBuf,
        genie: &mut MessageWriter<GenieCommand>,
    ) {
        let command = GenieFailedCommand::Snapshot;
        self.pending.push(Pending {
            world,
            path,
            command,
        });
        genie.write(GenieCommand::snapshot(world));
    }

    /// Asks the worker to save a world.
    pub(crate) fn world(
        &mut self,
        world: Entity,
        path: PathBuf,
        genie: &mut MessageWriter<GenieCommand>,
    ) {
        genie.write(GenieCommand::save(world, path.clone()));
        let command = GenieFailedCommand::Save;
        self.pending.push(Pending {
            world,
            path,
            command,
        });
    }

    /// Whether an answer is on its way.
    pub(crate) fn pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// An answer has come to the oldest export of this kind: where it is to be written.
    fn answered(&mut self, world: Entity, command: GenieFailedCommand) -> Option<PathBuf> {
        let mut all = self.pending.iter();
        let first = all.position(|other| other.world == world && other.command == command)?;
        Some(self.pending.remove(first).path)
    }
}

/// Writes what was asked for.
pub(crate) struct ExportPlugin;

impl Plugin for ExportPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Exports>()
            .add_systems(PostStartup, remember_folder)
            .add_systems(Update, forget_gone)
            .add_observer(write_replay)
            .add_observer(tell_saved)
            .add_observer(forget_refused)
            .add_observer(forget_failed);
    }
}

fn remember_folder(files: Res<Files>, mut exports: ResMut<Exports>) {
    if let Some(folder) = &files.memory.export_folder {
        exports.folder = folder.display().to_string();
    }
}

fn write_replay(
    taken: On<GenieSnapshotTaken>,
    mut exports: ResMut<Exports>,
    mut files: ResMut<Files>,
) {
    if let Some(path) = exports.answered(taken.world, GenieFailedCommand::Snapshot) {
        files.export_replay(taken.snapshot.replay(), path);
    }
}

fn tell_saved(saved: On<GenieSaved>, mut exports: ResMut<Exports>, mut toasts: ResMut<Toasts>) {
    exports.answered(saved.world, GenieFailedCommand::Save);
    toasts.note(format!("written: {}", saved.path.display()));
}

/// Why, is said by the toasts.
fn forget_refused(failed: On<GenieCommandFailed>, mut exports: ResMut<Exports>) {
    exports.answered(failed.world, failed.command);
}

fn forget_failed(failed: On<GenieFailed>, mut exports: ResMut<Exports>) {
    exports
        .pending
        .retain(|pending| pending.world != failed.world);
}

/// Who is not there any more does not answer.
fn forget_gone(
    worlds: Query<(), With<GenieWorld>>,
    mut exports: ResMut<Exports>,
    mut toasts: ResMut<Toasts>,
) {
    if !exports.pending() {
        return;
    }
    exports.pending.retain(|pending| {
        let there = worlds.contains(pending.world);
        if !there {
            let path = pending.path.display();
            toasts.error(format!("{path}: not written, as its line is gone"));
        }
        there
    });
}
