//! Brushes made of the model's own patches, tidied by theme.

use bevy::prelude::Resource;

use crate::drawing::{Canvas, Colour};

/// A patch that a code stands for.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    /// The code.
    pub(crate) code: u32,
    /// Its pixels.
    pub(crate) picture: Canvas,
}

/// What stamps are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Theme {
    /// One colour, or nearly so.
    Plain,
    /// Leaves and grass.
    Green,
    /// Ground, wood and sand.
    Earth,
    /// Gold and light.
    Yellow,
    /// Whatever has a strong red in it: a cap and a scarf, in the shipped world.
    Red,
    /// Sky and water.
    Blue,
    /// Snow, stone and cloud.
    Grey,
    /// Night.
    Dark,
}

impl Theme {
    /// All of them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Plain,
        Self::Green,
        Self::Earth,
        Self::Yellow,
        Self::Red,
        Self::Blue,
        Self::Grey,
        Self::Dark,
    ];

    /// In a word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Green => "green",
            Self::Earth => "earth",
            Self::Yellow => "yellow",
            Self::Red => "red",
            Self::Blue => "blue",
            Self::Grey => "grey",
            Self::Dark => "dark",
        }
    }

    /// The theme of a patch, from its most frequent colour.
    fn of(stamp: &Canvas) -> Self {
        let pixels = pixels(stamp);
        let spread = pixels.iter().map(|p| apart(*p, pixels[0])).max();
        if spread.unwrap_or(0) < 24 {
            return Self::Plain;
        }
        let many = |like: fn(&Colour) -> bool| pixels.iter().filter(|p| like(p)).count() >= 5;
        if many(|[r, g, b]| *r > 170 && *g < 90 && *b < 90) {
            return Self::Red;
        }
        // What stands out is the theme, not what is behind it: the least like the corner.
        let main = mean(pixels.iter().filter(|p| apart(**p, pixels[0]) > 60))
            .unwrap_or_else(|| mean(pixels.iter()).unwrap_or_default());
        let [r, g, b] = main.map(i32::from);
        let (most, least) = (r.max(g).max(b), r.min(g).min(b));
        if most < 70 {
            Self::Dark
        } else if most - least < 36 {
            Self::Grey
        } else if g == most {
            Self::Green
        } else if b == most {
            Self::Blue
        } else if g * 10 > r * 8 {
            Self::Yellow
        } else if g * 10 > r * 5 {
            Self::Earth
        } else {
            Self::Red
        }
    }
}

fn pixels(stamp: &Canvas) -> Vec<Colour> {
    let (width, height) = stamp.size();
    let places = (0..height as i32).flat_map(|y| (0..width as i32).map(move |x| (x, y)));
    places.filter_map(|place| stamp.colour(place)).collect()
}

fn apart(a: Colour, b: Colour) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b))).sum()
}

fn mean<'a>(pixels: impl Iterator<Item = &'a Colour>) -> Option<Colour> {
    let (mut sum, mut count) = ([0u32; 3], 0u32);
    for pixel in pixels {
        for (sum, value) in sum.iter_mut().zip(pixel) {
            *sum += u32::from(*value);
        }
        count += 1;
    }
    (count > 0).then(|| sum.map(|sum| (sum / count) as u8))
}

/// All stamps, by theme.
#[derive(Resource, Debug, Default)]
pub(crate) struct Palette {
    stamps: Vec<(Theme, Stamp)>,
    /// Grows with each change, for those who draw it.
    pub(crate) version: u64,
}

impl Palette {
    /// Adds stamps; those that look like one that is there are left out.
    pub(crate) fn add(&mut self, stamps: Vec<Stamp>) {
        for stamp in stamps {
            let pixels = pixels(&stamp.picture);
            let alike = |other: &Stamp| {
                let pairs = self::pixels(&other.picture).into_iter().zip(&pixels);
                pairs.map(|(a, b)| apart(a, *b)).sum::<u32>() < 24 * pixels.len() as u32
            };
            if !self.stamps.iter().any(|(_, other)| alike(other)) {
                self.stamps.push((Theme::of(&stamp.picture), stamp));
            }
        }
        self.version += 1;
    }

    /// Sorts them: by theme, and within it by brightness.
    pub(crate) fn tidy(&mut self) {
        self.stamps.sort_by_key(|(theme, stamp)| {
            let mean = mean(pixels(&stamp.picture).iter()).unwrap_or_default();
            (
                *theme,
                mean.iter().map(|value| u32::from(*value)).sum::<u32>(),
            )
        });
        self.version += 1;
    }

    /// The stamps of a theme.
    pub(crate) fn of(&self, theme: Theme) -> impl Iterator<Item = &Stamp> {
        let of_theme = self.stamps.iter().filter(move |(other, _)| *other == theme);
        of_theme.map(|(_, stamp)| stamp)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.stamps.len()
    }
}
