//! How far the camera has moved, seen by all that is not the hero.

use std::sync::Arc;

use bevy::math::URect;
use bevy_genie::GeniePicture;
use bevy_genie::genie_model::block_matching::{
    Comparison, Picture, Shift, cheapest, shifts_within,
};

/// Pixels by which the camera moves at most in a frame.
const REACH: u32 = 5;
/// How much worse than the best one a shift may be to be taken as the same as in the frame before: where ground repeats itself,
/// several fit alike.
const ALIKE: f32 = 1.02;
/// Every second row tells enough.
const COMPARISON: Comparison = Comparison {
    row_step: 2,
    ..Comparison::FULL
};

/// The last picture, and how the scenery moved in it.
#[derive(Default)]
pub(super) struct Scenery {
    before: Option<(Arc<GeniePicture>, Option<URect>)>,
    shift: Shift,
}

impl Scenery {
    /// Forgets what was before.
    pub(super) fn look(&mut self, frame: &Arc<GeniePicture>, hero: Option<URect>) {
        self.before = Some((Arc::clone(frame), hero));
        self.shift = Shift::ZERO;
    }

    /// Pixels by which the scenery has moved to the right since the last picture. The hero is as good as not there: it moves by
    /// itself, and is large.
    pub(super) fn follow(&mut self, frame: &Arc<GeniePicture>, hero: Option<URect>) -> i32 {
        let before = self.before.replace((Arc::clone(frame), hero));
        let Some((before, hero_before)) = before else {
            return 0;
        };
        if (before.width(), before.height()) != (frame.width(), frame.height()) {
            return 0;
        }
        let (was, is) = (Grey::new(&before, hero_before), Grey::new(frame, hero));
        let Some((was, is)) = was.picture().zip(is.picture()) else {
            return 0;
        };
        let cost = |shift| COMPARISON.mean_difference(&was, &is, shift);
        // Of those that fit alike, the shortest.
        let best = cheapest(shifts_within(REACH, 0), |shift, _| cost(shift));
        let (best, least) = best.unwrap_or_default();
        if cost(self.shift).is_none_or(|cost| cost > least * ALIKE + f32::EPSILON) {
            self.shift = best;
        }
        self.shift.right
    }
}

/// The brightness of a frame, and where the hero hides the scenery.
struct Grey {
    values: Vec<u8>,
    hero: Vec<bool>,
    height: usize,
    width: usize,
}

impl Grey {
    fn new(frame: &GeniePicture, hero: Option<URect>) -> Self {
        let (height, width) = (frame.height(), frame.width());
        let brightness = |pixel: &[u8]| {
            let [r, g, b] = [0, 1, 2].map(|channel| u32::from(pixel[channel]));
            ((r * 5 + g * 8 + b * 3) / 16) as u8
        };
        let mut hides = vec![false; height * width];
        if let Some(hero) = hero {
            let (top, bottom) = (hero.min.y as usize, hero.max.y as usize);
            for row in hides.chunks_exact_mut(width).take(bottom).skip(top) {
                let right = (hero.max.x as usize).min(width);
                row[(hero.min.x as usize).min(right)..right].fill(true);
            }
        }
        Self {
            values: frame.pixels().chunks_exact(3).map(brightness).collect(),
            hero: hides,
            height,
            width,
        }
    }

    fn picture(&self) -> Option<Picture<'_>> {
        Picture::grey(&self.values, self.height, self.width)?.without(&self.hero)
    }
}
