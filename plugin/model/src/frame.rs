//! Frames of a world, and how a picture of another size is fitted to one.

use crate::Error;
use crate::resample::{Enlarging, PixelRect, resample};

/// What lies under transparent pixels where nothing else is said.
pub(crate) const BLACK: [u8; 3] = [0, 0, 0];

/// An RGB picture, 8 bits a channel, rows from the top.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// How a picture of another shape is fitted into a frame.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Scale until the frame is covered, and crop the rest evenly on both sides.
    #[default]
    Crop,
    /// Scale until the whole picture is inside, and fill the rest with black.
    Letterbox,
}

impl Frame {
    /// A frame from RGB bytes, `width * height * 3` of them.
    ///
    /// # Errors
    /// [`Error::FrameSize`] if the number of bytes is another one.
    pub fn from_rgb(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self, Error> {
        check_len(width, height, 3, pixels.len())?;
        Ok(Self {
            width,
            height,
            pixels,
        })
    }

    /// A frame from RGBA bytes, `width * height * 4` of them, laid over black.
    ///
    /// # Errors
    /// [`Error::FrameSize`] if the number of bytes is another one.
    pub fn from_rgba(width: usize, height: usize, pixels: &[u8]) -> Result<Self, Error> {
        Self::from_rgba_over(width, height, pixels, BLACK)
    }

    /// A frame from RGBA bytes, `width * height * 4` of them, laid over a colour: the colour that a transparent pixel
    /// hides never shows.
    ///
    /// # Errors
    /// [`Error::FrameSize`] if the number of bytes is another one.
    pub fn from_rgba_over(
        width: usize,
        height: usize,
        pixels: &[u8],
        background: [u8; 3],
    ) -> Result<Self, Error> {
        check_len(width, height, 4, pixels.len())?;
        let pixels = pixels
            .chunks_exact(4)
            .flat_map(|p| {
                let alpha = u16::from(p[3]);
                let mix = |c: u8, under: u8| {
                    ((u16::from(c) * alpha + u16::from(under) * (255 - alpha) + 127) / 255) as u8
                };
                [
                    mix(p[0], background[0]),
                    mix(p[1], background[1]),
                    mix(p[2], background[2]),
                ]
            })
            .collect();
        Ok(Self {
            width,
            height,
            pixels,
        })
    }

    /// A frame of one colour.
    pub fn filled(width: usize, height: usize, colour: [u8; 3]) -> Self {
        Self {
            width,
            height,
            pixels: colour.repeat(width * height),
        }
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// RGB bytes, row by row from the top.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Takes the RGB bytes out.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// RGBA bytes with full opacity, for textures.
    pub fn to_rgba(&self) -> Vec<u8> {
        self.pixels
            .chunks_exact(3)
            .flat_map(|p| [p[0], p[1], p[2], 255])
            .collect()
    }

    /// The picture scaled to `width` x `height`, its proportions kept as `fit` says. Pictures are averaged when they
    /// shrink; small pixel art stays sharp when it grows.
    ///
    /// # Errors
    /// [`Error::FrameSize`] if either picture has no pixels.
    pub fn fitted(&self, width: usize, height: usize, fit: Fit) -> Result<Self, Error> {
        if (self.width, self.height) == (width, height) {
            return Ok(self.clone());
        }
        if self.pixels.is_empty() || width == 0 || height == 0 {
            return Err(Error::FrameSize {
                width,
                height,
                channels: 3,
                expected: 3,
                actual: self.pixels.len(),
            });
        }
        let across = width as f64 / self.width as f64;
        let down = height as f64 / self.height as f64;
        Ok(match fit {
            Fit::Crop => {
                let scale = across.max(down);
                // Cut before scaling: the cost stays bounded for very long or very wide pictures.
                let keep = |side: usize, target: usize| {
                    ((target as f64 / scale).round() as usize).clamp(1, side)
                };
                let (w, h) = (keep(self.width, width), keep(self.height, height));
                let area = PixelRect {
                    x: (self.width - w) / 2,
                    y: (self.height - h) / 2,
                    width: w,
                    height: h,
                };
                self.scaled(area, width, height)
            }
            Fit::Letterbox => {
                let scale = across.min(down);
                let inner = |side: usize, most: usize| {
                    ((side as f64 * scale).round() as usize).clamp(1, most)
                };
                let (w, h) = (inner(self.width, width), inner(self.height, height));
                let area = PixelRect {
                    x: 0,
                    y: 0,
                    width: self.width,
                    height: self.height,
                };
                let inner = self.scaled(area, w, h);
                Self::filled(width, height, BLACK).with(&inner, (width - w) / 2, (height - h) / 2)
            }
        })
    }

    /// An area of the picture in another size, proportions not kept.
    ///
    /// # Panics
    /// If the area has no pixels or leaves the picture.
    #[must_use]
    pub fn scaled(&self, area: PixelRect, width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: resample(
                &self.pixels,
                self.width,
                3,
                area,
                (width, height),
                Enlarging::Nearest,
            ),
        }
    }

    /// The picture with another one laid over it.
    ///
    /// # Panics
    /// If the other one sticks out.
    #[must_use]
    pub fn with(mut self, other: &Self, left: usize, top: usize) -> Self {
        for (row, source) in other.pixels.chunks_exact(other.width * 3).enumerate() {
            let at = ((top + row) * self.width + left) * 3;
            self.pixels[at..at + source.len()].copy_from_slice(source);
        }
        self
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({}x{})", self.width, self.height)
    }
}

fn check_len(width: usize, height: usize, channels: usize, actual: usize) -> Result<(), Error> {
    let expected = width.saturating_mul(height).saturating_mul(channels);
    if expected == actual {
        return Ok(());
    }
    Err(Error::FrameSize {
        width,
        height,
        channels,
        expected,
        actual,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crop_keeps_the_middle_and_letterbox_keeps_all() {
        // A 12x4 picture: red, green, blue squares.
        let colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255]];
        let pixels = (0..4)
            .flat_map(|_| (0..12).flat_map(|x| colours[x / 4]))
            .collect();
        let picture = Frame::from_rgb(12, 4, pixels).unwrap();
        let cropped = picture.fitted(8, 8, Fit::Crop).unwrap();
        assert!(cropped.pixels().chunks_exact(3).all(|p| p == colours[1]));
        let boxed = picture.fitted(12, 12, Fit::Letterbox).unwrap();
        let at = |x: usize, y: usize| &boxed.pixels()[(y * 12 + x) * 3..][..3];
        assert_eq!(at(0, 0), [0, 0, 0]);
        assert_eq!(at(0, 5), colours[0]);
        assert_eq!(at(11, 5), colours[2]);
    }

    #[test]
    fn absurd_proportions_do_not_break() {
        for (w, h) in [(1, 4000), (4000, 1), (1, 1), (3, 70)] {
            let picture = Frame::filled(w, h, [9, 9, 9]);
            for fit in [Fit::Crop, Fit::Letterbox] {
                let fitted = picture.fitted(64, 64, fit).unwrap();
                assert_eq!((fitted.width(), fitted.height()), (64, 64));
            }
        }
    }
}
