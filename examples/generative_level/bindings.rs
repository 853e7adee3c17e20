//! Which keys and buttons do what.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bevy::prelude::*;
use bevy_genie::prelude::*;
use serde::{Deserialize, Serialize};

use crate::sticks::Sticks;

/// Something that the player does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Control {
    /// Run to the left.
    Left,
    /// Run to the right.
    Right,
    /// Jump, and flutter on upwards while held.
    Jump,
    /// Run time backwards while held.
    Rewind,
    /// Pause.
    Pause,
    /// Begin again.
    Restart,
}

impl Control {
    /// All of them, as the settings list them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Left,
        Self::Right,
        Self::Jump,
        Self::Rewind,
        Self::Pause,
        Self::Restart,
    ];

    /// In words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
            Self::Jump => "jump",
            Self::Rewind => "rewind",
            Self::Pause => "pause",
            Self::Restart => "restart",
        }
    }
}

/// Names of keys, buttons and sticks, as [`GenieInputSource`] has them, for each control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Bindings(BTreeMap<Control, Vec<String>>);

impl Default for Bindings {
    fn default() -> Self {
        let sources = |control| -> &[&str] {
            match control {
                Control::Left => &["ArrowLeft", "KeyA", "GamepadDPadLeft", "LeftStickLeft"],
                Control::Right => &["ArrowRight", "KeyD", "GamepadDPadRight", "LeftStickRight"],
                Control::Jump => &["Space", "ArrowUp", "KeyW", "GamepadSouth"],
                Control::Rewind => &["Backspace", "ShiftLeft", "GamepadWest"],
                Control::Pause => &["Escape", "KeyP", "GamepadStart"],
                Control::Restart => &["KeyR", "GamepadSelect"],
            }
        };
        let all = Control::ALL.map(|control| {
            let names = sources(control).iter().map(|&name| name.to_owned());
            (control, names.collect())
        });
        Self(all.into())
    }
}

/// Where something is that can be bound.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Keyboard,
    Button,
    Stick,
}

impl Part {
    fn of(name: &str) -> Self {
        if name.contains("Stick") {
            Self::Stick
        } else if name.starts_with("Gamepad") {
            Self::Button
        } else {
            Self::Keyboard
        }
    }
}

/// Whether players are offered an action of this name.
fn offers(model: &GenieModel, name: &str) -> bool {
    let mut labels = model.actions().iter();
    labels.any(|label| label.name == name && !label.hidden)
}

impl Bindings {
    /// The names bound to a control.
    pub(crate) fn of(&self, control: Control) -> &[String] {
        self.0.get(&control).map_or(&[], Vec::as_slice)
    }

    /// Binds a key in place of the control's keys, a button of a gamepad in place of its buttons, or a direction of a stick in place of
    /// its directions. Whatever it did before it does no longer.
    pub(crate) fn rebind(&mut self, control: Control, source: GenieInputSource) {
        let name = source.name().into_owned();
        for names in self.0.values_mut() {
            names.retain(|other| *other != name);
        }
        let names = self.0.entry(control).or_default();
        names.retain(|other| Part::of(other) != Part::of(&name));
        names.insert(0, name);
    }

    /// The keys of a control, in short.
    pub(crate) fn keys_in_words(&self, control: Control) -> String {
        self.in_words(control, |part| part == Part::Keyboard)
    }

    /// Its gamepad buttons and sticks, in short.
    pub(crate) fn buttons_in_words(&self, control: Control) -> String {
        self.in_words(control, |part| part != Part::Keyboard)
    }

    fn in_words(&self, control: Control, wanted: impl Fn(Part) -> bool) -> String {
        let names = self.of(control).iter();
        let wanted = names.filter(|name| wanted(Part::of(name)));
        let words: Vec<_> = wanted.map(|name| in_words(name)).collect();
        if words.is_empty() {
            "-".to_owned()
        } else {
            words.join(", ")
        }
    }

    /// Whether the control is held, and whether it has just been pressed.
    pub(crate) fn state<'a>(
        &self,
        control: Control,
        keys: &ButtonInput<KeyCode>,
        pads: impl Iterator<Item = &'a Gamepad>,
        sticks: &Sticks,
    ) -> (bool, bool) {
        let bound = |source: GenieInputSource| {
            let name = source.name();
            self.of(control).iter().any(|other| *other == name)
        };
        let mut held = keys.get_pressed().any(|&key| bound(key.into()));
        let mut just = keys.get_just_pressed().any(|&key| bound(key.into()));
        held |= sticks.get_pressed().any(|&push| bound(push.into()));
        just |= sticks.get_just_pressed().any(|&push| bound(push.into()));
        for pad in pads {
            held |= pad.get_pressed().any(|&button| bound(button.into()));
            just |= pad.get_just_pressed().any(|&button| bound(button.into()));
        }
        (held, just)
    }

    /// Whether a model has the actions that these controls are for.
    pub(crate) fn steer(model: &GenieModel) -> bool {
        let controls = ["left", "right", "jump"];
        controls.into_iter().all(|name| offers(model, name))
    }

    /// The plugin's map of these bindings, for a world with these labels; its own map if it is another kind of game.
    pub(crate) fn action_map(&self, model: &GenieModel) -> GenieActionMap {
        if !Self::steer(model) {
            return GenieActionMap::default();
        }
        let known = |name: &str| offers(model, name);
        let mut map = GenieActionMap::without_labels();
        let names = |control| self.of(control).iter().map(|name| Cow::Owned(name.clone()));
        for (control, label) in [
            (Control::Left, "left"),
            (Control::Right, "right"),
            (Control::Jump, "jump"),
        ] {
            for name in names(control) {
                map.add([name], label);
            }
        }
        for (control, label) in [(Control::Left, "left_jump"), (Control::Right, "right_jump")] {
            if !known(label) {
                continue;
            }
            for steer in names(control) {
                for jump in names(Control::Jump) {
                    map.add([steer.clone(), jump], label);
                }
            }
        }
        map
    }
}

/// `ArrowLeft` is shown as `Left`, `KeyA` as `A`, `LeftStickUp` as `StickUp`.
pub(crate) fn in_words(name: &str) -> String {
    if let Some(direction) = name.strip_prefix("LeftStick") {
        return format!("Stick{direction}");
    }
    for prefix in ["Arrow", "Key", "Digit", "Gamepad"] {
        if let Some(rest) = name.strip_prefix(prefix) {
            return rest.to_owned();
        }
    }
    name.to_owned()
}
