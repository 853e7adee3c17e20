//! Recognises a place by its pixels.

use genie_model::Frame;
use genie_model::block_matching::{best_shift, sum_of_differences};

use crate::triggers::pixels::row;
use crate::triggers::scene::grey;

/// Side of the patches that [`Place`] compares, in pixels.
const PATCH: usize = 8;
/// Mean difference per channel up to which two patches are the same, of 255.
const SAME_PATCH: u32 = 20;

/// A picture of a place, made ready to be compared with frames.
///
/// Patches that are often in the picture, such as sky or grass, say little about the place: together they count as much
/// as one that is there once.
#[derive(Clone, Debug)]
pub struct Place {
    picture: Frame,
    patches: Vec<Patch>,
}

/// A patch of a picture; those at the right and lower edges may be smaller.
#[derive(Clone, Debug)]
struct Patch {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    /// 1 divided by the number of patches of the picture that are like it.
    weight: f32,
}

impl Place {
    /// The place in this picture, which should be a frame of the world or be
    /// [fitted](Frame::fitted) to its size. Compares all 8x8 patches with each other: make it once.
    pub fn new(picture: Frame) -> Self {
        let (width, height) = (picture.width(), picture.height());
        let mut patches: Vec<Patch> = (0..height.div_ceil(PATCH))
            .flat_map(|row| (0..width.div_ceil(PATCH)).map(move |column| (column, row)))
            .map(|(column, row)| Patch {
                left: column * PATCH,
                top: row * PATCH,
                width: PATCH.min(width - column * PATCH),
                height: PATCH.min(height - row * PATCH),
                weight: 0.0,
            })
            .collect();
        let weights: Vec<f32> = patches
            .iter()
            .map(|patch| {
                let alike =
                    |other: &&Patch| patch.is_seen(&picture, &picture, other.left, other.top);
                1.0 / patches.iter().filter(alike).count().max(1) as f32
            })
            .collect();
        for (patch, weight) in patches.iter_mut().zip(weights) {
            patch.weight = weight;
        }
        Self { picture, patches }
    }

    /// The picture.
    pub fn picture(&self) -> &Frame {
        &self.picture
    }

    /// "Same place as this picture?": how much (0 to 1) of the picture's patches, by their weight, is seen in the frame
    /// where it is in the picture, after moving the whole picture by up to `slack` pixels each way to fit best. 0 for a
    /// frame of another size.
    ///
    /// Costs what [`scene_shift`](super::scene_shift) with a reach of `slack` costs, and one look at each pixel.
    pub fn likeness(&self, frame: &Frame, slack: u32) -> f32 {
        let size = |frame: &Frame| (frame.width(), frame.height());
        if size(&self.picture) != size(frame) {
            return 0.0;
        }
        let shift = best_shift(&grey(&self.picture), &grey(frame), slack);
        let there = |at: usize, by: i32| at.checked_add_signed(by as isize);
        let (mut seen, mut all) = (0.0, 0.0);
        for patch in &self.patches {
            all += patch.weight;
            if let (Some(x), Some(y)) =
                (there(patch.left, shift.right), there(patch.top, shift.down))
                && patch.is_seen(&self.picture, frame, x, y)
            {
                seen += patch.weight;
            }
        }
        if all > 0.0 { seen / all } else { 0.0 }
    }
}

impl Patch {
    /// Whether this patch of `picture` is in `frame` with its left upper corner at `x`, `y`.
    fn is_seen(&self, picture: &Frame, frame: &Frame, x: usize, y: usize) -> bool {
        if x + self.width > frame.width() || y + self.height > frame.height() {
            return false;
        }
        let most = SAME_PATCH * (self.width * self.height * 3) as u32;
        let mut sum = 0;
        (0..self.height).all(|line| {
            let (from, to) = (self.left, self.left + self.width);
            let own = row(picture, self.top + line, from, to);
            sum += sum_of_differences(own, row(frame, y + line, x, x + self.width));
            sum <= most
        })
    }
}
