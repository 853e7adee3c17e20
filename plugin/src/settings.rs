//! What holds for all worlds and can be changed while the game runs.

use bevy::prelude::*;

/// Resource: settings of all worlds, to be changed at run time. What cannot be changed is in
/// [`GeniePlugin`](crate::GeniePlugin).
#[derive(Resource, Reflect, Clone, Copy, Debug, PartialEq)]
#[reflect(Resource, Default, Debug, PartialEq, Clone)]
pub struct GenieSettings {
    /// Frames per second of worlds that do not set their own; `None` takes each model's. Starts as
    /// [`GeniePlugin::tick_rate`](crate::GeniePlugin::tick_rate).
    pub tick_rate: Option<f32>,
    /// How fast time passes in all worlds, on top of their own [`speed`](crate::GenieWorld::speed).
    pub speed: f32,
    /// Whether all worlds stand still, apart from single steps.
    pub paused: bool,
}

impl Default for GenieSettings {
    fn default() -> Self {
        Self {
            tick_rate: None,
            speed: 1.0,
            paused: false,
        }
    }
}
