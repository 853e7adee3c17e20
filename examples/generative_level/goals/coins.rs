//! Coins that vanish under the hero.

use bevy::math::{IRect, IVec2, URect};
use bevy_genie::GeniePicture;

/// Edge of a coin in pixels.
const COIN: usize = 8;
/// Gold pixels of a whole coin, at least and at most: a sun has more.
const WHOLE: std::ops::RangeInclusive<u32> = 22..=38;
/// Gold pixels up to which nothing is left of it.
const GONE: u32 = 6;

/// Where coins were in the last picture.
#[derive(Default)]
pub(super) struct CoinWatch {
    corners: Vec<IVec2>,
}

impl CoinWatch {
    /// Remembers the coins of a picture.
    pub(super) fn look(&mut self, frame: &GeniePicture, hero: Option<URect>) {
        self.corners = find(&GoldCounts::new(frame, hero));
    }

    /// How many coins the hero has taken since the last picture, when the scene has moved by `shift`.
    pub(super) fn taken(&mut self, frame: &GeniePicture, hero: Option<URect>, shift: IVec2) -> u32 {
        let gold = GoldCounts::new(frame, hero);
        let before = std::mem::replace(&mut self.corners, find(&gold));
        let Some(hero) = hero.map(|hero| hero.as_irect()) else {
            return 0;
        };
        let size = IVec2::splat(COIN as i32);
        let taken = before
            .into_iter()
            .map(|corner| corner + shift)
            .filter(|&corner| {
                let touched = !hero
                    .intersect(IRect::from_corners(corner, corner + size))
                    .is_empty();
                touched && gold.around(corner) <= GONE
            });
        taken.count() as u32
    }
}

/// Counts of gold pixels in rectangles, as sums over all pixels above and to the left.
struct GoldCounts {
    sums: Vec<u32>,
    width: usize,
    height: usize,
}

impl GoldCounts {
    /// Pixels of the hero, whose belt is yellow, do not count.
    fn new(frame: &GeniePicture, hero: Option<URect>) -> Self {
        let (width, height) = (frame.width(), frame.height());
        let row = width + 1;
        let mut sums = vec![0; row * (height + 1)];
        for (at, pixel) in frame.pixels().chunks_exact(3).enumerate() {
            let (x, y) = (at % width, at / width);
            let of_hero = hero.is_some_and(|hero| {
                (hero.min.x..hero.max.x).contains(&(x as u32))
                    && (hero.min.y..hero.max.y).contains(&(y as u32))
            });
            let count = u32::from(!of_hero && is_gold(pixel));
            sums[(y + 1) * row + x + 1] =
                count + sums[y * row + x + 1] + sums[(y + 1) * row + x] - sums[y * row + x];
        }
        Self {
            sums,
            width,
            height,
        }
    }

    /// In the square of a coin's size with this corner, as far as it is in the picture.
    fn around(&self, corner: IVec2) -> u32 {
        let clamp = |value: i32, most: usize| value.clamp(0, most as i32) as usize;
        let (left, top) = (clamp(corner.x, self.width), clamp(corner.y, self.height));
        let right = clamp(corner.x + COIN as i32, self.width);
        let bottom = clamp(corner.y + COIN as i32, self.height);
        let sum = |x: usize, y: usize| self.sums[y * (self.width + 1) + x];
        sum(right, bottom) + sum(left, top) - sum(left, bottom) - sum(right, top)
    }
}

/// Yellow to amber, bright: the colours of a coin, under blur too.
fn is_gold(pixel: &[u8]) -> bool {
    let [r, g, b] = [0, 1, 2].map(|channel| i32::from(pixel[channel]));
    r >= 190 && (15..=95).contains(&(r - g)) && g - b >= 75 || r >= 225 && g >= 215 && b <= 190
}

/// Corners of all whole coins.
fn find(gold: &GoldCounts) -> Vec<IVec2> {
    let (across, down) = (
        gold.width.saturating_sub(COIN),
        gold.height.saturating_sub(COIN),
    );
    let mut found: Vec<(u32, IVec2)> = (0..=down as i32)
        .flat_map(|y| (0..=across as i32).map(move |x| IVec2::new(x, y)))
        .map(|corner| (gold.around(corner), corner))
        .filter(|(count, _)| WHOLE.contains(count))
        .collect();
    // The fullest square first; squares that overlap it show the same coin.
    found.sort_by_key(|(count, corner)| (std::cmp::Reverse(*count), corner.y, corner.x));
    let mut corners: Vec<IVec2> = Vec::new();
    for (_, corner) in found {
        let apart = |other: &IVec2| (*other - corner).abs().max_element() >= COIN as i32;
        if corners.iter().all(apart) {
            corners.push(corner);
        }
    }
    corners
}
