//! What presses actions by itself: keys, mouse buttons, gamepad buttons and sticks.

use std::borrow::Cow;

use bevy::prelude::*;

/// A key, a button or a direction of a stick, under its name in [`InputAction`](crate::InputAction) and
/// [`LatentActionMap`](crate::LatentActionMap).
#[derive(Reflect, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[reflect(Debug, PartialEq, Hash, Clone)]
pub enum InputSource {
    /// Named as Bevy's `KeyCode` names it: `ArrowRight`, `KeyA`.
    Key(KeyCode),
    /// `MouseLeft`, `MouseRight`, `MouseMiddle`, `MouseBack`, `MouseForward`, `MouseOther(6)`.
    Mouse(MouseButton),
    /// `GamepadSouth`, `GamepadDPadLeft`, `GamepadRightTrigger2` and so on, as Bevy's `GamepadButton` names it.
    Gamepad(GamepadButton),
    /// `LeftStickUp`, `RightStickLeft` and so on.
    Stick(StickDirection),
}

/// Where a stick of a gamepad is pushed.
#[derive(Reflect, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[reflect(Debug, PartialEq, Hash, Clone)]
#[allow(missing_docs)] // The names say it all.
pub enum StickDirection {
    LeftStickLeft,
    LeftStickRight,
    LeftStickUp,
    LeftStickDown,
    RightStickLeft,
    RightStickRight,
    RightStickUp,
    RightStickDown,
}

impl StickDirection {
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

impl InputSource {
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

impl From<InputSource> for Cow<'static, str> {
    fn from(source: InputSource) -> Self {
        source.name()
    }
}

impl From<KeyCode> for InputSource {
    fn from(key: KeyCode) -> Self {
        Self::Key(key)
    }
}

impl From<MouseButton> for InputSource {
    fn from(button: MouseButton) -> Self {
        Self::Mouse(button)
    }
}

impl From<GamepadButton> for InputSource {
    fn from(button: GamepadButton) -> Self {
        Self::Gamepad(button)
    }
}

impl From<StickDirection> for InputSource {
    fn from(direction: StickDirection) -> Self {
        Self::Stick(direction)
    }
}

/// Whether the keyboard presses this world's actions.
#[derive(Component, Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Component, Default, Debug, PartialEq, Clone)]
pub struct KeyboardControl {
    /// `true` unless changed. Keys that are held when it is turned off are released.
    pub enabled: bool,
}

impl Default for KeyboardControl {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// Whether mouse buttons press this world's actions. No checkpoint names any: only what the game binds counts.
#[derive(Component, Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Component, Default, Debug, PartialEq, Clone)]
pub struct MouseControl {
    /// `true` unless changed. Buttons that are held when it is turned off are released.
    pub enabled: bool,
}

impl Default for MouseControl {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// Which gamepads press this world's actions. Bevy sees gamepads when its feature `bevy_gilrs` is on, which is left to
/// the game.
#[derive(Component, Reflect, Clone, Copy, Debug, PartialEq)]
#[reflect(Component, Default, Debug, PartialEq, Clone)]
pub struct GamepadControl {
    /// `true` unless changed. What is held when it is turned off is released.
    pub enabled: bool,
    /// The one gamepad that counts, for one player among several; `None` for all.
    pub gamepad: Option<Entity>,
    /// How far a stick must be pushed to count as pressed, 0 to 1; one half unless changed. It is released at four
    /// fifths of that, so that it does not flicker.
    pub threshold: f32,
}

impl Default for GamepadControl {
    fn default() -> Self {
        Self {
            enabled: true,
            gamepad: None,
            threshold: 0.5,
        }
    }
}
