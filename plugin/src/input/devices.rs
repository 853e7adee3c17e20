//! Devices that press actions without game code: keys, mouse buttons, gamepad buttons and sticks.

use std::borrow::Cow;

use bevy::input::keyboard::NativeKeyCode;
use bevy::prelude::*;
use bevy::reflect::enums::Enum;

/// A key, a button or a direction of a stick, under its name in [`GenieInput`](crate::GenieInput) and
/// [`GenieActionMap`](crate::GenieActionMap).
#[derive(Reflect, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[reflect(Debug, PartialEq, Hash, Clone)]
pub enum GenieInputSource {
    /// Named as the variant of `KeyCode`: `ArrowRight`, `KeyA`. A key that Bevy does not know is named by its number on
    /// its system: `Unidentified(Xkb(210))`.
    Key(KeyCode),
    /// `MouseLeft`, `MouseRight`, `MouseMiddle`, `MouseBack`, `MouseForward`, `MouseOther(6)`.
    Mouse(MouseButton),
    /// `GamepadSouth`, `GamepadDPadLeft`, `GamepadRightTrigger2` and so on, after the variant of `GamepadButton`.
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
    /// All directions of both sticks.
    pub const ALL: [Self; 8] = [
        Self::LeftStickLeft,
        Self::LeftStickRight,
        Self::LeftStickUp,
        Self::LeftStickDown,
        Self::RightStickLeft,
        Self::RightStickRight,
        Self::RightStickUp,
        Self::RightStickDown,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::LeftStickLeft => "LeftStickLeft",
            Self::LeftStickRight => "LeftStickRight",
            Self::LeftStickUp => "LeftStickUp",
            Self::LeftStickDown => "LeftStickDown",
            Self::RightStickLeft => "RightStickLeft",
            Self::RightStickRight => "RightStickRight",
            Self::RightStickUp => "RightStickUp",
            Self::RightStickDown => "RightStickDown",
        }
    }

    /// How far the gamepad's stick is pushed this way: 0 to 1, below 0 if it is pushed the other way.
    pub fn push(self, gamepad: &Gamepad) -> f32 {
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
    /// Its name in actions and maps. Names are part of the interface, since maps that are saved hold them.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Key(KeyCode::Unidentified(native)) => match native {
                NativeKeyCode::Unidentified => "Unidentified(Unidentified)".into(),
                NativeKeyCode::Android(code) => format!("Unidentified(Android({code}))").into(),
                NativeKeyCode::MacOS(code) => format!("Unidentified(MacOS({code}))").into(),
                NativeKeyCode::Windows(code) => format!("Unidentified(Windows({code}))").into(),
                NativeKeyCode::Xkb(code) => format!("Unidentified(Xkb({code}))").into(),
            },
            Self::Key(key) => key.variant_name().to_owned().into(),
            Self::Mouse(button) => match button {
                MouseButton::Left => "MouseLeft".into(),
                MouseButton::Right => "MouseRight".into(),
                MouseButton::Middle => "MouseMiddle".into(),
                MouseButton::Back => "MouseBack".into(),
                MouseButton::Forward => "MouseForward".into(),
                MouseButton::Other(number) => format!("MouseOther({number})").into(),
            },
            Self::Gamepad(GamepadButton::Other(number)) => format!("GamepadOther({number})").into(),
            Self::Gamepad(button) => format!("Gamepad{}", button.variant_name()).into(),
            Self::Stick(direction) => direction.name().into(),
        }
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

/// Which gamepads press this world's actions. Bevy reads gamepads when its feature `bevy_gilrs` is on, which the game
/// decides.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_inputs_stay_as_saved_maps_have_them() {
        let names: [(GenieInputSource, &str); 12] = [
            (KeyCode::ArrowRight.into(), "ArrowRight"),
            (KeyCode::KeyA.into(), "KeyA"),
            (KeyCode::Digit7.into(), "Digit7"),
            (KeyCode::Space.into(), "Space"),
            (KeyCode::ShiftLeft.into(), "ShiftLeft"),
            (
                KeyCode::Unidentified(NativeKeyCode::Xkb(210)).into(),
                "Unidentified(Xkb(210))",
            ),
            (MouseButton::Left.into(), "MouseLeft"),
            (MouseButton::Other(6).into(), "MouseOther(6)"),
            (GamepadButton::DPadLeft.into(), "GamepadDPadLeft"),
            (GamepadButton::RightTrigger2.into(), "GamepadRightTrigger2"),
            (GamepadButton::Other(3).into(), "GamepadOther(3)"),
            (GenieStickDirection::LeftStickUp.into(), "LeftStickUp"),
        ];
        for (input, name) in names {
            assert_eq!(input.name(), name);
        }
    }
}
