//! What the actions of keys, menus and buttons do.

use std::path::Path;

use bevy_egui::egui;
use bevy_genie::prelude::*;

use super::{EditorView, Work, viewport_id};
use crate::closing::Quit;
use crate::files::PROJECT;
use crate::shortcuts::{self, Action};

/// Acts on the keys of this frame.
pub(super) fn on_keys(ctx: &egui::Context, view: &mut EditorView, work: &mut Work) {
    if view.typing {
        return;
    }
    for action in shortcuts::pressed(ctx, view.playing) {
        act(action, view, work);
    }
    if view.playing && view.save_as.is_some() {
        // What is typed there is not for the world.
        ctx.memory_mut(|memory| memory.surrender_focus(viewport_id()));
    }
}

/// Does it.
pub(super) fn act(action: Action, view: &mut EditorView, work: &mut Work) {
    match action {
        Action::Open => view.open = Some(folder_of_last(work)),
        Action::SaveAs => view.save_as = Some(suggested_path(work)),
        Action::Save => match work.project.file.clone() {
            Some(path) => work.files.save(&work.project, path),
            None => view.save_as = Some(suggested_path(work)),
        },
        Action::Export => view.export = !view.export,
        Action::Help => view.help = !view.help,
        Action::Quit => {
            work.quit.write(Quit);
        }
        Action::Grid => view.grid = !view.grid,
        // It closes itself, and nothing else is left.
        Action::Leave if view.has_small_window() => {}
        _ => act_on_work(action, work),
    }
}

/// Does what needs nothing of the window.
pub(super) fn act_on_work(action: Action, work: &mut Work) {
    match action {
        Action::New => work.files.begin_anew(&mut work.project, work.hand.colour),
        Action::Redo => work.project.redo(),
        Action::Undo => work.project.undo(),
        Action::Take(tool) => {
            work.hand.let_go();
            work.hand.tool = tool;
        }
        Action::Snap => work.hand.snap = !work.hand.snap,
        Action::PlayOrPause => {
            work.lines.running = !work.lines.running;
            work.lines.shown = None;
        }
        Action::Step => {
            work.lines.running = false;
            work.lines.shown = None;
            if let Some(line) = work.lines.played() {
                work.genie.write(GenieCommand::step(line.world));
            }
        }
        Action::ToPrompt => work.go_back(0),
        Action::FrameBefore => look(work, |at, _| at.saturating_sub(1)),
        Action::FrameAfter => look(work, |at, newest| (at + 1).min(newest)),
        Action::Fork => {
            let (at, _) = shown(work);
            work.fork(at as u64);
        }
        Action::Leave => work.hand.let_go(),
        Action::Open
        | Action::SaveAs
        | Action::Save
        | Action::Export
        | Action::Help
        | Action::Quit
        | Action::Grid => {}
    }
}

/// The frame of the played line that is shown, and its newest one.
fn shown(work: &Work) -> (usize, usize) {
    let newest = work.lines.played().map_or(0, |line| line.newest() as usize);
    let at = work.lines.shown.unwrap_or(newest).min(newest);
    (at, newest)
}

fn look(work: &mut Work, to: impl Fn(usize, usize) -> usize) {
    let (at, newest) = shown(work);
    let at = to(at, newest);
    work.lines.running = false;
    work.lines.shown = (at < newest).then_some(at);
}

/// Where the last file was, to look for the next one.
fn folder_of_last(work: &Work) -> String {
    let last = work.files.memory.recent.first();
    let folder = last.and_then(|path| path.parent());
    let folder = folder.unwrap_or(Path::new(work.exports.folder.trim()));
    // With a separator at its end.
    folder.join("").display().to_string()
}

/// A name for a project that has none.
fn suggested_path(work: &Work) -> String {
    let folder = Path::new(work.exports.folder.trim());
    folder.join(format!("my.{PROJECT}")).display().to_string()
}
