//! What a busy world costs the game beside it: `cargo bench --profile dev --bench frame_time` prints a line of JSON for a
//! game that works on its main thread and one for a game that spreads its work over Bevy's task pool.
//!
//! The game runs at sixty frames a second with a few milliseconds of work in each. Short segments in which the shipped
//! world dreams without a pause, on one thread, alternate with two in which it is paused, so that what else the machine
//! does falls on all alike. Figures are milliseconds of a frame's `App::update`, without the wait for the next frame, over
//! all segments of a kind. The `control` ratio is of the two paused kinds, between which nothing differs: as far from 1
//! as that one lies, that of the `world` may lie by chance. In a fourth kind of segment the world is paused too, and a thread of the
//! lowest priority counts without a pause: the `counting` ratio is what a second busy core costs on this machine, whatever
//! it is busy with. The worlds have the default priority of a machine with two cores, `BetweenFrames`; with `-- background` or
//! `-- normal` they have those.
//!
//! On a virtual machine whose host takes a processor away for a while, single frames last a second, whatever runs inside.
//! Linux counts that time (`steal`), so that the ratios are printed for three clocks: `wall`, with all of it; `undisturbed`,
//! without the frames of whichever kind in which a hundredth of a second was stolen, so that less than that goes unseen; and
//! for the game on the main thread, which never waits for another one, `own`, the time for which that thread ran or was
//! ready to run while other threads of this machine did.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bevy::app::TaskPoolThreadAssignmentPolicy;
use bevy::ecs::schedule::SingleThreadedExecutor;
use bevy::prelude::*;
use bevy_genie::prelude::*;
use genie_tests::{percentile_of, stolen_ticks};

const ROUNDS: usize = 40;
const SEGMENT: usize = 50;
/// The first frames of a segment still have the end of the last one in them.
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
    let asked = |name: &str| std::env::args().any(|argument| argument == name);
    let priority = if asked("normal") {
        GeniePriority::Normal
    } else if asked("background") {
        GeniePriority::Background
    } else {
        GeniePriority::BetweenFrames
    };
    let counting = count_on_demand();
    measure("main_thread", true, priority, &counting, |app| {
        app.add_systems(Update, move_in_one_go);
    });
    measure("parallel", false, priority, &counting, |app| {
        app.add_systems(Update, move_in_parallel);
    });
}

