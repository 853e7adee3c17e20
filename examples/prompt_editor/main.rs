//! Finds out what a picture is worth as a prompt: open or drop one, see what the model makes of it, and play it.
//!
//! Left: the picture, how it is cut, and how the model's tokens draw it again. Below: one strip for each latent action,
//! generated from the picture. In the middle: the world under your keys; rewind it, or fork it and try both ways. Sampler
//! settings take effect while it runs.

mod panels;
mod picture;
mod worlds;

use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy::window::FileDragAndDrop;
use bevy_egui::{EguiPlugin, EguiPrimaryContextPass};
use bevy_genie::prelude::*;
use clap::Parser;
use genie_examples::held_action::hold_action;
use genie_examples::{assets, screen};

use panels::{draw_ui, play_with_keys};
use worlds::{Strip, draw_frames, start_worlds};

/// Tries pictures as prompts.
#[derive(Parser, Resource, Clone)]
#[command(version)]
struct Options {
    /// Checkpoint, within the assets folder
    #[arg(long, default_value = assets::MODEL)]
    model: String,
    /// Picture to begin with
    #[arg(long)]
    prompt: Option<PathBuf>,
}

fn main() -> AppExit {
    let genie = GeniePlugin {
        // There is nothing else on the screen that must not wait.
        priority: GeniePriority::Normal,
        ..default()
    };
    App::new()
        .add_plugins(DefaultPlugins.set(screen::window("Prompt editor", 1240, 960)))
        .add_plugins((EguiPlugin::default(), genie))
        .insert_resource(Options::parse())
        .add_systems(Startup, set_up)
        .add_systems(Update, (accept_drops, start_worlds, draw_frames).chain())
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
    picture: Option<GeniePicture>,
    /// As it is cut for the model.
    cut: Option<GeniePicture>,
    fit: GenieFit,
    seed: u64,
    sampler: GenieSamplerSettings,
    shown: Shown,
    /// Decibels between the cut picture and the model's own.
    psnr: Option<f64>,
    /// The first world and its forks.
    worlds: Vec<Entity>,
    played: usize,
    strips: Vec<Strip>,
    /// How far a click rewinds.
    rewind: u64,
    message: String,
    /// The picture or how it is taken has changed: all worlds start anew.
    changed: bool,
    /// The sampler has changed: the strips start anew.
    strips_changed: bool,
}

/// Images that the editor draws itself.
struct Shown {
    picture: Handle<Image>,
    cut: Handle<Image>,
    redrawn: Handle<Image>,
}

fn set_up(
    mut commands: Commands,
    options: Res<Options>,
    server: Res<AssetServer>,
    mut images: ResMut<Assets<Image>>,
) {
    commands.spawn(Camera2d);
    let mut blank = || images.add(Image::default());
    let mut editor = Editor {
        model: server.load(options.model.clone()),
        known: assets::prompts(&assets::root()),
        path: String::new(),
        picture: None,
        cut: None,
        fit: GenieFit::Crop,
        seed: 0,
        sampler: GenieSamplerSettings::default(),
        shown: Shown {
            picture: blank(),
            cut: blank(),
            redrawn: blank(),
        },
        psnr: None,
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
        match picture::read(path) {
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

fn accept_drops(mut drops: MessageReader<FileDragAndDrop>, mut editor: ResMut<Editor>) {
    for drop in drops.read() {
        if let FileDragAndDrop::DroppedFile { path_buf, .. } = drop {
            editor.open(path_buf);
        }
    }
}

fn show_failure(failed: On<GenieFailed>, mut editor: ResMut<Editor>) {
    editor.message = failed.error.to_string();
}

fn show_order_failure(failed: On<GenieCommandFailed>, mut editor: ResMut<Editor>) {
    editor.message = failed.error.to_string();
}
