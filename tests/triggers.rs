//! Reading the dream: triggers on running worlds.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bevy::prelude::*;
use bevy_genie::prelude::*;
use bevy_genie::triggers::{
    EVERYWHERE, GenieMotion, GenieSense, GenieTrigger, GenieTriggerFired, GenieTriggerReleased,
    GenieTriggers, Place, Since, TokenPlace,
};
use genie_tests::{app, checkered, run_until, tiny_checkpoint, wait_for_tick};

const TICK: Duration = Duration::from_millis(100);

type Log = Arc<Mutex<Vec<(String, u64)>>>;

/// Notes what fires, and what is released with a dash before its name.
fn listen(app: &mut App) -> Log {
    let log = Log::default();
    let fired = Arc::clone(&log);
    app.add_observer(move |event: On<GenieTriggerFired>| {
        let mut log = fired.lock().unwrap();
        log.push((event.name.to_string(), event.tick));
    });
    let released = Arc::clone(&log);
    app.add_observer(move |event: On<GenieTriggerReleased>| {
        let mut log = released.lock().unwrap();
        log.push((format!("-{}", event.name), event.tick));
    });
    log
}

fn step(app: &mut App, world: Entity) -> GenieFrame {
    let before = app.world().get::<GenieFrame>(world).unwrap().tick;
    app.world_mut().write_message(GenieCommand::step(world));
    wait_for_tick(app, world, before + 1)
}

#[test]
fn triggers_see_every_frame_and_fire_once_until_released() {
    let mut app = app(Path::new("."), TICK);
    let log = listen(&mut app);
    let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
    let model = models.add(GenieModel::new(tiny_checkpoint(1)));
    let colour = |threshold| {
        let sense = GenieSense::Colour {
            region: EVERYWHERE,
            colour: Color::BLACK,
            tolerance: 255,
        };
        GenieTrigger::new(format!("{threshold}"), sense, threshold)
    };
    let change = |since| GenieSense::Change {
        region: EVERYWHERE,
        since,
    };
    let triggers = GenieTriggers::new([
        colour(1.0),
        colour(1.1),
        GenieTrigger::new("moved", change(Since::LastFrame), 0.0),
        GenieTrigger::new("not the prompt", change(Since::Prompt), 1e-6),
        GenieTrigger::new(
            "no motion here",
            GenieSense::SceneMotion { along: Vec2::X },
            -99.0,
        ),
    ]);
    let genie = GenieWorld::new(model, checkered(16, 16));
    let world = app
        .world_mut()
        .spawn((genie, GenieClock::paused(), triggers))
        .id();
    wait_for_tick(&mut app, world, 0);
    assert_eq!(*log.lock().unwrap(), [("1".to_owned(), 0)]);
    for _ in 0..4 {
        let frame = step(&mut app, world);
        let triggers = app.world().get::<GenieTriggers>(world).unwrap();
        assert_eq!(triggers.get("1").unwrap().value(), Some(1.0));
        assert_eq!(triggers.get("no motion here").unwrap().value(), None);
        assert!(
            triggers.get("moved").unwrap().value().is_some(),
            "{}",
            frame.tick
        );
    }
    let fired = |name: &str| {
        log.lock()
            .unwrap()
            .iter()
            .filter(|(n, _)| n == name)
            .count()
    };
    assert_eq!((fired("1"), fired("1.1"), fired("moved")), (1, 0, 1));
    assert!(fired("not the prompt") > 0);
    // Back at the prompt nothing has been before, and it is the prompt.
    app.world_mut().write_message(GenieCommand::reset(world));
    run_until(&mut app, "the reset", |w| {
        w.get::<GenieFrame>(world).unwrap().tick == 0
    });
    assert!(log.lock().unwrap().contains(&("-moved".to_owned(), 0)));
    let triggers = app.world().get::<GenieTriggers>(world).unwrap();
    assert_eq!(triggers.get("not the prompt").unwrap().value(), Some(0.0));
}

#[test]
fn a_game_reads_motion_and_place_from_the_shipped_world() {
    let assets = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../assets"));
    let mut app = app(&assets, TICK);
    let log = listen(&mut app);
    let model = app
        .world()
        .resource::<AssetServer>()
        .load("models/platformer.genie.safetensors");
    let picture = assets.join("prompts/desert.png");
    let genie = GenieWorld::new(model, picture);
    let world = app
        .world_mut()
        .spawn((genie, GenieClock::paused(), GenieMotion::default()))
        .id();
    let home = wait_for_tick(&mut app, world, 0);
    assert_eq!((home.tokens.columns, home.tokens.tokens.len()), (8, 64));
    let place = GenieSense::SamePlace {
        place: Arc::new(Place::new(GeniePicture::clone(&home.pixels))),
        slack: 2,
    };
    let at_home = GenieTrigger::new("home", place, 0.9).with_release(0.5);
    let tokens = GenieSense::SameTokens {
        place: Arc::new(TokenPlace::new(GenieTokens::clone(&home.tokens))),
        slack: 0,
    };
    let by_tokens = GenieTrigger::new("home by tokens", tokens, 1.0).with_release(0.5);
    app.world_mut()
        .entity_mut(world)
        .insert(GenieTriggers::new([at_home, by_tokens]));
    let run = |app: &mut App, direction: &'static str| {
        app.world_mut()
            .write_message(GenieInput::press(world, direction));
        let mut way = 0;
        for _ in 0..16 {
            step(app, world);
            let motion = app.world().get::<GenieMotion>(world).unwrap();
            way += motion.scene().unwrap().by.x;
        }
        app.world_mut()
            .write_message(GenieInput::release(world, direction));
        way
    };
    let go_home = |app: &mut App| {
        log.lock().unwrap().clear();
        app.world_mut().write_message(GenieCommand::reset(world));
        let home = ("home".to_owned(), 0);
        run_until(app, "the way home", |_| log.lock().unwrap().contains(&home));
    };
    go_home(&mut app);
    let right = run(&mut app, "right");
    assert!(
        right < -8,
        "running right moved the scene by {right} pixels"
    );
    for name in ["-home", "-home by tokens"] {
        let left = log.lock().unwrap().iter().any(|(n, _)| n == name);
        assert!(left, "{name}: never left home");
    }
    go_home(&mut app);
    let left = run(&mut app, "left");
    assert!(left > 8, "running left moved the scene by {left} pixels");
}
