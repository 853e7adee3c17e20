//! Exports that the worker has to answer first: replays and saved worlds.

use std::collections::HashMap;
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
    replays: HashMap<Entity, PathBuf>,
}

impl Default for Exports {
    fn default() -> Self {
        let here = std::env::current_dir().unwrap_or_default();
        Self {
            folder: here.display().to_string(),
            name: "prompt".to_owned(),
            replays: HashMap::new(),
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
        self.replays.insert(world, path);
        genie.write(GenieCommand::snapshot(world));
    }

    /// Asks the worker to save a world.
    pub(crate) fn world(world: Entity, path: PathBuf, genie: &mut MessageWriter<GenieCommand>) {
        genie.write(GenieCommand::save(world, path));
    }

    /// Whether an answer is on its way.
    pub(crate) fn pending(&self) -> bool {
        !self.replays.is_empty()
    }
}

/// Writes what was asked for.
pub(crate) struct ExportPlugin;

impl Plugin for ExportPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Exports>()
            .add_systems(PostStartup, remember_folder)
            .add_observer(write_replay)
            .add_observer(tell_saved);
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
    if let Some(path) = exports.replays.remove(&taken.world) {
        files.export_replay(taken.snapshot.replay(), path);
    }
}

fn tell_saved(saved: On<GenieSaved>, mut toasts: ResMut<Toasts>) {
    toasts.note(format!("written: {}", saved.path.display()));
}
