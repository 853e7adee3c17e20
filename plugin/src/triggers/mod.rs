//! Reading the dream: what game code can tell from generated frames, without labels.
//!
//! A [`GenieWorld`](crate::GenieWorld) paints pictures and knows nothing of coins or doors. A game gets its rules back
//! by looking: add [`GenieTriggersPlugin`], put [`DreamTriggers`] on the world's entity, and observe [`TriggerFired`].
//!
//! ```no_run
//! use bevy::prelude::*;
//! use bevy_genie::prelude::*;
//! use bevy_genie::triggers::{DreamSense, DreamTrigger, DreamTriggers, EVERYWHERE, TriggerFired};
//!
//! fn watch_for_gold(ready: On<GenieReady>, mut commands: Commands) {
//!     let gold = DreamSense::Colour { region: EVERYWHERE, colour: [250, 205, 60], tolerance: 24 };
//!     commands
//!         .entity(ready.world)
//!         .insert(DreamTriggers::new([DreamTrigger::new("gold in sight", gold, 0.01)]))
//!         .observe(|fired: On<TriggerFired>| info!("{}: {}", fired.name, fired.value));
//! }
//! ```
//!
//! # Cost
//! Frames are read on the main thread, once when they arrive and not otherwise. In an optimised build a 64x64 frame costs,
//! on one core at 2 GHz: colour 9 and change 2 microseconds with the whole frame as their region, motion of the scene 50,
//! a followed hero 50 more, a place 40 (by tokens 1), an 8x8 template 110 (give it a region). The functions behind the senses
//! ([`colour_share`], [`find_template`], [`change`], [`scene_shift`], [`Place`], [`TokenPlace`]) can be called on any frames, on any
//! thread.

mod motion;
mod pixels;
#[cfg(test)]
mod tests;
mod tokens;

use std::borrow::Cow;
use std::sync::Arc;

use bevy::prelude::*;

pub use motion::{SceneShift, scene_shift};
pub use pixels::{Place, change, colour_share, find_template};
pub use tokens::TokenPlace;

use crate::{Frame, GenieSystems, WorldFrame};
use motion::HeroTracker;

/// The region that is the whole frame, whatever its size.
pub const EVERYWHERE: URect = URect {
    min: UVec2::ZERO,
    max: UVec2::MAX,
};

/// Evaluates [`DreamMotion`] and [`DreamTriggers`] when frames arrive: in `PreUpdate`, after
/// [`GenieSystems::Receive`], in [`DreamSystems`].
#[derive(Clone, Copy, Debug, Default)]
pub struct GenieTriggersPlugin;

/// The set of the system that reads frames, in `PreUpdate` after [`GenieSystems::Receive`]. Events of triggers have been
/// observed when it is done, so that systems of `Update` see what their observers did.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DreamSystems;

impl Plugin for GenieTriggersPlugin {
    fn build(&self, app: &mut App) {
        app.configure_sets(PreUpdate, DreamSystems.after(GenieSystems::Receive))
            .add_systems(PreUpdate, read_dreams.in_set(DreamSystems))
            .register_type::<DreamMotion>()
            .register_type::<DreamTriggers>()
            .register_type::<TriggerFired>()
            .register_type::<TriggerReleased>();
    }
}

/// What a trigger looks at. Regions are in pixels of the model's frame, from the left upper corner, and are cut to it.
#[derive(Reflect, Clone, Debug)]
#[reflect(Debug, Clone)]
pub enum DreamSense {
    /// Share (0 to 1) of a region's pixels that have a colour.
    Colour {
        /// Where.
        region: URect,
        /// Red, green, blue.
        colour: [u8; 3],
        /// How far each of the three may be off.
        tolerance: u8,
    },
    /// Likeness (0 to 1) of the place in a region that is most like a small picture; chance is about 0.8, a find above
    /// 0.95.
    Template {
        /// Where.
        region: URect,
        /// The picture, in the frame's own scale.
        #[reflect(ignore, default = "no_picture")]
        picture: Arc<Frame>,
    },
    /// Mean difference (0 to 1) of a region between this frame and another.
    Change {
        /// Where.
        region: URect,
        /// Which other.
        since: Since,
    },
    /// How far the scene has moved since the frame before along a direction, in pixels; the world must have
    /// [`DreamMotion`]. The scene of a hero who runs to the right moves along `-X`.
    SceneMotion {
        /// Of length 1, x to the right and y down.
        along: Vec2,
    },
    /// How far the hero has moved through the scene since the frame before along a direction, in pixels: his motion on
    /// the screen less the scene's. The world must have [`DreamMotion`] with a hero.
    HeroMotion {
        /// Of length 1, x to the right and y down.
        along: Vec2,
    },
    /// "Same place as this picture?": how much (0 to 1) of it is seen where it should be, as [`Place::likeness`] says.
    /// Patches are compared by their pixels. A hero who hops about takes some tenths off; another place has less than
    /// half.
    SamePlace {
        /// The place, from any picture or from [`WorldFrame::pixels`] of an earlier visit.
        #[reflect(ignore, default = "no_place")]
        place: Arc<Place>,
        /// How far the picture may be off as a whole, in pixels.
        slack: u32,
    },
    /// "Same place as this picture?", told by the model's own tokens: [`TokenPlace::likeness`].
    SameTokens {
        /// The place, from [`WorldFrame::tokens`] of an earlier visit.
        #[reflect(ignore)]
        place: Arc<TokenPlace>,
        /// How far the picture may be off as a whole, in patches.
        slack: u32,
    },
}

