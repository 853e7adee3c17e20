//! A small finished game without a level file: a world model generates every frame, under your keys.
//!
//! `cargo run --example generative_level` opens a window. Without a screen or a graphics adapter, or with `--record`, it
//! plays a script through the same plugin and writes a GIF.
//!
//! Each screen is a Bevy plugin in a file of its own: [`title`], [`levels`], [`play`], and over it [`pause`], [`result`] and
//! [`settings_screen`]; [`game`] puts them together. What the game knows of the dream it reads from its frames, in [`goals`], and
//! [`sound`] lets it be heard.

// A system's arguments are what it asks the world for.
#![allow(clippy::too_many_arguments, clippy::type_complexity)]

mod attract;
mod best_runs;
mod bindings;
mod catalogue;
mod dream;
mod drop_picture;
mod game;
mod ghost;
mod goals;
mod hud;
mod levels;
mod look;
mod menu;
mod pause;
mod play;
mod result;
mod rewind;
mod saving;
mod scripted;
mod scroll;
mod settings;
mod settings_screen;
mod sound;
mod stage;
mod states;
mod sticks;
mod timings;
mod title;
mod toast;

use std::path::PathBuf;

use bevy::asset::UnapprovedPathMode;
use bevy::prelude::*;
use bevy_genie::prelude::*;
use clap::Parser;
use genie_examples::data_folder::data_folder;
use genie_examples::headless::{self, Recording};
use genie_examples::script::Script;
use genie_examples::{assets, screen};

use catalogue::{FirstPrompt, ShippedPrompts};
use states::Session;

/// Frames a second that runs and recordings are counted in.
const RATE: f32 = 10.0;

/// Plays levels that a Genie world model generates.
#[derive(Parser, Clone)]
#[command(version)]
struct Options {
    /// Checkpoint: a path, or one within the assets folder
    #[arg(long, default_value = assets::MODEL)]
    model: PathBuf,
    /// Picture of the first level, of any kind and size [default: the first of assets/prompts]
    #[arg(long)]
    prompt: Option<PathBuf>,
    /// Seed of the sampler: the same seed and keys give the same level
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write a GIF instead of opening a window
    #[arg(long)]
    record: Option<PathBuf>,
    /// What is played in the recording, or in the window in place of the player, such as `right:20,right_jump:8,left` [default: a
    /// walk, or the player]
    #[arg(long)]
    script: Option<Script>,
    /// Length of a run, or of the recording, in seconds of ten frames [default: 60, or 10]
    #[arg(long)]
    seconds: Option<f32>,
    /// Length of the recording in frames, instead of --seconds
    #[arg(long)]
    frames: Option<usize>,
    /// Print at the end what the game's own systems cost the main thread
    #[arg(long)]
    timings: bool,
}

impl Options {
    fn model(&self) -> PathBuf {
        // A path as the shell means it, if there is such a file; else an asset.
        self.model
            .canonicalize()
            .unwrap_or_else(|_| self.model.clone())
    }

    fn frames(&self, usual_seconds: f32) -> usize {
        let seconds = self.seconds.unwrap_or(usual_seconds).max(0.1);
        (seconds * RATE).round() as usize
    }

    /// The prompt of the recording.
    fn prompt(&self) -> GeniePrompt {
        let chosen = self.prompt.clone();
        let first = || assets::prompts_of(&self.model).into_iter().next();
        let path = chosen.or_else(first);
        path.map_or_else(|| assets::sketch().into(), GeniePrompt::from)
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
        println!("{reason}: recording what a script plays instead of opening a window");
    }
    let frames = options.frames.unwrap_or_else(|| options.frames(10.0));
    headless::record(Recording {
        assets: assets::root(),
        model: options.model(),
        prompt: options.prompt(),
        seed: options.seed,
        script: options.script.unwrap_or_default(),
        frames: frames.max(1),
        output,
    })
}

/// Opens the window.
fn play(options: Options) -> AppExit {
    let mut app = App::new();
    app.add_plugins(
        DefaultPlugins
            .set(ImagePlugin::default_nearest())
            .set(screen::window("Generative level", 1280, 720))
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
    .insert_resource(ClearColor(look::NIGHT));
    let model = app
        .world()
        .resource::<AssetServer>()
        .load_builder()
        .override_unapproved()
        .load(options.model());
    app.insert_resource(Session {
        model,
        seed: options.seed,
        run_ticks: options.frames(60.0) as u64,
        data: data_folder("generative_level"),
    })
    .insert_resource(FirstPrompt(options.prompt.clone()))
    .insert_resource(ShippedPrompts(assets::prompts_of(&options.model)))
    .add_plugins(game::GamePlugin);
    if let Some(script) = options.script {
        app.insert_resource(scripted::RunScript(script));
    }
    if options.timings {
        app.add_plugins(timings::TimingsPlugin);
    }
    app.run()
}
