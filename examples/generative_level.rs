//! A platformer level without a level file: a world model generates every frame, under your keys.
//!
//! `cargo run --example generative_level` opens a window. Without a screen or a graphics adapter, or with `--record`, it
//! plays a scripted walk through the same plugin and writes a GIF.

use std::path::PathBuf;

use bevy::asset::UnapprovedPathMode;
use bevy::input::InputSystems;
use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy_genie::prelude::*;
use clap::Parser;
use genie_examples::headless::{self, Recording};
use genie_examples::{assets, screen};

/// Height of the lines of text below the level, in logical pixels.
const CAPTION: f32 = 76.0;

/// Plays a level that a Genie world model generates.
#[derive(Parser, Resource, Clone)]
#[command(version)]
struct Options {
    /// Checkpoint: a path, or one within the assets folder
    #[arg(long, default_value = assets::MODEL)]
    model: PathBuf,
    /// Picture to start from, of any size [default: the first of assets/prompts]
    #[arg(long)]
    prompt: Option<PathBuf>,
    /// Seed of the sampler: the same seed and keys give the same level
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write a scripted walk to this GIF instead of opening a window
    #[arg(long)]
    record: Option<PathBuf>,
    /// Length of the recording in seconds of ten frames
    #[arg(long, default_value_t = 10.0)]
    seconds: f32,
    /// Length of the recording in frames, instead of --seconds
    #[arg(long)]
    frames: Option<usize>,
    /// Save the window to this PNG after --frames frames, and exit
    #[arg(long, hide = true)]
    screenshot: Option<PathBuf>,
    /// Keys to hold down meanwhile, as Bevy names them
    #[arg(long, hide = true, value_delimiter = ',')]
    hold: Vec<String>,
}

impl Options {
    /// All prompts to go through, the chosen one first.
    fn prompts(&self) -> Vec<GeniePrompt> {
        let chosen = self.prompt.iter().cloned();
        let all = chosen.chain(assets::prompts(&assets::root()));
        let mut prompts: Vec<GeniePrompt> = all.map(GeniePrompt::from).collect();
        if prompts.is_empty() {
            prompts.push(assets::sketch());
        }
        prompts
    }

    fn model(&self) -> PathBuf {
        // A path as the shell means it, if there is such a file; else an asset.
        self.model
            .canonicalize()
            .unwrap_or_else(|_| self.model.clone())
    }
}

fn main() -> AppExit {
    let options = Options::parse();
    let no_window = match (&options.record, screen::available()) {
        (Some(_), _) => Some(None),
        (None, Err(reason)) => Some(Some(reason)),
        (None, Ok(())) => None,
    };
    let Some(reason) = no_window else {
        return play(options);
    };
    let output = options.record.clone();
    let output = output.unwrap_or_else(|| "generative_level.gif".into());
    if let Some(reason) = reason {
        println!("{reason}: recording a scripted walk instead of opening a window");
    }
    let by_time = (options.seconds.max(0.1) * 10.0).round() as usize;
    headless::record(Recording {
        assets: assets::root(),
        model: options.model(),
        prompt: options.prompts().swap_remove(0),
        seed: options.seed,
        frames: options.frames.unwrap_or(by_time).max(1),
        output,
    })
}

/// Opens the window.
fn play(options: Options) -> AppExit {
    let mut app = App::new();
    app.add_plugins(
        DefaultPlugins
            .set(ImagePlugin::default_nearest())
            .set(screen::window(
                "Generative level",
                768,
                768 + CAPTION as u32,
            ))
            .set(AssetPlugin {
                file_path: assets::root().display().to_string(),
                // `--model` may name any file.
                unapproved_path_mode: UnapprovedPathMode::Deny,
                ..default()
            }),
    )
    .add_plugins(GeniePlugin {
        // There is nothing else on the screen that must not wait.
        priority: GeniePriority::Normal,
        ..default()
    })
    .insert_resource(ClearColor(Color::srgb(0.08, 0.08, 0.10)))
    .insert_resource(Prompts {
        all: options.prompts(),
        now: 0,
    })
    .add_systems(Startup, set_up)
    .add_systems(Update, (command_world, fit_level, write_caption))
    .add_observer(name_keys)
    .add_observer(show_failure);
    if options.screenshot.is_some() {
        app.add_systems(
            PreUpdate,
            hold_keys.after(InputSystems).before(GenieSystems::Input),
        )
        .add_systems(Update, take_screenshot);
    }
    app.insert_resource(options).run()
}

