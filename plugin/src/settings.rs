//! What holds for all worlds: settings that can be changed while the game runs, and the sets of systems to order by.

use bevy::prelude::*;

/// Resource: settings of all worlds, to be changed at run time. What cannot be changed is in
/// [`GeniePlugin`](crate::GeniePlugin).
#[derive(Resource, Reflect, Clone, Copy, Debug, PartialEq)]
#[reflect(Resource, Default, Debug, PartialEq, Clone)]
pub struct GenieSettings {
    /// Frames per second of worlds that do not set their own; `None` takes each model's. Starts as
    /// [`GeniePlugin::tick_rate`](crate::GeniePlugin::tick_rate).
    pub tick_rate: Option<f32>,
    /// Share of its ticks (0 to 1) that each world should get at least, where the machine can do it: half of them unless
    /// changed. A world below it takes more than what others leave over, see [`GeniePriority`](crate::GeniePriority).
    ///
    /// Where the model is too slow for the floor on this machine, the worlds get half the time of a core instead. 0 gives them
    /// only what others leave over.
    pub rate_floor: f32,
    /// How fast time passes in all worlds, on top of their own [`speed`](crate::GenieClock::speed): 0 stops all clocks.
    pub speed: f32,
}

impl Default for GenieSettings {
    fn default() -> Self {
        Self {
            tick_rate: None,
            rate_floor: 0.5,
            speed: 1.0,
        }
    }
}

/// When the plugin's parts run.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GenieSystems {
    /// In `PreUpdate`: frames that have arrived become textures, [`GenieFrame`](crate::GenieFrame) components and messages, and the events
    /// of [`GenieReady`](crate::GenieReady) and the like. Systems of `Update` see them in the same frame.
    Receive,
    /// In `PreUpdate`, after Bevy's `InputSystems` and after [`Receive`](Self::Receive): keys, mouse buttons and gamepads
    /// become [`GenieInput`](crate::GenieInput) messages. Order systems that change `ButtonInput` or `Gamepad` before it.
    Input,
    /// In `PostUpdate`: [`GenieInput`](crate::GenieInput) and [`GenieCommand`](crate::GenieCommand) messages are read, worlds are started, and frames that are
    /// due are asked for. Messages written in `Update` count for the tick of the same frame; systems of `PostUpdate`
    /// that write them should be ordered before it.
    Dispatch,
    /// In `First` the model stops, in `Last` it goes on, with [`GeniePriority::BetweenFrames`](crate::GeniePriority::BetweenFrames) only.
    FrameGate,
}
