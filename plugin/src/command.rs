//! Orders to a running world.

use bevy::prelude::*;

use crate::GeniePrompt;

/// Message: an order to one world, carried out in [`GenieSystems::Dispatch`](crate::GenieSystems::Dispatch).
///
/// Orders to an entity that is no world are ignored.
#[derive(Message, Clone, Debug)]
pub struct WorldCommand {
    /// The world.
    pub world: Entity,
    /// What it is to do.
    pub order: WorldOrder,
}

/// What a world can be told to do.
#[derive(Clone, Debug)]
pub enum WorldOrder {
    /// Stop ticking; the last frame stays.
    Pause,
    /// Tick again.
    Resume,
    /// Dream one more frame as soon as possible, paused or not, under the action held then.
    Step,
    /// Go back to the prompt and its seed; [`GenieReset`](crate::GenieReset) follows. A failed world is started anew.
    Reset,
    /// Start over from another picture; [`GenieReady`](crate::GenieReady) follows.
    Prompt(GeniePrompt),
}

impl WorldCommand {
    /// The order [`WorldOrder::Pause`].
    pub fn pause(world: Entity) -> Self {
        let order = WorldOrder::Pause;
        Self { world, order }
    }

    /// The order [`WorldOrder::Resume`].
    pub fn resume(world: Entity) -> Self {
        let order = WorldOrder::Resume;
        Self { world, order }
    }

    /// The order [`WorldOrder::Step`].
    pub fn step(world: Entity) -> Self {
        let order = WorldOrder::Step;
        Self { world, order }
    }

    /// The order [`WorldOrder::Reset`].
    pub fn reset(world: Entity) -> Self {
        let order = WorldOrder::Reset;
        Self { world, order }
    }

    /// The order [`WorldOrder::Prompt`].
    pub fn prompt(world: Entity, prompt: GeniePrompt) -> Self {
        let order = WorldOrder::Prompt(prompt);
        Self { world, order }
    }
}
