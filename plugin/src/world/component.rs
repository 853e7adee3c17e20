//! The component that makes an entity a playable world.

use bevy::prelude::*;

use crate::input::action_map::GenieActionMap;
use crate::input::devices::{GenieGamepad, GenieKeyboard, GenieMouse};
use crate::model::GenieModel;
use crate::output::frame::GenieTexture;
use crate::reflect::{FitReflect, SamplerReflect};
use crate::timeline::component::GenieTimeline;
use crate::world::prompt::GeniePrompt;
use crate::world::runtime::WorldRuntime;
use genie_model::{Fit, SamplerSettings};

/// A playable world: spawn it, and it starts as soon as its model and prompt are loaded.
///
/// Inserting it again starts it anew; despawning or removing it ends the world.
#[derive(Component, Reflect, Clone, Debug)]
#[reflect(Component, Debug, Clone)]
#[require(
    GenieTexture,
    GenieActionMap,
    GenieKeyboard,
    GenieMouse,
    GenieGamepad,
    GenieTimeline,
    GenieStatus,
    WorldRuntime
)]
pub struct GenieWorld {
    /// The model that dreams it.
    pub model: Handle<GenieModel>,
    /// The picture that it starts from. To change it later, send [`GenieCommand::prompt`](crate::GenieCommand::prompt).
    pub prompt: GeniePrompt,
    /// How a prompt of another shape than the model's frame is fitted. Takes effect at the next start.
    #[reflect(remote = FitReflect)]
    pub fit: Fit,
    /// Seed of the sampler: same checkpoint, prompt, actions and seed give the same frames. Takes effect at the next
    /// start.
    pub seed: u64,
    /// How frames are sampled. Takes effect at the next tick; settings out of range leave the old ones in force and are
    /// told by [`GenieCommandFailed`](crate::GenieCommandFailed). Jumps to another moment bring the settings of that moment,
    /// apart from rewinding.
    #[reflect(remote = SamplerReflect)]
    pub sampler: SamplerSettings,
    /// Frames per second of `Time`; `None` takes the plugin's, which is the model's own unless set. Takes effect at
    /// once. Values that are not above 0 are ignored.
    pub tick_rate: Option<f32>,
    /// How fast its time passes: 2 ticks twice as often, 0 not at all. Takes effect at once. Values below 0 count as 0.
    pub speed: f32,
    /// It ends when it reaches this tick, and [`GenieEnded`](crate::GenieEnded) says so. Takes effect at once.
    pub tick_limit: Option<u64>,
    /// Whether it stands still, apart from [`GenieCommand::step`](crate::GenieCommand::step). Takes effect at once.
    pub paused: bool,
}

impl GeniePhase {
    /// Whether the worker has the world: it runs or has ended.
    pub(crate) fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Ended)
    }
}

impl GenieWorld {
    /// A running world with default settings and seed 0.
    pub fn new(model: Handle<GenieModel>, prompt: impl Into<GeniePrompt>) -> Self {
        Self {
            model,
            prompt: prompt.into(),
            fit: Fit::default(),
            seed: 0,
            sampler: SamplerSettings::default(),
            tick_rate: None,
            speed: 1.0,
            tick_limit: None,
            paused: false,
        }
    }

    /// The same world with another seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The same world with other sampler settings.
    #[must_use]
    pub fn with_sampler(mut self, sampler: SamplerSettings) -> Self {
        self.sampler = sampler;
        self
    }

    /// The same world at its own tick rate in frames per second.
    #[must_use]
    pub fn with_tick_rate(mut self, rate: f32) -> Self {
        self.tick_rate = Some(rate);
        self
    }

    /// The same world, its time passing at another speed; 1 is the model's own.
    #[must_use]
    pub fn with_speed(mut self, speed: f32) -> Self {
        self.speed = speed;
        self
    }

    /// The same world, ending at this tick.
    #[must_use]
    pub fn with_tick_limit(mut self, tick: u64) -> Self {
        self.tick_limit = Some(tick);
        self
    }

    /// The same world, paused from the start.
    #[must_use]
    pub fn paused(mut self) -> Self {
        self.paused = true;
        self
    }
}

/// How a world is doing; read it, the plugin writes it.
#[derive(Component, Reflect, Clone, Debug, Default, PartialEq, Eq)]
#[reflect(Component, Default, Debug, PartialEq, Clone)]
pub struct GenieStatus {
    /// Where it stands in its life.
    pub phase: GeniePhase,
    /// Ticks left out since it started because the model was slower than the tick rate.
    pub late_ticks: u64,
    /// Frames that it can be rewound by; at most the capacity of its [`GenieTimeline`].
    pub rewindable: u64,
    /// Whether the actions of a replay are being played.
    pub replaying: bool,
}

/// Where a world stands in its life.
#[derive(Reflect, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[reflect(Default, Debug, PartialEq, Clone)]
pub enum GeniePhase {
    /// Its model or its prompt is still loading.
    #[default]
    Loading,
    /// The worker is taking in the prompt.
    Starting,
    /// It can tick.
    Running,
    /// It stands still after [`GenieEnded`](crate::GenieEnded).
    Ended,
    /// It stands still after [`GenieFailed`](crate::GenieFailed).
    Failed,
}
