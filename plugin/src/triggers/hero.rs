//! Follows the hero through frames.

use bevy::math::{IVec2, URect, UVec2};
use genie_model::Frame;
use genie_model::block_matching::{Shift, ShiftsInRows, cheapest, sum_of_differences};

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
        let shift = |to: UVec2| Shift {
            right: to.x as i32 - self.at.x as i32,
            down: to.y as i32 - self.at.y as i32,
        };
        let mut shifts: Vec<Shift> = ShiftsInRows::new(shift(low), shift(high)).collect();
        // From its last place outwards: it is soon found, and the other places are left early.
        shifts.sort_by_key(|shift| shift.length());
        let at = self.at.as_ivec2();
        let place = |shift: Shift| (at + IVec2::new(shift.right, shift.down)).as_uvec2();
        let cost = |shift: Shift, least: Option<u32>| {
            let (x, y) = (place(shift).x as usize, place(shift).y as usize);
            let mut sum = 0;
            let fits = (0..h).all(|line| {
                let now = row(frame, y + line, x, x + w);
                // Its first appearance keeps the box from sliding off it little by little.
                sum += sum_of_differences(now, row(&self.first, line, 0, w))
                    + sum_of_differences(now, row(&self.newest, line, 0, w));
                least.is_none_or(|least| sum < least)
            });
            fits.then_some(sum)
        };
        let (shift, sum) = cheapest(shifts, cost)?;
        if sum > LOST * 2 * (w * h * 3) as u32 {
            return None;
        }
        let here = place(shift);
        self.newest = cut(frame, here, w, h)?;
        self.at = here;
        Some(IVec2::new(shift.right, shift.down))
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
