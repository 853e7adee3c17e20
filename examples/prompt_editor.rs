//! Finds out what a picture is worth as a prompt: open or drop one, see what the model makes of it, and play it.
//!
//! Left: the picture, how it is cut, and how the model's tokens draw it again. Below: one strip for each latent action,
//! dreamt from the picture. In the middle: the world under your keys; rewind it, or fork it and try both ways. Sampler
//! settings take effect while it runs.

use std::path::{Path, PathBuf};

use bevy::asset::RenderAssetUsages;
use bevy::image::ImageSampler;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use bevy::window::FileDragAndDrop;
use bevy_egui::egui::{self, load::SizedTexture};
use bevy_egui::{EguiContexts, EguiPlugin, EguiPrimaryContextPass, EguiTextureHandle};
use bevy_genie::prelude::*;
use bevy_genie::{Timeline, UnmaskingOrder};
use clap::Parser;
use genie_examples::assets;

/// Frames of a strip, the prompt's included.
const STRIP: u64 = 8;
/// Pictures with longer edges are made smaller when they are opened, in pixels.
const LARGEST: usize = 1024;

/// Tries pictures as prompts.
#[derive(Parser, Resource, Clone)]
#[command(version, about)]
struct Options {
    /// Checkpoint, within the assets folder
    #[arg(long, default_value = "models/platformer.genie.safetensors")]
    model: String,
    /// Picture to begin with
    #[arg(long)]
    prompt: Option<PathBuf>,
}

fn main() -> AppExit {
    let window = Window {
        title: "Prompt editor".to_owned(),
        resolution: (1240, 960).into(),
        ..default()
    };
    App::new()
        .add_plugins(DefaultPlugins.set(WindowPlugin {
            primary_window: Some(window),
            ..default()
        }))
        .add_plugins((EguiPlugin::default(), GeniePlugin::default()))
        .insert_resource(Options::parse())
        .add_systems(Startup, set_up)
        .add_systems(Update, (accept_drops, dream_anew, draw_frames).chain())
        .add_systems(EguiPrimaryContextPass, (draw_ui, play_with_keys).chain())
        .add_observer(hold_action)
        .add_observer(show_failure)
        .add_observer(show_order_failure)
        .run()
}

/// All that the editor works on.
#[derive(Resource)]
struct Editor {
    model: Handle<GenieModel>,
    known: Vec<PathBuf>,
    path: String,
    /// The picture as it was opened.
    picture: Option<Frame>,
    fit: Fit,
    seed: u64,
    sampler: SamplerSettings,
    shown: Shown,
    /// Decibels between the cut picture and the model's own.
    psnr: f32,
    /// The first world and its forks.
    worlds: Vec<Entity>,
    played: usize,
    strips: Vec<Strip>,
    /// How far a click rewinds.
    rewind: u64,
    message: String,
    /// The picture or how it is taken has changed: everything is dreamt anew.
    changed: bool,
    /// The sampler has changed: the strips are dreamt anew.
    strips_changed: bool,
}

/// Images that the editor draws itself.
struct Shown {
    picture: Handle<Image>,
    cut: Handle<Image>,
    redrawn: Handle<Image>,
}

/// The frames of one latent action, side by side.
struct Strip {
    world: Entity,
    label: String,
    image: Handle<Image>,
}

/// The latent action that a strip's world is under.
#[derive(Component)]
struct Under(usize);

fn set_up(
    mut commands: Commands,
    options: Res<Options>,
    server: Res<AssetServer>,
    mut images: ResMut<Assets<Image>>,
) {
    commands.spawn(Camera2d);
    let mut blank = || images.add(image_of(1, 1, vec![0; 4]));
    let mut editor = Editor {
        model: server.load(options.model.clone()),
        known: assets::prompts(&assets::root()),
        path: String::new(),
        picture: None,
        fit: Fit::Crop,
        seed: 0,
        sampler: SamplerSettings::default(),
        shown: Shown {
            picture: blank(),
            cut: blank(),
            redrawn: blank(),
        },
        psnr: f32::NAN,
        worlds: Vec::new(),
        played: 0,
        strips: Vec::new(),
        rewind: 10,
        message: "drop a picture into the window, or open one".to_owned(),
        changed: false,
        strips_changed: false,
    };
    if let Some(first) = options.prompt.clone().or(editor.known.first().cloned()) {
        editor.open(&first);
    }
    commands.insert_resource(editor);
}

impl Editor {
    fn open(&mut self, path: &Path) {
        self.path = path.display().to_string();
        match read(path) {
            Ok(picture) => {
                self.message = format!("{} x {} pixels", picture.width(), picture.height());
                self.picture = Some(picture);
                self.changed = true;
            }
            Err(error) => self.message = format!("{}: {error}", path.display()),
        }
    }

    fn played(&self) -> Option<Entity> {
        self.worlds.get(self.played).copied()
    }
}

