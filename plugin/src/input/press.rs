//! Keys, mouse buttons and gamepads press actions.

use std::borrow::Cow;
use std::hash::Hash;

use bevy::prelude::*;

use crate::input::action_map::GenieActionMap;
use crate::input::collect::GenieInput;
use crate::input::devices::{
    GenieGamepad, GenieInputSource, GenieKeyboard, GenieMouse, GenieStickDirection,
};

type Name = Cow<'static, str>;

/// Names of the keys, buttons and sticks that are held and have been reported as pressed to the world.
#[derive(Component, Debug, Default)]
pub(crate) struct PressedInputs(pub(crate) Vec<Name>);

/// Names of what is held, and of what was pressed since the last frame of the game.
#[derive(Default)]
struct Pressed {
    held: Vec<Name>,
    tapped: Vec<Name>,
}

impl Pressed {
    fn of<'a, T>(held: impl Iterator<Item = &'a T>, tapped: impl Iterator<Item = &'a T>) -> Self
    where
        T: Copy + Eq + Hash + Send + Sync + Into<GenieInputSource> + 'static,
    {
        let name = |&input: &T| input.into().name();
        Self {
            held: held.map(name).collect(),
            tapped: tapped.map(name).collect(),
        }
    }
}

/// Turns the keys, buttons and sticks that worlds listen to into [`GenieInput`] messages of the same names.
///
/// Compares what is held with what was reported, so that nothing is missed when a world appears, a device is turned off
/// or the window loses its focus.
pub(crate) fn press_inputs(
    keyboard: Option<Res<ButtonInput<KeyCode>>>,
    mouse: Option<Res<ButtonInput<MouseButton>>>,
    gamepads: Query<(Entity, &Gamepad)>,
    mut worlds: Query<(
        Entity,
        &GenieKeyboard,
        &GenieMouse,
        &GenieGamepad,
        &GenieActionMap,
        &mut PressedInputs,
    )>,
    mut actions: MessageWriter<GenieInput>,
) {
    let keys = keyboard.map_or_else(Pressed::default, |keys| {
        Pressed::of(keys.get_pressed(), keys.get_just_pressed())
    });
    let buttons = mouse.map_or_else(Pressed::default, |buttons| {
        Pressed::of(buttons.get_pressed(), buttons.get_just_pressed())
    });
    let pads: Vec<_> = gamepads
        .iter()
        .map(|(entity, pad)| {
            let pressed = Pressed::of(pad.get_pressed(), pad.get_just_pressed());
            (entity, pad, pressed)
        })
        .collect();
    for (world, keyboard, mouse, control, map, mut reported) in &mut worlds {
        let mut held: Vec<Name> = Vec::new();
        let mut tapped: Vec<Name> = Vec::new();
        let mut take = |pressed: &Pressed| {
            let listens = |name: &&Name| map.names().any(|known| known == **name);
            held.extend(pressed.held.iter().filter(listens).cloned());
            tapped.extend(pressed.tapped.iter().filter(listens).cloned());
        };
        if keyboard.enabled {
            take(&keys);
        }
        if mouse.enabled {
            take(&buttons);
        }
        for (entity, pad, pressed) in &pads {
            if !control.enabled || control.gamepad.is_some_and(|only| only != *entity) {
                continue;
            }
            take(pressed);
            let pushed = GenieStickDirection::ALL
                .into_iter()
                .filter_map(|direction| {
                    let push = direction.push(pad);
                    if push < 0.8 * control.threshold || push <= 0.0 {
                        return None;
                    }
                    let name = GenieInputSource::from(direction).name();
                    (push >= control.threshold || reported.0.contains(&name)).then_some(name)
                });
            take(&Pressed {
                held: pushed.collect(),
                tapped: Vec::new(),
            });
        }
        if held.is_empty() && tapped.is_empty() && reported.0.is_empty() {
            continue;
        }
        // Two gamepads may hold the same button.
        held.sort();
        held.dedup();
        for name in &reported.0 {
            if !held.contains(name) {
                actions.write(GenieInput::release(world, name.clone()));
            }
        }
        for name in &held {
            if !reported.0.contains(name) {
                actions.write(GenieInput::press(world, name.clone()));
            }
        }
        // Pressed and released between two frames of the game.
        for name in tapped {
            if !held.contains(&name) && !reported.0.contains(&name) {
                actions.write(GenieInput::press(world, name.clone()));
                actions.write(GenieInput::release(world, name));
            }
        }
        if reported.0 != held {
            reported.0 = held;
        }
    }
}
