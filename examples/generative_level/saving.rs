//! Files are written one after the other on another thread, and all of them before the program ends.

use std::collections::VecDeque;

use bevy::prelude::*;
use bevy::tasks::futures::check_ready;
use bevy::tasks::{IoTaskPool, Task, block_on};

use crate::states::GameSystems;
use crate::toast::Toast;

type Write = Box<dyn FnOnce() -> Result<(), String> + Send + Sync>;

/// Files that wait to be written.
#[derive(Resource, Default)]
pub(crate) struct Saving {
    waiting: VecDeque<Write>,
    running: Option<Task<Result<(), String>>>,
}

impl Saving {
    /// Writes as soon as what was given before has been written. What goes wrong is shown.
    pub(crate) fn write<E: ToString>(
        &mut self,
        write: impl FnOnce() -> Result<(), E> + Send + Sync + 'static,
    ) {
        let write = move || write().map_err(|error| error.to_string());
        self.waiting.push_back(Box::new(write));
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
        let Some(written) = check_ready(task) else {
            return;
        };
        saving.running = None;
        if let Err(error) = written {
            toasts.write(Toast::error(format!("not saved: {error}")));
        }
    }
    if let Some(next) = saving.waiting.pop_front() {
        saving.running = Some(IoTaskPool::get().spawn(async move { next() }));
    }
}

fn write_all(mut saving: ResMut<Saving>) {
    let running = saving.running.take().map(block_on);
    let rest = saving.waiting.drain(..).map(|write| write());
    for error in running.into_iter().chain(rest).filter_map(Result::err) {
        error!("not saved: {error}");
    }
}
