//! What the window shows, and what clicks do.

use std::path::PathBuf;

use bevy::prelude::*;
use bevy_egui::egui::{self, load::SizedTexture};
use bevy_egui::{EguiContexts, EguiTextureHandle};
use bevy_genie::prelude::*;

use crate::Editor;

/// Keys go to the world that is played, unless something is being typed.
pub(crate) fn play_with_keys(
    mut contexts: EguiContexts,
    editor: Res<Editor>,
    mut worlds: Query<(Entity, &mut GenieKeyboard), With<GenieWorld>>,
) -> Result {
    let typing = contexts
        .ctx_mut()?
        .memory(|memory| memory.focused().is_some());
    for (world, control) in &mut worlds {
        let enabled = !typing && editor.played() == Some(world);
        control
            .map_unchanged(|control| &mut control.enabled)
            .set_if_neq(enabled);
    }
    Ok(())
}

pub(crate) type PlayedWorld = (
    &'static GenieWorld,
    &'static mut GenieClock,
    &'static mut GenieSampler,
    &'static GenieStatus,
    &'static GenieTexture,
    Option<&'static GenieFrame>,
);

pub(crate) fn draw_ui(
    mut contexts: EguiContexts,
    mut editor: ResMut<Editor>,
    mut worlds: Query<PlayedWorld>,
    models: Res<Assets<GenieModel>>,
    images: Res<Assets<Image>>,
    mut genie: MessageWriter<GenieCommand>,
    mut commands: Commands,
) -> Result {
    let editor = editor.bypass_change_detection();
    // Weak: worlds and editor own the images.
    let mut texture = |handle: &Handle<Image>| -> Option<SizedTexture> {
        let size = images.get(handle)?.size_f32();
        let id = contexts.add_image(EguiTextureHandle::Weak(handle.id()));
        Some(SizedTexture::new(id, [size.x, size.y]))
    };
    let picture = texture(&editor.shown.picture);
    let cut = texture(&editor.shown.cut);
    let redrawn = texture(&editor.shown.redrawn);
    let strips: Vec<_> = editor
        .strips
        .iter()
        .map(|strip| texture(&strip.image))
        .collect();
    let textures: Vec<_> = editor
        .worlds
        .iter()
        .map(|&world| {
            worlds
                .get(world)
                .ok()
                .and_then(|(.., handle, _)| texture(&handle.0))
        })
        .collect();
    let ctx = contexts.ctx_mut()?.clone();
    let area = egui::UiBuilder::new()
        .layer_id(egui::LayerId::background())
        .max_rect(ctx.viewport_rect());
    let mut ui = egui::Ui::new(ctx, "editor".into(), area);

    egui::Panel::left("prompt")
        .default_size(300.0)
        .show(&mut ui, |ui| {
            prompt_panel(ui, editor, picture, cut, redrawn);
            ui.separator();
            sampler_panel(ui, editor);
        });
    for &world in &editor.worlds {
        if let Ok((_, _, mut sampler, ..)) = worlds.get_mut(world)
            && sampler.settings != editor.sampler
        {
            sampler.settings = editor.sampler.clone();
        }
    }
    egui::Panel::bottom("strips")
        .default_size(380.0)
        .show(&mut ui, |ui| {
            ui.heading("One strip for each latent action");
            let area = egui::ScrollArea::both().auto_shrink(false);
            area.show(ui, |ui| {
                for (strip, texture) in editor.strips.iter().zip(strips) {
                    ui.horizontal(|ui| {
                        ui.add_sized([90.0, 52.0], egui::Label::new(&strip.label));
                        if let Some(texture) = texture {
                            // Square frames, as many as fit.
                            ui.add(egui::Image::new(texture).fit_to_original_size(0.8));
                        }
                    });
                }
            });
        });
    egui::CentralPanel::default().show(&mut ui, |ui| {
        let Some(played) = editor.played() else {
            ui.label(&editor.message);
            return;
        };
        let Ok((world, mut clock, _, status, _, frame)) = worlds.get_mut(played) else {
            return;
        };
        ui.horizontal(|ui| {
            let running = if clock.paused { "Play" } else { "Pause" };
            if ui.button(running).clicked() {
                clock.paused = !clock.paused;
            }
            if ui.button("Step").clicked() {
                genie.write(GenieCommand::step(played));
            }
            if ui.button("Back to the prompt").clicked() {
                genie.write(GenieCommand::reset(played));
            }
            ui.separator();
            let rewind = egui::Button::new(format!("Rewind {}", editor.rewind));
            if ui.add_enabled(status.rewindable > 0, rewind).clicked() {
                genie.write(GenieCommand::rewind(played, editor.rewind));
            }
            ui.add(egui::DragValue::new(&mut editor.rewind).range(1..=100));
            ui.weak(format!("of {}", status.rewindable));
            ui.separator();
            if ui.button("Fork").clicked() {
                // The fork is played on; the world that it came from waits.
                let into = commands.spawn_empty().id();
                genie.write(GenieCommand::fork(played, into));
                genie.write(GenieCommand::pause(played));
                editor.worlds.push(into);
                editor.played = editor.worlds.len() - 1;
            }
        });
        let label = frame.and_then(|frame| frame.action).and_then(|action| {
            let model = models.get(&world.model)?;
            Some(model.actions().get(action)?.name.clone())
        });
        let (tick, latency) = frame.map_or((0, 0), |f| (f.tick, f.latency.as_millis()));
        let under = label.unwrap_or_else(|| "the picture".to_owned());
        ui.label(format!(
            "{:?}, frame {tick}, {under}, {latency} ms",
            status.phase
        ));
        worlds_row(ui, editor, &textures, &mut worlds, &mut commands);
        if let Some(Some(texture)) = textures.get(editor.played) {
            let room = ui.available_size();
            let scale = (room / texture.size).min_elem();
            let scale = if scale > 1.0 { scale.floor() } else { scale };
            ui.centered_and_justified(|ui| {
                ui.add(
                    egui::Image::new((texture.id, texture.size * scale)).fit_to_original_size(1.0),
                );
            });
        }
    });
    Ok(())
}

