//! The help: what to do first, and all shortcuts.

use bevy_egui::egui;

use super::Desk;
use crate::shortcuts::SHORTCUTS;

pub(super) fn show(ctx: &egui::Context, desk: &mut Desk) {
    egui::Window::new("Help")
        .open(&mut desk.help)
        .anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO)
        .resizable(false)
        .collapsible(false)
        .show(ctx, |ui| {
            ui.set_max_width(460.0);
            ui.label("Make a picture: drop one on the window, or stamp the model's own patches on the canvas. See what the model makes of it, click the world to play it, and fork it where you want to try something else.");
            ui.add_space(6.0);
            egui::Grid::new("shortcuts").num_columns(2).striped(true).show(ui, |ui| {
                for (keys, what) in SHORTCUTS {
                    ui.monospace(*keys);
                    ui.label(*what);
                    ui.end_row();
                }
            });
        });
}
