//! How far the scene has moved between two frames, found by trying shifts.

use bevy::math::IVec2;
use bevy::reflect::Reflect;
use bevy::reflect::std_traits::ReflectDefault;

use genie_model::Frame;

use crate::triggers::pixels::difference;

/// A shift must explain the later frame better than no shift by this share of the difference, or it does not count.
const LEAST_CONFIDENCE: f32 = 0.1;
/// Up to this reach all shifts are tried; larger ones are first searched at half the size.
const EXHAUSTIVE: i32 = 4;

/// A motion between two frames.
#[derive(Reflect, Clone, Copy, Debug, Default, PartialEq)]
#[reflect(Debug, Default, PartialEq, Clone)]
pub struct SceneShift {
    /// How far the picture's content has moved, in pixels, x to the right and y down. The scene of a hero who runs to
    /// the right moves to the left.
    pub by: IVec2,
    /// How much of the difference between the frames the motion explains, 0 to 1; 0 if nothing moved as a whole.
    pub confidence: f32,
}

/// How far the content of `before` has moved in `after`, at most `reach` pixels (and a quarter of the frame) each way.
/// Nothing for frames of different sizes.
///
/// Brightness is compared, at half the size first, so that a reach of 8 costs about 30 looks at each pixel.
pub fn scene_shift(before: &Frame, after: &Frame, reach: u32) -> SceneShift {
    if (before.width(), before.height()) != (after.width(), after.height()) {
        return SceneShift::default();
    }
    let (before, after) = (Brightness::of(before), Brightness::of(after));
    let by = search(&before, &after, reach.min(1 << 12) as i32);
    let still = mismatch(&before, &after, IVec2::ZERO);
    if by == IVec2::ZERO || still <= 0.0 {
        return SceneShift::default();
    }
    let confidence = 1.0 - mismatch(&before, &after, by) / still;
    if confidence < LEAST_CONFIDENCE {
        return SceneShift::default();
    }
    SceneShift { by, confidence }
}

/// The shift alone, of two pictures of one size, however little it explains.
pub(super) fn best_shift(before: &Frame, after: &Frame, reach: u32) -> IVec2 {
    let reach = reach.min(1 << 12) as i32;
    search(&Brightness::of(before), &Brightness::of(after), reach)
}

/// A picture without colours.
struct Brightness {
    width: usize,
    height: usize,
    values: Vec<u8>,
}

impl Brightness {
    fn of(frame: &Frame) -> Self {
        let value = |p: &[u8]| (u32::from(p[0]) * 2 + u32::from(p[1]) * 5 + u32::from(p[2])) / 8;
        Self {
            width: frame.width(),
            height: frame.height(),
            values: frame
                .pixels()
                .chunks_exact(3)
                .map(|p| value(p) as u8)
                .collect(),
        }
    }

    /// At half the size, each pixel the mean of four.
    fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut values = Vec::with_capacity(width * height);
        for y in 0..height {
            let line = |y: usize| &self.values[y * self.width..][..width * 2];
            let (upper, lower) = (line(y * 2), line(y * 2 + 1));
            let pairs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
            values.extend(pairs.map(|(a, b)| {
                ((u16::from(a[0]) + u16::from(a[1]) + u16::from(b[0]) + u16::from(b[1])) / 4) as u8
            }));
        }
        Self {
            width,
            height,
            values,
        }
    }
}

/// Mean difference of the part that both pictures show when the content of `before` is moved.
fn mismatch(before: &Brightness, after: &Brightness, by: IVec2) -> f32 {
    let part = |by: i32, side: usize| {
        let moved = (by.unsigned_abs() as usize).min(side);
        let from = if by > 0 { moved } else { 0 };
        (from, side - moved)
    };
    let ((x, columns), (y, rows)) = (part(by.x, after.width), part(by.y, after.height));
    if columns == 0 || rows == 0 {
        return f32::MAX;
    }
    let sum: u64 = (y..y + rows)
        .map(|line| {
            let now = &after.values[line * after.width + x..][..columns];
            let line = (line as i64 - i64::from(by.y)) as usize;
            let from = (x as i64 - i64::from(by.x)) as usize;
            let then = &before.values[line * before.width + from..][..columns];
            u64::from(difference(now, then))
        })
        .sum();
    sum as f32 / (columns * rows) as f32
}

fn search(before: &Brightness, after: &Brightness, reach: i32) -> IVec2 {
    // A larger shift would compare too little of the frame.
    let reach = reach.min((after.width.min(after.height) / 4) as i32).max(0);
    let (centre, around) = if reach <= EXHAUSTIVE {
        (IVec2::ZERO, reach)
    } else {
        let coarse = search(&before.halved(), &after.halved(), (reach + 1) / 2);
        (coarse * 2, 1)
    };
    let mut best = (IVec2::ZERO, mismatch(before, after, IVec2::ZERO));
    let mut consider = |by: IVec2| {
        if by.abs().max_element() > reach {
            return;
        }
        let found = mismatch(before, after, by);
        let nearer = by.abs().element_sum() < best.0.abs().element_sum();
        if found < best.1 || (nearer && found <= best.1) {
            best = (by, found);
        }
    };
    for y in -around..=around {
        for x in -around..=around {
            consider(centre + IVec2::new(x, y));
        }
    }
    best.0
}
