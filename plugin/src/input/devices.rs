//! What presses actions by itself: keys, mouse buttons, gamepad buttons and sticks.

use std::borrow::Cow;

use bevy::prelude::*;

/// A key, a button or a direction of a stick, under its name in [`GenieInput`](crate::GenieInput) and
/// [`GenieActionMap`](crate::GenieActionMap).
#[derive(Reflect, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[reflect(Debug, PartialEq, Hash, Clone)]
pub enum GenieInputSource {
    /// Named as Bevy's `KeyCode` names it: `ArrowRight`, `KeyA`.
    Key(KeyCode),
    /// `MouseLeft`, `MouseRight`, `MouseMiddle`, `MouseBack`, `MouseForward`, `MouseOther(6)`.
    Mouse(MouseButton),
    /// `GamepadSouth`, `GamepadDPadLeft`, `GamepadRightTrigger2` and so on, as Bevy's `GamepadButton` names it.
    Gamepad(GamepadButton),
    /// `LeftStickUp`, `RightStickLeft` and so on.
    Stick(GenieStickDirection),
}

/// Where a stick of a gamepad is pushed.
#[derive(Reflect, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[reflect(Debug, PartialEq, Hash, Clone)]
#[allow(missing_docs)] // The names say it all.
pub enum GenieStickDirection {
    LeftStickLeft,
    LeftStickRight,
    LeftStickUp,
    LeftStickDown,
    RightStickLeft,
    RightStickRight,
    RightStickUp,
    RightStickDown,
}

impl GenieStickDirection {
    pub(crate) const ALL: [Self; 8] = [
        Self::LeftStickLeft,
        Self::LeftStickRight,
        Self::LeftStickUp,
        Self::LeftStickDown,
        Self::RightStickLeft,
        Self::RightStickRight,
        Self::RightStickUp,
        Self::RightStickDown,
    ];

    /// How far the gamepad's stick is pushed this way: 0 to 1, below 0 if it is pushed the other way.
    pub(crate) fn of(self, gamepad: &Gamepad) -> f32 {
        let (left, right) = (gamepad.left_stick(), gamepad.right_stick());
        match self {
            Self::LeftStickLeft => -left.x,
            Self::LeftStickRight => left.x,
            Self::LeftStickUp => left.y,
            Self::LeftStickDown => -left.y,
            Self::RightStickLeft => -right.x,
            Self::RightStickRight => right.x,
            Self::RightStickUp => right.y,
            Self::RightStickDown => -right.y,
        }
    }
}

impl GenieInputSource {
    /// Its name in actions and maps.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Key(key) => format!("{key:?}"),
            Self::Mouse(button) => format!("Mouse{button:?}"),
            Self::Gamepad(button) => format!("Gamepad{button:?}"),
            Self::Stick(direction) => format!("{direction:?}"),
        }
        .into()
    }
}

impl From<GenieInputSource> for Cow<'static, str> {
    fn from(source: GenieInputSource) -> Self {
        source.name()
    }
}

impl From<KeyCode> for GenieInputSource {
    fn from(key: KeyCode) -> Self {
        Self::Key(key)
    }
}

impl From<MouseButton> for GenieInputSource {
    fn from(button: MouseButton) -> Self {
        Self::Mouse(button)
    }
}

impl From<GamepadButton> for GenieInputSource {
    fn from(button: GamepadButton) -> Self {
        Self::Gamepad(button)
    }
}

impl From<GenieStickDirection> for GenieInputSource {
    fn from(direction: GenieStickDirection) -> Self {
        Self::Stick(direction)
    }
}

/// Whether the keyboard presses this world's actions.
#[derive(Component, Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Component, Default, Debug, PartialEq, Clone)]
pub struct GenieKeyboard {
    /// `true` unless changed. Keys that are held when it is turned off are released.
    pub enabled: bool,
}

impl Default for GenieKeyboard {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// Whether mouse buttons press this world's actions. No checkpoint names any: only what the game binds counts.
#[derive(Component, Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Component, Default, Debug, PartialEq, Clone)]
pub struct GenieMouse {
    /// `true` unless changed. Buttons that are held when it is turned off are released.
    pub enabled: bool,
}

impl Default for GenieMouse {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// Which gamepads press this world's actions. Bevy sees gamepads when its feature `bevy_gilrs` is on, which is left to
/// the game.
#[derive(Component, Reflect, Clone, Copy, Debug, PartialEq)]
#[reflect(Component, Default, Debug, PartialEq, Clone)]
pub struct GenieGamepad {
    /// `true` unless changed. What is held when it is turned off is released.
    pub enabled: bool,
    /// The one gamepad that counts, for one player among several; `None` for all.
    pub gamepad: Option<Entity>,
    /// How far a stick must be pushed to count as pressed, 0 to 1; one half unless changed. It is released at four
    /// fifths of that, so that it does not flicker.
    pub threshold: f32,
}

impl Default for GenieGamepad {
    fn default() -> Self {
        Self {
            enabled: true,
            gamepad: None,
            threshold: 0.5,
        }
    }
}
