//! The clocks of worlds, their sampler, blending on display, run conditions.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::time::Duration;

use bevy::prelude::*;
use bevy_genie::prelude::*;
use genie_tests::{app, checkered, run_until, tiny_checkpoint, wait_for_tick};

const STEP: Duration = Duration::from_millis(20);

fn start(clock: GenieClock) -> (App, Entity) {
    let mut app = app(std::path::Path::new("."), STEP);
    let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
    let model = models.add(GenieModel::new(tiny_checkpoint(1)));
    let genie = GenieWorld::new(model, checkered(16, 16));
    let world = app
        .world_mut()
        .spawn((genie, clock.with_tick_rate(10.0)))
        .id();
    wait_for_tick(&mut app, world, 0);
    (app, world)
}

fn clock(app: &mut App, world: Entity) -> Mut<'_, GenieClock> {
    app.world_mut().get_mut(world).unwrap()
}

fn tick(app: &App, world: Entity) -> u64 {
    app.world().get::<GenieFrame>(world).unwrap().tick
}

/// Ticks that fell due in so many updates of 20 ms: those whose frames arrived, and those left out on a busy machine.
fn ticks(app: &mut App, world: Entity, updates: u32) -> u64 {
    let due = |app: &App| {
        let late = app.world().get::<GenieStatus>(world).unwrap().late_ticks;
        tick(app, world) + late
    };
    let before = due(app);
    for _ in 0..updates {
        app.update();
        std::thread::sleep(Duration::from_millis(2));
    }
    due(app) - before
}

/// Lets what is under way arrive, then counts the ticks of a world that should stand still.
fn ticks_at_rest(app: &mut App, world: Entity) -> u64 {
    while ticks(app, world, 30) > 1 {}
    ticks(app, world, 30);
    ticks(app, world, 50)
}

#[test]
fn rate_speed_and_pauses_set_the_number_of_ticks() {
    let (mut app, world) = start(GenieClock::default());
    let within = |ticks: u64, expected: u64| ticks.abs_diff(expected) <= 2;
    let count = ticks(&mut app, world, 100);
    assert!(within(count, 20), "two seconds at ten a second: {count}");
    clock(&mut app, world).speed = 0.5;
    let count = ticks(&mut app, world, 100);
    assert!(within(count, 10), "half as fast: {count}");
    app.world_mut().resource_mut::<GenieSettings>().speed = 4.0;
    let count = ticks(&mut app, world, 100);
    assert!(within(count, 40), "both speeds count: {count}");
    clock(&mut app, world).paused = true;
    assert_eq!(ticks_at_rest(&mut app, world), 0);
    let before = tick(&app, world);
    app.world_mut().write_message(GenieCommand::step(world));
    wait_for_tick(&mut app, world, before + 1);
    assert_eq!(
        ticks_at_rest(&mut app, world),
        0,
        "a single step while paused"
    );
    clock(&mut app, world).paused = false;
    for speed in [0.0, -3.0, f32::NAN] {
        clock(&mut app, world).speed = speed;
        assert_eq!(ticks_at_rest(&mut app, world), 0, "{speed}");
    }
    clock(&mut app, world).speed = 0.5;
    clock(&mut app, world).tick_rate = Some(5.0);
    let count = ticks(&mut app, world, 100);
    assert!(within(count, 20), "half the rate: {count}");
}

#[test]
fn a_slow_model_loses_ticks_and_nothing_piles_up() {
    // A quarter of a second, 250 ticks, passes with each frame of the game: no worker can keep up.
    let mut app = app(std::path::Path::new("."), Duration::from_millis(250));
    let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
    let model = models.add(GenieModel::new(tiny_checkpoint(1)));
    let genie = GenieWorld::new(model, checkered(16, 16));
    let clock = GenieClock::default().with_tick_rate(1000.0);
    let world = app.world_mut().spawn((genie, clock)).id();
    wait_for_tick(&mut app, world, 3);
    let late = app.world().get::<GenieStatus>(world).unwrap().late_ticks;
    assert!(late > 400, "{late}");
    // The newest action counts for the very next frame that is asked for: at most one is under way.
    app.world_mut()
        .write_message(GenieInput::press(world, "left"));
    app.update();
    let pressed_at = tick(&app, world);
    let frame = wait_for_tick(&mut app, world, pressed_at + 2);
    assert_eq!(frame.action, Some(1));
}

