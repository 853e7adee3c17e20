//! What a world gets beside a program that keeps all cores busy: `cargo bench --profile dev --bench starvation` prints a line of
//! JSON for each niceness of that program, with the floor of the worlds' rate off and at its default.
//!
//! The game runs at sixty frames a second with four milliseconds of work on the main thread in each; the shipped world has
//! ten ticks a second. The other program is this one in another process, with one thread for each core, started through
//! `nice`; where there is no such command, only the line without it is printed. Each segment is measured after some seconds
//! in which the plugin gets used to it. `world_frames_per_second` is of ten, and the floor is five; milliseconds are those of a
//! frame's `App::update`, without the wait for the next frame.

use std::hint::black_box;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy_genie::prelude::*;
use genie_tests::percentile_of;

const FRAME: Duration = Duration::from_micros(16_667);
const WORK: Duration = Duration::from_millis(4);
const SETTLING: Duration = Duration::from_secs(5);
const SEGMENT: Duration = Duration::from_secs(12);
/// Set in the process that keeps the cores busy.
const BUSY: &str = "GENIE_BUSY_NEIGHBOUR";

fn main() {
    if std::env::var_os(BUSY).is_some() {
        keep_cores_busy();
    }
    for niceness in [None, Some(19), Some(5), Some(0)] {
        for floor in [0.0, GenieSettings::default().rate_floor] {
            let Ok(_neighbour) = niceness.map(Neighbour::start).transpose() else {
                eprintln!("there is no command `nice` to start the busy program with");
                return;
            };
            measure(niceness, floor);
        }
    }
}

fn keep_cores_busy() -> ! {
    let cores = std::thread::available_parallelism().map_or(1, Into::into);
    for _ in 1..cores {
        std::thread::spawn(count);
    }
    count()
}

fn count() -> ! {
    let mut number = 0u64;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

/// The busy program; it ends with this value.
struct Neighbour(Child);

impl Neighbour {
    fn start(niceness: u32) -> std::io::Result<Self> {
        let program = std::env::current_exe()?;
        let mut command = Command::new("nice");
        command.args(["-n", &niceness.to_string()]).arg(program);
        command.env(BUSY, "1").spawn().map(Self)
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        // One that has ended by itself needs no end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The game's own work.
fn work() {
    let start = Instant::now();
    while start.elapsed() < WORK {
        std::hint::spin_loop();
    }
}

fn measure(niceness: Option<u32>, floor: f32) {
    let mut app = App::new();
    app.add_plugins((
        MinimalPlugins,
        AssetPlugin::default(),
        ImagePlugin::default(),
        GeniePlugin::default(),
    ))
    .add_systems(Update, work);
    app.finish();
    app.cleanup();
    app.world_mut().resource_mut::<GenieSettings>().rate_floor = floor;
    let model = app
        .world()
        .resource::<AssetServer>()
        .load(bevy_genie::EMBEDDED_MODEL);
    let prompt = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/prompts/meadow.png");
    let genie = GenieWorld::new(model, std::path::PathBuf::from(prompt));
    let clock = GenieClock::default().with_tick_rate(10.0);
    let world = app.world_mut().spawn((genie, clock)).id();
    while app.world().get::<GenieFrame>(world).is_none() {
        app.update();
        std::thread::sleep(Duration::from_millis(1));
    }
    play(&mut app, SETTLING);
    let tick = |app: &App| {
        let frame = app.world().get::<GenieFrame>(world);
        frame.map_or(0, |frame| frame.tick)
    };
    let (before, start) = (tick(&app), Instant::now());
    let times = play(&mut app, SEGMENT);
    let rate = (tick(&app) - before) as f64 / start.elapsed().as_secs_f64();
    let status = app.world().get::<GenieStatus>(world);
    println!(
        r#"{{"benchmark": "starvation", "neighbour_niceness": {}, "rate_floor": {floor}, "world_frames_per_second": {rate:.1}, "starving": {}, "frames": {}, "p50_ms": {:.2}, "p99_ms": {:.2}}}"#,
        niceness.map_or("null".to_owned(), |nice| nice.to_string()),
        status.is_some_and(|status| status.starving),
        times.len(),
        percentile_of(&times, 0.5),
        percentile_of(&times, 0.99),
    );
}

/// Plays for so long. Returns milliseconds of each frame.
fn play(app: &mut App, length: Duration) -> Vec<f64> {
    let (start, mut times) = (Instant::now(), Vec::new());
    while start.elapsed() < length {
        let frame = Instant::now();
        app.update();
        times.push(frame.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(FRAME.saturating_sub(frame.elapsed()));
    }
    times
}
