//! Coins that vanish under the hero.

use bevy::math::{IRect, IVec2, URect};
use bevy_genie::GeniePicture;

use super::sums::CountSums;

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
        self.corners = find(&gold_of(frame, hero));
    }

    /// How many coins the hero has taken since the last picture, when the scene has moved by `shift`.
    pub(super) fn taken(&mut self, frame: &GeniePicture, hero: Option<URect>, shift: IVec2) -> u32 {
        let gold = gold_of(frame, hero);
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
                touched && around(&gold, corner) <= GONE
            });
        taken.count() as u32
    }
}

/// Pixels of the hero, whose belt is yellow, do not count.
fn gold_of(frame: &GeniePicture, hero: Option<URect>) -> CountSums {
    CountSums::new(frame, |x, y, pixel| {
        let of_hero = hero.is_some_and(|hero| {
            (hero.min.x..hero.max.x).contains(&x) && (hero.min.y..hero.max.y).contains(&y)
        });
        !of_hero && is_gold(pixel)
    })
}

/// Gold in the square of a coin's size with this corner, as far as it is in the picture.
fn around(gold: &CountSums, corner: IVec2) -> u32 {
    let from = |at: i32| at.max(0) as usize;
    let to = |at: i32| from(at + COIN as i32);
    gold.within(from(corner.x), from(corner.y), to(corner.x), to(corner.y))
}

/// Yellow to amber, bright: the colours of a coin, under blur too.
fn is_gold(pixel: &[u8]) -> bool {
    let [r, g, b] = [0, 1, 2].map(|channel| i32::from(pixel[channel]));
    r >= 190 && (15..=95).contains(&(r - g)) && g - b >= 75 || r >= 225 && g >= 215 && b <= 190
}

/// Corners of all whole coins.
fn find(gold: &CountSums) -> Vec<IVec2> {
    let (width, height) = gold.size();
    let (across, down) = (width.saturating_sub(COIN), height.saturating_sub(COIN));
    let mut found: Vec<(u32, IVec2)> = (0..=down as i32)
        .flat_map(|y| (0..=across as i32).map(move |x| IVec2::new(x, y)))
        .map(|corner| (around(gold, corner), corner))
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
