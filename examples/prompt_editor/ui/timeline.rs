//! The frames so far, to look back at, to go back to and to fork from; and the tree of forks.

use bevy_egui::egui;

use super::Work;
use super::textures::Textures;

/// Height of a thumbnail in points.
const THUMBNAIL: f32 = 46.0;

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
        ui.add_enabled(
            newest > 0,
            egui::Slider::new(&mut at, 0..=newest).text("frame"),
        );
        let back = ui.add_enabled(at < newest, egui::Button::new("Go back here"));
        if back
            .on_hover_text("the frames after it are dropped; fork to keep them")
            .clicked()
        {
            work.go_back(at as u64);
        }
    });
    thumbnails(ui, work, textures, newest, &mut at);
    if at != before {
        work.lines.running = false;
        work.lines.shown = (at < newest).then_some(at);
    }
    ui.separator();
    tree(ui, work, textures);
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
            let image = egui::Image::new((texture.id, egui::Vec2::splat(THUMBNAIL)));
            let response = ui.add(image.sense(egui::Sense::click()));
            let near = at.abs_diff(tick) * count * 2 <= newest.max(1);
            if near {
                let stroke = egui::Stroke::new(2.0, egui::Color32::from_rgb(255, 209, 82));
                ui.painter()
                    .rect_stroke(response.rect, 0.0, stroke, egui::StrokeKind::Inside);
            }
            let action = line.actions.get(tick).copied().flatten();
            let action = action.map_or("the picture".to_owned(), |action| work.action_name(action));
            if response
                .on_hover_text(format!("frame {tick}, {action}"))
                .clicked()
            {
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
                ui.add(egui::Image::new((texture.id, egui::Vec2::splat(28.0))));
            }
            let newest = work.lines.is_of_newest_picture(line);
            let what = match (&line.checkpoint, line.parent) {
                (Some(name), None) => name.clone(),
                (Some(name), Some((_, tick))) => format!("{name}, forked at frame {tick}"),
                (None, Some((_, tick))) => format!("line {}, forked at frame {tick}", line.number),
                (None, None) if newest => format!("line {}, from the picture", line.number),
                (None, None) => format!("line {}, from an earlier picture", line.number),
            };
            let label = ui.selectable_label(index == work.lines.played, what);
            if label.on_hover_text("play this line").clicked() {
                chosen = Some(index);
            }
            if index != work.lines.played {
                let shown = work.lines.beside == Some(index);
                let button = ui.selectable_label(shown, "beside");
                if button
                    .on_hover_text("show it beside the played line, under the same keys")
                    .clicked()
                {
                    beside = Some((!shown).then_some(index));
                }
            }
            if !work.lines.is_own(line)
                && ui
                    .small_button("x")
                    .on_hover_text("forget this line")
                    .clicked()
            {
                closed = Some(index);
            }
        });
    }
    if let Some(index) = chosen {
        work.lines.played = index;
        work.lines.shown = None;
        work.lines.beside = work.lines.beside.filter(|beside| *beside != index);
    }
    if let Some(beside) = beside {
        work.lines.beside = beside;
    }
    if let Some(index) = closed {
        work.lines.close(index, &mut work.commands);
    }
}
