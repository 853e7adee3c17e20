//! What can be taken away: the prompt, an animation of the run, its replay, and the world itself.

use std::path::PathBuf;

use bevy_egui::egui;

use super::{Desk, Work};
use crate::export::Exports;

pub(super) fn show(ctx: &egui::Context, desk: &mut Desk, work: &mut Work) {
    let mut open = desk.export;
    egui::Window::new("Export")
        .open(&mut open)
        .anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO)
        .resizable(false)
        .collapsible(false)
        .show(ctx, |ui| {
            ui.set_max_width(480.0);
            let Exports { folder, name, .. } = &mut *work.exports;
            ui.horizontal(|ui| {
                ui.label("folder");
                ui.add(egui::TextEdit::singleline(folder).desired_width(360.0));
            });
            ui.horizontal(|ui| {
                ui.label("name");
                ui.add(egui::TextEdit::singleline(name).desired_width(200.0));
            });
            let base = PathBuf::from(folder.trim()).join(name.trim());
            let ready = !name.trim().is_empty();
            let path = |ending: &str| {
                let mut path = base.clone().into_os_string();
                path.push(ending);
                PathBuf::from(path)
            };
            let button = |ui: &mut egui::Ui, label: &str, hint: &str| {
                ui.add_enabled(ready, egui::Button::new(label))
                    .on_hover_text(hint)
                    .clicked()
            };
            ui.horizontal_wrapped(|ui| {
                if button(ui, "Prompt (PNG)", "the picture, to be used as a prompt") {
                    let picture = work.project.canvas.now().picture();
                    work.files.export_png(picture, path(".png"));
                }
                let line = work.lines.all.get(work.lines.played);
                if button(ui, "Run (GIF)", "the frames of the played line")
                    && let Some(line) = line
                {
                    let rate = work
                        .models
                        .get(&work.lines.model)
                        .map_or(10.0, |m| m.config().frames_per_second);
                    work.files
                        .export_gif(line.frames.clone(), rate, path(".gif"));
                }
                if button(
                    ui,
                    "Replay",
                    "seed and actions, which give the same frames again",
                ) && let Some(line) = line
                {
                    work.exports
                        .replay(line.world, path(".replay.json"), &mut work.genie);
                }
                if button(
                    ui,
                    "World",
                    "the state itself, to go on from in a game: GeniePrompt::Saved",
                ) && let Some(line) = line
                {
                    Exports::world(line.world, path(".world"), &mut work.genie);
                }
            });
            work.files.memory.export_folder = Some(PathBuf::from(work.exports.folder.trim()));
        });
    desk.export = open;
}
