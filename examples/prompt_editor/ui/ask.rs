//! A small window that asks for a file: its path can be typed, or found in the list of what is there.

use std::path::{MAIN_SEPARATOR, Path, PathBuf, is_separator};

use bevy_egui::egui::{self, text::CCursor, text_selection::CCursorRange};

use super::BAD;
use crate::files::Files;

/// Height of the list in points.
const LIST: f32 = 220.0;
/// Width of the field and the list in points.
const WIDTH: f32 = 420.0;

/// What is asked.
pub(super) struct Question {
    /// What will be done with the file, as the window and its button have it.
    pub(super) title: &'static str,
    /// What kinds of files are wanted, in words.
    pub(super) hint: &'static str,
    /// How their names end, in small letters.
    pub(super) endings: &'static [&'static str],
}

/// Asks while there is something `typed`, though it be nothing. Returns the path when Enter is pressed, the button clicked, or a
/// file clicked twice.
pub(super) fn ask(
    ctx: &egui::Context,
    question: &Question,
    files: &mut Files,
    typed: &mut Option<String>,
) -> Option<PathBuf> {
    let text = typed.as_mut()?;
    let (mut open, mut done) = (true, false);
    let list = LIST.min(ctx.content_rect().height() - 190.0).max(60.0);
    egui::Window::new(question.title)
        .open(&mut open)
        .anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO)
        .resizable(false)
        .collapsible(false)
        .show(ctx, |ui| {
            let name = ui.weak(question.hint);
            let field = egui::TextEdit::singleline(text).desired_width(WIDTH);
            let field = ui.add(field).labelled_by(name.id);
            let entered =
                field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            if !field.has_focus() && !entered && ui.memory(|memory| memory.focused().is_none()) {
                field.request_focus();
            }
            let mut chosen = false;
            egui::ScrollArea::vertical()
                .max_height(list)
                .min_scrolled_height(list)
                .auto_shrink([false, false])
                .show(ui, |ui| {
                    let choice = choose(ui, question, files, text);
                    if let Some((path, is_final)) = choice {
                        *text = path;
                        put_cursor_at_end(ui.ctx(), field.id, text);
                        field.request_focus();
                        chosen = is_final;
                    }
                });
            let button = ui.button(question.title).on_hover_text("as Enter does");
            done = button.clicked() || entered || chosen;
        });
    if ctx.input(|input| input.key_pressed(egui::Key::Escape)) {
        open = false;
    }
    let path = done.then(|| PathBuf::from(text.trim()));
    if done || !open {
        *typed = None;
        files.forget_listing();
    }
    path.filter(|path| !path.as_os_str().is_empty())
}

/// The list of what is in the folder that is typed, as far as it begins as what is typed after it. Returns the path of what was
/// clicked, and whether that was the last word.
fn choose(
    ui: &mut egui::Ui,
    question: &Question,
    files: &mut Files,
    typed: &str,
) -> Option<(String, bool)> {
    let (folder, begun) = parts(typed);
    let listing = files.look_into(Path::new(folder))?;
    if let Some(problem) = &listing.problem {
        ui.colored_label(BAD, problem);
    }
    let mut choice = None;
    if let Some(above) = above(folder)
        && ui
            .selectable_label(false, "..")
            .on_hover_text("the folder above this one")
            .clicked()
    {
        choice = Some((above, false));
    }
    let begun = begun.to_lowercase();
    let mut any = false;
    for entry in &listing.entries {
        let name = entry.name.to_lowercase();
        let is_wanted = question.endings.iter().any(|ending| name.ends_with(ending));
        if !name.starts_with(&begun) || (entry.is_file && !is_wanted) {
            continue;
        }
        any = true;
        let path = format!("{folder}{}", entry.name);
        if entry.is_file {
            let row = ui.selectable_label(name == begun, &entry.name);
            let row = row.on_hover_text("a second click decides");
            if row.clicked() {
                choice = Some((path, row.double_clicked()));
            }
        } else {
            let row = ui.selectable_label(false, format!("{}{MAIN_SEPARATOR}", entry.name));
            if row.on_hover_text("looks into this folder").clicked() {
                choice = Some((format!("{path}{MAIN_SEPARATOR}"), false));
            }
        }
    }
    if !any && listing.problem.is_none() {
        ui.weak("nothing of this kind is called so here");
    }
    choice
}

/// The folder in what is typed, with its separator, and what is typed after it.
fn parts(typed: &str) -> (&str, &str) {
    let after = typed.rfind(is_separator).map_or(0, |at| at + 1);
    typed.split_at(after)
}

/// The folder above one, with a separator; what is typed without folders is in the folder that the program was started in.
fn above(folder: &str) -> Option<String> {
    let whole = if folder.is_empty() {
        std::env::current_dir().ok()?
    } else {
        PathBuf::from(folder)
    };
    let above = whole.parent()?.to_str()?;
    let separated = above.is_empty() || above.ends_with(is_separator);
    let separator = if separated { "" } else { "/" };
    Some(format!("{above}{separator}"))
}

/// What is typed next goes behind what was chosen.
fn put_cursor_at_end(ctx: &egui::Context, field: egui::Id, text: &str) {
    if let Some(mut state) = egui::TextEdit::load_state(ctx, field) {
        let end = CCursor::new(text.chars().count());
        state.cursor.set_char_range(Some(CCursorRange::one(end)));
        state.store(ctx, field);
    }
}