/// The pictures to start from.
#[derive(Resource)]
struct Prompts {
    all: Vec<GeniePrompt>,
    now: usize,
}

/// The line that names the keys.
#[derive(Component)]
struct KeysLine;

/// The line with the world's last action, frame and latency.
#[derive(Component)]
struct StateLine;

fn set_up(
    mut commands: Commands,
    options: Res<Options>,
    prompts: Res<Prompts>,
    assets: Res<AssetServer>,
) {
    let model = assets
        .load_builder()
        .override_unapproved()
        .load(options.model());
    commands.spawn(Camera2d);
    // A sprite on the world's own entity shows the world.
    commands.spawn((
        GenieWorld::new(model, prompts.all[prompts.now].clone()).with_seed(options.seed),
        Sprite::default(),
    ));
    let line = |text: &str, size: f32, brightness: f32| {
        (
            Text::new(text),
            TextFont::from_font_size(size),
            TextColor(Color::srgb(brightness, brightness, brightness)),
        )
    };
    commands
        .spawn(Node {
            position_type: PositionType::Absolute,
            bottom: px(0),
            width: percent(100),
            height: px(CAPTION),
            flex_direction: FlexDirection::Column,
            align_items: AlignItems::Center,
            justify_content: JustifyContent::Center,
            row_gap: px(6),
            ..default()
        })
        .with_child((StateLine, line("loading the model", 18.0, 0.95)))
        .with_child((KeysLine, line("", 13.0, 0.6)));
}

/// N or Tab: next prompt. R: back to the prompt. P: pause.
fn command_world(
    keys: Res<ButtonInput<KeyCode>>,
    worlds: Query<(Entity, &GenieClock)>,
    mut prompts: ResMut<Prompts>,
    mut commands: MessageWriter<GenieCommand>,
) {
    for (world, clock) in &worlds {
        if keys.any_just_pressed([KeyCode::KeyN, KeyCode::Tab]) {
            prompts.now = (prompts.now + 1) % prompts.all.len();
            let prompt = prompts.all[prompts.now].clone();
            commands.write(GenieCommand::prompt(world, prompt));
        }
        if keys.just_pressed(KeyCode::KeyR) {
            commands.write(GenieCommand::reset(world));
        }
        if keys.just_pressed(KeyCode::KeyP) {
            commands.write(if clock.paused {
                GenieCommand::resume(world)
            } else {
                GenieCommand::pause(world)
            });
        }
    }
}

/// Shows the level as large as fits above the caption, each of its pixels a whole number of the window's.
fn fit_level(
    window: Single<&Window>,
    images: Res<Assets<Image>>,
    mut levels: Query<(&mut Sprite, &mut Transform)>,
) {
    for (mut sprite, mut place) in &mut levels {
        let Some(image) = images.get(&sprite.image) else {
            continue;
        };
        let room = vec2(window.width(), (window.height() - CAPTION).max(1.0));
        let largest = (room / image.size_f32()).min_element();
        let scale = if largest > 1.0 {
            largest.floor()
        } else {
            largest
        };
        let size = Some(image.size_f32() * scale);
        if sprite.custom_size != size {
            sprite.custom_size = size;
        }
        place.translation.y = CAPTION / 2.0;
    }
}

