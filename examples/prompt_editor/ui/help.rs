//! The help: what to do first, and all shortcuts.

use bevy_egui::egui;

use super::EditorView;
use crate::shortcuts::SHORTCUTS;

/// Width of the column of keys in points.
const KEYS: f32 = 175.0;

pub(super) fn show(ctx: &egui::Context, view: &mut EditorView) {
    let room = ctx.content_rect().height() - 90.0;
    egui::Window::new("Help")
        .open(&mut view.help)
        .anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO)
        .resizable(false)
        .collapsible(false)
        .show(ctx, |ui| {
            ui.set_max_width(460.0);
            ui.label("Make a picture: drop one on the window, or stamp the model's own patches on the canvas. See what the model makes of it, click the world to play it, and fork it where you want to try something else.");
            ui.add_space(6.0);
            egui::ScrollArea::vertical().max_height(room.max(120.0)).show(ui, |ui| {
                for shortcut in SHORTCUTS {
                    ui.horizontal_top(|ui| {
                        let keys = ui.monospace(shortcut.keys_in_words());
                        ui.add_space((KEYS - keys.rect.width()).max(0.0));
                        ui.add(egui::Label::new(shortcut.hint).wrap());
                    });
                }
            });
        });
    if ctx.input(|input| input.key_pressed(egui::Key::Escape)) {
        view.help = false;
    }
}
