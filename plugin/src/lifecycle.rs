//! Events of a world's life. They target the world's entity: observe them there, or globally.

use bevy::prelude::*;

use crate::GenieError;

/// The world's prompt has been taken in: its texture and [`WorldFrame`](crate::WorldFrame) are there, and it runs
/// unless it is paused. Comes again after a new prompt.
#[derive(EntityEvent, Clone, Debug)]
pub struct GenieReady {
    /// The world.
    #[event_target]
    pub world: Entity,
    /// Size of its frames in pixels.
    pub size: UVec2,
    /// Number `A` of its latent actions.
    pub actions: usize,
}

/// The world is back at its prompt.
#[derive(EntityEvent, Clone, Debug)]
pub struct GenieReset {
    /// The world.
    #[event_target]
    pub world: Entity,
}

/// The world has failed and stands still, its last frame on show. A reset or a new prompt starts it again.
#[derive(EntityEvent, Debug)]
pub struct GenieFailed {
    /// The world.
    #[event_target]
    pub world: Entity,
    /// Why; it has been logged too.
    pub error: GenieError,
}
