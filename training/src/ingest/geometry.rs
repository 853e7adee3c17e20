//! Where the pixels of a frame come from: crop, scale and fit.

use genie_model::{Enlarging, Frame, PixelRect, resample};

use super::{FitChoice, IngestOptions};

/// What is done to pictures of any size so that they become frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Geometry {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) fit: FitChoice,
    pub(super) crop: Option<PixelRect>,
    pub(super) background: [u8; 3],
}

/// What is done to pictures of one size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plan {
    /// Size of the source's picture, upright.
    pub(super) source: (usize, usize),
    /// What is used of it.
    pub(super) area: PixelRect,
    /// Width and height of that in the frame.
    pub(super) inner: (usize, usize),
    /// Where it is in the frame, from the left and the top.
    pub(super) at: (usize, usize),
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) background: [u8; 3],
}

impl Geometry {
    pub(super) fn new(options: &IngestOptions, crop: Option<PixelRect>) -> Self {
        Self {
            width: options.width,
            height: options.height,
            fit: options.fit,
            crop,
            background: options.background,
        }
    }

    /// The plan for pictures of a size whose pixels are `pixel_aspect` times as wide as high.
    pub(super) fn plan(
        &self,
        (width, height): (usize, usize),
        pixel_aspect: f64,
    ) -> Result<Plan, String> {
        if width == 0 || height == 0 {
            return Err(format!("its pictures have no pixels ({width}x{height})"));
        }
        let whole = self.crop.unwrap_or(PixelRect {
            x: 0,
            y: 0,
            width,
            height,
        });
        let inside = |start: usize, length: usize, edge: usize| {
            start.checked_add(length).is_some_and(|end| end <= edge)
        };
        if !inside(whole.x, whole.width, width) || !inside(whole.y, whole.height, height) {
            return Err(format!(
                "the crop {},{},{},{} leaves its {width}x{height} picture",
                whole.x, whole.y, whole.width, whole.height
            ));
        }
        let mut plan = Plan {
            source: (width, height),
            area: whole,
            inner: (self.width, self.height),
            at: (0, 0),
            width: self.width,
            height: self.height,
            background: self.background,
        };
        // Target pixels for each source pixel.
        let across = self.width as f64 / (whole.width as f64 * pixel_aspect);
        let down = self.height as f64 / whole.height as f64;
        match self.fit {
            FitChoice::Stretch => {}
            FitChoice::Cover => {
                // Cut before scaling: the cost stays bounded for very long or very wide pictures.
                let scale = across.max(down);
                let keep = |target: usize, length: usize, aspect: f64| {
                    ((target as f64 / (scale * aspect)).round() as usize).clamp(1, length)
                };
                let kept_width = keep(self.width, whole.width, pixel_aspect);
                let kept_height = keep(self.height, whole.height, 1.0);
                plan.area = PixelRect {
                    x: whole.x + (whole.width - kept_width) / 2,
                    y: whole.y + (whole.height - kept_height) / 2,
                    width: kept_width,
                    height: kept_height,
                };
            }
            FitChoice::Contain => {
                let scale = across.min(down);
                let inner = |length: usize, aspect: f64, most: usize| {
                    ((length as f64 * aspect * scale).round() as usize).clamp(1, most)
                };
                plan.inner = (
                    inner(whole.width, pixel_aspect, self.width),
                    inner(whole.height, 1.0, self.height),
                );
                plan.at = (
                    (self.width - plan.inner.0) / 2,
                    (self.height - plan.inner.1) / 2,
                );
            }
        }
        Ok(plan)
    }
}

impl Plan {
    /// The frame of a picture of the planned size.
    pub(super) fn apply(&self, picture: &Frame) -> Frame {
        let area = self.area;
        let whole = (area.x, area.y) == (0, 0)
            && (area.width, area.height) == (picture.width(), picture.height());
        if whole && self.inner == (area.width, area.height) && self.fills() {
            return picture.clone();
        }
        self.framed(picture.scaled(area, self.inner.0, self.inner.1))
    }

    /// The plan for films: their colours come in pairs of pixels, which are not split.
    pub(super) fn in_pairs(mut self) -> Self {
        let even = |start: &mut usize, length: &mut usize| {
            if *length >= 4 {
                *length -= (*start + *length) % 2;
                *length += *start % 2;
                *start -= *start % 2;
            }
        };
        even(&mut self.area.x, &mut self.area.width);
        even(&mut self.area.y, &mut self.area.height);
        self
    }

