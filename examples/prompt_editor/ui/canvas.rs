//! The picture, and the tools that change it.

use bevy_egui::egui::{self, WidgetInfo, WidgetType};

use super::Work;
use super::act::act_on_work;
use super::textures::{Textures, WHOLE, fitted};
use crate::drawing::Place;
use crate::shortcuts::Action;
use crate::tools::Tool;

pub(super) fn show(ui: &mut egui::Ui, work: &mut Work, textures: &mut Textures, grid: &mut bool) {
    tool_bar(ui, work, grid);
    let (columns, rows) = work.project.canvas.now().size();
    let (room, response) =
        ui.allocate_exact_size(ui.available_size(), egui::Sense::click_and_drag());
    response.widget_info(|| {
        let what = format!("the picture, {columns} by {rows} pixels");
        WidgetInfo::labeled(WidgetType::Image, true, what)
    });
    let size = egui::vec2(columns as f32, rows as f32);
    let place = fitted(room, size, ui.ctx().pixels_per_point());
    let scale = place.width() / size.x;
    let at = |pointer: egui::Pos2| -> Place {
        let pixel = ((pointer - place.min) / scale).floor();
        (pixel.x as i32, pixel.y as i32)
    };
    draw(ui, work, &response, at);
    let painter = ui.painter_at(room);
    painter.rect_filled(room, 0.0, ui.visuals().extreme_bg_color);
    // While something is drawn each frame is another picture.
    let (name, version) = match work.hand.preview() {
        Some(_) => ("stroke", ui.ctx().cumulative_frame_nr()),
        None => ("canvas", work.project.version),
    };
    let picture = work
        .hand
        .preview()
        .unwrap_or_else(|| work.project.canvas.now());
    let texture = textures.show(ui.ctx(), name, version, || picture.picture());
    painter.image(texture.id, place, WHOLE, egui::Color32::WHITE);
    if *grid {
        draw_grid(&painter, place, scale, work.hand.step);
    }
    if let Some(area) = work.hand.selection {
        let corner = |(x, y): Place| place.min + egui::vec2(x as f32, y as f32) * scale;
        let area = egui::Rect::from_min_max(corner(area.from), corner(area.to));
        outline(&painter, area);
    }
    if let Some(pointer) = response
        .hover_pos()
        .filter(|pointer| place.contains(*pointer))
    {
        let hovered = at(pointer);
        let (corner, edge) = if work.hand.tool == Tool::Stamp {
            (work.hand.stamp_corner(hovered), work.hand.step)
        } else {
            (hovered, 1)
        };
        let corner = place.min + egui::vec2(corner.0 as f32, corner.1 as f32) * scale;
        let area = egui::Rect::from_min_size(corner, egui::Vec2::splat(edge as f32 * scale));
        let drawing = work.hand.preview().is_some();
        if let (Tool::Stamp, Some(stamp), false) = (work.hand.tool, &work.hand.stamp, drawing) {
            let version = work.palette.version ^ stamp_hash(stamp);
            let texture = textures.show(ui.ctx(), "held stamp", version, || stamp.picture());
            painter.image(
                texture.id,
                area,
                WHOLE,
                egui::Color32::from_white_alpha(190),
            );
        }
        outline(&painter, area);
    }
}

/// Follows the pointer event by event: in a slow frame a whole stroke may come at once, and none of its places is left out.
fn draw(
    ui: &egui::Ui,
    work: &mut Work,
    response: &egui::Response,
    at: impl Fn(egui::Pos2) -> Place,
) {
    // What lies above the canvas, such as a menu, keeps what is pressed on it.
    let on_canvas = |pointer: egui::Pos2| {
        response.interact_rect.contains(pointer)
            && (ui.ctx().layer_id_at(pointer)).is_none_or(|layer| layer == response.layer_id)
    };
    for event in ui.input(|input| input.events.clone()) {
        match event {
            egui::Event::PointerMoved(pointer) => work.hand.drag(at(pointer)),
            egui::Event::PointerButton {
                pos,
                button: egui::PointerButton::Primary,
                pressed: true,
                ..
            } if on_canvas(pos) => work.hand.press(work.project.canvas.now(), at(pos)),
            egui::Event::PointerButton {
                pos,
                button: egui::PointerButton::Primary,
                pressed: false,
                ..
            } => {
                work.hand.drag(at(pos));
                finish(work);
            }
            _ => {}
        }
    }
    if !ui.input(|input| input.pointer.primary_down()) {
        finish(work);
    }
}

/// What was drawn becomes the picture.
fn finish(work: &mut Work) {
    if let Some(canvas) = work.hand.release() {
        work.project.change(canvas);
    }
}

fn stamp_hash(stamp: &crate::drawing::Canvas) -> u64 {
    bevy_genie::genie_model::Fnv1a::of(stamp.picture().pixels().iter().map(|byte| u64::from(*byte)))
}

fn tool_bar(ui: &mut egui::Ui, work: &mut Work, grid: &mut bool) {
    ui.horizontal_wrapped(|ui| {
        for tool in Tool::ALL {
            let shortcut = Action::Take(tool).shortcut();
            let button = ui.selectable_label(work.hand.tool == tool, shortcut.name);
            if button.on_hover_text(shortcut.tooltip()).clicked() {
                act_on_work(shortcut.action, work);
            }
        }
        ui.separator();
        let colour = ui.color_edit_button_srgb(&mut work.hand.colour);
        let what = "colour of pencil, fill, line and rectangle";
        colour.widget_info(|| WidgetInfo::labeled(WidgetType::ColorButton, true, what));
        colour.on_hover_text(what);
        ui.separator();
        ui.checkbox(grid, Action::Grid.shortcut().name)
            .on_hover_text(Action::Grid.shortcut().tooltip());
        ui.checkbox(&mut work.hand.snap, Action::Snap.shortcut().name)
            .on_hover_text(Action::Snap.shortcut().tooltip());
        ui.separator();
        let (undos, redos) = work.project.canvas.steps();
        for (action, steps) in [(Action::Undo, undos), (Action::Redo, redos)] {
            let shortcut = action.shortcut();
            let button = ui.add_enabled(steps > 0, egui::Button::new(shortcut.name));
            let button = button.on_disabled_hover_text(shortcut.tooltip());
            if button.on_hover_text(shortcut.tooltip()).clicked() {
                act_on_work(action, work);
            }
        }
    });
}

fn draw_grid(painter: &egui::Painter, place: egui::Rect, scale: f32, step: i32) {
    let stroke = egui::Stroke::new(1.0, egui::Color32::from_black_alpha(70));
    let step = step as f32 * scale;
    let mut x = place.left();
    while x <= place.right() + 0.5 {
        painter.vline(x, place.y_range(), stroke);
        x += step;
    }
    let mut y = place.top();
    while y <= place.bottom() + 0.5 {
        painter.hline(place.x_range(), y, stroke);
        y += step;
    }
}

fn outline(painter: &egui::Painter, area: egui::Rect) {
    let (dark, light) = (egui::Color32::from_black_alpha(200), egui::Color32::WHITE);
    let outside = egui::StrokeKind::Outside;
    painter.rect_stroke(area.expand(1.0), 0.0, egui::Stroke::new(1.0, dark), outside);
    painter.rect_stroke(area, 0.0, egui::Stroke::new(1.0, light), outside);
}
