//! What a path holds: a picture, a recording, a project, or a run that was exported.

use std::path::Path;

use bevy_genie::prelude::*;
use genie_examples::ordinary_file;
use genie_examples::progress::Progress;

use crate::project::ProjectFile;
use crate::source::Source;

/// What was read.
pub(super) enum Opened {
    Source(Box<Source>),
    Project(Box<ProjectFile>),
    Run(Box<GenieReplay>),
}

/// Reads what is at a path: a folder of pictures, a picture file, a GIF, `.prompt.json`, `.replay.json` or `.world`.
///
/// # Errors
/// In words, with the file's name.
pub(super) fn open(path: &Path, progress: &Progress) -> Result<Opened, String> {
    let name = path.to_string_lossy();
    ordinary_file::check(path).map_err(|error| format!("{name}: {error}"))?;
    if path.is_dir() {
        return Source::read(path, progress).map(|source| Opened::Source(Box::new(source)));
    }
    if name.ends_with(".world") {
        let run = GenieReplay::of_saved_world(path).map_err(|error| error.to_string())?;
        return Ok(Opened::Run(Box::new(run)));
    }
    if name.ends_with(".json") {
        // Both may have been renamed.
        let project = ProjectFile::read(path);
        return match (project, name.ends_with(".replay.json")) {
            (Ok(project), _) => Ok(Opened::Project(Box::new(project))),
            (Err(error), false) => read_run(path).map_err(|_| error),
            (Err(_), true) => read_run(path),
        };
    }
    Source::read(path, progress).map(|source| Opened::Source(Box::new(source)))
}

fn read_run(path: &Path) -> Result<Opened, String> {
    let run = GenieReplay::read(path).map_err(|error| error.to_string())?;
    Ok(Opened::Run(Box::new(run)))
}
