//! Worlds come and go with their components.

use bevy::prelude::*;

use crate::session::Session;
use crate::worker::{Request, Worker};
use crate::{EndReason, GenieEnded, GenieTexture, GenieWorld, WorldPhase, WorldStatus};

/// A world has been spawned, or its component replaced: it starts, or starts anew.
pub(crate) fn begin_world(
    insert: On<Insert, GenieWorld>,
    mut worlds: Query<(&mut GenieTexture, &mut WorldStatus, &mut Session)>,
    images: Option<Res<Assets<Image>>>,
    mut worker: ResMut<Worker>,
) {
    let Ok((mut texture, mut status, mut session)) = worlds.get_mut(insert.entity) else {
        return;
    };
    if let Some(images) = images
        && texture.0 == Handle::default()
    {
        texture.0 = images.reserve_handle();
    }
    *status = WorldStatus::default();
    session.restart(worker.ticket());
    session.devices.clear();
    session.held = crate::action::HeldActions::default();
    debug_assert_eq!(status.phase, WorldPhase::Loading);
}

/// The world is despawned, or no world any more.
pub(crate) fn end_world(
    remove: On<Remove, GenieWorld>,
    mut worker: ResMut<Worker>,
    mut commands: Commands,
) {
    let world = remove.entity;
    worker.push(Request::End { world });
    let reason = EndReason::Removed;
    commands.trigger(GenieEnded { world, reason });
}
