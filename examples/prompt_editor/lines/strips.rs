//! The strips: one short world for each latent action.

use bevy::prelude::*;
use bevy_genie::prelude::*;
use genie_examples::held_action::HeldAction;

use super::line::{STRIP, Strip, world};
use super::tree::Lines;
use crate::project::Project;

/// Frames a second that are asked for.
const RATE: f32 = 20.0;

impl Lines {
    /// Frames of the strips that are there, and all of them, while some are missing.
    pub(crate) fn strips_missing(&self) -> Option<(usize, usize)> {
        let there = self.strips.iter().map(|strip| strip.frames.len()).sum();
        let all = self.strips.len() * STRIP as usize;
        (there < all).then_some((there, all))
    }

    /// The strips begin with the project's picture.
    pub(super) fn start_strips(
        &mut self,
        model: &GenieModel,
        project: &Project,
        commands: &mut Commands,
    ) {
        self.strips_started = self.strips_asked;
        self.strips_stopped = false;
        for strip in self.strips.drain(..) {
            commands.entity(strip.world).despawn();
        }
        for (action, label) in model.actions().iter().enumerate() {
            let clock = GenieClock::default()
                .with_tick_rate(RATE)
                .with_tick_limit(STRIP - 1);
            let deaf = GenieKeyboard { enabled: false };
            let strip = (world(self.model.clone(), project), clock, deaf);
            self.strips.push(Strip {
                world: commands.spawn((strip, HeldAction(action))).id(),
                label: label.name.clone(),
                frames: Vec::new(),
            });
        }
    }
}
