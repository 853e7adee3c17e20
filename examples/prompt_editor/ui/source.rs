//! The opened picture or recording, and the part of it that becomes the prompt.

use bevy_egui::egui::{self, WidgetInfo, WidgetType};

use super::Work;
use super::textures::{Textures, WHOLE, fitted, picture};
use crate::drawing::Canvas;
use crate::study::Study;

/// Width of the preview in points.
const PREVIEW: f32 = 96.0;

/// The cut beside what the model makes of it, and a button that takes it.
fn preview(
    ui: &mut egui::Ui,
    study: &Study,
    textures: &mut Textures,
    cut: &Canvas,
    version: u64,
) -> bool {
    let (width, height) = cut.size();
    let size = egui::vec2(PREVIEW, PREVIEW * height as f32 / width as f32);
    let mut take = false;
    ui.horizontal_wrapped(|ui| {
        let texture = textures.show(ui.ctx(), "cut", version, || cut.picture());
        picture(ui, texture.id, size, "the cut");
        if let Some(found) = &study.cut.found {
            let texture = textures.show(ui.ctx(), "cut redrawn", found.version(), || {
                found.picture.clone()
            });
            picture(ui, texture.id, size, "as the model draws it");
        }
        ui.vertical(|ui| {
            match &study.cut.found {
                Some(found) => ui.label(found.in_words()),
                None => ui.weak("the model is being loaded"),
            };
            let button = ui.button("Put it on the canvas");
            take = button.on_hover_text("can be undone").clicked();
        });
    });
    take
}

pub(super) fn show(ui: &mut egui::Ui, work: &mut Work, textures: &mut Textures) {
    let (width, height) = work.project.canvas.now().size();
    let Some(source) = &mut work.files.source else {
        ui.add_space(12.0);
        ui.vertical_centered(|ui| {
            ui.label("Drop a picture or a recording (a GIF or a folder of pictures) on the window, or open one with Ctrl+O.");
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
            ui.add(egui::Slider::new(&mut source.frame, 0..=last).text("frame"))
                .on_hover_text("which frame of the recording is cut");
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
        let version = key ^ file;
        work.study.ask_about_cut(version, cut);
        take = preview(ui, &work.study, textures, cut, version);
    }
    let (room, response) =
        ui.allocate_exact_size(ui.available_size(), egui::Sense::click_and_drag());
    response.widget_info(|| {
        let what = "the opened picture; drag to choose the part that is taken";
        WidgetInfo::labeled(WidgetType::Image, true, what)
    });
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
