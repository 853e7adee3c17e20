//! The world that is played, and another one beside it. Keys go to them while the viewport has the focus, and never otherwise.

use bevy_egui::egui::{self, WidgetInfo, WidgetType};
use bevy_genie::prelude::*;

use super::Work;
use super::act::act_on_work;
use super::textures::{Textures, WHOLE, fitted};
use crate::shortcuts::Action;

/// Speeds to choose from.
const SPEEDS: [f32; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];

/// The viewport's identity, which has the focus while its world is played.
pub(crate) fn id() -> egui::Id {
    egui::Id::new("viewport")
}

pub(super) fn show(ui: &mut egui::Ui, work: &mut Work, textures: &mut Textures, playing: bool) {
    controls(ui, work);
    let Some(line) = work.lines.played() else {
        ui.weak("the model is being loaded");
        return;
    };
    status(ui, work, line.world);
    let (room, response) = ui.allocate_exact_size(ui.available_size(), egui::Sense::hover());
    let response = ui
        .interact(room, id(), egui::Sense::click())
        .union(response);
    let what = format!("the world of {}", line.title());
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Image, true, &what));
    if response.clicked() {
        ui.memory_mut(|memory| memory.request_focus(id()));
        if !work.lines.running {
            work.lines.running = true;
            work.lines.shown = None;
        }
    }
    let painter = ui.painter_at(room);
    painter.rect_filled(room, 0.0, ui.visuals().extreme_bg_color);
    let beside = work
        .lines
        .beside
        .filter(|beside| *beside != work.lines.played);
    let looked_at: Vec<usize> = std::iter::once(work.lines.played).chain(beside).collect();
    let width = room.width() / looked_at.len() as f32;
    for (column, index) in looked_at.into_iter().enumerate() {
        let Some(line) = work.lines.all.get(index) else {
            continue;
        };
        let shown = work.lines.shown.filter(|_| column == 0);
        let frame = shown
            .and_then(|at| line.frames.get(at))
            .or(line.frames.last());
        let left = room.left() + width * column as f32;
        let part = egui::Rect::from_min_size(
            egui::pos2(left, room.top()),
            egui::vec2(width, room.height()),
        );
        let Some(frame) = frame else {
            let text = "the model takes in the picture";
            let font = egui::FontId::proportional(14.0);
            painter.text(
                part.center(),
                egui::Align2::CENTER_CENTER,
                text,
                font,
                ui.visuals().weak_text_color(),
            );
            continue;
        };
        let name = format!("viewport {column}");
        let version = std::sync::Arc::as_ptr(frame) as u64 ^ line.frames.len() as u64;
        let texture = textures.show(ui.ctx(), &name, version, || (**frame).clone());
        let size = egui::vec2(frame.width() as f32, frame.height() as f32);
        let place = fitted(part.shrink(6.0), size, ui.ctx().pixels_per_point());
        painter.image(texture.id, place, WHOLE, egui::Color32::WHITE);
        let title = line.title();
        if work.lines.beside.is_some() {
            let font = egui::FontId::proportional(13.0);
            painter.text(
                place.left_top(),
                egui::Align2::LEFT_BOTTOM,
                title,
                font,
                ui.visuals().text_color(),
            );
        }
    }
    if playing {
        let stroke = egui::Stroke::new(2.0, egui::Color32::from_rgb(255, 209, 82));
        painter.rect_stroke(room, 0.0, stroke, egui::StrokeKind::Inside);
    }
}

fn controls(ui: &mut egui::Ui, work: &mut Work) {
    ui.horizontal_wrapped(|ui| {
        for action in [Action::PlayOrPause, Action::Step, Action::ToPrompt] {
            let shortcut = action.shortcut();
            let pauses = action == Action::PlayOrPause && work.lines.running;
            let button = ui.button(if pauses { "Pause" } else { shortcut.name });
            if button.on_hover_text(shortcut.tooltip()).clicked() {
                act_on_work(action, work);
            }
        }
        let speed = egui::ComboBox::from_id_salt("speed")
            .width(56.0)
            .selected_text(format!("{} x", work.lines.speed))
            .show_ui(ui, |ui| {
                for speed in SPEEDS {
                    ui.selectable_value(&mut work.lines.speed, speed, format!("{speed} x"));
                }
            });
        let speed = speed.response;
        speed.widget_info(|| WidgetInfo::labeled(WidgetType::ComboBox, true, "speed"));
        speed.on_hover_text("how fast time runs; 1 is the model's own speed");
        ui.separator();
        let fork = Action::Fork.shortcut();
        if ui.button(fork.name).on_hover_text(fork.tooltip()).clicked() {
            act_on_work(Action::Fork, work);
        }
    });
}

fn status(ui: &mut egui::Ui, work: &Work, world: bevy::prelude::Entity) {
    let phase = work.statuses.get(world).map(|status| status.phase);
    let frame = work.frames.get(world).ok();
    let text = match (phase, frame) {
        (Ok(GeniePhase::Failed), _) => {
            "this world has failed; To the prompt starts it again".to_owned()
        }
        (_, Some(frame)) => {
            let action = frame
                .action
                .map_or("the picture".to_owned(), |action| work.action_name(action));
            let latency = frame.latency.as_millis();
            format!("frame {}, {action}, {latency} ms", frame.tick)
        }
        _ => "loading".to_owned(),
    };
    ui.weak(format!("{text}    (click to play, Escape to leave)"));
}
