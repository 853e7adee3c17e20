//! Messages that come up in the corner and go away by themselves.

use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy_genie::prelude::*;

/// How long a message is shown.
const SHOWN: Duration = Duration::from_secs(7);
/// Older ones go when there are more.
const MOST: usize = 5;

/// A message.
pub(crate) struct Toast {
    /// In words.
    pub(crate) text: String,
    /// Whether something has gone wrong.
    pub(crate) bad: bool,
    /// When it goes.
    pub(crate) until: Instant,
}

/// The messages that are shown.
#[derive(Resource, Default)]
pub(crate) struct Toasts {
    /// Oldest first.
    pub(crate) all: Vec<Toast>,
}

impl Toasts {
    /// Something has gone wrong.
    pub(crate) fn error(&mut self, text: impl ToString) {
        self.add(text.to_string(), true);
    }

    /// Good to know.
    pub(crate) fn note(&mut self, text: impl ToString) {
        self.add(text.to_string(), false);
    }

    fn add(&mut self, text: String, bad: bool) {
        self.all.retain(|toast| toast.text != text);
        if self.all.len() >= MOST {
            self.all.remove(0);
        }
        let until = Instant::now() + SHOWN;
        self.all.push(Toast { text, bad, until });
    }

    /// Drops what has been shown for long enough.
    pub(crate) fn age(&mut self) {
        let now = Instant::now();
        self.all.retain(|toast| toast.until > now);
    }
}

/// What the plugin reports becomes a message.
pub(crate) struct ToastsPlugin;

impl Plugin for ToastsPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Toasts>()
            .add_observer(tell_failure)
            .add_observer(tell_refusal);
    }
}

fn tell_failure(failed: On<GenieFailed>, mut toasts: ResMut<Toasts>) {
    toasts.error(&failed.error);
}

fn tell_refusal(failed: On<GenieCommandFailed>, mut toasts: ResMut<Toasts>) {
    toasts.error(&failed.error);
}
