//! The endless terrain: a pure function of the world's seed and the column.
//!
//! The world is cut into segments of 8 to 16 columns. Each has a base height of its own (so that steps between segments
//! are at most two tiles) and one set piece in its middle; its two outermost columns on either side stay flat and clear.

use super::SCREEN_TILES;
use super::hash::{HashStream, mix};
use super::tile_art::Scenery;

/// Rows of a column, from the top of the screen down.
pub(crate) const ROWS: usize = SCREEN_TILES as usize;
/// Mean number of columns in a segment.
const SEGMENT: i64 = 12;

/// What fills one cell of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Nothing.
    Sky,
    /// Solid ground.
    Ground,
    /// A solid tile of a floating platform.
    Brick,
    /// A solid block lying on the ground.
    Block,
    /// A coin, until it is touched.
    Coin,
    /// Something to look at.
    Scenery(Scenery),
}

impl Cell {
    /// Whether the hero cannot enter.
    pub(crate) const fn is_solid(self) -> bool {
        matches!(self, Self::Ground | Self::Brick | Self::Block)
    }
}

/// One column of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    /// Row of the uppermost ground tile; `None` over a gap.
    pub(crate) surface: Option<i64>,
    cells: [Cell; ROWS],
}

impl Column {
    fn of_surface(surface: Option<i64>) -> Self {
        let mut cells = [Cell::Sky; ROWS];
        if let Some(surface) = surface {
            cells[surface as usize..].fill(Cell::Ground);
        }
        Self { surface, cells }
    }

    /// The cell in that row. Above the screen is sky; below it, ground goes on and gaps stay open.
    pub(crate) fn cell(&self, row: i64) -> Cell {
        match usize::try_from(row) {
            Ok(row) if row < ROWS => self.cells[row],
            Ok(_) if self.surface.is_some() => Cell::Ground,
            _ => Cell::Sky,
        }
    }
}

/// The columns of one segment.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    /// Its place in the row of segments.
    pub(crate) index: i64,
    /// World column of `columns[0]`.
    pub(crate) start: i64,
    columns: Vec<Column>,
}

impl Segment {
    /// The segment that holds a world column.
    pub(crate) fn index_of(seed: u64, column: i64) -> i64 {
        let guess = column.div_euclid(SEGMENT);
        if column < boundary(seed, guess) {
            guess - 1
        } else if column >= boundary(seed, guess + 1) {
            guess + 1
        } else {
            guess
        }
    }

    /// The column at a world position, if it is in this segment.
    pub(crate) fn column(&self, column: i64) -> Option<&Column> {
        let offset = usize::try_from(column - self.start).ok()?;
        self.columns.get(offset)
    }

    /// The segment with that index.
    pub(crate) fn generate(seed: u64, index: i64) -> Self {
        let start = boundary(seed, index);
        let length = boundary(seed, index + 1) - start;
        let mut draft = Draft {
            base: base_surface(seed, index),
            columns: Vec::new(),
            random: HashStream::new(seed ^ 0x7069_6563, index as u64),
        };
        draft.columns = vec![Column::of_surface(Some(draft.base)); length as usize];
        draft.set_piece();
        draft.plant();
        draft.hang_sky();
        Self {
            index,
            start,
            columns: draft.columns,
        }
    }
}

/// First column of a segment.
fn boundary(seed: u64, index: i64) -> i64 {
    index * SEGMENT + (mix(seed ^ 0x626f_756e, index as u64) % 5) as i64 - 2
}

/// Row of a segment's ground, 5 to 7: any two differ by two tiles at most, which the hero can jump.
fn base_surface(seed: u64, index: i64) -> i64 {
    match mix(seed ^ 0x6261_7365, index as u64) % 20 {
        0..=1 => 5,
        2..=11 => 6,
        _ => 7,
    }
}

/// A segment being built.
struct Draft {
    base: i64,
    columns: Vec<Column>,
    random: HashStream,
}

impl Draft {
    fn length(&self) -> i64 {
        self.columns.len() as i64
    }

    fn put(&mut self, column: i64, row: i64, cell: Cell) {
        let Ok(column) = usize::try_from(column) else {
            return;
        };
        let Ok(row) = usize::try_from(row) else {
            return;
        };
        if let Some(found) = self.columns.get_mut(column)
            && row < ROWS
            && found.cells[row] == Cell::Sky
        {
            found.cells[row] = cell;
        }
    }

    fn raise(&mut self, from: i64, width: i64, surface: Option<i64>) {
        for column in from..from + width {
            self.columns[column as usize] = Column::of_surface(surface);
        }
    }

    /// A start for something of that width that keeps two columns free on both sides.
    fn place(&mut self, width: i64) -> i64 {
        let last = self.length() - 2 - width;
        self.random.between(2, last.max(2))
    }

    fn set_piece(&mut self) {
        match self.random.below(100) {
            0..=23 => self.gap(),
            24..=43 => self.platform(),
            44..=57 => self.high_bricks(),
            58..=69 => self.hill(),
            70..=77 => self.bridge(),
            78..=87 => self.stairs(),
            _ => self.coins_on_ground(),
        }
    }

    fn gap(&mut self) {
        let width = self.random.between(1, 3);
        let start = self.place(width);
        self.raise(start, width, None);
        if self.random.chance(50) {
            for column in start..start + width {
                self.put(column, self.base - 3, Cell::Coin);
            }
        }
    }

