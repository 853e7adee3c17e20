//! Drawing a frame: eight rows of tiles at the scroll position, then the hero.

use std::sync::LazyLock;

use super::hash::mix;
use super::hero_art::{Pose, Sprite, sprite};
use super::terrain::Cell;
use super::tile_art::{Pixels, TileSet};
use super::world::GameplayWorld;
use super::{FRAME_BYTES, FRAME_SIZE, SCREEN_TILES, TILE_SIZE};

/// Sprites by pose and facing direction (right, left).
static SPRITES: LazyLock<[[Sprite; 2]; 5]> =
    LazyLock::new(|| Pose::ALL.map(|pose| [sprite(pose, false), sprite(pose, true)]));

impl GameplayWorld {
    /// Draws the frame: 64 rows of 64 RGB pixels, row after row.
    ///
    /// # Panics
    /// If `rgb` does not hold exactly [`FRAME_BYTES`](super::FRAME_BYTES) bytes.
    pub fn render(&self, rgb: &mut [u8]) {
        assert_eq!(rgb.len(), FRAME_BYTES, "a frame of 64x64 RGB pixels");
        let left = self.camera_x();
        let first = left.div_euclid(TILE_SIZE as i64);
        for column in first..=first + SCREEN_TILES {
            let x = column * TILE_SIZE as i64 - left;
            for row in 0..SCREEN_TILES {
                draw_tile(rgb, self.tile(column, row), x, row);
            }
        }
        self.draw_hero(rgb);
    }

    fn tile(&self, column: i64, row: i64) -> &'static Pixels {
        let tiles = TileSet::of(self.theme());
        let open = |cell: Cell| {
            (
                self.cell(column - 1, row) != cell,
                self.cell(column + 1, row) != cell,
            )
        };
        match self.cell(column, row) {
            Cell::Sky => &tiles.sky,
            Cell::Ground => {
                let (open_left, open_right) = open(Cell::Ground);
                if self.column(column).surface == Some(row) {
                    let variant = mix(self.seed() ^ 0x746f_7000, column as u64).is_multiple_of(3);
                    tiles.top(variant, open_left, open_right)
                } else {
                    let key = (column * SCREEN_TILES + row) as u64;
                    let variant = mix(self.seed() ^ 0x6669_6c6c, key).is_multiple_of(4);
                    tiles.fill(variant, open_left, open_right)
                }
            }
            Cell::Brick => {
                let (open_left, open_right) = open(Cell::Brick);
                tiles.brick(open_left, open_right)
            }
            Cell::Block => &tiles.block,
            Cell::Coin => &tiles.coin,
            Cell::Scenery(scenery) => tiles.scenery(scenery),
        }
    }

    fn draw_hero(&self, rgb: &mut [u8]) {
        // The camera keeps it within the screen.
        let x = (self.hero_x() - self.camera_x()) as usize;
        let sprite = &SPRITES[self.pose() as usize][usize::from(self.faces_left())];
        for (offset, row) in sprite.iter().enumerate() {
            let y = self.hero_y() + offset as i64;
            if !(0..FRAME_SIZE as i64).contains(&y) {
                continue;
            }
            let start = (y as usize * FRAME_SIZE + x) * 3;
            for (pixel, colour) in rgb[start..].chunks_exact_mut(3).zip(row) {
                if let Some(colour) = colour {
                    pixel.copy_from_slice(colour);
                }
            }
        }
    }
}

/// Copies the visible columns of a tile whose left edge is at screen pixel `x`.
fn draw_tile(rgb: &mut [u8], tile: &Pixels, x: i64, row: i64) {
    let from = (-x).clamp(0, TILE_SIZE as i64) as usize;
    let to = (FRAME_SIZE as i64 - x).clamp(0, TILE_SIZE as i64) as usize;
    if from >= to {
        return;
    }
    let screen_x = (x + from as i64) as usize;
    for (line, pixels) in tile.iter().enumerate() {
        let y = row as usize * TILE_SIZE + line;
        let start = (y * FRAME_SIZE + screen_x) * 3;
        rgb[start..start + (to - from) * 3].copy_from_slice(pixels[from..to].as_flattened());
    }
}

#[cfg(test)]
mod tests {
    use super::super::GameplayRules;
    use super::super::{Player, TrueAction};
    use super::*;
    use std::collections::HashMap;

    fn aligned(seed: u64) -> GameplayWorld {
        GameplayWorld::with_rules(seed, GameplayRules::ALIGNED)
    }

    /// Plays worlds of 200 frames and counts how often each patch of the tokenizer's grid occurs.
    fn patch_counts(worlds: u64) -> HashMap<Vec<u8>, u64> {
        let mut counts = HashMap::new();
        let mut rgb = vec![0; FRAME_BYTES];
        for seed in 0..worlds {
            let mut world = aligned(seed);
            let mut player = Player::new(seed + 1000);
            for _ in 0..200 {
                let action: TrueAction = player.choose(&world);
                world.step(action);
                world.render(&mut rgb);
                for y in (0..FRAME_SIZE).step_by(TILE_SIZE) {
                    for x in (0..FRAME_SIZE).step_by(TILE_SIZE) {
                        let mut patch = Vec::with_capacity(TILE_SIZE * TILE_SIZE * 3);
                        for line in y..y + TILE_SIZE {
                            let start = (line * FRAME_SIZE + x) * 3;
                            patch.extend_from_slice(&rgb[start..start + TILE_SIZE * 3]);
                        }
                        *counts.entry(patch).or_insert(0) += 1;
                    }
                }
            }
        }
        counts
    }

    /// The promise on which the shipped codebook size rests.
    #[test]
    fn few_distinct_patches() {
        let mut counts: Vec<u64> = patch_counts(100).into_values().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let total: u64 = counts.iter().sum();
        let share = |codes: usize| counts.iter().take(codes).sum::<u64>() as f64 / total as f64;
        println!(
            "{} distinct patches in 20,000 frames; the 1024 most frequent cover {:.4}, 512 {:.4}",
            counts.len(),
            share(1024),
            share(512)
        );
        assert!(counts.len() <= 900, "{} distinct patches", counts.len());
        assert!(share(1024) > 0.999);
    }

    #[test]
    fn one_step_scrolls_the_picture_by_four_pixels() {
        let (mut before, mut after) = (vec![0; FRAME_BYTES], vec![0; FRAME_BYTES]);
        let mut world = aligned(2);
        world.render(&mut before);
        let x = world.hero_x();
        world.step(TrueAction::ALL[2]);
        assert_eq!(world.hero_x(), x + 4);
        world.render(&mut after);
        for y in 0..FRAME_SIZE {
            // Right of the hero, where neither frame shows it.
            let row = |rgb: &[u8], x: usize| {
                rgb[(y * FRAME_SIZE + x) * 3..(y * FRAME_SIZE + x + 20) * 3].to_vec()
            };
            assert_eq!(row(&before, 40), row(&after, 36));
        }
    }
}
