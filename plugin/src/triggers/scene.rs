//! How far the scene has moved between two frames, found by trying shifts.

use bevy::math::IVec2;
use bevy::reflect::Reflect;
use bevy::reflect::std_traits::ReflectDefault;
use genie_model::Frame;
use genie_model::block_matching::{GreyPicture, Shift, best_shift, mean_difference};

/// A shift must explain the later frame better than no shift by this share of the difference, or it does not count.
const LEAST_CONFIDENCE: f32 = 0.1;

/// A motion between two frames.
#[derive(Reflect, Clone, Copy, Debug, Default, PartialEq)]
#[reflect(Debug, Default, PartialEq, Clone)]
pub struct SceneShift {
    /// How far the picture's content has moved, in pixels, x to the right and y down. The scene of a hero that runs to
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
    let (before, after) = (grey(before), grey(after));
    let shift = best_shift(&before, &after, reach);
    let difference = |shift| mean_difference(&before.picture(), &after.picture(), shift);
    let unmoved = difference(Shift::ZERO);
    if shift == Shift::ZERO || unmoved <= 0.0 {
        return SceneShift::default();
    }
    let confidence = 1.0 - difference(shift) / unmoved;
    if confidence < LEAST_CONFIDENCE {
        return SceneShift::default();
    }
    let by = IVec2::new(shift.right, shift.down);
    SceneShift { by, confidence }
}

/// The brightness of a frame.
pub(super) fn grey(frame: &Frame) -> GreyPicture {
    GreyPicture::of_rgb(frame.pixels(), frame.height(), frame.width())
}
