//! Files are read and written on other threads: pictures, projects, what is exported, and the copy that survives a crash.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bevy::prelude::*;
use bevy::tasks::futures::check_ready;
use bevy::tasks::{IoTaskPool, Task, block_on};
use bevy::window::FileDragAndDrop;
use bevy_genie::prelude::*;
use genie_examples::{gif, json_file, picture};

use crate::memory::Memory;
use crate::project::{Project, ProjectFile};
use crate::source::Source;
use crate::toasts::Toasts;

/// Seconds after a change until it is in the autosave.
const AUTOSAVE: f32 = 1.0;
/// Seconds until an autosave that failed is tried again.
const RETRY: f32 = 10.0;
const MEMORY: &str = "memory.json";
/// Ending of projects.
pub(crate) const PROJECT: &str = "prompt.json";
/// The project as it is, and the one whose place it took.
const AUTOSAVED: &str = "autosave.prompt.json";
const BEFORE: &str = "autosave.before.prompt.json";
/// Enlargement of exported animations.
const GIF_SCALE: u32 = 4;

/// What a finished task has brought.
enum Done {
    Source(PathBuf, Box<Source>),
    Project(PathBuf, Box<ProjectFile>),
    Saved(PathBuf, u64),
    Written(PathBuf),
    /// What was on the canvas before something else was opened.
    Kept(PathBuf),
    /// The autosave, or why there is none.
    Autosaved(Result<(), String>),
    Quiet,
}

/// Files under way, and what is known of files.
#[derive(Resource)]
pub(crate) struct Files {
    data: PathBuf,
    tasks: Vec<Task<Result<Done, String>>>,
    /// What is remembered between starts.
    pub(crate) memory: Memory,
    kept_memory: Memory,
    problem: Option<json_file::JsonFileError>,
    /// The opened picture or recording.
    pub(crate) source: Option<Source>,
    autosaved: Option<State>,
    /// What an autosave under way will have saved.
    autosaving: Option<State>,
    until_autosave: f32,
}

/// What makes one state of a project another than the last.
type State = (u64, GenieSamplerSettings);

impl Files {
    /// Files of the editor's data folder; what is remembered is read at once, as the window's size is among it.
    pub(crate) fn new(data: PathBuf) -> Self {
        let (memory, problem): (Memory, _) = json_file::read(&data.join(MEMORY));
        Self {
            data,
            tasks: Vec::new(),
            kept_memory: memory.clone(),
            memory,
            problem,
            source: None,
            autosaved: None,
            autosaving: None,
            until_autosave: AUTOSAVE,
        }
    }

    fn spawn(&mut self, work: impl FnOnce() -> Result<Done, String> + Send + 'static) {
        self.tasks
            .push(IoTaskPool::get().spawn(async move { work() }));
    }

    /// Whether something is being read or written.
    pub(crate) fn busy(&self) -> bool {
        !self.tasks.is_empty()
    }

    fn autosave_path(&self) -> PathBuf {
        self.data.join(AUTOSAVED)
    }

    fn before_path(&self) -> PathBuf {
        self.data.join(BEFORE)
    }

    /// Keeps work that something else is about to take the place of.
    fn keep_before(&mut self, project: &Project) {
        if !project.is_work() {
            return;
        }
        let (path, content) = (self.before_path(), project.content());
        self.spawn(move || {
            content.write(&path)?;
            Ok(Done::Kept(path))
        });
    }

    fn memory_path(&self) -> PathBuf {
        self.data.join(MEMORY)
    }

    /// Whether nothing of the project would be lost now: it is in the autosave, or nothing has been made yet.
    fn is_safe(&self, project: &Project) -> bool {
        self.autosaved.as_ref() == Some(&state(project))
            || (self.autosaved.is_none() && project.version == 0)
    }

    /// Seconds until the next autosave, if one is due.
    pub(crate) fn until_autosave(&self, project: &Project) -> Option<f32> {
        let due = self.autosaving.is_none() && !self.is_safe(project);
        due.then_some(self.until_autosave.max(0.0))
    }

    /// Waits until the project is in the autosave.
    ///
    /// # Errors
    /// In words, if it cannot be written.
    pub(crate) fn make_safe(&mut self, project: &Project) -> Result<(), String> {
        // One that is under way would be written over this one.
        for running in self.tasks.drain(..).map(block_on) {
            if let Err(error) | Ok(Done::Autosaved(Err(error))) = running {
                error!("{error}");
            }
        }
        self.autosaving = None;
        project.content().write(&self.autosave_path())?;
        self.autosaved = Some(state(project));
        Ok(())
    }

    /// Opens a picture, a recording or a project.
    pub(crate) fn open(&mut self, path: &Path) {
        let path = path.to_owned();
        self.spawn(move || {
            if path.to_string_lossy().ends_with(".json") {
                let project = ProjectFile::read(&path)?;
                return Ok(Done::Project(path, Box::new(project)));
            }
            let source = Source::read(&path)?;
            Ok(Done::Source(path, Box::new(source)))
        });
    }

    /// Saves the project.
    pub(crate) fn save(&mut self, project: &Project, path: PathBuf) {
        let (mut content, version) = (project.content(), project.version);
        content.file = None;
        self.spawn(move || {
            content.write(&path)?;
            Ok(Done::Saved(path, version))
        });
    }

