//! What a busy world costs the game beside it: `cargo bench --profile dev --bench frame_time` prints a line of JSON for a
//! game that works on its main thread and one for a game that spreads its work over Bevy's task pool.
//!
//! The game runs at sixty frames a second with a few milliseconds of work in each. Short stretches in which the shipped
//! world dreams without a pause, on one thread, alternate with two in which it is paused, so that what else the machine
//! does falls on all alike. Figures are milliseconds of a frame's `App::update`, without the wait for the next frame, over
//! all stretches of a kind. `control_p99_ratio` is of the two paused kinds, between which nothing differs: as far from 1
//! as that one lies, `p99_ratio` may lie by chance.
//!
//! On a virtual machine whose host takes a processor away for a while, single frames last a second, whatever runs inside.
//! Linux counts that time (`steal`) in hundredths of a second, so that less than that goes unseen. Frames that have some in
//! them are left out of the figures, of each kind alike; `all_p99_ratio` and `all_control_p99_ratio` have them too.

use std::time::{Duration, Instant};

use bevy::app::TaskPoolThreadAssignmentPolicy;
use bevy::prelude::*;
use bevy_genie::prelude::*;

const ROUNDS: usize = 40;
const STRETCH: usize = 50;
/// The first frames of a stretch still have the end of the last one in them.
const SKIPPED: usize = 10;
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
    let (mut busy, mut paused, mut control) = <(Frames, Frames, Frames)>::default();
    let first = tick(&app, world);
    for round in 0..ROUNDS {
        // Which of the paused ones comes first changes, so that neither is always the one after the busy one.
        let (second, third) = if round % 2 == 0 {
            (&mut paused, &mut control)
        } else {
            (&mut control, &mut paused)
        };
        stretch(&mut app, world, false, &mut busy);
        stretch(&mut app, world, true, second);
        stretch(&mut app, world, true, third);
    }
    let dreamt = tick(&app, world) - first;
    let median = |kind: &Frames| share(&kind.undisturbed(), 0.5);
    let p99 = |kind: &Frames| share(&kind.undisturbed(), 0.99);
    let all_p99 = |kind: &Frames| share(&kind.all(), 0.99);
    println!(
        r#"{{"benchmark": "frame_time", "game": "{game}", "world_frames_per_second": {:.1}, "frames": {}, "left_out": {:.3}, "paused_p50_ms": {:.3}, "busy_p50_ms": {:.3}, "paused_p99_ms": {:.3}, "busy_p99_ms": {:.3}, "p99_ratio": {:.3}, "control_p99_ratio": {:.3}, "all_p99_ratio": {:.3}, "all_control_p99_ratio": {:.3}}}"#,
        dreamt as f64 / ((STRETCH + SKIPPED) * ROUNDS) as f64 / FRAME.as_secs_f64(),
        busy.0.len(),
        1.0 - busy.undisturbed().len() as f64 / busy.0.len() as f64,
        median(&paused),
        median(&busy),
        p99(&paused),
        p99(&busy),
        p99(&busy) / p99(&paused),
        p99(&control) / p99(&paused),
        all_p99(&busy) / all_p99(&paused),
        all_p99(&control) / all_p99(&paused),
    );
}

fn tick(app: &App, world: Entity) -> u64 {
    app.world()
        .get::<WorldFrame>(world)
        .map_or(0, |frame| frame.tick)
}

/// Frames of a kind: milliseconds, and whether the host broke into them.
#[derive(Default)]
struct Frames(Vec<(f64, bool)>);

impl Frames {
    fn all(&self) -> Vec<f64> {
        self.0.iter().map(|&(time, _)| time).collect()
    }

    fn undisturbed(&self) -> Vec<f64> {
        let frames = self.0.iter().filter(|&&(_, disturbed)| !disturbed);
        frames.map(|&(time, _)| time).collect()
    }
}

/// Plays a stretch of frames and adds them to those of its kind.
fn stretch(app: &mut App, world: Entity, paused: bool, frames: &mut Frames) {
    if let Some(mut genie) = app.world_mut().get_mut::<GenieWorld>(world) {
        genie.paused = paused;
    }
    for frame in 0..STRETCH + SKIPPED {
        let stolen_before = stolen();
        let start = Instant::now();
        app.update();
        let time = start.elapsed();
        std::thread::sleep(FRAME.saturating_sub(time));
        // Asked after the sleep, because the count is kept once per tick of the clock.
        let disturbed = stolen() != stolen_before;
        if frame >= SKIPPED {
            frames.0.push((time.as_secs_f64() * 1e3, disturbed));
        }
    }
}

/// Ticks in which the host gave a processor of this virtual machine to somebody else; `None` where nobody counts them.
fn stolen() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines().next()?.split_whitespace().nth(8)?.parse().ok()
}

/// The value below which this share of the values lies.
fn share(values: &[f64], share: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else {
        return f64::NAN;
    };
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[(last as f64 * share).round() as usize]
}
