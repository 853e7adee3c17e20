//! A wall of worlds: one picture, one column for each latent action, one row for each seed.
//!
//! Every world starts from the same prompt and holds its column's action for ever, so the columns show what the model
//! has learned to do, and the rows how sure it is of it. All worlds are computed in one batch on one worker thread. Space
//! starts them again, Tab takes the next picture.

use std::path::PathBuf;

use bevy::prelude::*;
use bevy_genie::prelude::*;
use clap::Parser;
use genie_examples::held_action::{HeldAction, hold_action};
use genie_examples::{assets, screen};

/// A wall of worlds from one prompt under different actions.
#[derive(Parser, Resource, Clone)]
#[command(version)]
struct Options {
    /// Checkpoint, within the assets folder
    #[arg(long, default_value = assets::MODEL)]
    model: String,
    /// Pictures to start from [default: those of assets/prompts]
    #[arg(long)]
    prompt: Vec<PathBuf>,
    /// Worlds per action
    #[arg(long, default_value_t = 2)]
    rows: u64,
    /// Frames a second of each world
    #[arg(long, default_value_t = 5.0)]
    rate: f32,
}

/// The pictures to start from, and which one is at work.
#[derive(Resource)]
struct Prompts(Vec<GeniePrompt>, usize);

/// Waits for the model, whose actions say how wide the wall is.
#[derive(Resource)]
struct Loading(Handle<GenieModel>);

fn main() -> AppExit {
    let mut options = Options::parse();
    if options.prompt.is_empty() {
        options.prompt = assets::prompts(&assets::root());
    }
    let mut prompts: Vec<GeniePrompt> = options.prompt.iter().cloned().map(Into::into).collect();
    if prompts.is_empty() {
        prompts.push(assets::sketch().into());
    }
    App::new()
        .add_plugins(DefaultPlugins.set(screen::window("Many worlds", 1200, 520)))
        .add_plugins(GeniePlugin {
            // There is nothing else on the screen that must not wait.
            priority: GeniePriority::Normal,
            ..default()
        })
        .insert_resource(ClearColor(Color::srgb(0.08, 0.08, 0.10)))
        .insert_resource(Prompts(prompts, 0))
        .insert_resource(options)
        .add_systems(Startup, load)
        .add_systems(
            Update,
            (build_wall.run_if(resource_exists::<Loading>), start_again),
        )
        .add_observer(hold_action)
        .run()
}

fn load(mut commands: Commands, options: Res<Options>, server: Res<AssetServer>) {
    commands.spawn(Camera2d);
    commands.insert_resource(Loading(server.load(options.model.clone())));
}

/// One cell for each action and seed.
fn build_wall(
    loading: Res<Loading>,
    models: Res<Assets<GenieModel>>,
    options: Res<Options>,
    prompts: Res<Prompts>,
    mut commands: Commands,
) {
    let Some(model) = models.get(&loading.0) else {
        return;
    };
    let wall = Node {
        display: Display::Grid,
        width: percent(100),
        height: percent(100),
        padding: UiRect::all(px(12)),
        row_gap: px(12),
        column_gap: px(12),
        grid_template_columns: RepeatedGridTrack::flex(model.actions().len() as u16, 1.0),
        ..default()
    };
    let cell = Node {
        flex_direction: FlexDirection::Column,
        align_items: AlignItems::Center,
        row_gap: px(4),
        ..default()
    };
    let picture = Node {
        width: percent(100),
        aspect_ratio: Some(1.0),
        ..default()
    };
    commands.spawn(wall).with_children(|wall| {
        for seed in 0..options.rows {
            for (action, label) in model.actions().iter().enumerate() {
                // The keyboard is off: each world has its own player.
                let world = (
                    GenieWorld::new(loading.0.clone(), prompts.0[prompts.1].clone())
                        .with_seed(seed),
                    GenieClock::default().with_tick_rate(options.rate),
                    GenieKeyboard { enabled: false },
                    HeldAction(action),
                    ImageNode::default(),
                    picture.clone(),
                );
                let caption = (
                    Text::new(label.name.clone()),
                    TextFont::from_font_size(14.0),
                    TextColor(Color::srgb(0.7, 0.7, 0.7)),
                );
                wall.spawn(cell.clone())
                    .with_children(|cell| _ = (cell.spawn(world).id(), cell.spawn(caption).id()));
            }
        }
    });
    commands.remove_resource::<Loading>();
}

fn start_again(
    keys: Res<ButtonInput<KeyCode>>,
    worlds: Query<Entity, With<GenieWorld>>,
    mut prompts: ResMut<Prompts>,
    mut genie: MessageWriter<GenieCommand>,
) {
    if keys.just_pressed(KeyCode::Space) {
        genie.write_batch(worlds.iter().map(GenieCommand::reset));
    }
    if keys.just_pressed(KeyCode::Tab) {
        prompts.1 = (prompts.1 + 1) % prompts.0.len();
        let prompt = &prompts.0[prompts.1];
        genie.write_batch(
            worlds
                .iter()
                .map(|world| GenieCommand::prompt(world, prompt.clone())),
        );
    }
}
