//! Keys of the editor itself. They count while neither a text field nor the world has the keyboard.

use bevy_egui::egui::{Context, Key, KeyboardShortcut, Modifiers};

use crate::closing::Quit;
use crate::files::PROJECT;
use crate::tools::Tool;
use crate::ui::{Desk, Work, step, toggle, viewport_id};

/// What the help lists.
pub(crate) const SHORTCUTS: &[(&str, &str)] = &[
    ("Ctrl+O", "open a picture, a recording or a project"),
    ("Ctrl+S", "save the project"),
    ("Ctrl+E", "export"),
    ("Ctrl+Z, Ctrl+Y", "undo, redo"),
    (
        "B P F L R I S",
        "stamp, pencil, fill, line, rectangle, pick, select",
    ),
    ("G, N", "grid, snapping to it"),
    ("Space", "play and pause"),
    (".", "one frame"),
    ("Home", "back to the prompt"),
    (
        "PageUp, PageDown",
        "look at the frame before, the frame after",
    ),
    ("K", "fork from the frame that is shown"),
    ("Escape", "leave the world, let a selection go"),
    ("F1", "this help"),
    ("Ctrl+Q", "close; what is on the canvas is kept"),
];

const CONTROL: Modifiers = Modifiers::COMMAND;

/// Acts on the keys of this frame.
pub(crate) fn act(ctx: &Context, desk: &mut Desk, work: &mut Work) {
    let hit = |modifiers, key| {
        ctx.input_mut(|input| input.consume_shortcut(&KeyboardShortcut::new(modifiers, key)))
    };
    if hit(CONTROL | Modifiers::SHIFT, Key::S) {
        desk.save_as = Some(suggested_path(work));
    } else if hit(CONTROL, Key::S) {
        save(desk, work);
    }
    if hit(CONTROL, Key::O) {
        desk.open = Some(String::new());
    }
    if hit(CONTROL, Key::E) {
        desk.export = !desk.export;
    }
    if hit(CONTROL, Key::Q) {
        work.quit.write(Quit);
    }
    if hit(CONTROL | Modifiers::SHIFT, Key::Z) || hit(CONTROL, Key::Y) {
        work.project.redo();
    } else if hit(CONTROL, Key::Z) {
        work.project.undo();
    }
    if hit(Modifiers::NONE, Key::F1) {
        desk.help = !desk.help;
    }
    for tool in Tool::ALL {
        let (_, letter, _) = tool.words();
        if Key::from_name(&letter.to_string()).is_some_and(|key| hit(Modifiers::NONE, key)) {
            work.hand.let_go();
            work.hand.tool = tool;
        }
    }
    if hit(Modifiers::NONE, Key::G) {
        desk.grid = !desk.grid;
    }
    if hit(Modifiers::NONE, Key::N) {
        work.hand.snap = !work.hand.snap;
    }
    if hit(Modifiers::NONE, Key::Space) {
        toggle(work);
    }
    if hit(Modifiers::NONE, Key::Period) {
        step(work);
    }
    if hit(Modifiers::NONE, Key::Home) {
        work.go_back(0);
    }
    let newest = work
        .lines
        .played()
        .map_or(0, |line| line.frames.len().saturating_sub(1));
    let at = work.lines.shown.unwrap_or(newest).min(newest);
    if hit(Modifiers::NONE, Key::K) {
        work.fork(at as u64);
    }
    let looked = match (
        hit(Modifiers::NONE, Key::PageUp),
        hit(Modifiers::NONE, Key::PageDown),
    ) {
        (true, _) => Some(at.saturating_sub(1)),
        (_, true) => Some((at + 1).min(newest)),
        _ => None,
    };
    if let Some(at) = looked {
        work.lines.running = false;
        work.lines.shown = (at < newest).then_some(at);
    }
    // Left for others to see: a small window that is open closes with it.
    if ctx.input(|input| input.key_pressed(Key::Escape)) {
        work.hand.let_go();
    }
}

/// While the world has the keys, only what no game uses.
pub(crate) fn act_while_playing(ctx: &Context, desk: &mut Desk, work: &mut Work) {
    let shortcut = KeyboardShortcut::new(CONTROL, Key::S);
    if ctx.input_mut(|input| input.consume_shortcut(&shortcut)) {
        save(desk, work);
    }
    if desk.save_as.is_some() {
        // What is typed there is not for the world.
        ctx.memory_mut(|memory| memory.surrender_focus(viewport_id()));
    }
}

/// Saves to the project's file, or asks for one.
pub(crate) fn save(desk: &mut Desk, work: &mut Work) {
    match work.project.file.clone() {
        Some(path) => work.files.save(&work.project, path),
        None => desk.save_as = Some(suggested_path(work)),
    }
}

/// A name for a project that has none.
pub(crate) fn suggested_path(work: &Work) -> String {
    let folder = work.exports.folder.trim();
    std::path::Path::new(folder)
        .join(format!("my.{PROJECT}"))
        .display()
        .to_string()
}
