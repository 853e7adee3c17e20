//! Pictures as block matching sees them.

use super::shift::Shift;

/// A pixel's difference counts up to this many grey levels where it is limited, so that a few very different pixels do not
/// outvote the rest.
const MOST_DIFFERENCE: u32 = 48;

/// The pixels of a picture, row by row.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    values: &'a [u8],
    height: usize,
    width: usize,
    channels: usize,
    /// One for each pixel, or none at all.
    hidden: &'a [bool],
}

impl<'a> Picture<'a> {
    /// A picture of RGB pixels: `height * width * 3` bytes, or `None`. It has pixels.
    pub fn rgb(values: &'a [u8], height: usize, width: usize) -> Option<Self> {
        Self::new(values, height, width, 3)
    }

    /// A picture of one channel: `height * width` bytes, or `None`. It has pixels.
    pub fn grey(values: &'a [u8], height: usize, width: usize) -> Option<Self> {
        Self::new(values, height, width, 1)
    }

    fn new(values: &'a [u8], height: usize, width: usize, channels: usize) -> Option<Self> {
        let size = height.checked_mul(width)?.checked_mul(channels)?;
        (size > 0 && values.len() == size).then_some(Self {
            values,
            height,
            width,
            channels,
            hidden: &[],
        })
    }

    /// The same picture without the pixels that are marked, one mark for each: a [`Comparison`](super::Comparison) leaves them out.
    /// `None` if there are not as many marks as pixels.
    pub fn without(self, hidden: &'a [bool]) -> Option<Self> {
        (hidden.len() == self.height * self.width).then_some(Self { hidden, ..self })
    }

    /// Whether some pixels may be hidden.
    pub(super) fn hides(&self) -> bool {
        !self.hidden.is_empty()
    }

    /// Which of `columns` pixels of row `y` from column `x` on are hidden, if any may be.
    pub(super) fn hidden_row(&self, x: usize, y: usize, columns: usize) -> Option<&'a [bool]> {
        self.hides()
            .then(|| &self.hidden[y * self.width + x..][..columns])
    }

    /// Rows of pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Bytes of `columns` pixels of row `y` from column `x` on, all of which must be inside the picture.
    pub fn row(&self, x: usize, y: usize, columns: usize) -> &'a [u8] {
        &self.values[(y * self.width + x) * self.channels..][..columns * self.channels]
    }

    /// Sum of absolute differences between the block of `height` by `width` pixels of this picture with its upper left
    /// corner at column `at[0]`, row `at[1]`, and the block of `earlier` at `from`. Both must be inside their pictures.
    pub fn block_difference(
        &self,
        at: [usize; 2],
        earlier: &Picture,
        from: [usize; 2],
        (height, width): (usize, usize),
    ) -> u32 {
        let rows = (0..height).map(|y| {
            sum_of_differences(
                self.row(at[0], at[1] + y, width),
                earlier.row(from[0], from[1] + y, width),
            )
        });
        rows.sum()
    }

    /// Whether what a shift brings to a place was inside the earlier picture, which has this one's size.
    pub(super) fn stays_inside(&self, (x, y): (i32, i32), shift: Shift) -> bool {
        (0..self.width as i32).contains(&(x - shift.right))
            && (0..self.height as i32).contains(&(y - shift.down))
    }

    /// Grey levels, at most [`MOST_DIFFERENCE`], by which the pixel at a place differs from where a shift says that it came
    /// from.
    pub(super) fn limited_difference(
        &self,
        (x, y): (i32, i32),
        earlier: &Picture,
        shift: Shift,
    ) -> u32 {
        let was = earlier.pixel(x - shift.right, y - shift.down);
        sum_of_differences(self.pixel(x, y), was).min(MOST_DIFFERENCE)
    }

    fn pixel(&self, x: i32, y: i32) -> &[u8] {
        self.row(x as usize, y as usize, 1)
    }
}

/// The brightness of a picture.
#[derive(Clone, Debug)]
pub struct GreyPicture {
    values: Vec<u8>,
    height: usize,
    width: usize,
}

impl GreyPicture {
    /// The brightness of `height * width` RGB pixels.
    pub fn of_rgb(pixels: &[u8], height: usize, width: usize) -> Self {
        let value = |p: &[u8]| (u32::from(p[0]) * 2 + u32::from(p[1]) * 5 + u32::from(p[2])) / 8;
        Self {
            values: pixels.chunks_exact(3).map(|p| value(p) as u8).collect(),
            height,
            width,
        }
    }

    /// The picture of one channel.
    pub fn picture(&self) -> Picture<'_> {
        Picture {
            values: &self.values,
            height: self.height,
            width: self.width,
            channels: 1,
            hidden: &[],
        }
    }

    /// At half the size, each pixel the mean of four.
    pub(super) fn halved(&self) -> Self {
        let (height, width) = (self.height / 2, self.width / 2);
        let mut values = Vec::with_capacity(height * width);
        for y in 0..height {
            let row = |y: usize| &self.values[y * self.width..][..width * 2];
            let (upper, lower) = (row(y * 2), row(y * 2 + 1));
            let pairs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
            values.extend(pairs.map(|(a, b)| {
                ((u16::from(a[0]) + u16::from(a[1]) + u16::from(b[0]) + u16::from(b[1])) / 4) as u8
            }));
        }
        Self {
            values,
            height,
            width,
        }
    }
}

/// Sum of absolute differences of two runs of bytes of one length.
#[inline]
pub fn sum_of_differences(a: &[u8], b: &[u8]) -> u32 {
    // As plain as this, it becomes one vector instruction for sixteen bytes.
    let pairs = a.iter().zip(b);
    pairs.map(|(a, b)| u32::from(a.abs_diff(*b))).sum()
}
