//! The copy of the project that survives a crash, and what was there before it.

use std::path::PathBuf;

use bevy::prelude::*;
use bevy::tasks::block_on;
use genie_examples::json_file;

use super::jobs::{AUTOSAVE, Done, Files};
use crate::project::{Project, ProjectFile};
use crate::toasts::Toasts;

/// Seconds until an autosave that failed is tried again.
const RETRY: f32 = 10.0;
/// The project as it is, and the one whose place it took.
const AUTOSAVED: &str = "autosave.prompt.json";
const BEFORE: &str = "autosave.before.prompt.json";

impl Files {
    fn autosave_path(&self) -> PathBuf {
        self.data.join(AUTOSAVED)
    }

    pub(super) fn before_path(&self) -> PathBuf {
        self.data.join(BEFORE)
    }

    /// Keeps a project that something else is about to take the place of.
    pub(super) fn keep_before(&mut self, project: &Project) {
        let (path, content) = (self.before_path(), project.content());
        self.spawn(None, move |_| {
            content.write(&path)?;
            Ok(Done::Kept(path))
        });
    }

    /// Whether nothing of the project would be lost now: it is in the autosave, or nothing has been made yet.
    fn is_safe(&self, project: &Project) -> bool {
        let saved = &self.autosave.saved;
        saved.as_ref() == Some(&project.stand()) || (saved.is_none() && project.is_new())
    }

    /// Seconds until the next autosave, if one is due.
    pub(crate) fn until_autosave(&self, project: &Project) -> Option<f32> {
        let due = self.autosave.saving.is_none() && !self.is_safe(project);
        due.then_some(self.autosave.until.max(0.0))
    }

    /// Waits until the project is in the autosave.
    ///
    /// # Errors
    /// In words, if it cannot be written.
    pub(crate) fn make_safe(&mut self, project: &Project) -> Result<(), String> {
        // An autosave that is under way would be written over this one. What takes long is not waited for here.
        for job in self.jobs.drain(..) {
            if job.name.is_some() {
                job.progress.cancel();
            }
            if let Err(error) | Ok(Done::Autosaved(Err(error))) = block_on(job.task) {
                error!("{error}");
            }
        }
        (self.autosave.saving, self.remembering) = (None, false);
        project.content().write(&self.autosave_path())?;
        self.autosave.saved = Some(project.stand());
        Ok(())
    }

    /// An autosave has come to its end. Why there is none is said once, and stays in sight as [`Files::autosave_problem`].
    pub(super) fn autosaved(&mut self, result: Result<(), String>, toasts: &mut Toasts) {
        match result {
            Ok(()) => {
                self.autosave.saved = self.autosave.saving.take();
                if self.autosave.problem.take().is_some() {
                    toasts.note("your work is kept again");
                    // There is room for the rest as well.
                    self.refused_memory = None;
                }
            }
            Err(error) => {
                (self.autosave.saving, self.autosave.until) = (None, RETRY);
                if self.autosave.problem.replace(error.clone()) != Some(error.clone()) {
                    toasts.error(error);
                }
            }
        }
    }

    /// Why what is being made is not kept, as long as it cannot be.
    pub(crate) fn autosave_problem(&self) -> Option<&str> {
        self.autosave.problem.as_deref()
    }
}

/// The project that was being made last, saved or not.
pub(super) fn restore(
    mut files: ResMut<Files>,
    mut project: ResMut<Project>,
    mut toasts: ResMut<Toasts>,
) {
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
            files.autosave.saved = Some(project.stand());
        }
        Err(error) => {
            // Put aside, so that the next autosave does not take its place.
            let _ = std::fs::rename(&path, path.with_extension("json.damaged"));
            toasts.error(error);
        }
    }
}

/// A copy of the project, whether it has a file or not.
pub(super) fn autosave(time: Res<Time<Real>>, project: Res<Project>, mut files: ResMut<Files>) {
    if files.autosave.saving.is_some() || files.is_safe(&project) {
        return;
    }
    files.autosave.until -= time.delta_secs();
    if files.autosave.until > 0.0 {
        return;
    }
    files.autosave.until = AUTOSAVE;
    files.autosave.saving = Some(project.stand());
    let (path, content) = (files.autosave_path(), project.content());
    files.spawn(None, move |_| {
        let written = content.write(&path);
        let written = written.map_err(|error| format!("no autosave: {error}"));
        Ok(Done::Autosaved(written))
    });
}

/// Before the program ends, however it ends, all is written.
pub(super) fn write_all(mut files: ResMut<Files>, project: Res<Project>) {
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
