//! Films' pictures as they are stored, luma and colour differences at half the resolution (4:2:0, 8 bits), become frames.
//!
//! Both decoders end here where a picture keeps about its size, so that they give the same frames to the bit. Colour
//! differences are taken to lie in the middle of their four pixels.

use genie_model::Frame;

use super::super::geometry::Plan;

/// How luma and colour differences become RGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colours {
    pub(super) full_range: bool,
    pub(super) matrix: Matrix,
}

/// What colour differences are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matrix {
    Bt601,
    Bt709,
    Bt2020,
}

impl Matrix {
    /// What players assume of a picture of that height where nothing is said.
    pub(super) fn assumed(height: usize) -> Self {
        if height >= 720 {
            Self::Bt709
        } else {
            Self::Bt601
        }
    }
}

impl Colours {
    /// RGB bytes of three planes of one size.
    pub(super) fn to_rgb(self, luma: &[u8], blue: &[u8], red: &[u8]) -> Vec<u8> {
        let (kr, kb) = match self.matrix {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
        };
        let kg: f64 = 1.0 - kr - kb;
        let (offset, luma_scale, chroma_scale) = if self.full_range {
            (0, 1.0, 1.0)
        } else {
            (16, 255.0 / 219.0, 255.0 / 224.0)
        };
        let fixed = |value: f64| (value * 65536.0).round() as i32;
        let y = fixed(luma_scale);
        let red_to_red = fixed(2.0 * (1.0 - kr) * chroma_scale);
        let red_to_green = fixed(-2.0 * kr * (1.0 - kr) / kg * chroma_scale);
        let blue_to_green = fixed(-2.0 * kb * (1.0 - kb) / kg * chroma_scale);
        let blue_to_blue = fixed(2.0 * (1.0 - kb) * chroma_scale);
        let byte = |value: i32| ((value + 32768) >> 16).clamp(0, 255) as u8;
        let mut out = Vec::with_capacity(luma.len() * 3);
        for ((&l, &b), &r) in luma.iter().zip(blue).zip(red) {
            let l = (i32::from(l) - offset) * y;
            let (b, r) = (i32::from(b) - 128, i32::from(r) - 128);
            out.push(byte(l + r * red_to_red));
            out.push(byte(l + r * red_to_green + b * blue_to_green));
            out.push(byte(l + b * blue_to_blue));
        }
        out
    }
}

/// A decoded picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planes<'a> {
    /// Width and height in pixels.
    pub(super) size: (usize, usize),
    pub(super) luma: &'a [u8],
    pub(super) blue: &'a [u8],
    pub(super) red: &'a [u8],
}

impl<'a> Planes<'a> {
    /// How many bytes the planes of a picture have.
    pub(super) fn bytes((width, height): (usize, usize)) -> usize {
        width * height + 2 * width.div_ceil(2) * height.div_ceil(2)
    }

    /// The planes that lie one behind the other in [`Self::bytes`] bytes.
    pub(super) fn of(bytes: &'a [u8], size: (usize, usize)) -> Self {
        let (luma, rest) = bytes.split_at(size.0 * size.1);
        let (blue, red) = rest.split_at(rest.len() / 2);
        Self {
            size,
            luma,
            blue,
            red,
        }
    }

    /// What the plan wants of the picture, in RGB, without what lies beside it.
    pub(super) fn inner(&self, plan: &Plan, colours: Colours) -> Result<Frame, String> {
        let width = self.size.0;
        let chroma_width = width.div_ceil(2);
        let luma = plan.plane(self.luma, width, 1);
        let blue = plan.plane(self.blue, chroma_width, 2);
        let red = plan.plane(self.red, chroma_width, 2);
        let pixels = colours.to_rgb(&luma, &blue, &red);
        Frame::from_rgb(plan.inner.0, plan.inner.1, pixels).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_stays_grey_and_ranges_are_told_apart() {
        let limited = Colours {
            full_range: false,
            matrix: Matrix::Bt601,
        };
        assert_eq!(
            limited.to_rgb(&[16, 235, 126], &[128; 3], &[128; 3]),
            [0, 0, 0, 255, 255, 255, 128, 128, 128]
        );
        let full = Colours {
            full_range: true,
            ..limited
        };
        assert_eq!(
            full.to_rgb(&[0, 255], &[128; 2], &[128; 2]),
            [0, 0, 0, 255, 255, 255]
        );
        // Pure red in BT.601: Y 81, Cb 90, Cr 240.
        let red = limited.to_rgb(&[81], &[90], &[240]);
        assert!(red[0] >= 253 && red[1] <= 2 && red[2] <= 2, "{red:?}");
    }
}
