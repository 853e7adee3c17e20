//! Worlds that are under one latent action for as long as they run.

use bevy::prelude::*;
use bevy_genie::prelude::*;

/// The latent action that a world is held under, by its number.
#[derive(Component)]
pub struct HeldAction(pub usize);

/// Observer: presses the action of a world that has begun, by its number, whatever its label is.
pub fn hold_action(
    ready: On<GenieReady>,
    worlds: Query<&HeldAction>,
    mut actions: MessageWriter<GenieInput>,
) {
    if let Ok(HeldAction(action)) = worlds.get(ready.world) {
        actions.write(GenieInput::press(ready.world, action.to_string()));
    }
}
