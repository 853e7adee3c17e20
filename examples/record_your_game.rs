//! A game of your own, recorded while it is played, as footage to train a model on.
//!
//! The game is a small runner over hills and gaps: arrow keys or A and D walk, space jumps. It plays itself when no
//! key has been pressed for three seconds. All of the recording is one plugin and two calls: `cut` when a new life begins, and `hold`, which
//! says what is pressed, by the player or by the autopilot. When you have played enough (ten minutes make 6,000 frames), close the window and
//! follow the commands that it prints.

use std::path::PathBuf;

use bevy::camera::ScalingMode;
use bevy::prelude::*;
use bevy_genie::prelude::*;
use bevy_genie::recorder::{GenieRecorder, GenieRecorderPlugin};
use clap::Parser;
use genie_examples::screen;

/// The visible part of the level, in its own units; the recording has as many pixels.
const VIEW: f32 = 64.0;
/// Width of a column of ground.
const COLUMN: f32 = 8.0;
const HERO: Vec2 = Vec2::new(5.0, 7.0);
const SPEED: f32 = 24.0;
const JUMP: f32 = 62.0;
const GRAVITY: f32 = 150.0;

/// A small game that records itself.
#[derive(Parser, Resource, Clone)]
#[command(version)]
struct Options {
    /// Folder of the recording
    #[arg(long, default_value = "recordings")]
    out: PathBuf,
    /// Stop after so many seconds of the game
    #[arg(long)]
    seconds: Option<f32>,
}

fn main() -> AppExit {
    let options = Options::parse();
    let out = options.out.clone();
    let mut recorder = GenieRecorderPlugin::new(&options.out);
    // The autopilot presses no key that the recorder could see: the game says what is held.
    recorder.settings.keys = false;
    let exit = App::new()
        .add_plugins(DefaultPlugins.set(screen::window("Record your game", 640, 640)))
        .add_plugins(recorder)
        .insert_resource(ClearColor(Color::srgb_u8(140, 200, 240)))
        .insert_resource(options)
        .add_systems(Startup, set_up)
        .add_systems(Update, (play, lay_ground, follow, report).chain())
        .run();
    let out = out.display();
    println!("recorded into {out}; to make a world of it in an hour:");
    println!("  genie dream {out} --out mine.genie.safetensors --hours 1");
    println!(
        "its actions are learned from what is seen; with --actions given they are the keys that were held. To play it:"
    );
    println!("  cargo run --example generative_level -- --model mine.genie.safetensors");
    exit
}

#[derive(Component, Default)]
struct Hero {
    velocity: Vec2,
    grounded: bool,
    /// Seconds without a key.
    unattended: f32,
}

#[derive(Component)]
struct Ground(i32);

/// The height of a column, or `None` for a gap. The same level for ever, and no file of it anywhere.
fn height(column: i32) -> Option<f32> {
    let hash = |n: i32| {
        (n as u32)
            .wrapping_mul(0x9e37_79b1)
            .rotate_left(9)
            .wrapping_mul(0x85eb_ca6b)
            >> 16
    };
    let gap = column > 3 && hash(column).is_multiple_of(7) && !hash(column - 1).is_multiple_of(7);
    (!gap).then(|| 10.0 + (hash(column.div_euclid(3)) % 4) as f32 * 5.0)
}

fn column_at(x: f32) -> i32 {
    (x / COLUMN).floor() as i32
}

fn set_up(mut commands: Commands) {
    commands.spawn((
        Camera2d,
        Projection::Orthographic(OrthographicProjection {
            scaling_mode: ScalingMode::FixedVertical {
                viewport_height: VIEW,
            },
            ..OrthographicProjection::default_2d()
        }),
    ));
    commands.spawn((
        Hero::default(),
        Sprite::from_color(Color::srgb_u8(214, 60, 50), HERO),
        Transform::from_xyz(4.0, 40.0, 1.0),
        children![(
            Sprite::from_color(Color::WHITE, Vec2::splat(1.5)),
            Transform::from_xyz(1.2, 1.5, 0.1),
        )],
    ));
}

