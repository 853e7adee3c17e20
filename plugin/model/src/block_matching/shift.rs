//! Shifts of a picture, and what two pictures share under one.

use std::ops::Range;

/// A shift in pixels: the later picture at `(x, y)` looks like the earlier one at `(x - right, y - down)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shift {
    /// To the right.
    pub right: i32,
    /// Downwards.
    pub down: i32,
}

impl Shift {
    /// No shift.
    pub const ZERO: Self = Self { right: 0, down: 0 };

    /// Pixels to a side and pixels up or down, together.
    pub fn length(self) -> u32 {
        self.right.unsigned_abs() + self.down.unsigned_abs()
    }
}

/// Shifts row by row, from the upper left to the lower right.
#[derive(Clone, Debug)]
pub struct ShiftsInRows {
    next: Shift,
    first: Shift,
    last: Shift,
}

impl ShiftsInRows {
    /// All shifts from one to another, both with them. None if the last is to the left of the first or above it.
    pub fn new(first: Shift, last: Shift) -> Self {
        let next = if first.right > last.right {
            Shift {
                down: i32::MAX,
                ..first
            }
        } else {
            first
        };
        let last = Shift {
            down: last.down.min(i32::MAX - 1),
            ..last
        };
        Self { next, first, last }
    }
}

impl Iterator for ShiftsInRows {
    type Item = Shift;

    #[inline]
    fn next(&mut self) -> Option<Shift> {
        let shift = self.next;
        if shift.down > self.last.down {
            return None;
        }
        if shift.right < self.last.right {
            self.next.right += 1;
        } else {
            self.next = Shift {
                right: self.first.right,
                down: shift.down.saturating_add(1),
            };
        }
        Some(shift)
    }
}

/// All shifts of at most so many pixels to either side, and up or down, row by row.
pub fn shifts_in_rows(sideways: u32, vertical: u32) -> ShiftsInRows {
    let (right, down) = (sideways as i32, vertical as i32);
    let first = Shift {
        right: -right,
        down: -down,
    };
    ShiftsInRows::new(first, Shift { right, down })
}

/// The same shifts, the shortest first: a search that keeps the first of equally good ones prefers the smaller motion.
pub fn shifts_within(sideways: u32, vertical: u32) -> Vec<Shift> {
    let mut all: Vec<Shift> = shifts_in_rows(sideways, vertical).collect();
    all.sort_by_key(|shift| shift.right.pow(2) + shift.down.pow(2));
    all
}

/// The part of a later picture whose content the earlier picture of the same size shows too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// Columns of the later picture.
    pub columns: Range<usize>,
    /// Rows of the later picture.
    pub rows: Range<usize>,
}

impl Overlap {
    /// The overlap of pictures of `height` rows and `width` columns under a shift. It has no pixels where the shift is as
    /// large as they are.
    pub fn new(height: usize, width: usize, shift: Shift) -> Self {
        let part = |by: i32, side: usize| {
            let moved = (by.unsigned_abs() as usize).min(side);
            if by > 0 { moved..side } else { 0..side - moved }
        };
        Self {
            columns: part(shift.right, width),
            rows: part(shift.down, height),
        }
    }
}