fn read(path: &Path) -> Result<Frame, String> {
    let mut reader = image::ImageReader::open(path).map_err(|error| error.to_string())?;
    reader.limits(image::Limits::default());
    let reader = reader
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    let picture = reader.decode().map_err(|error| error.to_string())?;
    let largest = LARGEST as u32;
    let picture = if picture.width().max(picture.height()) > largest {
        picture.thumbnail(largest, largest)
    } else {
        picture
    };
    let picture = picture.into_rgba8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    Frame::from_rgba(width, height, &picture).map_err(|error| error.to_string())
}

fn image_of(width: usize, height: usize, rgba: Vec<u8>) -> Image {
    let size = Extent3d {
        width: width as u32,
        height: height as u32,
        depth_or_array_layers: 1,
    };
    let mut image = Image::new(
        size,
        TextureDimension::D2,
        rgba,
        TextureFormat::Rgba8UnormSrgb,
        RenderAssetUsages::default(),
    );
    image.sampler = ImageSampler::nearest();
    image
}

fn show(images: &mut Assets<Image>, handle: &Handle<Image>, frame: &Frame) {
    let image = image_of(frame.width(), frame.height(), frame.to_rgba());
    if let Err(error) = images.insert(handle, image) {
        warn!("a picture cannot be shown: {error}");
    }
}

fn accept_drops(mut drops: MessageReader<FileDragAndDrop>, mut editor: ResMut<Editor>) {
    for drop in drops.read() {
        if let FileDragAndDrop::DroppedFile { path_buf, .. } = drop {
            editor.open(path_buf);
        }
    }
}

/// Starts the world to be played and one world for each strip.
fn dream_anew(
    mut editor: ResMut<Editor>,
    models: Res<Assets<GenieModel>>,
    mut images: ResMut<Assets<Image>>,
    mut commands: Commands,
) {
    let editor = editor.bypass_change_detection();
    let (Some(model), Some(picture)) = (models.get(&editor.model), editor.picture.clone()) else {
        return;
    };
    if !(editor.changed || editor.strips_changed) {
        return;
    }
    let (width, height) = (model.config().frame_width, model.config().frame_height);
    let mut world = GenieWorld::new(editor.model.clone(), picture.clone())
        .with_seed(editor.seed)
        .with_sampler(editor.sampler.clone());
    world.fit = editor.fit;
    if editor.changed {
        for world in editor.worlds.drain(..) {
            commands.entity(world).despawn();
        }
        show(&mut images, &editor.shown.picture, &picture);
        if let Ok(cut) = picture.fitted(width, height, editor.fit) {
            show(&mut images, &editor.shown.cut, &cut);
        }
        let timeline = Timeline { capacity: 100 };
        editor
            .worlds
            .push(commands.spawn((world.clone(), timeline)).id());
        editor.played = 0;
    }
    for strip in editor.strips.drain(..) {
        commands.entity(strip.world).despawn();
    }
    for (action, label) in model.actions().iter().enumerate() {
        let nothing = vec![0; STRIP as usize * width * height * 4];
        let image = images.add(image_of(width * STRIP as usize, height, nothing));
        let world = world
            .clone()
            .with_tick_rate(20.0)
            .with_tick_limit(STRIP - 1);
        let deaf = KeyboardControl { enabled: false };
        let world = commands.spawn((world, deaf, Under(action))).id();
        let label = label.name.clone();
        editor.strips.push(Strip {
            world,
            label,
            image,
        });
    }
    (editor.changed, editor.strips_changed) = (false, false);
}

fn hold_action(
    ready: On<GenieReady>,
    worlds: Query<&Under>,
    mut actions: MessageWriter<InputAction>,
) {
    if let Ok(Under(action)) = worlds.get(ready.world) {
        actions.write(InputAction::press(ready.world, action.to_string()));
    }
}

fn show_failure(failed: On<GenieFailed>, mut editor: ResMut<Editor>) {
    editor.message = failed.error.to_string();
}

fn show_order_failure(failed: On<GenieOrderFailed>, mut editor: ResMut<Editor>) {
    editor.message = failed.error.to_string();
}

