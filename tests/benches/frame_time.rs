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
//! Linux counts that time (`steal`): frames that have some in them are left out, of each kind alike, and counted. It counts
//! in hundredths of a second, so that less than that goes unseen. `waited` is the time of a frame in which threads of the
//! game were ready to run and did not, as Linux's scheduler counts it.

use std::path::PathBuf;
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
    let genie = GenieWorld::new(model, PathBuf::from(prompt));
    // More often than it can be.
    let world = app.world_mut().spawn(genie.with_tick_rate(1000.0)).id();
    while app.world().get::<WorldFrame>(world).is_none() {
        app.update();
        std::thread::sleep(Duration::from_millis(1));
    }
    let threads = threads_of_the_game();
    let (mut busy, mut paused, mut control) = Default::default();
    let first = tick(&app, world);
    for round in 0..ROUNDS {
        // Which of the paused ones comes first changes, so that neither is always the one after the busy one.
        let (second, third) = if round % 2 == 0 {
            (&mut paused, &mut control)
        } else {
            (&mut control, &mut paused)
        };
        stretch(&mut app, world, &threads, false, &mut busy);
        stretch(&mut app, world, &threads, true, second);
        stretch(&mut app, world, &threads, true, third);
    }
    let dreamt = tick(&app, world) - first;
    let p99 = share(&paused.times, 0.99);
    println!(
        r#"{{"benchmark": "frame_time", "game": "{game}", "busy_frames": {}, "paused_frames": {}, "world_frames_per_second": {:.1}, "paused_p50_ms": {:.3}, "busy_p50_ms": {:.3}, "paused_p99_ms": {p99:.3}, "busy_p99_ms": {:.3}, "p99_ratio": {:.3}, "control_p99_ratio": {:.3}, "paused_waited_p99_ms": {:.3}, "busy_waited_p99_ms": {:.3}}}"#,
        busy.times.len(),
        paused.times.len() + control.times.len(),
        dreamt as f64 / ((STRETCH + SKIPPED) * ROUNDS) as f64 / FRAME.as_secs_f64(),
        share(&paused.times, 0.5),
        share(&busy.times, 0.5),
        share(&busy.times, 0.99),
        share(&busy.times, 0.99) / p99,
        share(&control.times, 0.99) / p99,
        share(&paused.waits, 0.99),
        share(&busy.waits, 0.99),
    );
}

fn tick(app: &App, world: Entity) -> u64 {
    app.world()
        .get::<WorldFrame>(world)
        .map_or(0, |frame| frame.tick)
}

/// Milliseconds of frames that the host did not break into.
#[derive(Default)]
struct Frames {
    times: Vec<f64>,
    /// In which threads of the game waited for a core.
    waits: Vec<f64>,
}

/// Plays a stretch of frames and adds them to those of its kind.
fn stretch(app: &mut App, world: Entity, threads: &[PathBuf], paused: bool, frames: &mut Frames) {
    if let Some(mut genie) = app.world_mut().get_mut::<GenieWorld>(world) {
        genie.paused = paused;
    }
    for frame in 0..STRETCH + SKIPPED {
        let (stolen_before, waited_before) = (stolen(), waited(threads));
        let start = Instant::now();
        app.update();
        let time = start.elapsed();
        let wait = waited(threads).saturating_sub(waited_before);
        std::thread::sleep(FRAME.saturating_sub(time));
        // Asked after the sleep, because the count is kept once per tick of the clock.
        if frame >= SKIPPED && stolen() == stolen_before {
            frames.times.push(time.as_secs_f64() * 1e3);
            frames.waits.push(wait.as_secs_f64() * 1e3);
        }
    }
}

/// The scheduler's accounts of the main thread and of Bevy's compute task pool.
fn threads_of_the_game() -> Vec<PathBuf> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let main = std::process::id().to_string();
    threads
        .filter_map(|thread| Some(thread.ok()?.path()))
        .filter(|thread| {
            let name = std::fs::read_to_string(thread.join("comm")).unwrap_or_default();
            thread.ends_with(&main) || name.starts_with("Compute Task")
        })
        .map(|thread| thread.join("schedstat"))
        .collect()
}

/// How long these threads have been ready to run while others had the cores, so far.
fn waited(threads: &[PathBuf]) -> Duration {
    let nanoseconds = |thread: &PathBuf| -> Option<u64> {
        let account = std::fs::read_to_string(thread).ok()?;
        account.split_whitespace().nth(1)?.parse().ok()
    };
    Duration::from_nanos(threads.iter().filter_map(nanoseconds).sum())
}

/// Ticks in which the host gave a processor of this virtual machine to somebody else; `None` where nobody counts them.
fn stolen() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines().next()?.split_whitespace().nth(8)?.parse().ok()
}

/// The value below which this share of the values lies.
fn share(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}
