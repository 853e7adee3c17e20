//! Triggers: senses with a name and a threshold, and their events.

use std::borrow::Cow;

use bevy::prelude::*;

use crate::triggers::memory::TriggerMemory;
use crate::triggers::sense::GenieSense;

/// A named sense with a threshold. It fires when its value rises to the threshold, and again only after it has fallen
/// below the release.
#[derive(Reflect, Clone, Debug)]
#[reflect(Debug, Clone)]
pub struct GenieTrigger {
    /// Its name in [`GenieTriggerFired`].
    pub name: Cow<'static, str>,
    /// What it looks at.
    pub sense: GenieSense,
    /// The value at which it fires.
    pub threshold: f32,
    /// The value below which it is released; not above the threshold.
    pub release: f32,
    pub(super) value: Option<f32>,
    pub(super) active: bool,
}

impl GenieTrigger {
    /// A trigger that is released as soon as its value is below the threshold.
    pub fn new(name: impl Into<Cow<'static, str>>, sense: GenieSense, threshold: f32) -> Self {
        Self {
            name: name.into(),
            sense,
            threshold,
            release: threshold,
            value: None,
            active: false,
        }
    }

    /// The same trigger, released only below another value: no flicker at the threshold.
    #[must_use]
    pub fn with_release(mut self, release: f32) -> Self {
        self.release = release.min(self.threshold);
        self
    }

    /// The value in the newest frame; `None` where there is none: before the first frame, no frame to compare with, no
    /// motion measured.
    pub fn value(&self) -> Option<f32> {
        self.value
    }

    /// Whether it has fired and is not released.
    pub fn active(&self) -> bool {
        self.active
    }
}

/// The triggers of a world, on its entity.
#[derive(Component, Reflect, Clone, Debug, Default)]
#[reflect(Component, Debug, Default, Clone)]
#[require(TriggerMemory)]
pub struct GenieTriggers(pub Vec<GenieTrigger>);

impl GenieTriggers {
    /// These triggers.
    pub fn new(triggers: impl IntoIterator<Item = GenieTrigger>) -> Self {
        Self(triggers.into_iter().collect())
    }

    /// The trigger with this name.
    pub fn get(&self, name: &str) -> Option<&GenieTrigger> {
        self.0.iter().find(|trigger| trigger.name == name)
    }
}

/// Event: a trigger's value has risen to its threshold.
#[derive(EntityEvent, Reflect, Clone, Debug)]
#[reflect(Event, Debug, Clone)]
pub struct GenieTriggerFired {
    /// The world.
    #[event_target]
    pub world: Entity,
    /// Which trigger.
    pub name: Cow<'static, str>,
    /// Its value.
    pub value: f32,
    /// Tick of the frame.
    pub tick: u64,
}

/// Event: the value of a trigger that had fired has fallen below its release.
#[derive(EntityEvent, Reflect, Clone, Debug)]
#[reflect(Event, Debug, Clone)]
pub struct GenieTriggerReleased {
    /// The world.
    #[event_target]
    pub world: Entity,
    /// Which trigger.
    pub name: Cow<'static, str>,
    /// Tick of the frame.
    pub tick: u64,
}