#[test]
fn sampler_settings_take_effect_at_the_next_tick() {
    let play = |change: Option<GenieSamplerSettings>| {
        let (mut app, world) = start(GenieClock::paused());
        let mut frames = Vec::new();
        for tick in 1..=12 {
            if tick == 5
                && let Some(sampler) = &change
            {
                let mut sampling = app.world_mut().get_mut::<GenieSampler>(world).unwrap();
                sampling.settings = sampler.clone();
            }
            app.world_mut().write_message(GenieCommand::step(world));
            let frame = wait_for_tick(&mut app, world, tick);
            frames.push(frame.pixels.pixels().to_vec());
        }
        frames
    };
    let plain = play(None);
    assert_eq!(
        play(Some(GenieSamplerSettings::default())),
        plain,
        "no change is no change"
    );
    let hot = GenieSamplerSettings {
        temperature: 9.0,
        top_p: 1.0,
        ..default()
    };
    let changed = play(Some(hot));
    assert_eq!(changed[..4], plain[..4]);
    assert_ne!(changed[4..], plain[4..]);
    let invalid = GenieSamplerSettings {
        steps: 99,
        ..default()
    };
    assert_eq!(
        play(Some(invalid)),
        plain,
        "settings out of range leave the old ones in force"
    );
}

#[test]
fn frames_blend_on_display_only() {
    let (mut app, world) = start(GenieClock::paused());
    app.world_mut()
        .entity_mut(world)
        .insert(GenieBlend::default());
    let shown = |app: &App| {
        let texture = app.world().get::<GenieTexture>(world).unwrap();
        let images = app.world().resource::<Assets<Image>>();
        images.get(&texture.0).unwrap().data.clone().unwrap()
    };
    // The tiny model's frames may repeat: go on until one differs.
    for next in 1..50 {
        let from = shown(&app);
        app.world_mut().write_message(GenieCommand::step(world));
        let to = wait_for_tick(&mut app, world, next).pixels.to_rgba();
        if from == to {
            run_until(&mut app, "the end of the fade", |_| true);
            for _ in 0..6 {
                app.update();
            }
            continue;
        }
        let first = shown(&app);
        assert!(first != from && first != to, "a fifth of the way");
        let between = first.iter().zip(from.iter().zip(&to));
        for (&mixed, (&a, &b)) in between {
            assert!(a.min(b) <= mixed.saturating_add(1) && mixed <= a.max(b));
        }
        for _ in 0..5 {
            app.update();
        }
        assert_eq!(shown(&app), to);
        return;
    }
    panic!("all frames are the same");
}

#[derive(Component)]
struct Level;

#[derive(Resource, Default)]
struct Ran([u32; 3]);

#[test]
fn run_conditions_follow_the_worlds() {
    let mut app = app(std::path::Path::new("."), STEP);
    app.init_resource::<Ran>().add_systems(
        Update,
        (
            (|mut ran: ResMut<Ran>| ran.0[0] += 1).run_if(any_world_ready),
            (|mut ran: ResMut<Ran>| ran.0[1] += 1).run_if(all_worlds_ready),
            (|mut ran: ResMut<Ran>| ran.0[2] += 1).run_if(world_is_ready::<Level>),
        ),
    );
    let ran = |app: &mut App| {
        app.insert_resource(Ran::default());
        app.update();
        app.world().resource::<Ran>().0
    };
    assert_eq!(ran(&mut app), [0, 0, 0]);
    let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
    let model = models.add(GenieModel::new(tiny_checkpoint(1)));
    let genie = GenieWorld::new(model, checkered(16, 16));
    let plain = app.world_mut().spawn(genie.clone()).id();
    wait_for_tick(&mut app, plain, 0);
    assert_eq!(ran(&mut app), [1, 1, 0]);
    let missing = GenieWorld {
        prompt: GeniePrompt::File("nowhere.png".into()),
        ..genie
    };
    let level = app.world_mut().spawn((missing, Level)).id();
    assert_eq!(ran(&mut app), [1, 0, 0]);
    app.world_mut()
        .write_message(GenieCommand::prompt(level, checkered(9, 9).into()));
    wait_for_tick(&mut app, level, 0);
    assert_eq!(ran(&mut app), [1, 1, 1]);
}
