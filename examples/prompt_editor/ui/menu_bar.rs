//! The bar at the upper edge, and the line at the lower one.

use bevy_egui::egui;

use super::{Desk, Work};
use crate::closing::Quit;
use crate::shortcuts;

pub(super) fn show(ui: &mut egui::Ui, desk: &mut Desk, work: &mut Work) {
    egui::MenuBar::new().ui(ui, |ui| {
        ui.menu_button("File", |ui| {
            if entry(ui, "Open...", "Ctrl+O") {
                desk.open = Some(String::new());
            }
            ui.menu_button("Recent", |ui| {
                let mut open = None;
                for path in &work.files.memory.recent {
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    if ui
                        .button(name)
                        .on_hover_text(path.display().to_string())
                        .clicked()
                    {
                        open = Some(path.clone());
                    }
                }
                if work.files.memory.recent.is_empty() {
                    ui.weak("nothing yet");
                }
                if let Some(path) = open {
                    work.files.open(&path);
                    ui.close();
                }
            });
            ui.menu_button("Pictures of the project", |ui| {
                let folder = genie_examples::assets::root();
                for path in genie_examples::assets::prompts(&folder) {
                    let name = path.file_stem().unwrap_or_default().to_string_lossy();
                    if ui.button(name).clicked() {
                        work.files.open(&path);
                        ui.close();
                    }
                }
            });
            ui.separator();
            if entry(ui, "Save", "Ctrl+S") {
                shortcuts::save(desk, work);
            }
            if entry(ui, "Save as...", "Ctrl+Shift+S") {
                desk.save_as = Some(shortcuts::suggested_path(work));
            }
            if entry(ui, "Export...", "Ctrl+E") {
                desk.export = true;
            }
            ui.separator();
            if entry(ui, "Quit", "Ctrl+Q") {
                work.quit.write(Quit);
            }
        });
        ui.menu_button("Edit", |ui| {
            if entry(ui, "Undo", "Ctrl+Z") {
                work.project.undo();
            }
            if entry(ui, "Redo", "Ctrl+Y") {
                work.project.redo();
            }
        });
        ui.menu_button("View", |ui| {
            ui.checkbox(&mut desk.grid, "grid of patches");
            if entry(ui, "Compare with a checkpoint...", "") {
                desk.second = Some(String::new());
            }
            if entry(ui, "Panels as at the beginning", "") {
                desk.reset_layout();
            }
        });
        if ui.button("Help").on_hover_text("F1").clicked() {
            desk.help = !desk.help;
        }
    });
}

fn entry(ui: &mut egui::Ui, label: &str, keys: &str) -> bool {
    let clicked = ui
        .add(egui::Button::new(label).shortcut_text(keys))
        .clicked();
    if clicked {
        ui.close();
    }
    clicked
}

/// What is being made, and what is going on.
pub(super) fn status(ui: &mut egui::Ui, desk: &Desk, work: &Work) {
    ui.horizontal(|ui| {
        let name = work.project.file.as_ref().and_then(|path| path.file_name());
        let name = name.map_or("not saved to a file".into(), |name| name.to_string_lossy());
        let mark = if work.project.unsaved() { " *" } else { "" };
        ui.weak(format!("{name}{mark}"));
        ui.separator();
        let keys = if desk.playing {
            "keys go to the world; Escape gives them back"
        } else {
            "F1: help"
        };
        ui.weak(keys);
        let busy = if work.files.busy() {
            Some("reading and writing")
        } else if work.study.palette_pending && work.study.pending() {
            Some("drawing the model's patches")
        } else {
            None
        };
        if let Some(busy) = busy {
            ui.separator();
            ui.spinner();
            ui.weak(busy);
        }
    });
}
