//! The motion of what does not follow the scene.

use super::picture::Picture;
use super::search::search;
use super::shift::Shift;

/// From this difference on, in grey levels, a pixel is not explained by a shift.
const UNEXPLAINED: u32 = 36;
/// Fewer unexplained pixels than this are no figure.
const LEAST_FIGURE: usize = 12;

/// What was found of a figure that moves by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureShift {
    /// It moved by this on the screen.
    Moves(Shift),
    /// The scene's shift explains all of the picture.
    Absent,
    /// Something changed, but no shift explains it.
    Unclear,
}

/// The motion on the screen of what the scene's shift does not explain: one of `shifts`, tried in order. The pictures must
/// have one size.
pub fn figure_shift(
    before: &Picture,
    after: &Picture,
    scene: Shift,
    shifts: &[Shift],
) -> FigureShift {
    let places =
        (0..after.height() as i32).flat_map(|y| (0..after.width() as i32).map(move |x| (x, y)));
    // What came in from outside the screen is no figure's motion.
    let unexplained: Vec<((i32, i32), u32)> = places
        .filter(|&place| after.stays_inside(place, scene))
        .map(|place| (place, after.limited_difference(place, before, scene)))
        .filter(|&(_, difference)| difference >= UNEXPLAINED)
        .collect();
    if unexplained.len() < LEAST_FIGURE {
        return FigureShift::Absent;
    }
    let gain = |shift: Shift, _| {
        let gains = unexplained
            .iter()
            .filter(|(place, _)| after.stays_inside(*place, shift))
            .map(|&(place, under_scene)| {
                under_scene as f32 - after.limited_difference(place, before, shift) as f32
            });
        Some(gains.sum::<f32>())
    };
    let others = shifts.iter().copied().filter(|&shift| shift != scene);
    let best = search(others, gain, |gain, most| gain > 1.03 * most + 0.01);
    let all: u32 = unexplained.iter().map(|(_, difference)| difference).sum();
    match best {
        // If less than a quarter of the difference goes away, something changed but nothing moved.
        Some((shift, gain)) if gain >= 0.25 * all as f32 => FigureShift::Moves(shift),
        _ => FigureShift::Unclear,
    }
}
