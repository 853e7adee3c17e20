//! Keys, mouse buttons and gamepads of the plugin's own, and maps that change while the game runs.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::time::Duration;

use bevy::input::gamepad::GamepadAxis;
use bevy::prelude::*;
use bevy_genie::prelude::*;
use genie_tests::{app, checkered, tiny_checkpoint, wait_for_tick};

/// Actions of the tiny checkpoint.
const IDLE: Option<usize> = Some(0);
const LEFT: Option<usize> = Some(1);
const RIGHT: Option<usize> = Some(2);

fn start() -> (App, Entity) {
    let mut app = app(std::path::Path::new("."), Duration::from_millis(100));
    let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
    let model = models.add(GenieModel::new(tiny_checkpoint(1)));
    let genie = GenieWorld::new(model, checkered(16, 16));
    let world = app.world_mut().spawn((genie, GenieClock::paused())).id();
    wait_for_tick(&mut app, world, 0);
    (app, world)
}

/// The latent action of the next tick.
fn next(app: &mut App, world: Entity) -> Option<usize> {
    let before = app.world().get::<GenieFrame>(world).unwrap().tick;
    app.world_mut().write_message(GenieCommand::step(world));
    wait_for_tick(app, world, before + 1).action
}

fn map(app: &mut App, world: Entity) -> Mut<'_, GenieActionMap> {
    app.world_mut().get_mut(world).unwrap()
}

fn axis(app: &mut App, gamepad: Entity, axis: GamepadAxis, value: f32) {
    let mut gamepad = app.world_mut().get_mut::<Gamepad>(gamepad).unwrap();
    gamepad.analog_mut().set(axis, value);
}

#[test]
fn gamepads_play_what_the_checkpoint_has_on_arrow_keys() {
    let (mut app, world) = start();
    let pad = app.world_mut().spawn(Gamepad::default()).id();
    let button = |app: &mut App, pad: Entity, down: bool| {
        let mut gamepad = app.world_mut().get_mut::<Gamepad>(pad).unwrap();
        if down {
            gamepad.digital_mut().press(GamepadButton::DPadLeft);
        } else {
            gamepad.digital_mut().release(GamepadButton::DPadLeft);
        }
    };
    assert_eq!(next(&mut app, world), IDLE);
    button(&mut app, pad, true);
    assert_eq!(next(&mut app, world), LEFT);
    button(&mut app, pad, false);
    assert_eq!(next(&mut app, world), IDLE);
    // A stick counts from its threshold on, and stays until it is well below.
    for (value, action) in [
        (0.45, IDLE),
        (0.55, RIGHT),
        (0.45, RIGHT),
        (0.3, IDLE),
        (-0.9, LEFT),
    ] {
        axis(&mut app, pad, GamepadAxis::LeftStickX, value);
        assert_eq!(next(&mut app, world), action, "{value}");
    }
    // One gamepad per player.
    let other = app.world_mut().spawn(Gamepad::default()).id();
    app.world_mut()
        .get_mut::<GenieGamepad>(world)
        .unwrap()
        .gamepad = Some(other);
    assert_eq!(next(&mut app, world), IDLE);
    axis(&mut app, other, GamepadAxis::LeftStickX, 1.0);
    assert_eq!(next(&mut app, world), RIGHT);
    app.world_mut().despawn(other);
    assert_eq!(next(&mut app, world), IDLE, "unplugged");
}

#[test]
fn maps_change_while_the_world_runs() {
    let (mut app, world) = start();
    let press = |app: &mut App, button| {
        app.world_mut()
            .resource_mut::<ButtonInput<MouseButton>>()
            .press(button);
    };
    press(&mut app, MouseButton::Right);
    assert_eq!(next(&mut app, world), IDLE);
    map(&mut app, world).add([GenieInputSource::from(MouseButton::Right)], "left");
    assert_eq!(next(&mut app, world), LEFT);
    // Another map altogether: it learns the checkpoint's labels by itself.
    *map(&mut app, world) = GenieActionMap::default()
        .bind_inputs([MouseButton::Right], "right")
        .with_idle("left");
    assert_eq!(next(&mut app, world), RIGHT);
    app.world_mut()
        .get_mut::<GenieMouse>(world)
        .unwrap()
        .enabled = false;
    app.update();
    assert_eq!(next(&mut app, world), LEFT, "idles");
    app.world_mut()
        .write_message(GenieInput::press(world, "idle"));
    assert_eq!(next(&mut app, world), IDLE, "by label");
}

#[test]
fn frames_that_show_a_press_have_its_latency() {
    let (mut app, world) = start();
    next(&mut app, world);
    let latency = |app: &App| app.world().get::<GenieFrame>(world).unwrap().input_latency;
    assert_eq!(latency(&app), None);
    app.world_mut()
        .write_message(GenieInput::press(world, "left"));
    app.update();
    std::thread::sleep(Duration::from_millis(20));
    next(&mut app, world);
    assert!(latency(&app).unwrap() >= Duration::from_millis(20));
    next(&mut app, world);
    assert_eq!(latency(&app), None, "still held is nothing new");
}
