//! The frames so far, to look back at, to go back to and to fork from; and the tree of forks.

use bevy_egui::egui::{self, WidgetInfo, WidgetType};

use super::Work;
use super::textures::Textures;
use crate::lines::{Line, Lines};

/// Height of a thumbnail in points.
const THUMBNAIL: f32 = 46.0;
/// Characters of a line's name.
const LONGEST_NAME: usize = 40;

pub(super) fn show(ui: &mut egui::Ui, work: &mut Work, textures: &mut Textures) {
    let Some(line) = work.lines.played() else {
        ui.weak("nothing has been played yet");
        return;
    };
    let newest = line.frames.len().saturating_sub(1);
    let mut at = work.lines.shown.unwrap_or(newest).min(newest);
    let before = at;
    ui.horizontal(|ui| {
        ui.spacing_mut().slider_width = (ui.available_width() - 260.0).max(120.0);
        let look = "looks at a frame; time stands still";
        let slider = egui::Slider::new(&mut at, 0..=newest).text("frame");
        ui.add_enabled(newest > 0, slider)
            .on_hover_text(look)
            .on_disabled_hover_text(look);
        let back = ui.add_enabled(at < newest, egui::Button::new("Go back here"));
        let hint = "the frames after it are dropped; fork to keep them";
        if back
            .on_hover_text(hint)
            .on_disabled_hover_text(hint)
            .clicked()
        {
            work.go_back(at as u64);
        }
    });
    thumbnails(ui, work, textures, newest, &mut at);
    name(ui, work);
    if at != before {
        work.lines.running = false;
        work.lines.shown = (at < newest).then_some(at);
    }
    ui.separator();
    tree(ui, work, textures);
}

/// What the played line is called.
fn name(ui: &mut egui::Ui, work: &mut Work) {
    let played = work.lines.played;
    let Some(line) = work.lines.all.get(played) else {
        return;
    };
    let (mut name, hint) = (line.name.clone(), format!("line {}", line.number));
    ui.horizontal(|ui| {
        let label = ui.label("name of this line");
        let field = egui::TextEdit::singleline(&mut name)
            .hint_text(hint)
            .char_limit(LONGEST_NAME)
            .desired_width(160.0);
        let field = ui.add(field).labelled_by(label.id);
        let field = field.on_hover_text("kept in the project, as the line is");
        if field.changed() {
            work.lines.all[played].name = name;
        }
    });
}

/// What a line is, in words.
fn describe(lines: &Lines, line: &Line) -> String {
    let title = line.title();
    let from = match line.parent {
        Some((_, tick)) => format!("forked at frame {tick}"),
        None if line.checkpoint.is_some() && line.name.is_empty() => return title,
        None if lines.is_of_newest_picture(line) => "from the picture".to_owned(),
        None => "from an earlier picture".to_owned(),
    };
    match line.arrived() {
        Some((now, all)) => format!("{title}, {from}: {now} of {all} frames"),
        None => format!("{title}, {from}"),
    }
}

/// What a button with a sign or a short word on it does, for those who do not see where it is.
fn named(button: &egui::Response, selected: bool, name: &str) {
    button.widget_info(|| WidgetInfo::selected(WidgetType::Button, true, selected, name));
}

/// As many as fit, evenly spread over the line.
fn thumbnails(
    ui: &mut egui::Ui,
    work: &Work,
    textures: &mut Textures,
    newest: usize,
    at: &mut usize,
) {
    let Some(line) = work.lines.played() else {
        return;
    };
    let fit = ((ui.available_width() / (THUMBNAIL + 3.0)) as usize).max(2);
    let count = fit.min(newest + 1);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 3.0;
        for column in 0..count {
            let tick = if count > 1 {
                newest * column / (count - 1)
            } else {
                newest
            };
            let Some(frame) = line.frames.get(tick) else {
                continue;
            };
            let name = format!("thumbnail {column}");
            let version = std::sync::Arc::as_ptr(frame) as u64 ^ (tick as u64) << 48;
            let texture = textures.show(ui.ctx(), &name, version, || (**frame).clone());
            let action = line.actions.get(tick).copied().flatten();
            let action = action.map_or("the picture".to_owned(), |action| work.action_name(action));
            let what = format!("frame {tick}, {action}");
            let image = egui::Image::new((texture.id, egui::Vec2::splat(THUMBNAIL)));
            let response = ui.add(image.sense(egui::Sense::click()));
            response.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, &what));
            let near = at.abs_diff(tick) * count * 2 <= newest.max(1);
            if near {
                let stroke = egui::Stroke::new(2.0, egui::Color32::from_rgb(255, 209, 82));
                ui.painter()
                    .rect_stroke(response.rect, 0.0, stroke, egui::StrokeKind::Inside);
            }
            if response.on_hover_text(&what).clicked() {
                *at = tick;
            }
        }
    });
}

/// Lines, each below the one that it was forked from.
fn tree(ui: &mut egui::Ui, work: &mut Work, textures: &mut Textures) {
    let (mut chosen, mut closed, mut beside) = (None, None, None);
    let mut order: Vec<(usize, usize)> = Vec::new();
    let all = &work.lines.all;
    let roots = (0..all.len()).rev().filter(|&index| {
        let parent = all[index].parent.map(|(number, _)| number);
        !all.iter().any(|line| Some(line.number) == parent)
    });
    let mut waiting: Vec<(usize, usize)> = roots.map(|index| (index, 0)).collect();
    while let Some((index, depth)) = waiting.pop() {
        order.push((index, depth));
        let children = (0..all.len()).rev().filter(|&child| {
            all[child]
                .parent
                .is_some_and(|(number, _)| number == all[index].number)
        });
        waiting.extend(children.map(|child| (child, depth + 1)));
    }
    for (index, depth) in order {
        let line = &all[index];
        ui.horizontal(|ui| {
            ui.add_space(depth as f32 * 22.0);
            if let Some(frame) = line.frames.last() {
                let name = format!("line {}", line.number);
                let version = std::sync::Arc::as_ptr(frame) as u64 ^ line.frames.len() as u64;
                let texture = textures.show(ui.ctx(), &name, version, || (**frame).clone());
                let image = egui::Image::new((texture.id, egui::Vec2::splat(28.0)));
                ui.add(image.alt_text(format!("the newest frame of {}", line.title())));
            }
            let title = line.title();
            let what = describe(&work.lines, line);
            let label = ui.selectable_label(index == work.lines.played, what);
            if label.on_hover_text("play this line").clicked() {
                chosen = Some(index);
            }
            if index != work.lines.played {
                let shown = work.lines.beside == Some(index);
                let button = ui.selectable_label(shown, "beside");
                named(&button, shown, &format!("{title} beside the played line"));
                if button
                    .on_hover_text("show it beside the played line, under the same keys")
                    .clicked()
                {
                    beside = Some((!shown).then_some(index));
                }
            }
            if !work.lines.is_own(line) {
                let button = ui.small_button("x");
                named(&button, false, &format!("forget {title}"));
                if button.on_hover_text("forget this line").clicked() {
                    closed = Some(index);
                }
            }
        });
    }
    if let Some(index) = chosen {
        work.lines.choose(index);
    }
    if let Some(beside) = beside {
        work.lines.beside = beside;
    }
    if let Some(index) = closed {
        work.lines.close(index, &mut work.commands);
    }
}
