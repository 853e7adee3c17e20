//! Files are read and written on other threads: pictures, projects, what is exported, and the copy that survives a crash.

mod autosave;
mod jobs;
mod listing;
mod opening;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bevy::prelude::*;
use bevy::tasks::futures::check_ready;
use bevy::window::FileDragAndDrop;
use bevy_genie::prelude::*;
use genie_examples::gif::{self, GifError};
use genie_examples::{json_file, picture};

use crate::drawing::{Canvas, Colour};
use crate::memory::Memory;
use crate::project::Project;
use crate::toasts::Toasts;
use jobs::Done;
use listing::Listing;
use opening::Opened;

pub(crate) use jobs::Files;

/// Ending of projects.
pub(crate) const PROJECT: &str = "prompt.json";
/// Enlargement of exported animations.
const GIF_SCALE: u32 = 4;

impl Files {
    /// Opens a picture, a recording, a project or a run.
    pub(crate) fn open(&mut self, path: &Path) {
        let path = path.to_owned();
        self.spawn(Some(format!("reading {}", short(&path))), move |progress| {
            let opened = opening::open(&path, progress)?;
            Ok(Done::Opened(path, opened))
        });
    }

    /// An empty picture takes the place of what is there, which is kept as if something had been opened. It has no file yet.
    pub(crate) fn begin_anew(&mut self, project: &mut Project, colour: Colour) {
        if project.is_work() {
            self.keep_before(project);
        }
        let (width, height) = project.canvas.now().size();
        project.take(Canvas::filled(width, height, colour));
        project.file = None;
    }

    /// Saves the project.
    pub(crate) fn save(&mut self, project: &Project, path: PathBuf) {
        let (mut content, stand) = (project.content(), project.stand());
        content.file = None;
        self.spawn(None, move |_| {
            content
                .write(&path)
                .map_err(|error| format!("not saved: {error}"))?;
            Ok(Done::Saved(path, stand))
        });
    }

    /// Exports the prompt.
    pub(crate) fn export_png(&mut self, picture: GeniePicture, path: PathBuf) {
        self.spawn(None, move |_| {
            picture::write_png(&path, &picture).map_err(|error| error.to_string())?;
            Ok(Done::Written(path))
        });
    }

    /// Exports a run.
    pub(crate) fn export_gif(&mut self, frames: Vec<Arc<GeniePicture>>, rate: f32, path: PathBuf) {
        self.spawn(Some(format!("writing {}", short(&path))), move |progress| {
            let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            make_folder(&path)?;
            gif::write(&path, &frames, GIF_SCALE, rate, progress)
                .map_err(|error: GifError| failed(&error))?;
            Ok(Done::Written(path))
        });
    }

    /// Exports what led to a state.
    pub(crate) fn export_replay(&mut self, replay: GenieReplay, path: PathBuf) {
        self.spawn(None, move |_| {
            make_folder(&path)?;
            replay.write(&path).map_err(|error| error.to_string())?;
            Ok(Done::Written(path))
        });
    }

    /// What is in a folder, once that is known. It is read when another folder was asked for before.
    pub(crate) fn look_into(&mut self, folder: &Path) -> Option<&Listing> {
        if self.listing_asked.as_deref() != Some(folder) {
            self.listing_asked = Some(folder.to_owned());
            let folder = folder.to_owned();
            self.spawn(None, move |_| Ok(Done::Listed(Listing::read(folder))));
        }
        let listing = self.listing.as_ref();
        listing.filter(|listing| listing.folder == folder)
    }

    /// The next time a folder is asked for it is read anew.
    pub(crate) fn forget_listing(&mut self) {
        (self.listing, self.listing_asked) = (None, None);
    }

    /// What is remembered has been written, or not.
    fn remembered(&mut self, memory: Memory, result: Result<(), String>, toasts: &mut Toasts) {
        self.remembering = false;
        match result {
            Ok(()) => (self.kept_memory, self.refused_memory) = (memory, None),
            Err(error) => {
                self.refused_memory = Some(memory);
                toasts.error(error);
            }
        }
    }

