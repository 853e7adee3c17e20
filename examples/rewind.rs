//! Time runs backwards while Backspace is held, as far as the world remembers; let go, and it goes on from there.
//!
//! Arrow keys or WASD and space play. Enter keeps this moment, and Tab goes back to the moment kept, as often as you like.

use bevy::prelude::*;
use bevy_genie::prelude::*;

/// Frames that the world remembers.
const MEMORY: usize = 100;
/// Seconds per frame on the way back.
const PACE: f32 = 0.08;

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins, GeniePlugin::default()))
        .init_resource::<Kept>()
        .add_systems(Startup, start)
        .add_systems(Update, (turn_back, keep_and_return, show_memory))
        .add_observer(keep)
        .run()
}

/// The moment that Enter has kept.
#[derive(Resource, Default)]
struct Kept(Option<GenieSnapshot>);

/// The bar that shows how far back one can go.
#[derive(Component)]
struct Bar;

/// The line of text.
#[derive(Component)]
struct Line;

fn start(mut commands: Commands, assets: Res<AssetServer>) {
    let model = assets.load("models/platformer.genie.safetensors");
    commands.spawn((Camera2d, Transform::from_scale(Vec3::splat(0.1))));
    commands.spawn((
        GenieWorld::new(model, assets.load::<Image>("prompts/meadow.png")),
        GenieTimeline { capacity: MEMORY },
        Sprite::default(),
    ));
    let below = Node {
        position_type: PositionType::Absolute,
        bottom: px(0),
        width: percent(100),
        flex_direction: FlexDirection::Column,
        ..default()
    };
    let bar = Node {
        height: px(8),
        width: percent(0),
        ..default()
    };
    commands
        .spawn(below)
        .with_child((Line, Text::default(), TextFont::from_font_size(16.0)))
        .with_child((Bar, bar, BackgroundColor(Color::srgb(0.95, 0.75, 0.25))));
}

/// While Backspace is held the world is paused, and goes back by one frame at a time.
fn turn_back(
    keys: Res<ButtonInput<KeyCode>>,
    time: Res<Time>,
    mut since: Local<f32>,
    mut worlds: Query<(Entity, &mut GenieClock, &mut Sprite)>,
    mut genie: MessageWriter<GenieCommand>,
) {
    let back = keys.pressed(KeyCode::Backspace);
    for (world, mut clock, mut sprite) in &mut worlds {
        if clock.paused != back {
            clock.paused = back;
            sprite.color = if back {
                Color::srgb(0.7, 0.75, 1.0)
            } else {
                Color::WHITE
            };
        }
        if back && *since >= PACE {
            genie.write(GenieCommand::rewind(world, 1));
        }
    }
    *since = if *since >= PACE {
        0.0
    } else {
        *since + time.delta_secs()
    };
}

fn keep_and_return(
    keys: Res<ButtonInput<KeyCode>>,
    kept: Res<Kept>,
    worlds: Query<Entity, With<GenieWorld>>,
    mut genie: MessageWriter<GenieCommand>,
) {
    for world in &worlds {
        if keys.just_pressed(KeyCode::Enter) {
            genie.write(GenieCommand::snapshot(world));
        }
        if let (Some(moment), true) = (&kept.0, keys.just_pressed(KeyCode::Tab)) {
            genie.write(GenieCommand::restore(world, moment.clone()));
        }
    }
}

/// A snapshot arrives when the worker has made it.
fn keep(snapshot: On<GenieSnapshotTaken>, mut kept: ResMut<Kept>) {
    kept.0 = Some(snapshot.snapshot.clone());
}

fn show_memory(
    worlds: Query<(&GenieStatus, &GenieFrame), Changed<GenieFrame>>,
    kept: Res<Kept>,
    mut bar: Single<&mut Node, With<Bar>>,
    mut line: Single<&mut Text, With<Line>>,
) {
    for (status, frame) in &worlds {
        bar.width = percent(100.0 * status.rewindable as f32 / MEMORY as f32);
        let moment = kept.0.as_ref().map_or(String::new(), |moment| {
            format!(", kept: frame {}", moment.tick())
        });
        line.0 = format!(
            "frame {}, {} to go back by (Backspace){moment} (Enter keeps, Tab returns)",
            frame.tick, status.rewindable
        );
    }
}
