//! How well a region of any shape is found again in another picture.

use std::array::from_fn;

use super::shift::Shift;

/// Shifts along a row that are tried at once; a whole number of vector registers.
const LANES: usize = 32;
/// Pixels after which 16-bit sums are emptied.
const EMPTY_AFTER: usize = 64;
/// Colour planes.
const PLANES: usize = 3;

/// A picture of three planes in which regions of other pictures are searched. It has a margin, so that shifted rows are read
/// without asking where the picture ends.
#[derive(Clone, Debug)]
pub struct SearchArea {
    reach: usize,
    height: usize,
    width: usize,
    /// Bytes of a row with its margins.
    row: usize,
    planes: [Vec<u8>; PLANES],
    /// 1 inside of the picture.
    inside: Vec<u8>,
}

impl SearchArea {
    /// The largest reach.
    pub const MOST_REACH: usize = (LANES - 1) / 2;

    /// Red, green and blue of a picture, each `height * width` bytes, for searches of at most `reach` pixels each way. Larger
    /// reaches count as [`MOST_REACH`](Self::MOST_REACH).
    pub fn new(planes: [&[u8]; PLANES], width: usize, reach: usize) -> Self {
        let reach = reach.min(Self::MOST_REACH);
        let width = width.max(1);
        let height = planes[0].len() / width;
        let row = width + 2 * reach + LANES;
        let pad = |plane: &[u8]| {
            let mut padded = vec![0; row * (height + 2 * reach)];
            for (y, line) in plane.chunks_exact(width).enumerate() {
                let at = (y + reach) * row + reach;
                padded[at..at + width].copy_from_slice(line);
            }
            padded
        };
        Self {
            reach,
            height,
            width,
            row,
            planes: planes.map(pad),
            inside: pad(&vec![1; height * width]),
        }
    }

    /// Pixels that a search goes at most each way.
    pub fn reach(&self) -> usize {
        self.reach
    }

    /// The colour of a pixel, if it is inside the picture.
    pub fn pixel(&self, x: i32, y: i32) -> Option<[u8; PLANES]> {
        let inside = (0..self.width as i32).contains(&x) && (0..self.height as i32).contains(&y);
        inside.then(|| {
            let at = (y as usize + self.reach) * self.row + x as usize + self.reach;
            from_fn(|plane| self.planes[plane][at])
        })
    }

    /// How a region fits under every shift within reach. `region` has its pixels as indices into the `planes` of a picture of
    /// the same size. A pixel's difference, summed over the planes, counts up to `limit`, which must be at most 1023.
    pub fn compare(&self, region: &[u32], planes: [&[u8]; PLANES], limit: u16) -> RegionFit {
        let span = 2 * self.reach + 1;
        let mut fit = RegionFit {
            reach: self.reach,
            pixels: region.len(),
            sums: vec![[0; LANES]; span],
            inside: vec![[0; LANES]; span],
        };
        let mut sums = vec![[0_u16; LANES]; span];
        let mut seen = vec![[0_u16; LANES]; span];
        for pixels in region.chunks(EMPTY_AFTER) {
            for &pixel in pixels {
                let pixel = pixel as usize;
                let (x, y) = (pixel % self.width, pixel / self.width);
                let colour = planes.map(|plane| plane[pixel]);
                for line in 0..span {
                    let at = (y + line) * self.row + x;
                    let window = |plane: &[u8]| -> [u8; LANES] {
                        plane[at..at + LANES]
                            .try_into()
                            .expect("a slice of that length")
                    };
                    let windows = from_fn(|plane| window(&self.planes[plane]));
                    let inside = window(&self.inside);
                    add_differences(
                        &mut sums[line],
                        &mut seen[line],
                        colour,
                        &windows,
                        &inside,
                        limit,
                    );
                }
            }
            empty(&mut sums, &mut fit.sums);
            empty(&mut seen, &mut fit.inside);
        }
        fit
    }
}