/// Frames of strips go where they belong, and the first frame of the world is the picture as the model sees it.
fn draw_frames(
    mut frames: MessageReader<WorldFrame>,
    mut editor: ResMut<Editor>,
    mut images: ResMut<Assets<Image>>,
) {
    let editor = editor.bypass_change_detection();
    for frame in frames.read() {
        if frame.tick == 0 && editor.worlds.first() == Some(&frame.world) {
            show(&mut images, &editor.shown.redrawn, &frame.pixels);
            let cut = editor.picture.as_ref().and_then(|picture| {
                let (width, height) = (frame.pixels.width(), frame.pixels.height());
                picture.fitted(width, height, editor.fit).ok()
            });
            editor.psnr = cut.map_or(f32::NAN, |cut| psnr(&cut, &frame.pixels));
        }
        let Some(strip) = editor
            .strips
            .iter()
            .find(|strip| strip.world == frame.world)
        else {
            continue;
        };
        let Some(mut image) = images.get_mut(&strip.image) else {
            continue;
        };
        let (row, whole) = (frame.pixels.width() * 4, image.width() as usize * 4);
        let (Some(data), true) = (&mut image.data, frame.tick < STRIP) else {
            continue;
        };
        let left = frame.tick as usize * row;
        for (to, from) in data
            .chunks_mut(whole)
            .zip(frame.pixels.to_rgba().chunks(row))
        {
            to[left..left + row].copy_from_slice(from);
        }
    }
}

fn psnr(a: &Frame, b: &Frame) -> f32 {
    let square = |(a, b): (&u8, &u8)| f32::from(a.abs_diff(*b)).powi(2);
    let sum: f32 = a.pixels().iter().zip(b.pixels()).map(square).sum();
    10.0 * (255.0 * 255.0 * a.pixels().len() as f32 / sum.max(1e-6)).log10()
}

/// Keys go to the world that is played, unless something is being typed.
fn play_with_keys(
    mut contexts: EguiContexts,
    editor: Res<Editor>,
    mut worlds: Query<(Entity, &mut KeyboardControl), With<GenieWorld>>,
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

type PlayedWorld = (
    &'static mut GenieWorld,
    &'static WorldStatus,
    &'static GenieTexture,
    Option<&'static WorldFrame>,
);

fn draw_ui(
    mut contexts: EguiContexts,
    mut editor: ResMut<Editor>,
    mut worlds: Query<PlayedWorld>,
    models: Res<Assets<GenieModel>>,
    images: Res<Assets<Image>>,
    mut orders: MessageWriter<WorldCommand>,
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
    let dreams: Vec<_> = editor
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
        if let Ok((mut world, ..)) = worlds.get_mut(world)
            && world.sampler != editor.sampler
        {
            world.sampler = editor.sampler.clone();
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
        let Ok((mut world, status, _, frame)) = worlds.get_mut(played) else {
            return;
        };
        ui.horizontal(|ui| {
            let running = if world.paused { "Play" } else { "Pause" };
            if ui.button(running).clicked() {
                world.paused = !world.paused;
            }
            if ui.button("Step").clicked() {
                orders.write(WorldCommand::step(played));
            }
            if ui.button("Back to the prompt").clicked() {
                orders.write(WorldCommand::reset(played));
            }
            ui.separator();
            let rewind = egui::Button::new(format!("Rewind {}", editor.rewind));
            if ui.add_enabled(status.rewindable > 0, rewind).clicked() {
                orders.write(WorldCommand::rewind(played, editor.rewind));
            }
            ui.add(egui::DragValue::new(&mut editor.rewind).range(1..=100));
            ui.weak(format!("of {}", status.rewindable));
            ui.separator();
            if ui.button("Fork").clicked() {
                // The fork is played on; the world that it came from waits.
                let into = commands.spawn_empty().id();
                orders.write(WorldCommand::fork(played, into));
                orders.write(WorldCommand::pause(played));
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
        worlds_row(ui, editor, &dreams, &mut worlds, &mut commands);
        if let Some(Some(texture)) = dreams.get(editor.played) {
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
    dreams: &[Option<SizedTexture>],
    worlds: &mut Query<PlayedWorld>,
    commands: &mut Commands,
) {
    if editor.worlds.len() < 2 {
        return;
    }
    let (mut chosen, mut closed) = (None, None);
    ui.horizontal_wrapped(|ui| {
        for (number, texture) in dreams.iter().enumerate() {
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
            if let Ok((mut world, ..)) = worlds.get_mut(world) {
                world.paused = at != number;
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
        for (fit, name) in [(Fit::Crop, "crop"), (Fit::Letterbox, "letterbox")] {
            editor.changed |= ui.radio_value(&mut editor.fit, fit, name).changed();
        }
    });
    ui.horizontal(|ui| {
        for (texture, name) in [(cut, "as it is cut"), (redrawn, "as tokens draw it")] {
            ui.vertical(|ui| {
                if let Some(texture) = texture {
                    let size = egui::vec2(128.0, 128.0 * texture.size.y / texture.size.x);
                    ui.add(egui::Image::new((texture.id, size)).fit_to_exact_size(size));
                }
                ui.small(name);
            });
        }
    });
    if editor.psnr.is_finite() {
        ui.label(format!("reconstruction {:.1} dB", editor.psnr));
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
    ui.horizontal(|ui| {
        ui.label("order");
        for (order, name) in [
            (UnmaskingOrder::SureFirst, "all that is sure"),
            (UnmaskingOrder::Confidence, "surest first"),
            (UnmaskingOrder::Random, "any"),
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