    /// Whether nothing of the background shows.
    pub(super) fn fills(&self) -> bool {
        self.inner == (self.width, self.height)
    }

    /// Whether films' pictures are scaled here, whichever decoder reads them: scalers differ most where a picture keeps about its
    /// size, and there it costs little.
    pub(super) fn scaled_here(&self) -> bool {
        self.source.0 * self.source.1 <= 4 * self.inner.0 * self.inner.1
    }

    /// Whether the picture grows along some axis.
    pub(super) fn grows(&self) -> bool {
        self.inner.0 > self.area.width || self.inner.1 > self.area.height
    }

    /// The inner picture in its place on the background.
    pub(super) fn framed(&self, inner: Frame) -> Frame {
        if self.fills() {
            return inner;
        }
        Frame::filled(self.width, self.height, self.background).with(&inner, self.at.0, self.at.1)
    }

    /// One plane of a film's picture, `divisor` times smaller than the picture along both axes.
    pub(super) fn plane(&self, plane: &[u8], plane_width: usize, divisor: usize) -> Vec<u8> {
        let plane_height = plane.len() / plane_width.max(1);
        let range = |start: usize, length: usize, edge: usize| {
            let first = (start / divisor).min(edge - 1);
            let last = (start + length).div_ceil(divisor).clamp(first + 1, edge);
            (first, last - first)
        };
        let (x, width) = range(self.area.x, self.area.width, plane_width);
        let (y, height) = range(self.area.y, self.area.height, plane_height);
        let area = PixelRect {
            x,
            y,
            width,
            height,
        };
        let enlarging = if self.grows() {
            Enlarging::Nearest
        } else {
            // Where ffmpeg's scaler sees them, so that both decoders give the same colours.
            let down = if self.inner.1 == self.area.height && !self.scaled_here() {
                -0.25
            } else {
                0.0
            };
            Enlarging::Linear { down }
        };
        resample(plane, plane_width, 1, area, self.inner, enlarging)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn geometry(width: usize, height: usize, fit: FitChoice) -> Geometry {
        Geometry {
            width,
            height,
            fit,
            crop: None,
            background: [9, 8, 7],
        }
    }

    #[test]
    fn cover_cuts_evenly_contain_keeps_all_and_stretch_does_neither() {
        let picture = Frame::from_rgb(
            30,
            10,
            (0..300).flat_map(|i| [(i % 30) as u8, 0, 0]).collect(),
        )
        .unwrap();
        let apply = |fit| {
            let plan = geometry(10, 10, fit).plan((30, 10), 1.0).unwrap();
            plan.apply(&picture)
        };
        let cover = apply(FitChoice::Cover);
        assert_eq!((cover.pixels()[0], cover.pixels()[27]), (10, 19));
        let contain = apply(FitChoice::Contain);
        assert_eq!(contain.pixels()[..3], [9, 8, 7]);
        assert_eq!(contain.pixels()[5 * 30..][..3], [1, 0, 0]);
        let stretched = apply(FitChoice::Stretch);
        assert_eq!((stretched.pixels()[0], stretched.pixels()[27]), (1, 28));
    }

    #[test]
    fn wide_pixels_count_by_their_shape() {
        // 720x576 pixels that are 16/11 as wide as high show a 16:9 picture.
        let plan = geometry(64, 64, FitChoice::Cover)
            .plan((720, 576), 16.0 / 11.0)
            .unwrap();
        assert_eq!((plan.area.width, plan.area.height), (396, 576));
        let plan = geometry(64, 64, FitChoice::Contain)
            .plan((720, 576), 16.0 / 11.0)
            .unwrap();
        assert_eq!((plan.inner, plan.at), ((64, 35), (0, 14)));
    }

    #[test]
    fn a_crop_outside_the_picture_is_refused_and_thin_pictures_cost_nothing() {
        let mut outside = geometry(8, 8, FitChoice::Cover);
        outside.crop = Some(PixelRect {
            x: 5,
            y: 0,
            width: 8,
            height: 4,
        });
        assert!(outside.plan((12, 4), 1.0).unwrap_err().contains("12x4"));
        assert!(geometry(8, 8, FitChoice::Cover).plan((0, 0), 1.0).is_err());
        let thin = Frame::filled(1, 16_000, [3, 2, 1]);
        for fit in [FitChoice::Cover, FitChoice::Contain, FitChoice::Stretch] {
            let plan = geometry(1024, 1024, fit).plan((1, 16_000), 1.0).unwrap();
            assert_eq!(plan.apply(&thin).pixels().len(), 1024 * 1024 * 3);
        }
    }
}
