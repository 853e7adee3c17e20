//! How far the camera has moved, seen by all that is not the hero.

use std::sync::Arc;

use bevy::math::URect;
use bevy_genie::GeniePicture;

/// Pixels by which the camera moves at most in a frame.
const REACH: i32 = 5;
/// How much worse than the best one a shift may be to be taken as the same as in the frame before: where ground repeats itself,
/// several fit alike.
const ALIKE: f32 = 1.02;

/// The last picture, and how the scenery moved in it.
#[derive(Default)]
pub(super) struct Scenery {
    before: Option<(Arc<GeniePicture>, Option<URect>)>,
    shift: i32,
}

impl Scenery {
    /// Forgets what was before.
    pub(super) fn look(&mut self, frame: &Arc<GeniePicture>, hero: Option<URect>) {
        self.before = Some((Arc::clone(frame), hero));
        self.shift = 0;
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
        let (from, to) = (greys(&before, hero_before), greys(frame, hero));
        let costs: Vec<(f32, i32)> = (-REACH..=REACH)
            .map(|shift| (apart(&from, &to, frame.width(), shift), shift))
            .collect();
        // Of those that fit alike, the shortest.
        let best = costs
            .iter()
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.abs().cmp(&b.1.abs())));
        let (least, best) = best.copied().unwrap_or_default();
        let as_before = costs.iter().find(|(_, shift)| *shift == self.shift);
        if as_before.is_none_or(|(cost, _)| *cost > least * ALIKE + f32::EPSILON) {
            self.shift = best;
        }
        self.shift
    }
}

/// Brightness of all pixels; none where the hero is.
fn greys(frame: &GeniePicture, hero: Option<URect>) -> Vec<Option<u8>> {
    let width = frame.width();
    let mut greys: Vec<_> = frame
        .pixels()
        .chunks_exact(3)
        .map(|pixel| {
            let [r, g, b] = [0, 1, 2].map(|channel| u32::from(pixel[channel]));
            Some(((r * 5 + g * 8 + b * 3) / 16) as u8)
        })
        .collect();
    if let Some(hero) = hero {
        for row in greys
            .chunks_exact_mut(width)
            .take(hero.max.y as usize)
            .skip(hero.min.y as usize)
        {
            let right = (hero.max.x as usize).min(width);
            row[(hero.min.x as usize).min(right)..right].fill(None);
        }
    }
    greys
}

/// Mean difference per pixel when the first picture is moved by so many columns. Every second row tells enough.
fn apart(from: &[Option<u8>], to: &[Option<u8>], width: usize, shift: i32) -> f32 {
    let by = shift.unsigned_abs() as usize;
    let (skip_from, skip_to) = if shift < 0 { (by, 0) } else { (0, by) };
    let (mut sum, mut count) = (0u32, 0u32);
    let rows = from.chunks_exact(width).zip(to.chunks_exact(width));
    for (from, to) in rows.step_by(2) {
        let pairs = from.iter().skip(skip_from).zip(to.iter().skip(skip_to));
        for (from, to) in pairs {
            if let (Some(from), Some(to)) = (from, to) {
                sum += u32::from(from.abs_diff(*to));
                count += 1;
            }
        }
    }
    sum as f32 / count.max(1) as f32
}
