//! Small windows that ask for a name, and toasts.

use std::path::PathBuf;

use bevy_egui::egui;

use super::{Desk, Work};
use crate::replacing::project_path;

pub(super) fn show(ctx: &egui::Context, desk: &mut Desk, work: &mut Work) {
    if let Some(path) = ask(
        ctx,
        "Open",
        "a picture, a recording (GIF or folder of pictures), a project, a replay or a saved world",
        &mut desk.open,
    ) {
        work.files.open(&path);
    }
    if let Some(path) = ask(
        ctx,
        "Save as",
        "a name that ends in .prompt.json",
        &mut desk.save_as,
    ) {
        save_as(desk, work, path);
    }
    if desk.save_as.is_none() {
        desk.replacing.forget();
    }
    if let Some(path) = ask(
        ctx,
        "Compare",
        "another checkpoint (*.genie.safetensors)",
        &mut desk.second,
    ) {
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
fn save_as(desk: &mut Desk, work: &mut Work, path: PathBuf) {
    let path = project_path(path);
    if desk.replacing.allows(&path, work.project.file.as_deref()) {
        work.files.save(&work.project, path);
    } else {
        let name = path.display().to_string();
        work.toasts.error(format!(
            "{name} is there already; press Enter again to replace it"
        ));
        desk.save_as = Some(name);
    }
}

/// Asks for a path; what is typed when Enter is pressed or the button clicked.
fn ask(
    ctx: &egui::Context,
    title: &str,
    hint: &str,
    typed: &mut Option<String>,
) -> Option<PathBuf> {
    let text = typed.as_mut()?;
    let (mut open, mut done) = (true, false);
    egui::Window::new(title)
        .open(&mut open)
        .anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO)
        .resizable(false)
        .collapsible(false)
        .show(ctx, |ui| {
            let name = ui.weak(hint);
            let field = egui::TextEdit::singleline(text).desired_width(420.0);
            let field = ui.add(field).labelled_by(name.id);
            let entered =
                field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            if !field.has_focus() && !entered && ui.memory(|memory| memory.focused().is_none()) {
                field.request_focus();
            }
            let button = ui.button(title).on_hover_text("as Enter does");
            done = button.clicked() || entered;
        });
    if ctx.input(|input| input.key_pressed(egui::Key::Escape)) {
        open = false;
    }
    let path = done.then(|| PathBuf::from(text.trim()));
    if done || !open {
        *typed = None;
    }
    path.filter(|path| !path.as_os_str().is_empty())
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
                    egui::Color32::from_rgb(245, 107, 97)
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