/// What stands for pictures that reflection does not carry: a single black pixel.
fn no_picture() -> Arc<Frame> {
    Arc::new(Frame::from_rgb(1, 1, vec![0; 3]).expect("three bytes are a pixel"))
}

fn no_place() -> Arc<Place> {
    Arc::new(Place::new(Frame::clone(&no_picture())))
}

/// With which frame a [`DreamSense::Change`] compares.
#[derive(Reflect, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[reflect(Debug, Default, PartialEq, Clone)]
pub enum Since {
    /// The one before.
    #[default]
    LastFrame,
    /// The prompt, as the model sees it.
    Prompt,
}

/// A named sense with a threshold. It fires when its value rises to the threshold, and again only after it has fallen
/// below the release.
#[derive(Reflect, Clone, Debug)]
#[reflect(Debug, Clone)]
pub struct DreamTrigger {
    /// Its name in [`TriggerFired`].
    pub name: Cow<'static, str>,
    /// What it looks at.
    pub sense: DreamSense,
    /// The value at which it fires.
    pub threshold: f32,
    /// The value below which it is released; not above the threshold.
    pub release: f32,
    value: Option<f32>,
    active: bool,
}

impl DreamTrigger {
    /// A trigger that is released as soon as its value is below the threshold.
    pub fn new(name: impl Into<Cow<'static, str>>, sense: DreamSense, threshold: f32) -> Self {
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
#[require(DreamMemory)]
pub struct DreamTriggers(pub Vec<DreamTrigger>);

impl DreamTriggers {
    /// These triggers.
    pub fn new(triggers: impl IntoIterator<Item = DreamTrigger>) -> Self {
        Self(triggers.into_iter().collect())
    }

    /// The trigger with this name.
    pub fn get(&self, name: &str) -> Option<&DreamTrigger> {
        self.0.iter().find(|trigger| trigger.name == name)
    }
}

/// Measures motion in a world's frames: put it on the world's entity and read it.
#[derive(Component, Reflect, Clone, Debug)]
#[reflect(Component, Debug, Default, Clone)]
#[require(DreamMemory)]
pub struct DreamMotion {
    /// Where the hero is in the prompt (or in the first frame after this component is added), if he is to be followed; he is
    /// followed by his looks.
    pub hero: Option<URect>,
    /// How far the scene and the hero may move between two frames, in pixels.
    pub reach: u32,
    scene: Option<SceneShift>,
    hero_shift: Option<IVec2>,
    #[reflect(ignore)]
    tracker: Option<HeroTracker>,
}

impl Default for DreamMotion {
    fn default() -> Self {
        Self {
            hero: None,
            reach: 8,
            scene: None,
            hero_shift: None,
            tracker: None,
        }
    }
}

impl DreamMotion {
    /// Follows the hero who is in this box of the prompt.
    pub fn of_hero(hero: URect) -> Self {
        Self {
            hero: Some(hero),
            ..Self::default()
        }
    }

    /// The scene's motion since the frame before; `None` when there was none.
    pub fn scene(&self) -> Option<SceneShift> {
        self.scene
    }

    /// The hero's motion on the screen since the frame before, in pixels, x to the right and y down; `None` if he is not
    /// followed or lost.
    pub fn hero_on_screen(&self) -> Option<IVec2> {
        self.hero_shift
    }

    /// The hero's motion through the scene: on the screen, less the scene's own.
    pub fn hero_in_scene(&self) -> Option<IVec2> {
        Some(self.hero_shift? - self.scene?.by)
    }

    /// Where the hero was seen last, in pixels of the frame.
    pub fn hero_place(&self) -> Option<URect> {
        self.tracker.as_ref().map(HeroTracker::place)
    }

    /// Looks at the next frame; `before` is the one before it, if that is known.
    fn see(&mut self, frame: &Frame, before: Option<&Frame>, is_prompt: bool) {
        self.scene = before.map(|before| scene_shift(before, frame, self.reach));
        self.hero_shift = None;
        match &mut self.tracker {
            Some(tracker) if !is_prompt => {
                let moved = tracker.follow(frame, self.reach);
                self.hero_shift = moved.filter(|_| before.is_some());
            }
            _ => self.tracker = self.hero.and_then(|hero| HeroTracker::new(frame, hero)),
        }
    }
}

/// Event: a trigger's value has risen to its threshold.
#[derive(EntityEvent, Reflect, Clone, Debug)]
#[reflect(Event, Debug, Clone)]
pub struct TriggerFired {
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
pub struct TriggerReleased {
    /// The world.
    #[event_target]
    pub world: Entity,
    /// Which trigger.
    pub name: Cow<'static, str>,
    /// Tick of the frame.
    pub tick: u64,
}

/// Frames that the next one is compared with.
#[derive(Component, Clone, Debug, Default)]
pub(crate) struct DreamMemory {
    prompt: Option<Arc<Frame>>,
    last: Option<(u64, Arc<Frame>)>,
}

/// Looks at each frame that has arrived.
fn read_dreams(
    mut frames: MessageReader<WorldFrame>,
    mut worlds: Query<(
        &mut DreamMemory,
        Option<&mut DreamMotion>,
        Option<&mut DreamTriggers>,
    )>,
    mut commands: Commands,
) {
    for frame in frames.read() {
        let Ok((mut memory, mut motion, triggers)) = worlds.get_mut(frame.world) else {
            continue;
        };
        let (world, tick) = (frame.world, frame.tick);
        if tick == 0 {
            memory.prompt = Some(Arc::clone(&frame.pixels));
        }
        // After a reset, a rewind or a gap there is no frame before this one.
        let before = match &memory.last {
            Some((last, before)) if *last + 1 == tick => Some(Arc::clone(before)),
            _ => None,
        };
        if let Some(motion) = &mut motion {
            motion.see(&frame.pixels, before.as_deref(), tick == 0);
        }
        for trigger in triggers.into_iter().flat_map(|t| &mut t.into_inner().0) {
            let prompt = memory.prompt.as_deref();
            let value = sense(
                &trigger.sense,
                frame,
                before.as_deref(),
                prompt,
                motion.as_deref(),
            );
            trigger.value = value;
            let high = value.is_some_and(|value| value >= trigger.threshold);
            let low = value.is_none_or(|value| value < trigger.release);
            if high && !trigger.active {
                trigger.active = true;
                commands.trigger(TriggerFired {
                    world,
                    name: trigger.name.clone(),
                    value: value.unwrap_or_default(),
                    tick,
                });
            } else if low && trigger.active {
                trigger.active = false;
                commands.trigger(TriggerReleased {
                    world,
                    name: trigger.name.clone(),
                    tick,
                });
            }
        }
        memory.last = Some((tick, Arc::clone(&frame.pixels)));
    }
}

fn sense(
    sense: &DreamSense,
    news: &WorldFrame,
    before: Option<&Frame>,
    prompt: Option<&Frame>,
    motion: Option<&DreamMotion>,
) -> Option<f32> {
    let frame: &Frame = &news.pixels;
    match sense {
        DreamSense::Colour {
            region,
            colour,
            tolerance,
        } => Some(colour_share(frame, *region, *colour, *tolerance)),
        DreamSense::Template { region, picture } => {
            find_template(frame, *region, picture).map(|(_, likeness)| likeness)
        }
        DreamSense::Change { region, since } => {
            let other = match since {
                Since::LastFrame => before,
                Since::Prompt => prompt,
            };
            other.map(|other| change(other, frame, *region))
        }
        DreamSense::SceneMotion { along } => {
            motion?.scene.map(|shift| shift.by.as_vec2().dot(*along))
        }
        DreamSense::HeroMotion { along } => {
            motion?.hero_in_scene().map(|by| by.as_vec2().dot(*along))
        }
        DreamSense::SamePlace { place, slack } => Some(place.likeness(frame, *slack)),
        DreamSense::SameTokens { place, slack } => Some(place.likeness(&news.tokens, *slack)),
    }
}
