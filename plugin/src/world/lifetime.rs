//! Worlds come and go with their components.

use bevy::prelude::*;

use crate::input::collect::HeldActions;
use crate::input::press::PressedInputs;
use crate::output::frame::GenieTexture;
use crate::worker::Worker;
use crate::worker::request::Request;
use crate::world::component::{GeniePhase, GenieStatus, GenieWorld};
use crate::world::events::{GenieEndReason, GenieEnded};
use crate::world::runtime::WorldRuntime;

/// A world has been spawned, or its component replaced: it starts, or starts anew.
pub(crate) fn begin_world(
    insert: On<Insert, GenieWorld>,
    mut worlds: Query<(
        &mut GenieTexture,
        &mut GenieStatus,
        &mut WorldRuntime,
        &mut HeldActions,
        &mut PressedInputs,
    )>,
    images: Option<Res<Assets<Image>>>,
    mut worker: ResMut<Worker>,
) {
    let Ok((mut texture, mut status, mut runtime, mut held, mut pressed)) =
        worlds.get_mut(insert.entity)
    else {
        return;
    };
    if let Some(images) = images
        && texture.0 == Handle::default()
    {
        texture.0 = images.reserve_handle();
    }
    *status = GenieStatus::default();
    runtime.restart(worker.generation());
    *held = HeldActions::default();
    pressed.0.clear();
    debug_assert_eq!(status.phase, GeniePhase::Loading);
}

/// The world is despawned, or its component removed.
pub(crate) fn end_world(
    remove: On<Remove, GenieWorld>,
    mut worker: ResMut<Worker>,
    mut commands: Commands,
) {
    let world = remove.entity;
    worker.push(Request::End { world });
    let reason = GenieEndReason::Removed;
    commands.trigger(GenieEnded { world, reason });
}
