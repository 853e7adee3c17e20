//! Counts of pixels in rectangles, as sums over all pixels above and to the left.

use bevy_genie::GeniePicture;

/// How many pixels of one kind any rectangle has.
pub(super) struct CountSums {
    sums: Vec<u32>,
    width: usize,
    height: usize,
}

impl CountSums {
    /// Counts the pixels that are of the kind; it is given column, row and colour.
    pub(super) fn new(
        frame: &GeniePicture,
        mut of_kind: impl FnMut(u32, u32, &[u8]) -> bool,
    ) -> Self {
        let (width, height) = (frame.width(), frame.height());
        let row = width + 1;
        let mut sums = vec![0; row * (height + 1)];
        for (at, pixel) in frame.pixels().chunks_exact(3).enumerate() {
            let (x, y) = (at % width, at / width);
            let count = u32::from(of_kind(x as u32, y as u32, pixel));
            sums[(y + 1) * row + x + 1] =
                count + sums[y * row + x + 1] + sums[(y + 1) * row + x] - sums[y * row + x];
        }
        Self {
            sums,
            width,
            height,
        }
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Within a rectangle, as far as it is in the picture.
    pub(super) fn within(&self, left: usize, top: usize, right: usize, bottom: usize) -> u32 {
        let (left, right) = (left.min(self.width), right.min(self.width));
        let (top, bottom) = (top.min(self.height), bottom.min(self.height));
        let sum = |x: usize, y: usize| self.sums[y * (self.width + 1) + x];
        sum(right, bottom) + sum(left, top) - sum(left, bottom) - sum(right, top)
    }
}
