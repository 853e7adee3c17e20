//! What tools do to a picture.

use bevy_genie::GeniePicture;

/// Red, green and blue, 0 to 255.
pub(crate) type Colour = [u8; 3];

/// A place in pixels; outside the picture is allowed.
pub(crate) type Place = (i32, i32);

/// A picture that is drawn on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Canvas {
    width: i32,
    height: i32,
    pixels: Vec<u8>,
}

/// A rectangle of pixels, its right and lower edge outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    /// Left upper corner.
    pub(crate) from: Place,
    /// Right lower corner, outside.
    pub(crate) to: Place,
}

impl Area {
    /// The pixels between two places, both inside.
    pub(crate) fn spanned(a: Place, b: Place) -> Self {
        Self {
            from: (a.0.min(b.0), a.1.min(b.1)),
            to: (a.0.max(b.0) + 1, a.1.max(b.1) + 1),
        }
    }

    /// The same area, its edges moved outwards to multiples of `step`.
    pub(crate) fn snapped(self, step: i32) -> Self {
        let down = |value: i32| value.div_euclid(step) * step;
        let up = |value: i32| -down(-value);
        Self {
            from: (down(self.from.0), down(self.from.1)),
            to: (up(self.to.0), up(self.to.1)),
        }
    }

    /// The part of it that is on a canvas, if there is one.
    pub(crate) fn clipped(self, canvas: &Canvas) -> Option<Self> {
        let inside = |place: Place| {
            let (x, y) = place;
            (x.clamp(0, canvas.width), y.clamp(0, canvas.height))
        };
        let clipped = Self {
            from: inside(self.from),
            to: inside(self.to),
        };
        let (width, height) = clipped.size();
        (width > 0 && height > 0).then_some(clipped)
    }

    /// Moved to another left upper corner.
    pub(crate) fn moved_to(self, corner: Place) -> Self {
        let (width, height) = self.size();
        Self {
            from: corner,
            to: (corner.0 + width, corner.1 + height),
        }
    }

    /// Width and height.
    pub(crate) fn size(self) -> (i32, i32) {
        (self.to.0 - self.from.0, self.to.1 - self.from.1)
    }

    /// Whether a place is in it.
    pub(crate) fn contains(self, place: Place) -> bool {
        (self.from.0..self.to.0).contains(&place.0) && (self.from.1..self.to.1).contains(&place.1)
    }
}

impl From<&GeniePicture> for Canvas {
    fn from(picture: &GeniePicture) -> Self {
        Self {
            width: picture.width() as i32,
            height: picture.height() as i32,
            pixels: picture.pixels().to_vec(),
        }
    }
}

impl Canvas {
    /// A canvas of one colour.
    pub(crate) fn filled(width: usize, height: usize, colour: Colour) -> Self {
        (&GeniePicture::filled(width, height, colour)).into()
    }

    /// As a picture.
    pub(crate) fn picture(&self) -> GeniePicture {
        let (width, height) = self.size();
        GeniePicture::from_rgb(width, height, self.pixels.clone())
            .unwrap_or_else(|_| GeniePicture::filled(width.max(1), height.max(1), [0; 3]))
    }

    /// Width and height in pixels.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.width as usize, self.height as usize)
    }

    fn index(&self, place: Place) -> Option<usize> {
        let inside = (0..self.width).contains(&place.0) && (0..self.height).contains(&place.1);
        inside.then(|| ((place.1 * self.width + place.0) * 3) as usize)
    }

    /// The colour of a pixel.
    pub(crate) fn colour(&self, place: Place) -> Option<Colour> {
        let at = self.index(place)?;
        Some([self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]])
    }

    /// Colours a pixel; nothing happens outside.
    pub(crate) fn dot(&mut self, place: Place, colour: Colour) {
        if let Some(at) = self.index(place) {
            self.pixels[at..at + 3].copy_from_slice(&colour);
        }
    }

    /// Draws a straight line, both ends included.
    pub(crate) fn line(&mut self, from: Place, to: Place, colour: Colour) {
        let (across, down) = (to.0 - from.0, to.1 - from.1);
        let steps = across.abs().max(down.abs());
        for step in 0..=steps {
            let part = |length: i32| {
                let share = f64::from(length) * f64::from(step) / f64::from(steps.max(1));
                share.round() as i32
            };
            self.dot((from.0 + part(across), from.1 + part(down)), colour);
        }
    }

    /// Fills a rectangle.
    pub(crate) fn rectangle(&mut self, area: Area, colour: Colour) {
        for y in area.from.1.max(0)..area.to.1.min(self.height) {
            for x in area.from.0.max(0)..area.to.0.min(self.width) {
                self.dot((x, y), colour);
            }
        }
    }

    /// Fills what hangs together with a place and has exactly its colour.
    pub(crate) fn fill(&mut self, from: Place, colour: Colour) {
        let Some(old) = self.colour(from).filter(|old| *old != colour) else {
            return;
        };
        let mut waiting = vec![from];
        while let Some(place) = waiting.pop() {
            if self.colour(place) != Some(old) {
                continue;
            }
            self.dot(place, colour);
            let (x, y) = place;
            waiting.extend([(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)]);
        }
    }

    /// Copies a picture onto it; what is outside is cut off.
    pub(crate) fn stamp(&mut self, corner: Place, stamp: &Self) {
        for y in 0..stamp.height {
            for x in 0..stamp.width {
                if let Some(colour) = stamp.colour((x, y)) {
                    self.dot((corner.0 + x, corner.1 + y), colour);
                }
            }
        }
    }

    /// A copy of a part; pixels outside are black.
    pub(crate) fn part(&self, area: Area) -> Self {
        let (width, height) = area.size();
        let mut part = Self::filled(width.max(1) as usize, height.max(1) as usize, [0; 3]);
        for y in 0..height {
            for x in 0..width {
                if let Some(colour) = self.colour((area.from.0 + x, area.from.1 + y)) {
                    part.dot((x, y), colour);
                }
            }
        }
        part
    }
}