/// Adds a pixel's limited colour difference to the sum of every shift along a row, where the shift stays inside.
fn add_differences(
    sums: &mut [u16; LANES],
    seen: &mut [u16; LANES],
    colour: [u8; PLANES],
    planes: &[[u8; LANES]; PLANES],
    inside: &[u8; LANES],
    limit: u16,
) {
    for lane in 0..LANES {
        let difference = u16::from(planes[0][lane].abs_diff(colour[0]))
            + u16::from(planes[1][lane].abs_diff(colour[1]))
            + u16::from(planes[2][lane].abs_diff(colour[2]));
        let inside = u16::from(inside[lane]);
        sums[lane] += difference.min(limit) * inside;
        seen[lane] += inside;
    }
}

/// Moves narrow sums into wide ones.
fn empty(narrow: &mut [[u16; LANES]], wide: &mut [[u32; LANES]]) {
    for (narrow, wide) in narrow.iter_mut().zip(wide) {
        for (narrow, wide) in narrow.iter_mut().zip(wide) {
            *wide += u32::from(std::mem::take(narrow));
        }
    }
}

/// How a region fits another picture under the shifts that were tried: the region moves by the shift.
#[derive(Clone, Debug)]
pub struct RegionFit {
    reach: usize,
    pixels: usize,
    /// By rows and columns of shifts.
    sums: Vec<[u32; LANES]>,
    inside: Vec<[u32; LANES]>,
}

impl RegionFit {
    /// Mean limited difference of the pixels that a shift leaves inside the other picture, and how many it takes outside.
    /// `None` beyond the reach, and where less than half of the region stays inside.
    pub fn under(&self, shift: Shift) -> Option<(f32, usize)> {
        // What is beyond the reach to the left or above wraps to a large place.
        let place = |by: i32| (by + self.reach as i32) as usize;
        let (line, lane) = (place(shift.down), place(shift.right));
        if lane > 2 * self.reach {
            return None;
        }
        let inside = self.inside.get(line)?[lane] as usize;
        let mean = || self.sums[line][lane] as f32 / inside as f32;
        (inside * 2 >= self.pixels && inside > 0).then(|| (mean(), self.pixels - inside))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::shift::shifts_in_rows;
    use super::*;

    const WIDTH: usize = 11;
    const HEIGHT: usize = 9;
    const SIZE: usize = WIDTH * HEIGHT;

    fn planes(bytes: &[u8]) -> [&[u8]; PLANES] {
        from_fn(|plane| &bytes[plane * SIZE..(plane + 1) * SIZE])
    }

    proptest! {
        /// Against the definition, one pixel and shift after another; regions of more pixels than are summed at once.
        #[test]
        fn a_region_fits_as_the_definition_says(
            bytes in proptest::collection::vec(any::<u8>(), 2 * PLANES * SIZE),
            mask in proptest::collection::vec(proptest::bool::weighted(0.8), SIZE),
            reach in 0_usize..20,
            limit in 0_u16..1000,
        ) {
            let (own, other) = (planes(&bytes), planes(&bytes[PLANES * SIZE..]));
            let region: Vec<u32> = (0..SIZE as u32).filter(|&pixel| mask[pixel as usize]).collect();
            let area = SearchArea::new(other, WIDTH, reach);
            let fit = area.compare(&region, own, limit);
            for shift in shifts_in_rows(21, 21) {
                let (mut sum, mut inside) = (0, 0);
                for &pixel in &region {
                    let (x, y) = (pixel as i32 % WIDTH as i32 + shift.right, pixel as i32 / WIDTH as i32 + shift.down);
                    let there = (0..WIDTH as i32).contains(&x) && (0..HEIGHT as i32).contains(&y);
                    let there = there.then(|| y as usize * WIDTH + x as usize);
                    prop_assert_eq!(area.pixel(x, y), there.map(|at| other.map(|plane| plane[at])));
                    if let Some(at) = there {
                        let apart = |plane: usize| u32::from(own[plane][pixel as usize].abs_diff(other[plane][at]));
                        sum += (0..PLANES).map(apart).sum::<u32>().min(u32::from(limit));
                        inside += 1;
                    }
                }
                let beyond = shift.right.abs().max(shift.down.abs()) > reach.min(SearchArea::MOST_REACH) as i32;
                let expected = (!beyond && inside > 0 && inside * 2 >= region.len())
                    .then(|| (sum as f32 / inside as f32, region.len() - inside));
                prop_assert_eq!(fit.under(shift), expected);
            }
        }
    }
}
