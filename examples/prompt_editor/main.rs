//! Finds out what a picture is worth as a prompt, and makes better ones.
//!
//! Open or drop a picture, or paint one with the patches that the model itself is made of. See what the model makes of it, what
//! each latent action does to it, and play it; look back, fork it, and put two futures side by side. What is worth keeping is
//! exported; what is not is never lost either, as everything is kept while it changes.

mod closing;
mod drawing;
mod export;
mod files;
mod history;
mod keys;
mod layout;
mod lines;
mod memory;
mod pace;
mod palette;
mod project;
mod replacing;
mod shortcuts;
mod source;
mod study;
mod toasts;
mod tools;
mod tries;
mod ui;

use std::path::PathBuf;

use bevy::asset::{LoadState, UnapprovedPathMode};
use bevy::prelude::*;
use bevy_egui::EguiPlugin;
use bevy_genie::prelude::*;
use clap::Parser;
use genie_examples::data_folder::data_folder;
use genie_examples::{assets, screen};

use files::Files;
use lines::Lines;
use palette::Palette;
use project::Project;
use study::{Study, Subject};
use toasts::Toasts;
use tools::Hand;

/// Makes and tries prompts.
#[derive(Parser, Resource, Clone)]
#[command(version)]
struct Options {
    /// Checkpoint: a path, or one within the assets folder
    #[arg(long, default_value = assets::MODEL)]
    model: PathBuf,
    /// Picture, recording, project, replay or saved world to begin with [default: what was there last]
    #[arg(long)]
    prompt: Option<PathBuf>,
}

fn main() -> AppExit {
    let options = Options::parse();
    let files = Files::new(data_folder("prompt_editor"));
    let (width, height) = files.memory.window.unwrap_or((1280, 800));
    let mut app = App::new();
    app.add_plugins(
        DefaultPlugins
            .set(WindowPlugin {
                // What is not on the disk yet keeps it open.
                close_when_requested: false,
                ..screen::window(
                    "Prompt editor",
                    width.clamp(480, 7680),
                    height.clamp(360, 4320),
                )
            })
            .set(AssetPlugin {
                file_path: assets::root().display().to_string(),
                // `--model` may name any file.
                unapproved_path_mode: UnapprovedPathMode::Deny,
                ..default()
            }),
    )
    .add_plugins((
        EguiPlugin::default(),
        GeniePlugin {
            // There is nothing else on the screen that must not wait.
            priority: GeniePriority::Normal,
            ..default()
        },
    ));
    let path = options
        .model
        .canonicalize()
        .unwrap_or_else(|_| options.model.clone());
    let server = app.world().resource::<AssetServer>();
    let model = server.load_builder().override_unapproved().load(path);
    app.insert_resource(Lines::new(model))
        .insert_resource(files)
        .insert_resource(options)
        .init_resource::<Project>()
        .init_resource::<Hand>()
        .init_resource::<Palette>()
        .init_resource::<Study>()
        .add_plugins((
            toasts::ToastsPlugin,
            closing::ClosingPlugin,
            files::FilesPlugin,
            lines::LinesPlugin,
            export::ExportPlugin,
            ui::UiPlugin,
            pace::PacePlugin,
            keys::KeysPlugin,
        ))
        .add_systems(Startup, begin)
        .add_systems(Update, (learn_model, study_picture).chain())
        .run()
}

fn begin(
    options: Res<Options>,
    project: Res<Project>,
    mut files: ResMut<Files>,
    mut commands: Commands,
) {
    commands.spawn(Camera2d);
    let first = || assets::prompts_of(&options.model).into_iter().next();
    let nothing_yet = project.is_new();
    if let Some(path) = options
        .prompt
        .clone()
        .or_else(|| first().filter(|_| nothing_yet))
    {
        files.open(&path);
    }
}

/// Canvas and hand take the model's sizes; a model that cannot be loaded is said to be so.
#[allow(clippy::too_many_arguments)] // A system's arguments are what it asks the world for.
fn learn_model(
    server: Res<AssetServer>,
    mut lines: ResMut<Lines>,
    models: Res<Assets<GenieModel>>,
    mut toasts: ResMut<Toasts>,
    mut study: ResMut<Study>,
    mut project: ResMut<Project>,
    mut hand: ResMut<Hand>,
    mut known: Local<bool>,
) {
    if *known {
        return;
    }
    if let LoadState::Failed(error) = server.load_state(&lines.model) {
        toasts.error(GenieError::of_asset(&error));
        *known = true;
        lines.without_model = true;
    }
    let Some(model) = models.get(&lines.model) else {
        return;
    };
    *known = true;
    let config = model.config();
    hand.step = config.tokenizer.patch as i32;
    let size = (config.frame_width, config.frame_height);
    if project.canvas.now().size() != size {
        let fitted = project
            .canvas
            .now()
            .picture()
            .fitted(size.0, size.1, GenieFit::Crop);
        if let Ok(fitted) = fitted {
            if project.is_work() {
                project.change((&fitted).into());
            } else {
                project.take((&fitted).into());
            }
        }
    }
    study.learn(lines.model.id(), model);
}

/// Each new picture is shown to the model, and what it answers is taken.
fn study_picture(
    project: Res<Project>,
    mut study: ResMut<Study>,
    mut palette: ResMut<Palette>,
    mut toasts: ResMut<Toasts>,
    mut asked: Local<Option<u64>>,
) {
    if *asked != Some(project.version) {
        *asked = Some(project.version);
        study.ask(Subject::Canvas, project.canvas.now());
    }
    if let Some(error) = study.take(&mut palette) {
        toasts.error(error);
    }
}
