//! The window closes when everything is on the disk. If it cannot be written, that is said, and the window stays.

use bevy::prelude::*;
use bevy::window::WindowCloseRequested;
use bevy_egui::EguiPostUpdateSet;

use crate::export::Exports;
use crate::files::Files;
use crate::lines::Lines;
use crate::project::Project;
use crate::toasts::Toasts;

/// Message: the editor is to be closed, from its menu or by a key.
#[derive(Message, Clone, Copy, Debug)]
pub(crate) struct Quit;

/// Closes the editor.
pub(crate) struct ClosingPlugin;

impl Plugin for ClosingPlugin {
    fn build(&self, app: &mut App) {
        // After the panels: a stroke that ends in the same frame is part of what is kept.
        let close = close.after(EguiPostUpdateSet::EndPass);
        app.add_message::<Quit>().add_systems(PostUpdate, close);
    }
}

/// Who asks again, after a refusal or while an export is waited for, means it.
#[allow(clippy::too_many_arguments)] // A system's arguments are what it asks the world for.
fn close(
    mut windows: MessageReader<WindowCloseRequested>,
    mut quits: MessageReader<Quit>,
    project: Res<Project>,
    exports: Res<Exports>,
    mut lines: ResMut<Lines>,
    mut files: ResMut<Files>,
    mut toasts: ResMut<Toasts>,
    mut refused: Local<Option<u64>>,
    mut waiting: Local<bool>,
    mut exit: MessageWriter<AppExit>,
) {
    let asked = windows.read().count() + quits.read().count() > 0;
    let exporting = exports.pending() || files.busy_for_long();
    // What is played now is in the project a moment after time stands still.
    let pending = exporting || lines.unkept();
    if asked && !*waiting && (pending || lines.running) {
        *waiting = true;
        lines.running = false;
        if exporting {
            toasts
                .note("closes when files are read and written; close again to leave without them");
        }
        return;
    }
    let waited = *waiting && !pending;
    if !asked && !waited {
        return;
    }
    *waiting = false;
    match files.make_safe(&project) {
        Err(error) if *refused != Some(project.version) => {
            *refused = Some(project.version);
            toasts.error(format!(
                "not closed, as your work cannot be kept: {error}. Save it elsewhere, or close again to lose it."
            ));
        }
        _ => {
            exit.write(AppExit::Success);
        }
    }
}
