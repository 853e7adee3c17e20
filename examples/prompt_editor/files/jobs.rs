//! What is being read or written on other threads, and what is known of files.

use std::path::PathBuf;

use bevy::prelude::*;
use bevy::tasks::{IoTaskPool, Task};
use genie_examples::json_file;
use genie_examples::progress::Progress;

use super::listing::Listing;
use super::opening::Opened;
use crate::memory::Memory;
use crate::project::Stand;
use crate::source::Source;

const MEMORY: &str = "memory.json";
/// Seconds after a change until it is in the autosave.
pub(super) const AUTOSAVE: f32 = 1.0;

/// What a finished job has brought.
pub(super) enum Done {
    Opened(PathBuf, Opened),
    Saved(PathBuf, Stand),
    Written(PathBuf),
    /// What was on the canvas before something else was opened.
    Kept(PathBuf),
    /// The autosave, or why there is none.
    Autosaved(Result<(), String>),
    /// What is remembered, and why it is not kept if it is not.
    Remembered(Box<Memory>, Result<(), String>),
    /// What is in a folder.
    Listed(Listing),
    /// It was stopped.
    Stopped(String),
}

/// A file that is being read or written.
pub(crate) struct Job {
    /// In words, if it may take long.
    pub(crate) name: Option<String>,
    /// How far it is.
    pub(crate) progress: Progress,
    pub(super) task: Task<Result<Done, String>>,
}

/// Files under way, and what is known of files.
#[derive(Resource)]
pub(crate) struct Files {
    pub(super) data: PathBuf,
    pub(super) jobs: Vec<Job>,
    pub(super) autosave: Autosave,
    /// What is remembered between starts.
    pub(crate) memory: Memory,
    /// What its file has.
    pub(super) kept_memory: Memory,
    /// What could not be written to it last.
    pub(super) refused_memory: Option<Memory>,
    /// Whether it is being written.
    pub(super) remembering: bool,
    pub(super) problem: Option<json_file::JsonFileError>,
    /// What is in the folder that was asked for, and which one that is.
    pub(super) listing: Option<Listing>,
    pub(super) listing_asked: Option<PathBuf>,
    /// The opened picture or recording.
    pub(crate) source: Option<Source>,
}

/// How far the autosave is.
pub(super) struct Autosave {
    /// What is in it.
    pub(super) saved: Option<Stand>,
    /// What one under way will have saved.
    pub(super) saving: Option<Stand>,
    /// Seconds until the next one.
    pub(super) until: f32,
    /// Why the last one could not be written, if it could not.
    pub(super) problem: Option<String>,
}

impl Default for Autosave {
    fn default() -> Self {
        Self {
            saved: None,
            saving: None,
            until: AUTOSAVE,
            problem: None,
        }
    }
}

impl Files {
    /// Files of the editor's data folder; what is remembered is read at once, as the window's size is among it.
    pub(crate) fn new(data: PathBuf) -> Self {
        let (memory, problem): (Memory, _) = json_file::read(&data.join(MEMORY));
        Self {
            data,
            jobs: Vec::new(),
            autosave: Autosave::default(),
            kept_memory: memory.clone(),
            memory,
            refused_memory: None,
            remembering: false,
            problem,
            listing: None,
            listing_asked: None,
            source: None,
        }
    }

    /// Does something on another thread. With a name it is shown, and can be stopped.
    pub(super) fn spawn(
        &mut self,
        name: Option<String>,
        work: impl FnOnce(&Progress) -> Result<Done, String> + Send + 'static,
    ) {
        let progress = Progress::default();
        let its_own = progress.clone();
        let stopped = name.clone().unwrap_or_default();
        let task = IoTaskPool::get().spawn(async move {
            let done = work(&its_own);
            // However it says that it was.
            if done.is_err() && its_own.is_cancelled() {
                return Ok(Done::Stopped(stopped));
            }
            done
        });
        self.jobs.push(Job {
            name,
            progress,
            task,
        });
    }

    /// Whether something is being read or written.
    pub(crate) fn busy(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Whether something is being read or written that takes long.
    pub(crate) fn busy_for_long(&self) -> bool {
        self.jobs.iter().any(|job| job.name.is_some())
    }

    /// All that is being read or written.
    pub(crate) fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    pub(super) fn memory_path(&self) -> PathBuf {
        self.data.join(MEMORY)
    }
}
