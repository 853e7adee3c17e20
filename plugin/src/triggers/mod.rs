//! What game code can read from generated frames, without labels.
//!
//! A [`GenieWorld`](crate::GenieWorld) generates pictures and knows nothing of coins or doors. A game gets its rules back
//! by looking at them: put [`GenieTriggers`] on the world's entity, and observe [`GenieTriggerFired`].
//!
//! ```no_run
//! use bevy::prelude::*;
//! use bevy_genie::prelude::*;
//! use bevy_genie::triggers::{GenieSense, GenieTrigger, GenieTriggers, EVERYWHERE, GenieTriggerFired};
//!
//! fn watch_for_gold(ready: On<GenieReady>, mut commands: Commands) {
//!     let gold = GenieSense::Colour { region: EVERYWHERE, colour: Color::srgb_u8(250, 205, 60), tolerance: 24 };
//!     commands
//!         .entity(ready.world)
//!         .insert(GenieTriggers::new([GenieTrigger::new("gold in sight", gold, 0.01)]))
//!         .observe(|fired: On<GenieTriggerFired>| info!("{}: {}", fired.name, fired.value));
//! }
//! ```
//!
//! # Cost
//! Frames are read on the main thread, once when they arrive and not otherwise. In an optimised build a 64x64 frame costs,
//! on one core at 2 GHz: colour 9 and change 2 microseconds with the whole frame as their region, motion of the scene 50,
//! a followed hero 50 more, a place 40 (by tokens 1), an 8x8 template 110 (give it a region). The functions behind the senses
//! ([`colour_share`], [`find_template`], [`change`], [`scene_shift`], [`Place`], [`TokenPlace`]) can be called on any frames, on any
//! thread.

mod hero;
mod memory;
mod motion;
mod pixels;
mod place;
mod scene;
mod sense;
#[cfg(test)]
mod tests;
mod tokens;
mod trigger;

use std::sync::Arc;

use bevy::prelude::*;

pub use motion::GenieMotion;
pub use pixels::{change, colour_share, find_template};
pub use place::Place;
pub use scene::{SceneShift, scene_shift};
pub use sense::{EVERYWHERE, GenieSense, Since};
pub use tokens::TokenPlace;
pub use trigger::{GenieTrigger, GenieTriggerFired, GenieTriggerReleased, GenieTriggers};

use crate::output::frame::GenieFrame;
use crate::settings::GenieSystems;
use memory::TriggerMemory;

/// Evaluates [`GenieMotion`] and [`GenieTriggers`] when frames arrive.
pub(crate) struct TriggersPlugin;

/// The set of the system that reads frames, in `PreUpdate` after [`GenieSystems::Receive`]. Events of triggers have been
/// observed when it is done, so that systems of `Update` see what their observers did.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GenieTriggerSystems;

impl Plugin for TriggersPlugin {
    fn build(&self, app: &mut App) {
        app.configure_sets(PreUpdate, GenieTriggerSystems.after(GenieSystems::Receive))
            .add_systems(PreUpdate, evaluate_triggers.in_set(GenieTriggerSystems))
            .register_type::<GenieMotion>()
            .register_type::<GenieTriggers>()
            .register_type::<GenieTriggerFired>()
            .register_type::<GenieTriggerReleased>();
    }
}

/// Looks at each frame that has arrived.
fn evaluate_triggers(
    mut frames: MessageReader<GenieFrame>,
    mut worlds: Query<(
        &mut TriggerMemory,
        Option<&mut GenieMotion>,
        Option<&mut GenieTriggers>,
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
            let value = sense::value(
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
                commands.trigger(GenieTriggerFired {
                    world,
                    name: trigger.name.clone(),
                    value: value.unwrap_or_default(),
                    tick,
                });
            } else if low && trigger.active {
                trigger.active = false;
                commands.trigger(GenieTriggerReleased {
                    world,
                    name: trigger.name.clone(),
                    tick,
                });
            }
        }
        memory.last = Some((tick, Arc::clone(&frame.pixels)));
    }
}