/// Keys, or the autopilot, move the hero. After a fall a new life begins, and a new clip.
fn play(
    keys: Res<ButtonInput<KeyCode>>,
    time: Res<Time>,
    hero: Single<(&mut Hero, &mut Transform)>,
    mut recorder: ResMut<GenieRecorder>,
) {
    let (mut hero, mut place) = hero.into_inner();
    let step = time.delta_secs().min(0.05);
    let held = |any: [KeyCode; 2]| f32::from(u8::from(keys.any_pressed(any)));
    let mut walk =
        held([KeyCode::ArrowRight, KeyCode::KeyD]) - held([KeyCode::ArrowLeft, KeyCode::KeyA]);
    let mut jump = keys.pressed(KeyCode::Space);
    hero.unattended = if keys.get_pressed().len() > 0 {
        0.0
    } else {
        hero.unattended + step
    };
    let ahead = column_at(place.translation.x + HERO.x);
    if hero.unattended > 3.0 {
        // Now and then the hero turns round or stands still: footage of one action teaches nothing.
        let mood = (time.elapsed_secs() * 0.7).sin() + (time.elapsed_secs() * 0.31).sin();
        walk = if mood > -0.3 {
            1.0
        } else if mood > -0.8 {
            0.0
        } else {
            -1.0
        };
        let next = if walk < 0.0 { ahead - 2 } else { ahead + 1 };
        let rises = height(next) > height(column_at(place.translation.x));
        jump = walk != 0.0 && (rises || height(next).is_none());
    }
    let names = [
        (walk < 0.0, KeyCode::ArrowLeft),
        (walk > 0.0, KeyCode::ArrowRight),
        (jump, KeyCode::Space),
    ];
    let held = names.into_iter().filter(|(held, _)| *held);
    recorder.hold(held.map(|(_, key)| GenieInputSource::from(key).name()));
    hero.velocity.x = walk * SPEED;
    if jump && hero.grounded {
        hero.velocity.y = JUMP;
    }
    hero.velocity.y -= GRAVITY * step;
    let feet = |at: Vec2| -> Option<f32> {
        let left = height(column_at(at.x - HERO.x / 2.0));
        let right = height(column_at(at.x + HERO.x / 2.0));
        left.into_iter().chain(right).reduce(f32::max)
    };
    let mut at = place.translation.truncate();
    let aside = at + Vec2::X * hero.velocity.x * step;
    // A wall is ground that is higher than the feet.
    if feet(aside).is_none_or(|top| top <= at.y - HERO.y / 2.0 + 0.5) {
        at = aside;
    }
    at.y += hero.velocity.y * step;
    hero.grounded = false;
    if let Some(top) = feet(at)
        && at.y - HERO.y / 2.0 <= top
        && hero.velocity.y <= 0.0
    {
        at.y = top + HERO.y / 2.0;
        hero.velocity.y = 0.0;
        hero.grounded = true;
    }
    if at.y < -20.0 {
        recorder.cut();
        at = vec2(at.x + 3.0 * COLUMN, 50.0);
        hero.velocity = Vec2::ZERO;
    }
    place.translation = at.extend(1.0);
}

/// Ground appears before the camera and goes behind it.
fn lay_ground(
    hero: Single<&Transform, With<Hero>>,
    ground: Query<(Entity, &Ground)>,
    mut commands: Commands,
) {
    let centre = column_at(hero.translation.x);
    let wanted = centre - 7..=centre + 7;
    for (entity, ground) in &ground {
        if !wanted.contains(&ground.0) {
            commands.entity(entity).despawn();
        }
    }
    for column in wanted {
        let (Some(top), false) = (height(column), ground.iter().any(|(_, g)| g.0 == column)) else {
            continue;
        };
        let shade = 0.9 + 0.1 * (column % 2) as f32;
        let grass = Color::srgb(0.36 * shade, 0.66 * shade, 0.30 * shade);
        commands.spawn((
            Ground(column),
            Sprite::from_color(
                Color::srgb(0.48 * shade, 0.33 * shade, 0.2),
                vec2(COLUMN, 60.0),
            ),
            Transform::from_xyz((column as f32 + 0.5) * COLUMN, top - 30.0, 0.0),
            children![(
                Sprite::from_color(grass, vec2(COLUMN, 2.0)),
                Transform::from_xyz(0.0, 29.0, 0.1),
            )],
        ));
    }
}

fn follow(
    hero: Single<&Transform, With<Hero>>,
    mut camera: Single<&mut Transform, (With<Camera2d>, Without<Hero>)>,
) {
    // Whole units: the scenery moves by whole pixels of the recording.
    camera.translation.x = hero.translation.x.round();
    camera.translation.y = VIEW / 2.0 - 2.0;
}

/// Progress is shown in the window's title: text in the picture would be learned too.
fn report(
    recorder: Res<GenieRecorder>,
    options: Res<Options>,
    time: Res<Time>,
    mut window: Single<&mut Window>,
    mut last: Local<String>,
    mut exits: MessageWriter<AppExit>,
) {
    let status = recorder.status();
    let title = match &status.failure {
        Some(why) => format!("not recording: {why}"),
        None => format!(
            "{} clips, {} frames, {} left out",
            status.clips, status.frames, status.left_out
        ),
    };
    if *last != title {
        window.title.clone_from(&title);
        *last = title;
    }
    if options.seconds.is_some_and(|end| time.elapsed_secs() > end) {
        exits.write(AppExit::Success);
    }
}