/// Starts a thread that keeps a core busy whenever the switch is on, in the time that others leave over.
fn count_on_demand() -> Arc<AtomicBool> {
    let switch = Arc::new(AtomicBool::new(false));
    let on = Arc::clone(&switch);
    std::thread::spawn(move || {
        GeniePriority::Background.apply_to_current_thread();
        let mut count = 0u64;
        loop {
            if on.load(Ordering::Relaxed) {
                for _ in 0..10_000 {
                    count = black_box(count + 1);
                }
            } else {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    });
    switch
}

/// What goes on beside the game.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    World,
    Nothing,
    /// As `Nothing`, to compare it with.
    Control,
    Counting,
}

impl Beside {
    const ALL: [Self; 4] = [Self::World, Self::Nothing, Self::Control, Self::Counting];
}

fn measure(
    game: &str,
    on_one_thread: bool,
    priority: GeniePriority,
    counting: &AtomicBool,
    add_work: impl FnOnce(&mut App),
) {
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
            priority,
            ..default()
        },
    ));
    add_work(&mut app);
    app.finish();
    app.cleanup();
    if on_one_thread {
        for (_, schedule) in app.world_mut().resource_mut::<Schedules>().iter_mut() {
            schedule.set_executor(SingleThreadedExecutor::new());
        }
    }
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
    let world = app
        .world_mut()
        .spawn((genie, GenieClock::default().with_tick_rate(1000.0)))
        .id();
    while app.world().get::<GenieFrame>(world).is_none() {
        app.update();
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut frames = <[Frames; 4]>::default();
    let first = tick(&app, world);
    for round in 0..ROUNDS {
        // Which one comes after which changes, so that none has always the end of the same one in it.
        for turn in 0..4 {
            let beside = Beside::ALL[(turn * [1, 3][round % 2] + round / 2) % 4];
            if let Some(mut clock) = app.world_mut().get_mut::<GenieClock>(world) {
                clock.paused = beside != Beside::World;
            }
            counting.store(beside == Beside::Counting, Ordering::Relaxed);
            segment(&mut app, &mut frames[beside as usize]);
        }
    }
    counting.store(false, Ordering::Relaxed);
    let dreamt = tick(&app, world) - first;
    let of = |beside: Beside| &frames[beside as usize];
    let busy = of(Beside::World);
    let undisturbed =
        |beside: Beside, at: f64| percentile_of(&of(beside).times(Clock::Undisturbed), at);
    let ratios = |clock: Clock| {
        let p99 = |beside: Beside| percentile_of(&of(beside).times(clock), 0.99);
        [Beside::World, Beside::Control, Beside::Counting]
            .map(|beside| format!("{:.3}", p99(beside) / p99(Beside::Nothing)))
            .join(", ")
    };
    println!(
        r#"{{"benchmark": "frame_time", "game": "{game}", "priority": "{priority:?}", "world_frames_per_second": {:.1}, "frames": {}, "disturbed": {:.3}, "paused_p50_ms": {:.3}, "busy_p50_ms": {:.3}, "paused_p99_ms": {:.3}, "busy_p99_ms": {:.3}, "p99_ratios_of": ["world", "control", "counting"], "wall": [{}], "undisturbed": [{}]{}}}"#,
        dreamt as f64 / ((SEGMENT + SKIPPED) * ROUNDS) as f64 / FRAME.as_secs_f64(),
        busy.0.len(),
        1.0 - busy.times(Clock::Undisturbed).len() as f64 / busy.0.len() as f64,
        undisturbed(Beside::Nothing, 0.5),
        undisturbed(Beside::World, 0.5),
        undisturbed(Beside::Nothing, 0.99),
        undisturbed(Beside::World, 0.99),
        ratios(Clock::Wall),
        ratios(Clock::Undisturbed),
        if on_one_thread && own_time().is_some() {
            format!(r#", "own": [{}]"#, ratios(Clock::Own))
        } else {
            String::new()
        },
    );
}

fn tick(app: &App, world: Entity) -> u64 {
    app.world()
        .get::<GenieFrame>(world)
        .map_or(0, |frame| frame.tick)
}

/// How a frame's time is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    Wall,
    Undisturbed,
    Own,
}

/// A frame of the game.
struct GameFrame {
    wall: Duration,
    own: Option<Duration>,
    /// Whether the host took a processor away.
    disturbed: bool,
}

/// Frames of a kind.
#[derive(Default)]
struct Frames(Vec<GameFrame>);

impl Frames {
    /// Milliseconds of each.
    fn times(&self, clock: Clock) -> Vec<f64> {
        let times = self.0.iter().filter_map(|frame| match clock {
            Clock::Wall => Some(frame.wall),
            Clock::Undisturbed => (!frame.disturbed).then_some(frame.wall),
            Clock::Own => frame.own,
        });
        times.map(|time| time.as_secs_f64() * 1e3).collect()
    }
}

/// Plays a segment of frames and adds them to those of its kind.
fn segment(app: &mut App, frames: &mut Frames) {
    for frame in 0..SEGMENT + SKIPPED {
        let (stolen_before, own_before) = (stolen_ticks(), own_time());
        let start = Instant::now();
        app.update();
        let wall = start.elapsed();
        let own = own_time()
            .zip(own_before)
            .map(|(now, before)| now.saturating_sub(before));
        std::thread::sleep(FRAME.saturating_sub(wall));
        if frame >= SKIPPED {
            frames.0.push(GameFrame {
                wall,
                own,
                // Asked after the sleep, because the count is kept once per tick of the clock.
                disturbed: stolen_ticks() != stolen_before,
            });
        }
    }
}

/// How long this thread has been running or ready to run, so far, where the system tells; Linux leaves out of both what the
/// host has stolen from a running thread.
fn own_time() -> Option<Duration> {
    let account = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let mut nanoseconds = account.split_whitespace().map(str::parse::<u64>);
    let (ran, waited) = (nanoseconds.next()?.ok()?, nanoseconds.next()?.ok()?);
    Some(Duration::from_nanos(ran + waited))
}
