//! How the scene and the hero of a world move.

use bevy::prelude::*;
use genie_model::Frame;

use crate::triggers::hero::HeroTracker;
use crate::triggers::memory::TriggerMemory;
use crate::triggers::scene::{SceneShift, scene_shift};

/// Measures motion in a world's frames: put it on the world's entity and read it.
#[derive(Component, Reflect, Clone, Debug)]
#[reflect(Component, Debug, Default, Clone)]
#[require(TriggerMemory)]
pub struct GenieMotion {
    /// Where the hero is in the prompt (or in the first frame after this component is added), if it is to be followed. It is
    /// followed by its appearance.
    pub hero: Option<URect>,
    /// How far the scene and the hero may move between two frames, in pixels.
    pub reach: u32,
    scene: Option<SceneShift>,
    hero_shift: Option<IVec2>,
    #[reflect(ignore)]
    tracker: Option<HeroTracker>,
}

impl Default for GenieMotion {
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

impl GenieMotion {
    /// Follows the hero that is in this box of the prompt.
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

    /// The hero's motion on the screen since the frame before, in pixels, x to the right and y down; `None` if it is not
    /// followed, or lost.
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
    pub(super) fn see(&mut self, frame: &Frame, before: Option<&Frame>, is_prompt: bool) {
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
