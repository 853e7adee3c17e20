//! What the plugin costs the main thread: `cargo bench --profile dev --bench main_thread` prints a line of JSON for one
//! world and one for 64.
//!
//! The figures are milliseconds per frame of the game for all of the plugin's systems, with the commands and events that
//! they give rise to, while keys are pressed, every world ticks ten times a second and the game runs at sixty frames a
//! second. The model is a small one, so that all frames of 64x64 pixels arrive that are asked for. Frames into which the
//! host of a virtual machine broke are left out of all but `all_p99_ms`; `disturbed` is their share.

use std::time::{Duration, Instant};

use bevy::ecs::schedule::{ScheduleLabel, SingleThreadedExecutor};
use bevy::input::InputPlugin;
use bevy::prelude::*;
use bevy_genie::prelude::*;
use genie_tests::{checkered, percentile_of, stolen_ticks, tiny_config, untrained_checkpoint};

const FRAMES: usize = 1200;
const FRAME: Duration = Duration::from_micros(16_667);

/// When the plugin's part of the schedule at hand began, and what this frame has cost so far.
#[derive(Resource)]
struct Cost {
    since: Instant,
    spent: Duration,
}

fn begin(mut cost: ResMut<Cost>) {
    cost.since = Instant::now();
}

fn end(mut cost: ResMut<Cost>) {
    let spent = cost.since.elapsed();
    cost.spent += spent;
}

fn main() {
    for worlds in [1, 64] {
        measure(worlds);
    }
}

fn measure(worlds: usize) {
    let mut app = App::new();
    app.add_plugins((
        MinimalPlugins,
        AssetPlugin::default(),
        InputPlugin,
        ImagePlugin::default(),
        GeniePlugin {
            threads: std::num::NonZero::new(1),
            ..default()
        },
    ))
    .insert_resource(Cost {
        since: Instant::now(),
        spent: Duration::ZERO,
    })
    .add_systems(
        PreUpdate,
        (
            begin
                .before(GenieSystems::Receive)
                .after(bevy::input::InputSystems),
            end.after(GenieSystems::Input),
        ),
    )
    .add_systems(
        PostUpdate,
        (
            begin.before(GenieSystems::Dispatch),
            end.after(GenieSystems::Dispatch),
        ),
    );
    for label in [First.intern(), Last.intern()] {
        app.add_systems(
            label,
            (
                begin.before(GenieSystems::FrameGate),
                end.after(GenieSystems::FrameGate),
            ),
        );
    }
    // One after the other on this thread: nothing else gets in between.
    for label in [
        First.intern(),
        PreUpdate.intern(),
        PostUpdate.intern(),
        Last.intern(),
    ] {
        app.edit_schedule(label, |schedule| {
            schedule.set_executor(SingleThreadedExecutor::new());
        });
    }
    app.finish();
    app.cleanup();
    let mut config = tiny_config();
    (config.frame_width, config.frame_height) = (64, 64);
    config.tokenizer.patch = 16;
    let model = GenieModel::new(untrained_checkpoint(&config, 1));
    let model = app
        .world_mut()
        .resource_mut::<Assets<GenieModel>>()
        .add(model);
    let entities: Vec<_> = (0..worlds)
        .map(|seed| {
            let genie = GenieWorld::new(model.clone(), checkered(64, 64));
            let genie = genie.with_seed(seed as u64);
            let clock = GenieClock::default().with_tick_rate(10.0);
            app.world_mut().spawn((genie, clock)).id()
        })
        .collect();
    let all_ready = |app: &App| {
        let frames = entities
            .iter()
            .map(|&world| app.world().get::<GenieFrame>(world));
        frames.into_iter().all(|frame| frame.is_some())
    };
    while !all_ready(&app) {
        app.update();
    }
    let (mut all, mut undisturbed) = (Vec::with_capacity(FRAMES), Vec::with_capacity(FRAMES));
    for frame in 0..FRAMES {
        let (start, stolen) = (Instant::now(), stolen_ticks());
        let mut keys = app.world_mut().resource_mut::<ButtonInput<KeyCode>>();
        match frame % 40 {
            0 => keys.press(KeyCode::ArrowRight),
            20 => keys.release(KeyCode::ArrowRight),
            _ => {}
        }
        app.world_mut().resource_mut::<Cost>().spent = Duration::ZERO;
        app.update();
        let cost = app.world().resource::<Cost>().spent.as_secs_f64() * 1e3;
        std::thread::sleep(FRAME.saturating_sub(start.elapsed()));
        all.push(cost);
        if stolen_ticks() == stolen {
            undisturbed.push(cost);
        }
    }
    let ticks = entities
        .iter()
        .filter_map(|&world| app.world().get::<GenieFrame>(world));
    let ticks: u64 = ticks.map(|frame| frame.tick).sum();
    println!(
        r#"{{"benchmark": "main_thread", "worlds": {worlds}, "frames": {FRAMES}, "world_frames": {ticks}, "disturbed": {:.3}, "p50_ms": {:.4}, "p99_ms": {:.4}, "max_ms": {:.4}, "all_p99_ms": {:.4}}}"#,
        1.0 - undisturbed.len() as f64 / FRAMES as f64,
        percentile_of(&undisturbed, 0.5),
        percentile_of(&undisturbed, 0.99),
        percentile_of(&undisturbed, 1.0),
        percentile_of(&all, 0.99),
    );
}
