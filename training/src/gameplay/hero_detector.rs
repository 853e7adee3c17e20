//! The hero detector: it finds the hero by pixels alone, in real frames as in generated ones.
//!
//! Pixels are classified by the hero's signature colours with wide margins, because reconstructions are blurred. A whole hero
//! shows cap, face, trunk and legs in their places.

use std::sync::LazyLock;

use super::hero_art::{Pose, sprite};
use super::rules::Camera;
use super::{FRAME_BYTES, FRAME_SIZE, HERO_HEIGHT, HERO_SCREEN_X, HERO_WIDTH};

/// Signature colours, as indices into the counts.
const RED: usize = 0;
const BLUE: usize = 1;
const SKIN: usize = 2;

/// Cap, face, trunk and legs: colour, first row in the sprite, row after the last, pixels that must be there.
const PARTS: [(usize, usize, usize, u32); 4] = [
    (RED, 0, 4, 11),
    (SKIN, 4, 7, 5),
    (BLUE, 8, 12, 7),
    (BLUE, 12, 16, 5),
];

/// How many pixels of each row of a whole hero are red and blue, at least: the minimum over its sprites.
static EXPECTED: LazyLock<[[u32; HERO_HEIGHT]; 2]> = LazyLock::new(|| {
    let mut expected = [[u32::MAX; HERO_HEIGHT]; 2];
    for sprite in Pose::ALL.map(|pose| sprite(pose, false)) {
        for (y, row) in sprite.iter().enumerate() {
            for (colour, rows) in expected.iter_mut().enumerate() {
                let count = row
                    .iter()
                    .flatten()
                    .filter(|pixel| signature(*pixel) == Some(colour));
                rows[y] = rows[y].min(count.count() as u32);
            }
        }
    }
    expected
});

/// Which signature colour a pixel has, if any.
fn signature(pixel: &[u8]) -> Option<usize> {
    let [r, g, b] = [0, 1, 2].map(|channel| i32::from(pixel[channel]));
    if r >= 125 && r - g >= 80 && r - b >= 65 {
        Some(RED)
    } else if b >= 110 && b - r >= 70 && b - g >= 50 {
        Some(BLUE)
    } else if r >= 190 && (20..=85).contains(&(r - g)) && (20..=80).contains(&(g - b)) {
        Some(SKIN)
    } else {
        None
    }
}

/// Counts of signature pixels within windows of the hero's width: one sum table per colour.
struct SignatureCounts {
    /// `sums[colour][row * (FRAME_SIZE + 1) + x]`: pixels of that row left of x.
    sums: [Vec<u32>; 3],
}

impl SignatureCounts {
    fn new(rgb: &[u8]) -> Option<Self> {
        if rgb.len() != FRAME_BYTES {
            return None;
        }
        let stride = FRAME_SIZE + 1;
        let mut sums = [(); 3].map(|()| vec![0; FRAME_SIZE * stride]);
        for (index, pixel) in rgb.chunks_exact(3).enumerate() {
            let at = index / FRAME_SIZE * stride + index % FRAME_SIZE;
            let found = signature(pixel);
            for (colour, sums) in sums.iter_mut().enumerate() {
                sums[at + 1] = sums[at] + u32::from(found == Some(colour));
            }
        }
        Some(Self { sums })
    }

    /// Pixels of a colour in one row of a window; 0 above and below the frame.
    fn row(&self, colour: usize, x: usize, row: i64) -> u32 {
        let Ok(row) = usize::try_from(row) else {
            return 0;
        };
        if row >= FRAME_SIZE {
            return 0;
        }
        let at = row * (FRAME_SIZE + 1) + x;
        self.sums[colour][at + HERO_WIDTH] - self.sums[colour][at]
    }

    /// Whether a whole hero has its upper left corner there.
    fn is_whole(&self, x: usize, y: i64) -> bool {
        PARTS.iter().all(|&(colour, from, to, needed)| {
            (from..to)
                .map(|row| self.row(colour, x, y + row as i64))
                .sum::<u32>()
                >= needed
        })
    }

