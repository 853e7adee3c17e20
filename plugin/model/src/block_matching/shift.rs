//! Shifts of a picture.

/// A shift in pixels: the later picture at `(x, y)` looks like the earlier one at `(x - right, y - down)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shift {
    /// To the right.
    pub right: i32,
    /// Downwards.
    pub down: i32,
}

impl Shift {
    /// No shift.
    pub const ZERO: Self = Self { right: 0, down: 0 };
}

/// All shifts of at most so many pixels to either side, and up or down, the shortest first: a search that keeps the first of
/// equally good ones prefers the smaller motion.
pub fn shifts_within(sideways: u32, vertical: u32) -> Vec<Shift> {
    let (sideways, vertical) = (sideways as i32, vertical as i32);
    let mut all: Vec<Shift> = (-vertical..=vertical)
        .flat_map(|down| (-sideways..=sideways).map(move |right| Shift { right, down }))
        .collect();
    all.sort_by_key(|shift| shift.right.pow(2) + shift.down.pow(2));
    all
}
