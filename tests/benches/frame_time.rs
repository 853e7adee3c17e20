//! What a busy world costs the game beside it: `cargo bench --profile dev --bench frame_time` prints a line of JSON for a
//! game that works on its main thread and one for a game that spreads its work over Bevy's task pool.
//!
//! The game runs at sixty frames a second with a few milliseconds of work in each. Stretches in which the shipped world
//! dreams without a pause, on one thread, alternate with stretches in which it is paused. Figures are milliseconds of a
//! frame's `App::update`, without the wait for the next frame; `p99_ratio` is the median over pairs of neighbouring
//! stretches of busy by paused.

use std::time::{Duration, Instant};

use bevy::app::TaskPoolThreadAssignmentPolicy;
use bevy::prelude::*;
use bevy_genie::prelude::*;

const PAIRS: usize = 6;
const STRETCH: usize = 300;
const FRAME: Duration = Duration::from_micros(16_667);
const MOVERS: usize = 40_000;

#[derive(Component)]
struct Mover(Vec3);

/// Some arithmetic for each thing in the game, as physics or animation would do.
fn turn(mover: &mut Mover) {
    for _ in 0..4 {
        let rotated = Quat::from_rotation_y(mover.0.x * 0.01) * mover.0;
        mover.0 = (rotated + Vec3::splat(0.1)).normalize() * 3.0;
    }
}

fn move_in_one_go(mut movers: Query<&mut Mover>) {
    movers.iter_mut().for_each(|mut mover| turn(&mut mover));
}

fn move_in_parallel(mut movers: Query<&mut Mover>) {
    movers.par_iter_mut().for_each(|mut mover| turn(&mut mover));
}

fn main() {
    measure("main_thread", |app| {
        app.add_systems(Update, move_in_one_go);
    });
    measure("parallel", |app| {
        app.add_systems(Update, move_in_parallel);
    });
}

fn measure(game: &str, add_work: impl FnOnce(&mut App)) {
    let mut app = App::new();
    // As many threads for the game's own work as the machine has cores.
    let pool = TaskPoolPlugin {
        task_pool_options: TaskPoolOptions {
            compute: TaskPoolThreadAssignmentPolicy {
                min_threads: 2,
                max_threads: usize::MAX,
                percent: 1.0,
                on_thread_spawn: None,
                on_thread_destroy: None,
            },
            ..default()
        },
    };
    app.add_plugins((
        MinimalPlugins.set(pool),
        AssetPlugin::default(),
        ImagePlugin::default(),
        GeniePlugin {
            threads: std::num::NonZero::new(1),
            ..default()
        },
    ));
    add_work(&mut app);
    app.finish();
    app.cleanup();
    for i in 0..MOVERS {
        let place = Vec3::new(i as f32, 1.0, 2.0);
        app.world_mut().spawn(Mover(place));
    }
    let model = app
        .world()
        .resource::<AssetServer>()
        .load(bevy_genie::EMBEDDED_MODEL);
    let prompt = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/prompts/meadow.png");
    let genie = GenieWorld::new(model, std::path::PathBuf::from(prompt));
    // More often than it can be.
    let world = app.world_mut().spawn(genie.with_tick_rate(1000.0)).id();
    while app.world().get::<WorldFrame>(world).is_none() {
        app.update();
        std::thread::sleep(Duration::from_millis(1));
    }
    let (mut busy, mut paused, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let first = tick(&app, world);
    for _ in 0..PAIRS {
        let with = stretch(&mut app, world, false);
        let without = stretch(&mut app, world, true);
        ratios.push(share(&with, 0.99) / share(&without, 0.99));
        busy.extend(with);
        paused.extend(without);
    }
    let dreamt = tick(&app, world) - first;
    println!(
        r#"{{"benchmark": "frame_time", "game": "{game}", "world_frames_per_second": {:.1}, "paused_p50_ms": {:.3}, "busy_p50_ms": {:.3}, "paused_p99_ms": {:.3}, "busy_p99_ms": {:.3}, "p99_ratio": {:.3}}}"#,
        dreamt as f64 / (PAIRS * STRETCH) as f64 / FRAME.as_secs_f64(),
        share(&paused, 0.5),
        share(&busy, 0.5),
        share(&paused, 0.99),
        share(&busy, 0.99),
        share(&ratios, 0.5),
    );
}

fn tick(app: &App, world: Entity) -> u64 {
    app.world()
        .get::<WorldFrame>(world)
        .map_or(0, |frame| frame.tick)
}

/// Milliseconds of each frame of a stretch.
fn stretch(app: &mut App, world: Entity, paused: bool) -> Vec<f64> {
    if let Some(mut genie) = app.world_mut().get_mut::<GenieWorld>(world) {
        genie.paused = paused;
    }
    let mut times = Vec::with_capacity(STRETCH);
    // The first frames still have the end of the last stretch in them.
    for frame in 0..STRETCH + 10 {
        let start = Instant::now();
        app.update();
        let time = start.elapsed();
        if frame >= 10 {
            times.push(time.as_secs_f64() * 1e3);
        }
        std::thread::sleep(FRAME.saturating_sub(time));
    }
    times
}

/// The value below which this share of the values lies.
fn share(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}