    /// What was read takes the place of what is there.
    fn take(&mut self, path: PathBuf, opened: Opened, project: &mut Project, toasts: &mut Toasts) {
        self.memory.remember(&path);
        let replaces_lines = matches!(opened, Opened::Project(_));
        if project.is_work() || (replaces_lines && project.has_work()) {
            self.keep_before(project);
        }
        match opened {
            Opened::Source(source) => {
                let (width, height) = project.canvas.now().size();
                if let Some(cut) = source.cut(width, height) {
                    project.take(cut);
                }
                if let Some(note) = source.cut_short() {
                    toasts.note(note);
                }
                self.source = Some(*source);
            }
            Opened::Project(content) if path == self.before_path() => project.go_on_with(&content),
            Opened::Project(content) => {
                project.adopt(&content);
                project.is_saved_as(project.stand());
                project.file = Some(path);
            }
            Opened::Run(run) => project.adopt_run(*run),
        }
    }
}

/// The name of a file without its folders.
fn short(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

fn make_folder(path: &Path) -> Result<(), String> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Reads, writes and autosaves.
pub(crate) struct FilesPlugin;

impl Plugin for FilesPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(PreStartup, autosave::restore)
            .add_systems(
                Update,
                (accept_drops, finish, autosave::autosave, keep_memory).chain(),
            )
            .add_systems(Last, autosave::write_all.run_if(on_message::<AppExit>));
    }
}

fn accept_drops(mut drops: MessageReader<FileDragAndDrop>, mut files: ResMut<Files>) {
    for drop in drops.read() {
        if let FileDragAndDrop::DroppedFile { path_buf, .. } = drop {
            files.open(path_buf);
        }
    }
}

fn finish(mut files: ResMut<Files>, mut project: ResMut<Project>, mut toasts: ResMut<Toasts>) {
    if !files.busy() {
        return;
    }
    let mut finished = Vec::new();
    files.jobs.retain_mut(|job| {
        let done = check_ready(&mut job.task);
        let running = done.is_none();
        finished.extend(done);
        running
    });
    for done in finished {
        match done {
            Ok(Done::Opened(path, opened)) => files.take(path, opened, &mut project, &mut toasts),
            Ok(Done::Saved(path, stand)) => {
                files.memory.remember(&path);
                toasts.note(format!("saved: {}", path.display()));
                project.is_saved_as(stand);
                project.file = Some(path);
            }
            Ok(Done::Written(path)) => toasts.note(format!("written: {}", path.display())),
            Ok(Done::Kept(path)) => {
                files.memory.remember(&path);
                toasts.note(format!(
                    "what was on the canvas is kept: {}",
                    path.display()
                ));
            }
            Ok(Done::Autosaved(result)) => files.autosaved(result, &mut toasts),
            Ok(Done::Stopped(what)) => toasts.note(format!("stopped: {what}")),
            Ok(Done::Listed(listing)) => files.listing = Some(listing),
            Ok(Done::Remembered(memory, result)) => files.remembered(*memory, result, &mut toasts),
            Err(error) => toasts.error(error),
        }
    }
}

fn keep_memory(window: Query<&Window>, mut files: ResMut<Files>) {
    if let Ok(window) = window.single() {
        let size = Some((window.width() as u32, window.height() as u32));
        if files.memory.window != size {
            files.memory.window = size;
        }
    }
    // What was refused is tried again when it has changed, or when something else could be written.
    let refused = files.refused_memory.as_ref() == Some(&files.memory);
    if files.memory != files.kept_memory && !files.remembering && !refused {
        files.remembering = true;
        let (path, memory) = (files.memory_path(), files.memory.clone());
        files.spawn(None, move |_| {
            let written = json_file::write(&path, &memory);
            let written = written.map_err(|error| format!("not remembered: {error}"));
            Ok(Done::Remembered(Box::new(memory), written))
        });
    }
}
