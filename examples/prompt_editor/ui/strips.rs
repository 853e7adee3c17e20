//! What each latent action does to the picture.

use bevy_egui::egui;

use super::Work;
use super::textures::Textures;
use crate::lines::STRIP;

pub(super) fn show(ui: &mut egui::Ui, work: &mut Work, textures: &mut Textures) {
    let edge = ((ui.available_width() - 90.0) / STRIP as f32 - 4.0).clamp(24.0, 72.0);
    if work.lines.strips.is_empty() {
        ui.weak("the model is being loaded");
    }
    if work.lines.strips_stopped && work.lines.strips_missing().is_some() {
        let button = ui.button("Go on");
        if button
            .on_hover_text("the strips were stopped; make the rest of them")
            .clicked()
        {
            work.lines.strips_stopped = false;
        }
    }
    for (row, strip) in work.lines.strips.iter().enumerate() {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 3.0;
            ui.add_sized([80.0, edge], egui::Label::new(&strip.label));
            for (column, frame) in strip.frames.iter().enumerate() {
                let name = format!("strip {row} {column}");
                let version = std::sync::Arc::as_ptr(frame) as u64;
                let texture = textures.show(ui.ctx(), &name, version, || (**frame).clone());
                let image = egui::Image::new((texture.id, egui::Vec2::splat(edge)));
                ui.add(image.alt_text(format!("frame {column} under {}", strip.label)));
            }
        });
    }
}