    /// How well a hero fits there, in pixels.
    fn fit(&self, x: usize, y: i64) -> u32 {
        (0..HERO_HEIGHT)
            .map(|row| {
                let at = y + row as i64;
                self.row(RED, x, at).min(EXPECTED[RED][row])
                    + self.row(BLUE, x, at).min(EXPECTED[BLUE][row])
            })
            .sum()
    }
}

/// Vertical places where a whole hero fits.
const WHOLE_RANGE: std::ops::RangeInclusive<i64> = 0..=(FRAME_SIZE - HERO_HEIGHT) as i64;

/// Whether a whole hero is where the camera can show it. `rgb` holds 64x64 RGB pixels; anything else shows none.
pub fn hero_visible(rgb: &[u8], camera: Camera) -> bool {
    let [first, last] = camera.hero_columns();
    SignatureCounts::new(rgb).is_some_and(|counts| {
        (first..=last).any(|x| WHOLE_RANGE.into_iter().any(|y| counts.is_whole(x, y)))
    })
}

/// How many whole heroes are anywhere on the screen: 1 normally, 2 when a model doubled it.
pub fn hero_count(rgb: &[u8]) -> usize {
    let Some(counts) = SignatureCounts::new(rgb) else {
        return 0;
    };
    let mut places = Vec::new();
    for y in WHOLE_RANGE {
        for x in 0..=FRAME_SIZE - HERO_WIDTH {
            if counts.is_whole(x, y) {
                places.push((counts.fit(x, y), x, y));
            }
        }
    }
    // Best fit first; a place that overlaps one already counted is the same hero.
    places.sort_unstable_by(|a, b| b.cmp(a));
    let mut heroes: Vec<(usize, i64)> = Vec::new();
    for (_, x, y) in places {
        let seen = heroes.iter().any(|&(hero_x, hero_y)| {
            x.abs_diff(hero_x) < HERO_WIDTH && y.abs_diff(hero_y) < HERO_HEIGHT as u64
        });
        if !seen {
            heroes.push((x, y));
        }
    }
    heroes.len()
}

/// The hero's upper edge in pixels (below 0 when it comes in from the top), from the pixels of its screen column; `None`
/// where less than half of it is found.
pub fn hero_position(rgb: &[u8]) -> Option<f32> {
    let counts = SignatureCounts::new(rgb)?;
    let full: u32 = EXPECTED.iter().flatten().sum();
    let fits: Vec<(i64, u32)> = (-(HERO_HEIGHT as i64) / 2..=(FRAME_SIZE - HERO_HEIGHT / 2) as i64)
        .map(|y| (y, counts.fit(HERO_SCREEN_X, y)))
        .collect();
    let best = fits.iter().map(|&(_, fit)| fit).max()?;
    if best * 2 < full {
        return None;
    }
    let ties: Vec<i64> = fits
        .iter()
        .filter(|&&(_, fit)| fit == best)
        .map(|&(y, _)| y)
        .collect();
    Some(ties.iter().sum::<i64>() as f32 / ties.len() as f32)
}

#[cfg(test)]
mod tests {
    use super::super::GameplayRules;
    use super::super::{GameplayWorld, Player, TILE_SIZE};
    use super::*;

    fn aligned(seed: u64) -> GameplayWorld {
        GameplayWorld::with_rules(seed, GameplayRules::ALIGNED)
    }

    /// Real frames of all themes with the world that drew them.
    fn frames(worlds: u64, each: usize, mut see: impl FnMut(&GameplayWorld, &[u8])) {
        let mut rgb = vec![0; FRAME_BYTES];
        for seed in 0..worlds {
            let mut world = aligned(seed);
            let mut player = Player::new(seed);
            for _ in 0..each {
                let action = player.choose(&world);
                world.step(action);
                world.render(&mut rgb);
                see(&world, &rgb);
            }
        }
    }