/// The first world and its forks: a click plays one, and the others wait.
fn worlds_row(
    ui: &mut egui::Ui,
    editor: &mut Editor,
    textures: &[Option<SizedTexture>],
    worlds: &mut Query<PlayedWorld>,
    commands: &mut Commands,
) {
    if editor.worlds.len() < 2 {
        return;
    }
    let (mut chosen, mut closed) = (None, None);
    ui.horizontal_wrapped(|ui| {
        for (number, texture) in textures.iter().enumerate() {
            let Some(texture) = texture else {
                continue;
            };
            let image = egui::Image::new((texture.id, egui::vec2(64.0, 64.0)));
            let button = egui::Button::image(image).selected(number == editor.played);
            let hint = "click: play this one; right click: forget it";
            let button = ui.add(button).on_hover_text(hint);
            if button.clicked() {
                chosen = Some(number);
            } else if button.secondary_clicked() && number > 0 {
                closed = Some(number);
            }
        }
    });
    if let Some(number) = chosen {
        editor.played = number;
        for (at, &world) in editor.worlds.iter().enumerate() {
            if let Ok((_, mut clock, ..)) = worlds.get_mut(world) {
                clock.paused = at != number;
            }
        }
    }
    if let Some(number) = closed {
        commands.entity(editor.worlds.remove(number)).despawn();
        if editor.played >= number {
            editor.played -= 1;
        }
    }
}

fn prompt_panel(
    ui: &mut egui::Ui,
    editor: &mut Editor,
    picture: Option<SizedTexture>,
    cut: Option<SizedTexture>,
    redrawn: Option<SizedTexture>,
) {
    ui.heading("Picture");
    let mut open = None;
    ui.horizontal(|ui| {
        let typed = ui.add(egui::TextEdit::singleline(&mut editor.path).desired_width(220.0));
        let entered = typed.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        if ui.button("Open").clicked() || entered {
            open = Some(PathBuf::from(editor.path.trim()));
        }
    });
    ui.horizontal_wrapped(|ui| {
        for path in &editor.known {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            if ui.small_button(name).clicked() {
                open = Some(path.clone());
            }
        }
    });
    if let Some(path) = open {
        editor.open(&path);
    }
    ui.label(&editor.message);
    if let Some(texture) = picture {
        ui.add(egui::Image::new(texture).max_size(egui::vec2(280.0, 140.0)));
    }
    ui.horizontal(|ui| {
        ui.label("Fit");
        for (fit, name) in [(GenieFit::Crop, "crop"), (GenieFit::Letterbox, "letterbox")] {
            editor.changed |= ui.radio_value(&mut editor.fit, fit, name).changed();
        }
    });
    let cut = cut.filter(|_| editor.cut.is_some());
    let redrawn = redrawn.filter(|_| editor.psnr.is_some());
    ui.horizontal(|ui| {
        for (texture, name) in [(cut, "as it is cut"), (redrawn, "as tokens draw it")] {
            ui.vertical(|ui| {
                if let Some(texture) = texture {
                    let size = egui::vec2(128.0, 128.0 * texture.size.y / texture.size.x);
                    ui.add(egui::Image::new((texture.id, size)).fit_to_exact_size(size));
                    ui.small(name);
                }
            });
        }
    });
    if let Some(psnr) = editor.psnr {
        ui.label(format!("reconstruction {psnr:.1} dB"));
    }
}

fn sampler_panel(ui: &mut egui::Ui, editor: &mut Editor) {
    ui.heading("Sampler");
    let sampler = &mut editor.sampler;
    let mut settled = false;
    let mut slide = |ui: &mut egui::Ui, slider: egui::Slider<'_>| {
        let slider = ui.add(slider);
        settled |= slider.drag_stopped() || (slider.changed() && !slider.dragged());
    };
    slide(
        ui,
        egui::Slider::new(&mut sampler.steps, 1..=25).text("MaskGIT steps"),
    );
    slide(
        ui,
        egui::Slider::new(&mut sampler.temperature, 0.0..=2.0).text("temperature"),
    );
    slide(
        ui,
        egui::Slider::new(&mut sampler.top_p, 0.05..=1.0).text("top-p"),
    );
    slide(
        ui,
        egui::Slider::new(&mut sampler.order_noise, 0.0..=5.0).text("order noise"),
    );
    slide(
        ui,
        egui::Slider::new(&mut sampler.adjacency, 0.0..=1.0)
            .text("token adjacency as in the footage"),
    );
    ui.horizontal(|ui| {
        ui.label("order");
        for (order, name) in [
            (
                GenieUnmaskingOrder::ConfidenceThreshold,
                "confidence threshold",
            ),
            (GenieUnmaskingOrder::Confidence, "surest first"),
            (GenieUnmaskingOrder::Random, "any"),
        ] {
            settled |= ui.radio_value(&mut sampler.order, order, name).changed();
        }
    });
    // The world that is played takes it at once; the strips when the slider is let go.
    editor.strips_changed |= settled;
    ui.horizontal(|ui| {
        ui.label("seed");
        editor.changed |= ui.add(egui::DragValue::new(&mut editor.seed)).changed();
        ui.weak("(takes effect from the prompt on)");
    });
}
