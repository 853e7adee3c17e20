//! Follows the hero through frames.

use bevy::math::{IVec2, URect, UVec2};
use genie_model::Frame;
use genie_model::block_matching::sum_of_differences;

use crate::triggers::pixels::{inside, row};

/// The hero counts as lost when the best place differs by more than this per channel, of 255.
const LOST: u32 = 60;

/// Follows a hero through frames by its appearance, from the box that it was in.
#[derive(Clone, Debug)]
pub(super) struct HeroTracker {
    at: UVec2,
    /// Its appearance in the first frame.
    first: Frame,
    /// Its appearance in the newest frame.
    newest: Frame,
}

impl HeroTracker {
    /// `None` if no part of the box is inside the frame.
    pub(super) fn new(frame: &Frame, hero: URect) -> Option<Self> {
        let (columns, rows) = inside(frame, hero);
        let at = UVec2::new(columns.start as u32, rows.start as u32);
        let first = cut(frame, at, columns.len(), rows.len())?;
        Some(Self {
            at,
            newest: first.clone(),
            first,
        })
    }

    /// Where it was seen last.
    pub(super) fn place(&self) -> URect {
        let size = UVec2::new(self.first.width() as u32, self.first.height() as u32);
        URect::from_corners(self.at, self.at + size)
    }

    /// How far it has moved on the screen, `None` if it is not found within `reach` pixels.
    pub(super) fn follow(&mut self, frame: &Frame, reach: u32) -> Option<IVec2> {
        let (w, h) = (self.first.width(), self.first.height());
        let room = UVec2::new(
            frame.width().checked_sub(w)? as u32,
            frame.height().checked_sub(h)? as u32,
        );
        let low = self.at.saturating_sub(UVec2::splat(reach)).min(room);
        let high = self.at.saturating_add(UVec2::splat(reach)).min(room);
        // From its last place outwards: it is soon found, and the other places are left early.
        let mut places: Vec<_> = (low.y..=high.y)
            .flat_map(|y| (low.x..=high.x).map(move |x| UVec2::new(x, y)))
            .map(|here| (here.manhattan_distance(self.at), here.y, here.x))
            .collect();
        places.sort_unstable();
        let mut best: Option<(u32, UVec2)> = None;
        for (_, y, x) in places {
            let mut sum = 0;
            let fits = (0..h).all(|line| {
                let now = row(frame, y as usize + line, x as usize, x as usize + w);
                // Its first appearance keeps the box from sliding off it little by little.
                sum += sum_of_differences(now, row(&self.first, line, 0, w))
                    + sum_of_differences(now, row(&self.newest, line, 0, w));
                best.is_none_or(|(least, _)| sum < least)
            });
            if fits {
                best = Some((sum, UVec2::new(x, y)));
            }
        }
        let (sum, here) = best?;
        if sum > LOST * 2 * (w * h * 3) as u32 {
            return None;
        }
        let moved = here.as_ivec2() - self.at.as_ivec2();
        self.newest = cut(frame, here, w, h)?;
        self.at = here;
        Some(moved)
    }
}

/// A part of a frame that must be inside it; `None` if it has no pixels.
fn cut(frame: &Frame, at: UVec2, width: usize, height: usize) -> Option<Frame> {
    if width == 0 || height == 0 {
        return None;
    }
    let (x, y) = (at.x as usize, at.y as usize);
    let pixels = (y..y + height)
        .flat_map(|line| row(frame, line, x, x + width).iter().copied())
        .collect();
    Frame::from_rgb(width, height, pixels).ok()
}
