//! Small windows that ask for a file, and toasts.

use std::path::PathBuf;

use bevy_egui::egui;

use super::ask::{Question, ask};
use super::{BAD, EditorView, Work};
use crate::replacing::project_path;

/// Names of pictures and recordings, projects, replays and saved worlds.
const OPEN: Question = Question {
    title: "Open",
    hint: "a picture, a recording (GIF or folder of pictures), a project, a replay or a saved world",
    endings: &[
        ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".json", ".world",
    ],
};
const SAVE_AS: Question = Question {
    title: "Save as",
    hint: "a name that ends in .prompt.json",
    endings: &[".prompt.json"],
};
const COMPARE: Question = Question {
    title: "Compare",
    hint: "another checkpoint (*.genie.safetensors)",
    endings: &[".safetensors"],
};

pub(super) fn show(ctx: &egui::Context, view: &mut EditorView, work: &mut Work) {
    if let Some(path) = ask(ctx, &OPEN, &mut work.files, &mut view.open) {
        work.files.open(&path);
    }
    if let Some(path) = ask(ctx, &SAVE_AS, &mut work.files, &mut view.save_as) {
        save_as(view, work, path);
    }
    if view.save_as.is_none() {
        view.replacing.forget();
    }
    if let Some(path) = ask(ctx, &COMPARE, &mut work.files, &mut view.second) {
        let path = path.canonicalize().unwrap_or(path);
        let server = work.server.load_builder().override_unapproved();
        let model = server.load(path.clone());
        let Work {
            lines,
            project,
            commands,
            toasts,
            ..
        } = &mut *work;
        lines.open_beside(path, model, project, commands, toasts);
    }
    toasts(ctx, work);
}

/// Saves under a name, unless another file has it.
fn save_as(view: &mut EditorView, work: &mut Work, path: PathBuf) {
    let path = project_path(path);
    if view.replacing.allows(&path, work.project.file.as_deref()) {
        work.files.save(&work.project, path);
    } else {
        let name = path.display().to_string();
        work.toasts.error(format!(
            "{name} is there already; press Enter again to replace it"
        ));
        view.save_as = Some(name);
    }
}

fn toasts(ctx: &egui::Context, work: &mut Work) {
    if work.toasts.all.is_empty() {
        return;
    }
    let mut closed = None;
    egui::Area::new("toasts".into())
        .anchor(egui::Align2::RIGHT_BOTTOM, egui::vec2(-14.0, -34.0))
        .order(egui::Order::Foreground)
        .show(ctx, |ui| {
            for (number, toast) in work.toasts.all.iter().enumerate() {
                let edge = if toast.bad {
                    BAD
                } else {
                    egui::Color32::from_rgb(90, 100, 130)
                };
                let frame = egui::Frame::popup(ui.style()).stroke(egui::Stroke::new(2.0, edge));
                let shown = frame.show(ui, |ui| {
                    ui.set_max_width(420.0);
                    let text = egui::RichText::new(&toast.text);
                    ui.label(text.color(ui.visuals().strong_text_color()));
                });
                if shown.response.interact(egui::Sense::click()).clicked() {
                    closed = Some(number);
                }
            }
        });
    if let Some(number) = closed {
        work.toasts.all.remove(number);
    }
}
