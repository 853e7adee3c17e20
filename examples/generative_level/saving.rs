//! Files are written one after the other on another thread, and all of them before the program ends. What cannot be written is
//! said, and tried again at the end.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use bevy::prelude::*;
use bevy::tasks::futures::check_ready;
use bevy::tasks::{IoTaskPool, Task, block_on};

use crate::states::GameSystems;
use crate::toast::Toast;

/// A file to be written.
struct Write {
    path: PathBuf,
    write: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
}

/// A write that has been tried, and how it went.
type Tried = (Write, Result<(), String>);

impl Write {
    fn run(self) -> Tried {
        let outcome = (self.write)();
        (self, outcome)
    }
}

/// Files that wait to be written.
#[derive(Resource, Default)]
pub(crate) struct Saving {
    waiting: VecDeque<Write>,
    running: Option<Task<Tried>>,
    /// The newest content of files that could not be written.
    failed: BTreeMap<PathBuf, Write>,
}

impl Saving {
    /// Writes a file as soon as what was given before has been written. What goes wrong is shown.
    pub(crate) fn write<E: ToString>(
        &mut self,
        path: PathBuf,
        write: impl Fn() -> Result<(), E> + Send + Sync + 'static,
    ) {
        let write = Box::new(move || write().map_err(|error| error.to_string()));
        self.waiting.push_back(Write { path, write });
    }

    /// Keeps what could not be written; forgets what newer content has made up for. Returns what went wrong.
    fn note(&mut self, (write, outcome): Tried) -> Option<String> {
        let Err(error) = outcome else {
            self.failed.remove(&write.path);
            return None;
        };
        self.failed.insert(write.path.clone(), write);
        Some(error)
    }
}

/// Writes what is in [`Saving`].
pub(crate) struct SavingPlugin;

impl Plugin for SavingPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Saving>()
            .add_systems(Update, write.in_set(GameSystems))
            .add_systems(Last, write_all.run_if(on_message::<AppExit>));
    }
}

fn write(mut saving: ResMut<Saving>, mut toasts: MessageWriter<Toast>) {
    if saving.running.is_none() && saving.waiting.is_empty() {
        return;
    }
    if let Some(task) = &mut saving.running {
        let Some(tried) = check_ready(task) else {
            return;
        };
        saving.running = None;
        if let Some(error) = saving.note(tried) {
            toasts.write(Toast::error(format!("not saved: {error}")));
        }
    }
    if let Some(next) = saving.waiting.pop_front() {
        saving.running = Some(IoTaskPool::get().spawn(async move { next.run() }));
    }
}

fn write_all(mut saving: ResMut<Saving>) {
    if let Some(running) = saving.running.take() {
        saving.note(block_on(running));
    }
    let waiting = std::mem::take(&mut saving.waiting);
    // What failed is older than what waits.
    let failed = std::mem::take(&mut saving.failed).into_values();
    for write in failed.chain(waiting) {
        if let Some(error) = saving.note(write.run()) {
            error!("not saved: {error}");
        }
    }
}
