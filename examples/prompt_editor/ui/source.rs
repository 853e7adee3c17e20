//! The opened picture or recording, and the part of it that becomes the prompt.

use bevy_egui::egui;

use super::Work;
use super::textures::{Textures, WHOLE, fitted};

pub(super) fn show(ui: &mut egui::Ui, work: &mut Work, textures: &mut Textures) {
    let (width, height) = work.project.canvas.now().size();
    let Some(source) = &mut work.files.source else {
        ui.add_space(12.0);
        ui.vertical_centered(|ui| {
            ui.label("Drop a picture or a recording (GIF) on the window, or open one with Ctrl+O.");
        });
        return;
    };
    ui.horizontal_wrapped(|ui| {
        let name = source
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        ui.strong(name);
        if source.frames.len() > 1 {
            let last = source.frames.len() - 1;
            ui.add(egui::Slider::new(&mut source.frame, 0..=last).text("frame"));
        }
        ui.add(egui::Slider::new(&mut source.share, 0.05..=1.0).text("part that is taken"))
            .on_hover_text(
                "how much of the picture becomes the prompt; drag the picture to choose where",
            );
    });
    let cut = source.cut(width, height);
    let key = {
        let (left, top, across, down) = source.area(width, height);
        let parts = [left, top, across, down, source.frame];
        bevy_genie::genie_model::Fnv1a::of(parts.iter().map(|part| *part as u64))
    };
    let file = bevy_genie::genie_model::Fnv1a::of(
        source
            .path
            .to_string_lossy()
            .bytes()
            .map(u64::from)
            .chain([source.frame as u64]),
    );
    let mut take = false;
    if let Some(cut) = &cut {
        ui.horizontal(|ui| {
            let texture = textures.show(ui.ctx(), "cut", key ^ file, || cut.picture());
            ui.add(egui::Image::new((
                texture.id,
                egui::vec2(96.0, 96.0 * height as f32 / width as f32),
            )));
            ui.vertical(|ui| {
                ui.weak("as the model will get it");
                take = ui
                    .button("Put it on the canvas")
                    .on_hover_text("can be undone")
                    .clicked();
            });
        });
    }
    let (room, response) =
        ui.allocate_exact_size(ui.available_size(), egui::Sense::click_and_drag());
    let (left, top, across, down) = source.area(width, height);
    if let Some(picture) = source.picture() {
        let size = egui::vec2(picture.width() as f32, picture.height() as f32);
        let place = fitted(room, size, ui.ctx().pixels_per_point());
        let scale = place.width() / size.x;
        let painter = ui.painter_at(room);
        let texture = textures.show(ui.ctx(), "source", file, || picture.clone());
        painter.image(texture.id, place, WHOLE, egui::Color32::WHITE);
        let corner = place.min + egui::vec2(left as f32, top as f32) * scale;
        let part =
            egui::Rect::from_min_size(corner, egui::vec2(across as f32, down as f32) * scale);
        let stroke = egui::Stroke::new(2.0, egui::Color32::from_rgb(255, 209, 82));
        painter.rect_stroke(part, 0.0, stroke, egui::StrokeKind::Inside);
        if let Some(pointer) = response.interact_pointer_pos() {
            let at = (pointer - place.min) / place.size();
            source.centre = (at.x.clamp(0.0, 1.0), at.y.clamp(0.0, 1.0));
        }
    }
    if take && let Some(cut) = cut {
        work.project.change(cut);
    }
}
