//! Which named actions are held: presses and releases in, the actions of the next tick out.

use std::borrow::Cow;
use std::time::Instant;

use bevy::prelude::*;

use crate::input::action_map::GenieActionMap;

/// More names than this are not held at once; the oldest is forgotten.
const MAX_HELD: usize = 64;

/// Message: a named action of a world is pressed or released, by a key, a gamepad or game code.
///
/// An action stays held until it is released. One that is pressed and released between two ticks still counts for the
/// next tick. Names are those of the world's [`GenieActionMap`]: the labels of its checkpoint, latent actions written as
/// numbers, keys and buttons as [`GenieInputSource`](crate::GenieInputSource) names them, and what the game has bound.
#[derive(Message, Reflect, Clone, Debug, PartialEq)]
#[reflect(Debug, PartialEq, Clone)]
pub struct GenieInput {
    /// The world.
    pub world: Entity,
    /// Name of the action.
    pub action: Cow<'static, str>,
    /// 0 for released, 1 for pressed, anything between for a stick or trigger.
    pub value: f32,
}

impl GenieInput {
    /// The action is pressed.
    pub fn press(world: Entity, action: impl Into<Cow<'static, str>>) -> Self {
        Self {
            world,
            action: action.into(),
            value: 1.0,
        }
    }

    /// The action is released.
    pub fn release(world: Entity, action: impl Into<Cow<'static, str>>) -> Self {
        Self {
            value: 0.0,
            ..Self::press(world, action)
        }
    }

    /// Whether the value counts as pressed: at least one half.
    pub fn pressed(&self) -> bool {
        self.value >= 0.5
    }
}

/// Notes which actions are held.
pub(crate) fn collect_actions(
    mut actions: MessageReader<GenieInput>,
    mut worlds: Query<&mut HeldActions>,
) {
    for action in actions.read() {
        if let Ok(mut held) = worlds.get_mut(action.world) {
            held.apply(action);
        }
    }
}

/// The actions held in one world, in the order in which they were pressed.
#[derive(Component, Debug, Default)]
pub(crate) struct HeldActions {
    held: Vec<Held>,
    /// When the first change since the last tick came in.
    changed: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    name: Cow<'static, str>,
    down: bool,
    /// Pressed since the last tick.
    fresh: bool,
}

impl HeldActions {
    pub(crate) fn apply(&mut self, action: &GenieInput) {
        let at = self.held.iter().position(|h| h.name == action.action);
        let down = at.is_some_and(|at| self.held[at].down);
        if down != action.pressed() {
            self.changed.get_or_insert_with(Instant::now);
        }
        match (at, action.pressed()) {
            // A stick reports its value again and again: that is no new press.
            (Some(_), true) if down => {}
            (at, true) => {
                if let Some(at) = at {
                    self.held.remove(at);
                } else if self.held.len() >= MAX_HELD {
                    self.held.remove(0);
                }
                self.held.push(Held {
                    name: action.action.clone(),
                    down: true,
                    fresh: true,
                });
            }
            (Some(at), false) => {
                self.held[at].down = false;
                if !self.held[at].fresh {
                    self.held.remove(at);
                }
            }
            (None, false) => {}
        }
    }

    /// The latent action of this tick, and when the first press or release came in that it takes account of. Actions that
    /// were pressed and released since the last tick have counted once then.
    pub(crate) fn take(&mut self, map: &GenieActionMap) -> (usize, Option<Instant>) {
        let names: Vec<&str> = self.held.iter().map(|held| &*held.name).collect();
        let action = map.resolve(&names);
        self.held.retain_mut(|held| {
            held.fresh = false;
            held.down
        });
        (action, self.changed.take())
    }
}

#[cfg(test)]
mod tests {
    use genie_model::ActionLabel;

    use super::*;

    fn map() -> GenieActionMap {
        let labels = ["left", "idle", "right", "jump"].map(|name| ActionLabel {
            name: name.to_owned(),
            keys: Vec::new(),
            ..ActionLabel::default()
        });
        let mut map = GenieActionMap::default();
        map.learn(&labels);
        map
    }

    #[test]
    fn a_tap_between_ticks_counts_once() {
        let (map, mut held) = (map(), HeldActions::default());
        let world = Entity::PLACEHOLDER;
        held.apply(&GenieInput::press(world, "jump"));
        held.apply(&GenieInput::release(world, "jump"));
        assert_eq!(held.take(&map).0, 3);
        assert_eq!(held.take(&map).0, 1);
        held.apply(&GenieInput::press(world, "right"));
        assert_eq!(held.take(&map).0, 2);
        assert_eq!(held.take(&map).0, 2);
        held.apply(&GenieInput::release(world, "right"));
        assert_eq!(held.take(&map).0, 1);
    }

    #[test]
    fn a_stick_that_repeats_itself_does_not_count_as_a_new_press() {
        let (map, mut held) = (map(), HeldActions::default());
        let world = Entity::PLACEHOLDER;
        held.apply(&GenieInput::press(world, "left"));
        held.apply(&GenieInput::press(world, "jump"));
        held.apply(&GenieInput {
            value: 0.9,
            ..GenieInput::press(world, "left")
        });
        assert_eq!(held.take(&map).0, 3);
    }
}