    /// A block to climb on, and from there a platform three tiles above the ground, under which the hero can walk.
    fn platform(&mut self) {
        if self.base < 6 {
            return self.gap();
        }
        let width = self.random.between(2, (self.length() - 6).min(4));
        let space = self.random.between(0, 1);
        let start = self.place(width + 1 + space);
        let (block, platform) = if self.random.chance(50) {
            (start, start + 1 + space)
        } else {
            (start + width + space, start)
        };
        self.put(block, self.base - 1, Cell::Block);
        for column in platform..platform + width {
            self.put(column, self.base - 3, Cell::Brick);
        }
        if self.random.chance(60) {
            for column in platform + 1..platform + width {
                self.put(column, self.base - 4, Cell::Coin);
            }
        }
    }

    /// Bricks to bump one's head on.
    fn high_bricks(&mut self) {
        if self.base < 6 {
            return self.coins_on_ground();
        }
        let width = self.random.between(1, 4);
        let start = self.place(width);
        for column in start..start + width {
            self.put(column, self.base - 4, Cell::Brick);
        }
    }

    fn hill(&mut self) {
        let width = self.random.between(3, (self.length() - 4).min(6));
        let start = self.place(width);
        let step = self.random.between(1, 2);
        let surface = if self.base - step >= 5 {
            self.base - step
        } else {
            (self.base + step).min(7)
        };
        self.raise(start, width, Some(surface));
    }

    fn bridge(&mut self) {
        let start = self.place(3);
        self.raise(start, 3, None);
        let from = self.random.between(0, 1);
        for column in start + from..start + 3 {
            self.put(column, self.base - 2, Cell::Brick);
        }
    }

    fn stairs(&mut self) {
        let start = self.place(2);
        let tall = self.random.between(0, 1);
        self.put(start, self.base - 1, Cell::Block);
        self.put(start + 1, self.base - 1, Cell::Block);
        self.put(start + tall, self.base - 2, Cell::Block);
    }

    fn coins_on_ground(&mut self) {
        let width = self.random.between(2, 3);
        let start = self.place(width);
        let height = self.random.between(1, 3);
        for column in start..start + width {
            self.put(column, self.base - height, Cell::Coin);
        }
    }

    /// Whether the ground is level and nothing stands or hangs there.
    fn is_clear(&self, from: i64, to: i64) -> bool {
        (from..=to).all(|column| {
            usize::try_from(column)
                .ok()
                .and_then(|column| self.columns.get(column))
                .is_some_and(|found| {
                    found.surface == Some(self.base)
                        && found.cells[..self.base as usize]
                            .iter()
                            .all(|cell| *cell == Cell::Sky)
                })
        })
    }

    /// Scenery on the ground, never next to anything else.
    fn plant(&mut self) {
        for _ in 0..3 {
            let column = self.random.between(1, self.length() - 2);
            let kind = self.random.below(3);
            let width = if kind == 1 { 2 } else { 1 };
            if !self.is_clear(column - 1, column + width) {
                continue;
            }
            let ground = self.base - 1;
            match kind {
                0 => self.put(column, ground, Cell::Scenery(Scenery::Small)),
                1 => {
                    self.put(column, ground, Cell::Scenery(Scenery::BushLeft));
                    self.put(column + 1, ground, Cell::Scenery(Scenery::BushRight));
                }
                _ => {
                    self.put(column, ground - 1, Cell::Scenery(Scenery::TallTop));
                    self.put(column, ground, Cell::Scenery(Scenery::TallBottom));
                }
            }
        }
    }

    /// Clouds, stars and the like, in the two uppermost rows.
    fn hang_sky(&mut self) {
        for _ in 0..3 {
            let column = self.random.between(1, self.length() - 3);
            let row = self.random.below(2);
            let spot = self.random.chance(20);
            let free = (column - 1..=column + 2).all(|column| {
                self.columns[column as usize].cells[..2]
                    .iter()
                    .all(|cell| *cell == Cell::Sky)
            });
            if !free {
                continue;
            }
            if spot {
                self.put(column, 0, Cell::Scenery(Scenery::SkySpot));
            } else {
                self.put(column, row, Cell::Scenery(Scenery::CloudLeft));
                self.put(column + 1, row, Cell::Scenery(Scenery::CloudRight));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(seed: u64, column: i64) -> Column {
        let segment = Segment::generate(seed, Segment::index_of(seed, column));
        *segment.column(column).expect("its own column")
    }

    #[test]
    fn steps_and_gaps_can_be_jumped() {
        for seed in 0..8 {
            let surfaces: Vec<Option<i64>> =
                (-600..600).map(|at| column(seed, at).surface).collect();
            let mut gap = 0;
            let mut last = None;
            for surface in surfaces {
                match surface {
                    None => gap += 1,
                    Some(surface) => {
                        assert!((5..=7).contains(&surface));
                        if let Some(last) = last {
                            assert!(i64::abs(surface - last) <= 2);
                        }
                        last = Some(surface);
                        gap = 0;
                    }
                }
                assert!(gap <= 3, "gap of {gap} tiles");
            }
        }
    }

    #[test]
    fn nothing_to_stand_on_puts_the_hero_off_the_screen() {
        for seed in 0..8 {
            for at in -600..600 {
                let column = column(seed, at);
                assert!((0..2).all(|row| !column.cell(row).is_solid()));
            }
        }
    }
}
