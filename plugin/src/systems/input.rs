//! The keyboard presses actions.

use bevy::prelude::*;

use crate::action::key_name;
use crate::session::Session;
use crate::{InputAction, KeyboardControl, LatentActionMap};

/// Turns the keys that worlds listen to into [`InputAction`] messages named after the keys.
///
/// Compares what is held with what was reported, so that nothing is missed when a world appears, the keyboard is turned
/// off or the window loses its focus.
pub(crate) fn press_keys(
    keyboard: Option<Res<ButtonInput<KeyCode>>>,
    mut worlds: Query<(Entity, &KeyboardControl, &LatentActionMap, &mut Session)>,
    mut actions: MessageWriter<InputAction>,
) {
    let Some(keyboard) = keyboard else {
        return;
    };
    let held: Vec<_> = keyboard.get_pressed().map(|&key| key_name(key)).collect();
    let tapped = keyboard.get_just_pressed();
    let tapped: Vec<_> = tapped.map(|&key| key_name(key)).collect();
    for (world, control, map, mut session) in &mut worlds {
        let listens = |name: &&String| control.enabled && map.names().any(|known| known == *name);
        if held.is_empty() && tapped.is_empty() && session.devices.is_empty() {
            continue;
        }
        let now: Vec<std::borrow::Cow<'static, str>> = held
            .iter()
            .filter(listens)
            .map(|name| name.clone().into())
            .collect();
        for name in &session.devices {
            if !now.contains(name) {
                actions.write(InputAction::release(world, name.clone()));
            }
        }
        for name in &now {
            if !session.devices.contains(name) {
                actions.write(InputAction::press(world, name.clone()));
            }
        }
        // Pressed and released between two frames of the game.
        for name in tapped.iter().filter(listens) {
            if !now.iter().any(|n| n == name) && !session.devices.iter().any(|n| n == name) {
                actions.write(InputAction::press(world, name.clone()));
                actions.write(InputAction::release(world, name.clone()));
            }
        }
        session.devices = now;
    }
}
