//! Files that version 0.1.0 wrote before its parts got their present names: they are read, and play to the same frames.
//!
//! `compatibility/` holds a tiny checkpoint, a replay of twelve frames, the world saved after eight of them, and all frames
//! below each other.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::path::PathBuf;
use std::time::Duration;

use bevy::prelude::*;
use bevy_genie::genie_model::checkpoint::Checkpoint;
use bevy_genie::genie_model::psnr;
use bevy_genie::prelude::*;
use genie_tests::{app, checkered, run_until, wait_for_tick};

const TICK: Duration = Duration::from_millis(100);
const FRAMES: usize = 13;
const SAVED_AFTER: usize = 8;
/// The frames of another processor may differ by roundings of a pixel.
const SAME: f64 = 40.0;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("compatibility")
        .join(name)
}

fn recorded_frames() -> Vec<Vec<u8>> {
    let picture = image::open(fixture("frames.png")).unwrap().into_rgb8();
    let bytes = picture.into_raw();
    let frames: Vec<Vec<u8>> = bytes.chunks(16 * 16 * 3).map(<[u8]>::to_vec).collect();
    assert_eq!(frames.len(), FRAMES);
    frames
}

/// A paused world of the checkpoint that was written then.
fn spawn(app: &mut App) -> Entity {
    let checkpoint = Checkpoint::read(fixture("tiny.genie.safetensors")).unwrap();
    let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
    let model = models.add(GenieModel::new(checkpoint));
    let genie = GenieWorld::new(model, checkered(40, 30)).with_seed(99);
    let world = app.world_mut().spawn((genie, GenieClock::paused())).id();
    wait_for_tick(app, world, 0);
    world
}

/// All frames that follow a command, up to the one of tick `last`.
fn watch(app: &mut App, world: Entity, command: GenieCommand, last: usize) -> Vec<(u64, Vec<u8>)> {
    let messages = app.world().resource::<Messages<GenieFrame>>();
    let mut cursor = messages.get_cursor_current();
    app.world_mut().write_message(command);
    app.world_mut().write_message(GenieCommand::resume(world));
    let mut seen = Vec::new();
    run_until(app, "the last frame", |w| {
        let messages = w.resource::<Messages<GenieFrame>>();
        let frames = cursor.read(messages);
        seen.extend(frames.map(|frame| (frame.tick, frame.pixels.pixels().to_vec())));
        seen.last().is_some_and(|(tick, _)| *tick >= last as u64)
    });
    seen
}

#[test]
fn a_replay_of_then_plays_to_the_same_frames() {
    let recorded = recorded_frames();
    let mut app = app(std::path::Path::new("."), TICK);
    let world = spawn(&mut app);
    let replay = GenieReplay::read(fixture("run.json")).unwrap();
    let seen = watch(
        &mut app,
        world,
        GenieCommand::replay(world, replay),
        FRAMES - 1,
    );
    let start = seen.iter().rposition(|(tick, _)| *tick == 0).unwrap();
    assert_eq!(seen[start..].len(), FRAMES);
    for ((tick, frame), recorded) in seen[start..].iter().zip(&recorded) {
        let likeness = psnr(frame, recorded);
        assert!(likeness >= SAME, "frame {tick}: {likeness} dB");
    }
}

#[test]
fn a_world_saved_then_goes_on_as_it_did() {
    let recorded = recorded_frames();
    let mut app = app(std::path::Path::new("."), TICK);
    let world = spawn(&mut app);
    app.world_mut()
        .write_message(GenieCommand::load(world, fixture("half_way.world")));
    run_until(&mut app, "the saved world", |w| {
        let frame = w.get::<GenieFrame>(world).unwrap();
        frame.tick == SAVED_AFTER as u64
    });
    let frame = app.world().get::<GenieFrame>(world).unwrap();
    assert!(psnr(frame.pixels.pixels(), &recorded[SAVED_AFTER]) >= SAME);
    for (action, recorded) in ["right", "idle", "left", "right"]
        .into_iter()
        .zip(&recorded[SAVED_AFTER + 1..])
    {
        let tick = app.world().get::<GenieFrame>(world).unwrap().tick;
        app.world_mut()
            .write_message(GenieInput::press(world, action));
        app.world_mut().write_message(GenieCommand::step(world));
        let frame = wait_for_tick(&mut app, world, tick + 1);
        app.world_mut()
            .write_message(GenieInput::release(world, action));
        let likeness = psnr(frame.pixels.pixels(), recorded);
        assert!(likeness >= SAME, "frame {}: {likeness} dB", frame.tick);
    }
}
