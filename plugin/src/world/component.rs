//! The components of a world that the game sets and reads.

use bevy::prelude::*;

use crate::input::action_map::GenieActionMap;
use crate::input::collect::HeldActions;
use crate::input::devices::{GenieGamepad, GenieKeyboard, GenieMouse};
use crate::input::press::PressedInputs;
use crate::model::GenieModel;
use crate::output::frame::GenieTexture;
use crate::reflect::{GenieFitReflect, GenieSamplerReflect};
use crate::timeline::component::GenieTimeline;
use crate::world::prompt::GeniePrompt;
use crate::world::runtime::WorldRuntime;
use genie_model::{Fit, SamplerSettings};

/// A playable world: spawn it, and it starts as soon as its model and prompt are loaded.
///
/// Its fields are read when the world starts: when the component is inserted, when
/// [`GenieCommand::prompt`](crate::GenieCommand::prompt) gives it another prompt, and when the asset of its model changes.
/// Inserting the component again therefore starts the world anew. What can be changed while it runs is in
/// [`GenieClock`] and [`GenieSampler`], which come with it. Despawning the entity, or removing the component, ends the
/// world.
#[derive(Component, Reflect, Clone, Debug)]
#[reflect(Component, Debug, Clone)]
#[require(
    GenieClock,
    GenieSampler,
    GenieTexture,
    GenieActionMap,
    GenieKeyboard,
    GenieMouse,
    GenieGamepad,
    GenieTimeline,
    GenieStatus,
    HeldActions,
    PressedInputs,
    WorldRuntime
)]
pub struct GenieWorld {
    /// The model that generates its frames.
    pub model: Handle<GenieModel>,
    /// The picture that it starts from. A jump to a snapshot, a saved world or a replay puts that one's prompt here.
    pub prompt: GeniePrompt,
    /// How a prompt of another shape than the model's frame is fitted.
    #[reflect(remote = GenieFitReflect)]
    pub fit: Fit,
    /// Seed of the sampler: same checkpoint, prompt, actions and seed give the same frames. A jump brings its own.
    pub seed: u64,
}

impl GenieWorld {
    /// A world with the default fit and seed 0.
    pub fn new(model: Handle<GenieModel>, prompt: impl Into<GeniePrompt>) -> Self {
        Self {
            model,
            prompt: prompt.into(),
            fit: Fit::default(),
            seed: 0,
        }
    }

    /// The same world with another seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The same world with its prompt fitted in another way.
    #[must_use]
    pub fn with_fit(mut self, fit: Fit) -> Self {
        self.fit = fit;
        self
    }
}

/// The clock of a world. All changes take effect at once.
#[derive(Component, Reflect, Clone, Copy, Debug, PartialEq)]
#[reflect(Component, Default, Debug, PartialEq, Clone)]
pub struct GenieClock {
    /// Frames per second of `Time`; `None` takes that of [`GenieSettings`](crate::GenieSettings), which is the model's own
    /// unless set. Values that are not above 0 are ignored.
    pub tick_rate: Option<f32>,
    /// How fast its time passes: 2 ticks twice as often, 0 not at all. Values below 0 count as 0.
    pub speed: f32,
    /// The world ends at this tick or a later one that it jumps to, and [`GenieEnded`](crate::GenieEnded) says so.
    pub tick_limit: Option<u64>,
    /// Whether the world stands still, apart from [`GenieCommand::step`](crate::GenieCommand::step).
    pub paused: bool,
}

impl Default for GenieClock {
    fn default() -> Self {
        Self {
            tick_rate: None,
            speed: 1.0,
            tick_limit: None,
            paused: false,
        }
    }
}

impl GenieClock {
    /// A clock that stands still.
    pub fn paused() -> Self {
        Self {
            paused: true,
            ..Self::default()
        }
    }

    /// The same clock at a tick rate of its own, in frames per second.
    #[must_use]
    pub fn with_tick_rate(mut self, rate: f32) -> Self {
        self.tick_rate = Some(rate);
        self
    }

    /// The same clock at another speed; 1 is that of `Time`.
    #[must_use]
    pub fn with_speed(mut self, speed: f32) -> Self {
        self.speed = speed;
        self
    }

    /// The same clock, ending the world at this tick.
    #[must_use]
    pub fn with_tick_limit(mut self, tick: u64) -> Self {
        self.tick_limit = Some(tick);
        self
    }
}

/// How the frames of a world are sampled. Changes take effect at the next tick.
///
/// Settings out of range leave the ones before in force, and [`GenieCommandFailed`](crate::GenieCommandFailed) says so. Jumps
/// bring the settings of the state that they lead to, apart from rewinding.
#[derive(Component, Reflect, Clone, Debug, Default, PartialEq, Deref, DerefMut)]
#[reflect(Component, Default, Debug, PartialEq, Clone)]
pub struct GenieSampler {
    /// The settings. The fields of the settings can be reached through the component itself.
    #[deref]
    #[reflect(remote = GenieSamplerReflect)]
    pub settings: SamplerSettings,
}

impl From<SamplerSettings> for GenieSampler {
    fn from(settings: SamplerSettings) -> Self {
        Self { settings }
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
    /// Whether it has been getting less than its floor, [`GenieSettings::rate_floor`](crate::GenieSettings::rate_floor), for
    /// some seconds. The log says why.
    pub starving: bool,
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

impl GeniePhase {
    /// Whether the worker has the world: it runs or has ended.
    pub(crate) fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Ended)
    }
}
