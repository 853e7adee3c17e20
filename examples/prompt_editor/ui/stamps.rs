//! The patches of the model, by theme.

use bevy_egui::egui::{self, WidgetInfo, WidgetType};

use super::Work;
use super::textures::Textures;
use crate::palette::Theme;
use crate::tools::Tool;

/// Edge of a stamp on the screen, in points.
const EDGE: f32 = 28.0;

pub(super) fn show(ui: &mut egui::Ui, work: &mut Work, textures: &mut Textures) {
    if work.study.patches_stopped() {
        let button = ui.button("Draw the rest");
        if button
            .on_hover_text("drawing the model's patches was stopped")
            .clicked()
        {
            work.study.want_patches();
        }
    }
    if work.palette.len() == 0 {
        ui.weak(if work.lines.without_model {
            "there is no model, and so there are no patches"
        } else {
            "the model's patches are being drawn"
        });
        return;
    }
    let found = work.palette.len();
    ui.weak(format!(
        "{found} patches that the model knows: choose one and stamp it on the canvas"
    ));
    let mut chosen = None;
    for theme in Theme::ALL {
        if work.palette.of(theme).next().is_none() {
            continue;
        }
        ui.label(theme.name());
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = egui::vec2(3.0, 3.0);
            for stamp in work.palette.of(theme) {
                let name = format!("stamp {}", stamp.code);
                let texture = textures.show(ui.ctx(), &name, 1, || stamp.picture.picture());
                let image = egui::Image::new((texture.id, egui::Vec2::splat(EDGE)));
                let held = work.hand.stamp.as_ref() == Some(&stamp.picture);
                let (area, response) =
                    ui.allocate_exact_size(egui::Vec2::splat(EDGE + 4.0), egui::Sense::click());
                let what = format!("patch {}, {}", stamp.code, theme.name());
                response
                    .widget_info(|| WidgetInfo::selected(WidgetType::Button, true, held, &what));
                image.paint_at(ui, area.shrink(2.0));
                if held || response.hovered() {
                    let colour = ui.visuals().selection.stroke.color;
                    let stroke = egui::Stroke::new(if held { 2.0 } else { 1.0 }, colour);
                    ui.painter()
                        .rect_stroke(area, 2.0, stroke, egui::StrokeKind::Inside);
                }
                if response
                    .on_hover_text(format!("code {}", stamp.code))
                    .clicked()
                {
                    chosen = Some(stamp.picture.clone());
                }
            }
        });
    }
    if let Some(stamp) = chosen {
        work.hand.stamp = Some(stamp);
        work.hand.tool = Tool::Stamp;
    }
}
