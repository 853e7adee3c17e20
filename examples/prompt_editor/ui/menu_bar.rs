//! The bar at the upper edge.

use std::path::PathBuf;

use bevy_egui::egui;

use super::act::act;
use super::{EditorView, Work};
use crate::shortcuts::Action;

pub(super) fn show(ui: &mut egui::Ui, view: &mut EditorView, work: &mut Work) {
    egui::MenuBar::new().ui(ui, |ui| {
        let file = ui.menu_button("File", |ui| {
            entry(ui, Action::New, view, work);
            entry(ui, Action::Open, view, work);
            recent(ui, work);
            shipped(ui, work);
            ui.separator();
            for action in [Action::Save, Action::SaveAs, Action::Export] {
                entry(ui, action, view, work);
            }
            ui.separator();
            entry(ui, Action::Quit, view, work);
        });
        file.response.on_hover_text("opens, saves and exports");
        let edit = ui.menu_button("Edit", |ui| {
            entry(ui, Action::Undo, view, work);
            entry(ui, Action::Redo, view, work);
        });
        edit.response.on_hover_text("changes of the picture");
        let menu = ui.menu_button("View", |ui| {
            ui.checkbox(&mut view.grid, "grid of patches")
                .on_hover_text(Action::Grid.shortcut().tooltip());
            let compare = ui.button("Compare with a checkpoint...");
            let hint = "plays the picture on another model, beside this one";
            if compare.on_hover_text(hint).clicked() {
                let models = genie_examples::assets::root().join("models");
                view.second = Some(models.join("").display().to_string());
            }
            let reset = ui.button("Panels as at the beginning");
            if reset
                .on_hover_text("puts every panel back where it was")
                .clicked()
            {
                view.reset_layout();
            }
        });
        menu.response.on_hover_text("what is shown, and where");
        let help = Action::Help.shortcut();
        if ui.button(help.name).on_hover_text(help.tooltip()).clicked() {
            act(Action::Help, view, work);
        }
    });
}

/// Files that were opened or saved last.
fn recent(ui: &mut egui::Ui, work: &mut Work) {
    let recent = ui.menu_button("Recent", |ui| {
        let paths = work.files.memory.recent.clone();
        if paths.is_empty() {
            ui.weak("nothing yet");
        }
        open_one_of(ui, work, paths, |path| {
            let name = path.file_name().unwrap_or(path.as_os_str());
            name.to_string_lossy().into_owned()
        });
    });
    recent
        .response
        .on_hover_text("files that were opened or saved last");
}

/// The pictures that come with the project.
fn shipped(ui: &mut egui::Ui, work: &mut Work) {
    let shipped = ui.menu_button("Pictures of the project", |ui| {
        let paths = genie_examples::assets::prompts(&genie_examples::assets::root());
        open_one_of(ui, work, paths, |path| {
            let name = path.file_stem().unwrap_or_default();
            name.to_string_lossy().into_owned()
        });
    });
    shipped
        .response
        .on_hover_text("prompts that come with bevy_genie");
}

fn open_one_of(
    ui: &mut egui::Ui,
    work: &mut Work,
    paths: Vec<PathBuf>,
    name: impl Fn(&PathBuf) -> String,
) {
    for path in paths {
        let button = ui.button(name(&path));
        if button.on_hover_text(path.display().to_string()).clicked() {
            work.files.open(&path);
        }
    }
}

fn entry(ui: &mut egui::Ui, action: Action, view: &mut EditorView, work: &mut Work) {
    let shortcut = action.shortcut();
    let button = egui::Button::new(shortcut.name).shortcut_text(shortcut.keys_in_words());
    if ui.add(button).on_hover_text(shortcut.hint).clicked() {
        act(action, view, work);
    }
}
