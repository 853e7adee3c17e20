//! Sticks of gamepads as buttons: each direction is pressed or not.

use bevy::input::InputSystems;
use bevy::prelude::*;
use bevy_genie::prelude::*;

/// The directions that the sticks of all gamepads are pushed in.
pub(crate) type Sticks = ButtonInput<GenieStickDirection>;

/// From here on a direction is pressed, as for the worlds.
const PRESSED: f32 = 0.5;
/// Below this it is released, so that it does not flicker.
const RELEASED: f32 = 0.4;

/// Follows the sticks.
pub(crate) struct SticksPlugin;

impl Plugin for SticksPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Sticks>()
            .add_systems(PreUpdate, follow.after(InputSystems));
    }
}

fn follow(pads: Query<&Gamepad>, mut sticks: ResMut<Sticks>) {
    let sticks = sticks.bypass_change_detection();
    sticks.clear();
    for direction in GenieStickDirection::ALL {
        let push = pads.iter().map(|pad| direction.push(pad));
        let push = push.fold(0.0, f32::max);
        if push >= PRESSED {
            sticks.press(direction);
        } else if push < RELEASED {
            sticks.release(direction);
        }
    }
}
