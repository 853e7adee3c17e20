//! What can be taken away: the prompt, an animation of the run, its replay, and the world itself.

use std::path::{Path, PathBuf};

use bevy_egui::egui;

use super::{EditorView, Work};
use crate::export::Exports;
use crate::replacing::Replacing;
use crate::toasts::Toasts;

pub(super) fn show(ctx: &egui::Context, view: &mut EditorView, work: &mut Work) {
    let mut open = view.export;
    if !open {
        view.replacing_exports.forget();
    }
    egui::Window::new("Export")
        .open(&mut open)
        .anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO)
        .resizable(false)
        .collapsible(false)
        .show(ctx, |ui| {
            ui.set_max_width(480.0);
            let Exports { folder, name, .. } = &mut *work.exports;
            for (label, text, width) in
                [("folder", &mut *folder, 360.0), ("name", &mut *name, 200.0)]
            {
                ui.horizontal(|ui| {
                    let label = ui.label(label);
                    let field = egui::TextEdit::singleline(text).desired_width(width);
                    ui.add(field).labelled_by(label.id);
                });
            }
            let base = PathBuf::from(folder.trim()).join(name.trim());
            let ready = !name.trim().is_empty();
            let path = |ending: &str| {
                let mut path = base.clone().into_os_string();
                path.push(ending);
                PathBuf::from(path)
            };
            let replacing = &mut view.replacing_exports;
            let toasts = &mut *work.toasts;
            let mut chosen = |ui: &mut egui::Ui, label: &str, ending: &str, hint: &str| {
                let button = ui.add_enabled(ready, egui::Button::new(label));
                let button = button.on_disabled_hover_text("a name is wanted first");
                let clicked = button.on_hover_text(hint).clicked();
                clicked
                    .then(|| path(ending))
                    .filter(|path| may_write(path, replacing, toasts))
            };
            ui.horizontal_wrapped(|ui| {
                let hint = "the picture, to be used as a prompt";
                if let Some(path) = chosen(ui, "Prompt (PNG)", ".png", hint) {
                    let picture = work.project.canvas.now().picture();
                    work.files.export_png(picture, path);
                }
                let Some(line) = work.lines.all.get(work.lines.played) else {
                    return;
                };
                let hint = "the frames of the played line";
                if let Some(path) = chosen(ui, "Run (GIF)", ".gif", hint) {
                    let rate = work
                        .models
                        .get(&work.lines.model)
                        .map_or(10.0, |m| m.config().frames_per_second);
                    work.files.export_gif(line.frames.clone(), rate, path);
                }
                let hint = "seed and actions, which give the same frames again";
                if let Some(path) = chosen(ui, "Replay", ".replay.json", hint) {
                    work.exports.replay(line.world, path, &mut work.genie);
                }
                let hint = "the state itself, to go on from in a game: GeniePrompt::Saved";
                if let Some(path) = chosen(ui, "World", ".world", hint) {
                    work.exports.world(line.world, path, &mut work.genie);
                }
            });
            work.files.memory.export_folder = Some(PathBuf::from(work.exports.folder.trim()));
        });
    view.export = open && !ctx.input(|input| input.key_pressed(egui::Key::Escape));
}

/// A file that is there already is replaced by a second click.
fn may_write(path: &Path, replacing: &mut Replacing, toasts: &mut Toasts) -> bool {
    let allowed = replacing.allows(path, None);
    if !allowed {
        let name = path.display();
        toasts.error(format!(
            "{name} is there already; click again to replace it"
        ));
    }
    allowed
}