    #[test]
    fn the_hero_is_seen_where_it_is_and_only_there() {
        let (mut seen, mut all) = (0_u32, 0_u32);
        frames(20, 200, |world, rgb| {
            all += 1;
            seen += u32::from(hero_visible(rgb, Camera::Aligned));
            if (0..=48).contains(&world.hero_y()) {
                assert!(
                    hero_visible(rgb, Camera::Aligned),
                    "world at {}",
                    world.hero_x()
                );
                assert_eq!(hero_count(rgb), 1);
                let y = hero_position(rgb).expect("a visible hero");
                assert!(
                    (y - world.hero_y() as f32).abs() <= 1.0,
                    "{y} {}",
                    world.hero_y()
                );
            } else {
                assert!(hero_count(rgb) <= 1);
            }
        });
        println!("hero seen in {seen} of {all} real frames");
        assert!(seen * 100 >= all * 97, "{seen} of {all}");
    }

    #[test]
    fn a_frame_without_hero_shows_none() {
        frames(12, 60, |_, rgb| {
            // Its column is replaced by the one eight pixels on.
            let mut empty = rgb.to_vec();
            for y in 0..FRAME_SIZE {
                let at = |x: usize| (y * FRAME_SIZE + x) * 3;
                empty.copy_within(at(32)..at(40), at(24));
            }
            assert!(!hero_visible(&empty, Camera::Aligned));
            assert_eq!(hero_count(&empty), 0);
            assert_eq!(hero_position(&empty), None);
        });
    }

    #[test]
    fn half_a_hero_is_none_and_two_are_two() {
        frames(12, 60, |world, rgb| {
            let y = world.hero_y();
            if y % 8 != 0 || !(0..=48).contains(&y) {
                return;
            }
            let sky = world.theme().sky();
            for half in [y as usize, y as usize + TILE_SIZE] {
                let mut halved = rgb.to_vec();
                for row in half..half + TILE_SIZE {
                    for x in 24..32 {
                        halved[(row * FRAME_SIZE + x) * 3..][..3].copy_from_slice(&sky);
                    }
                }
                assert!(!hero_visible(&halved, Camera::Aligned));
            }
            let mut doubled = rgb.to_vec();
            for row in 0..FRAME_SIZE {
                let at = |x: usize| (row * FRAME_SIZE + x) * 3;
                doubled.copy_within(at(24)..at(32), at(48));
            }
            assert_eq!(hero_count(&doubled), 2);
        });
    }

    #[test]
    fn blur_does_not_hide_the_hero() {
        let (mut seen, mut all) = (0_u32, 0_u32);
        frames(12, 60, |world, rgb| {
            if !(0..=48).contains(&world.hero_y()) {
                return;
            }
            // Every pixel one quarter mixed with the mean of its neighbours.
            let mut blurred = rgb.to_vec();
            for y in 1..FRAME_SIZE - 1 {
                for x in 1..FRAME_SIZE - 1 {
                    for c in 0..3 {
                        let at = |dx: usize, dy: usize| {
                            u32::from(rgb[((y + dy - 1) * FRAME_SIZE + x + dx - 1) * 3 + c])
                        };
                        let mean = (at(0, 1) + at(2, 1) + at(1, 0) + at(1, 2)) / 4;
                        blurred[(y * FRAME_SIZE + x) * 3 + c] = ((3 * at(1, 1) + mean) / 4) as u8;
                    }
                }
            }
            all += 1;
            seen += u32::from(hero_visible(&blurred, Camera::Aligned));
        });
        assert!(seen * 100 >= all * 95, "{seen} of {all}");
    }

    #[test]
    fn frames_of_other_sizes_show_no_hero() {
        assert!(!hero_visible(&[], Camera::Aligned));
        assert_eq!(hero_count(&[0; 30]), 0);
        assert_eq!(hero_position(&[0; 3]), None);
    }
}