    /// Exports the prompt.
    pub(crate) fn export_png(&mut self, picture: GeniePicture, path: PathBuf) {
        self.spawn(move || {
            picture::write_png(&path, &picture).map_err(|error| error.to_string())?;
            Ok(Done::Written(path))
        });
    }

    /// Exports a run.
    pub(crate) fn export_gif(&mut self, frames: Vec<Arc<GeniePicture>>, rate: f32, path: PathBuf) {
        self.spawn(move || {
            let written = make_folder(&path).and_then(|()| {
                gif::write(&path, &frames, GIF_SCALE, rate).map_err(|e| e.to_string())
            });
            written.map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(Done::Written(path))
        });
    }

    /// Exports what led to a state.
    pub(crate) fn export_replay(&mut self, replay: GenieReplay, path: PathBuf) {
        self.spawn(move || {
            make_folder(&path)?;
            replay.write(&path).map_err(|error| error.to_string())?;
            Ok(Done::Written(path))
        });
    }
}

fn make_folder(path: &Path) -> Result<(), String> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Reads, writes and autosaves.
pub(crate) struct FilesPlugin;

impl Plugin for FilesPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(PreStartup, restore)
            .add_systems(
                Update,
                (accept_drops, finish, autosave, keep_memory).chain(),
            )
            .add_systems(Last, write_all.run_if(on_message::<AppExit>));
    }
}

/// The picture that was being made last, saved or not.
fn restore(mut files: ResMut<Files>, mut project: ResMut<Project>, mut toasts: ResMut<Toasts>) {
    if let Some(problem) = files.problem.take() {
        toasts.error(problem);
    }
    let path = files.autosave_path();
    if !path.exists() {
        return;
    }
    match ProjectFile::read(&path) {
        Ok(content) => {
            project.go_on_with(&content);
            files.autosaved = Some(state(&project));
        }
        Err(error) => {
            // Put aside, so that the next autosave does not take its place.
            let _ = std::fs::rename(&path, path.with_extension("json.damaged"));
            toasts.error(error);
        }
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
    if files.tasks.is_empty() {
        return;
    }
    let mut finished = Vec::new();
    files.tasks.retain_mut(|task| {
        let done = check_ready(task);
        let running = done.is_none();
        finished.extend(done);
        running
    });
    for done in finished {
        match done {
            Ok(Done::Source(path, source)) => {
                files.memory.remember(&path);
                files.keep_before(&project);
                let (width, height) = project.canvas.now().size();
                if let Some(cut) = source.cut(width, height) {
                    project.take(cut);
                }
                if let Some(note) = source.cut_short() {
                    toasts.note(note);
                }
                files.source = Some(*source);
            }
            Ok(Done::Project(path, content)) => {
                files.memory.remember(&path);
                files.keep_before(&project);
                if path == files.before_path() {
                    project.go_on_with(&content);
                } else {
                    project.adopt(&content);
                    project.saved = project.version;
                    project.file = Some(path);
                }
            }
            Ok(Done::Saved(path, version)) => {
                files.memory.remember(&path);
                toasts.note(format!("saved: {}", path.display()));
                project.saved = version;
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
            Ok(Done::Autosaved(Ok(()))) => files.autosaved = files.autosaving.take(),
            Ok(Done::Autosaved(Err(error))) => {
                (files.autosaving, files.until_autosave) = (None, RETRY);
                toasts.error(error);
            }
            Ok(Done::Quiet) => {}
            Err(error) => toasts.error(error),
        }
    }
}

fn state(project: &Project) -> State {
    (project.version, project.sampler.clone())
}

/// A copy of the project, whether it has a file or not.
fn autosave(time: Res<Time<Real>>, project: Res<Project>, mut files: ResMut<Files>) {
    if files.autosaving.is_some() || files.is_safe(&project) {
        return;
    }
    files.until_autosave -= time.delta_secs();
    if files.until_autosave > 0.0 {
        return;
    }
    files.until_autosave = AUTOSAVE;
    files.autosaving = Some(state(&project));
    let (path, content) = (files.autosave_path(), project.content());
    files.spawn(move || {
        let written = content.write(&path);
        let written = written.map_err(|error| format!("no autosave: {error}"));
        Ok(Done::Autosaved(written))
    });
}

fn keep_memory(window: Query<&Window>, mut files: ResMut<Files>) {
    if let Ok(window) = window.single() {
        let size = Some((window.width() as u32, window.height() as u32));
        if files.memory.window != size {
            files.memory.window = size;
        }
    }
    if files.memory != files.kept_memory && files.tasks.is_empty() {
        files.kept_memory = files.memory.clone();
        let (path, memory) = (files.memory_path(), files.memory.clone());
        files.spawn(move || {
            json_file::write(&path, &memory).map_err(|error| error.to_string())?;
            Ok(Done::Quiet)
        });
    }
}

/// Before the program ends, however it ends, all is written.
fn write_all(mut files: ResMut<Files>, project: Res<Project>) {
    if (files.busy() || !files.is_safe(&project))
        && let Err(error) = files.make_safe(&project)
    {
        error!("no autosave: {error}");
    }
    if files.memory != files.kept_memory
        && let Err(error) = json_file::write(&files.memory_path(), &files.memory)
    {
        error!("{error}");
    }
}
