//! What a trigger can look at, and its value in a frame.

use std::sync::Arc;

use bevy::prelude::*;
use genie_model::Frame;

use crate::output::frame::GenieFrame;
use crate::triggers::motion::GenieMotion;
use crate::triggers::pixels::{change, colour_share, find_template};
use crate::triggers::place::Place;
use crate::triggers::tokens::TokenPlace;

/// The region that is the whole frame, whatever its size.
pub const EVERYWHERE: URect = URect {
    min: UVec2::ZERO,
    max: UVec2::MAX,
};

/// What a trigger looks at. Regions are in pixels of the model's frame, from the left upper corner, and are cut to it.
#[derive(Reflect, Clone, Debug)]
#[reflect(Debug, Clone)]
pub enum GenieSense {
    /// Share (0 to 1) of a region's pixels that have a colour.
    Colour {
        /// Where.
        region: URect,
        /// The colour; how opaque it is does not count.
        colour: Color,
        /// How far its red, green and blue (sRGB, 0 to 255) may each be off.
        tolerance: u8,
    },
    /// Likeness (0 to 1) of a small picture to the part of a region that is most like it. It is about 0.8 where the picture is
    /// not there, and above 0.95 where it is.
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
    /// [`GenieMotion`]. The scene of a hero that runs to the right moves along `-X`.
    SceneMotion {
        /// Of length 1, x to the right and y down.
        along: Vec2,
    },
    /// How far the hero has moved through the scene since the frame before along a direction, in pixels: its motion on
    /// the screen less the scene's. The world must have [`GenieMotion`] with a hero.
    HeroMotion {
        /// Of length 1, x to the right and y down.
        along: Vec2,
    },
    /// How much (0 to 1) of a known place is seen where it should be, as [`Place::likeness`] says. Patches are compared by
    /// their pixels. A hero that has moved lowers it by some tenths; another place has less than half.
    SamePlace {
        /// The place, from any picture or from [`GenieFrame::pixels`] of an earlier visit.
        #[reflect(ignore, default = "no_place")]
        place: Arc<Place>,
        /// How far the picture may be off as a whole, in pixels.
        slack: u32,
    },
    /// The same by the model's own tokens, as [`TokenPlace::likeness`] says.
    SameTokens {
        /// The place, from [`GenieFrame::tokens`] of an earlier visit.
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

/// With which frame a [`GenieSense::Change`] compares.
#[derive(Reflect, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[reflect(Debug, Default, PartialEq, Clone)]
pub enum Since {
    /// The one before.
    #[default]
    LastFrame,
    /// The prompt, as the model sees it.
    Prompt,
}

/// The value of a sense in a frame; `None` where it has none.
pub(super) fn value(
    sense: &GenieSense,
    arrived: &GenieFrame,
    before: Option<&Frame>,
    prompt: Option<&Frame>,
    motion: Option<&GenieMotion>,
) -> Option<f32> {
    let frame: &Frame = &arrived.pixels;
    match sense {
        GenieSense::Colour {
            region,
            colour,
            tolerance,
        } => Some(colour_share(frame, *region, *colour, *tolerance)),
        GenieSense::Template { region, picture } => {
            find_template(frame, *region, picture).map(|(_, likeness)| likeness)
        }
        GenieSense::Change { region, since } => {
            let other = match since {
                Since::LastFrame => before,
                Since::Prompt => prompt,
            };
            other.map(|other| change(other, frame, *region))
        }
        GenieSense::SceneMotion { along } => {
            motion?.scene().map(|shift| shift.by.as_vec2().dot(*along))
        }
        GenieSense::HeroMotion { along } => {
            motion?.hero_in_scene().map(|by| by.as_vec2().dot(*along))
        }
        GenieSense::SamePlace { place, slack } => Some(place.likeness(frame, *slack)),
        GenieSense::SameTokens { place, slack } => Some(place.likeness(&arrived.tokens, *slack)),
    }
}