/// Once the model is known, so are its keys.
fn name_keys(
    ready: On<GenieReady>,
    worlds: Query<&GenieWorld>,
    models: Res<Assets<GenieModel>>,
    mut lines: Query<&mut Text, With<KeysLine>>,
) {
    let Some(model) = worlds
        .get(ready.world)
        .ok()
        .and_then(|w| models.get(&w.model))
    else {
        return;
    };
    let short = |key: &String| {
        let key = key.trim_start_matches("Arrow").trim_start_matches("Key");
        key.trim_start_matches("Digit").to_owned()
    };
    let mut parts = Vec::new();
    for label in model.actions() {
        // Combinations follow from the keys of their parts.
        let single = label
            .keys
            .iter()
            .filter(|combination| combination.len() == 1);
        let keys: Vec<_> = single.flatten().map(short).collect();
        if !keys.is_empty() {
            parts.push(format!("{}: {}", label.name, keys.join(" ")));
        }
    }
    if parts.is_empty() {
        parts.push(format!("0 to {}: actions", ready.actions.min(10) - 1));
    }
    parts.push("N: next picture   R: restart   P: pause".to_owned());
    for mut line in &mut lines {
        line.0 = parts.join("   ");
    }
}

fn write_caption(
    worlds: Query<(&GenieWorld, &GenieStatus, &GenieFrame)>,
    models: Res<Assets<GenieModel>>,
    mut lines: Query<&mut Text, With<StateLine>>,
    mut frames: MessageReader<GenieFrame>,
) {
    if frames.read().count() == 0 {
        return;
    }
    for (genie, status, frame) in &worlds {
        let labels = models
            .get(&genie.model)
            .map_or(&[][..], GenieModel::actions);
        let label = frame.action.and_then(|action| labels.get(action));
        let action = label.map_or("the picture you gave", |label| &label.name);
        let late = match status.late_ticks {
            0 => String::new(),
            late => format!(", {late} ticks late"),
        };
        let latency = frame.latency.as_millis();
        for mut line in &mut lines {
            line.0 = format!("{action}   (frame {}, {latency} ms{late})", frame.tick);
        }
    }
}

fn show_failure(failed: On<GenieFailed>, mut lines: Query<&mut Text, With<StateLine>>) {
    for mut line in &mut lines {
        // The log has all of it.
        let error = failed.error.to_string();
        line.0.clear();
        line.0.push_str(error.lines().next().unwrap_or_default());
    }
}

/// Presses the keys of `--hold` as a player would.
fn hold_keys(options: Res<Options>, mut keys: ResMut<ButtonInput<KeyCode>>) {
    use KeyCode::{ArrowDown, ArrowLeft, ArrowRight, ArrowUp, KeyA, KeyD, KeyS, KeyW, Space};
    use KeyCode::{Digit0, Digit1, Digit2, Digit3, Digit4, Digit5};
    let arrows = [ArrowDown, ArrowLeft, ArrowRight, ArrowUp, Space];
    let letters = [KeyA, KeyD, KeyS, KeyW];
    let digits = [Digit0, Digit1, Digit2, Digit3, Digit4, Digit5];
    for key in arrows.into_iter().chain(letters).chain(digits) {
        if options.hold.contains(&format!("{key:?}")) {
            keys.press(key);
        }
    }
}

/// After enough frames, saves the window and exits.
fn take_screenshot(
    options: Res<Options>,
    mut worlds: Query<(&mut GenieClock, &GenieStatus, Option<&GenieFrame>)>,
    mut frames_since: Local<u32>,
    mut commands: Commands,
    mut exit: MessageWriter<AppExit>,
) {
    let wanted = options.frames.unwrap_or(10) as u64;
    for (mut clock, status, frame) in &mut worlds {
        if status.phase == GeniePhase::Failed {
            exit.write(AppExit::error());
        }
        if frame.is_none_or(|frame| frame.tick < wanted) {
            continue;
        }
        clock.paused = true;
        *frames_since += 1;
        // The last frame and the text have been drawn by now.
        if *frames_since == 10 {
            commands.spawn(Screenshot::primary_window()).observe(save);
        }
    }
}

fn save(shot: On<ScreenshotCaptured>, options: Res<Options>, mut exit: MessageWriter<AppExit>) {
    let path = options.screenshot.clone().unwrap_or_default();
    let picture = shot.image.clone().try_into_dynamic();
    let saved = picture
        .map_err(|error| error.to_string())
        .and_then(|picture| picture.to_rgb8().save(&path).map_err(|e| e.to_string()));
    exit.write(match saved {
        Ok(()) => AppExit::Success,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            AppExit::error()
        }
    });
}
