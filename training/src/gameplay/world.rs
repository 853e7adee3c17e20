//! The game itself: terrain around the hero and integer physics.

use std::collections::{HashSet, VecDeque};

use super::action::{Steer, TrueAction};
use super::hero_art::Pose;
use super::rules::{GameplayRules, Jump};
use super::terrain::{Cell, Column, Segment};
use super::theme::Theme;
use super::{FRAME_SIZE, HERO_HEIGHT, HERO_WIDTH, TILE_SIZE};

const TILE: i64 = TILE_SIZE as i64;
const WIDTH: i64 = HERO_WIDTH as i64;
const HEIGHT: i64 = HERO_HEIGHT as i64;
const SCREEN: i64 = FRAME_SIZE as i64;
/// Columns kept generated to both sides of the hero; more than the screen shows.
const REACH: i64 = 14;

/// Whether the hero stands, rises or falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Footing {
    Ground,
    Rising,
    /// The last rise was stopped. The hero then falls for a frame whatever the button does: it never hangs below a ceiling,
    /// where its next move would not follow from the picture.
    Bumped,
    Falling,
}

/// A running game: an endless world of its seed and the hero in it.
///
/// Positions are in pixels; x grows to the right, y downwards, y = 0 is the top of the screen.
#[derive(Debug, Clone)]
pub struct GameplayWorld {
    seed: u64,
    rules: GameplayRules,
    theme: Theme,
    segments: VecDeque<Segment>,
    taken_coins: HashSet<(i64, i64)>,
    hero_x: i64,
    hero_y: i64,
    /// Left edge of the screen in the world.
    camera_x: i64,
    speed_x: i64,
    speed_y: i64,
    footing: Footing,
    faces_left: bool,
    moved: bool,
}

impl GameplayWorld {
    /// The world of a seed under the default rules, with the hero standing on the ground.
    pub fn new(seed: u64) -> Self {
        Self::with_rules(seed, GameplayRules::default())
    }

    /// The world of a seed, with the hero standing on the ground.
    pub fn with_rules(seed: u64, rules: GameplayRules) -> Self {
        // The first columns of a segment are level and without obstacles.
        let start = Segment::generate(seed, 0);
        let surface = start
            .column(start.start)
            .and_then(|column| column.surface)
            .unwrap_or(6);
        let mut world = Self {
            seed,
            rules,
            theme: Theme::of_seed(seed),
            hero_x: start.start * TILE,
            camera_x: start.start * TILE - rules.camera.middle(),
            speed_x: 0,
            hero_y: surface * TILE - HEIGHT,
            segments: VecDeque::from([start]),
            taken_coins: HashSet::new(),
            speed_y: 0,
            footing: Footing::Ground,
            faces_left: false,
            moved: false,
        };
        world.generate_around_hero();
        world.take_coins();
        world
    }

    /// Plays one frame.
    pub fn step(&mut self, action: TrueAction) {
        let direction = match action.steer {
            Steer::Left => -1,
            Steer::Idle => 0,
            Steer::Right => 1,
        };
        if direction != 0 {
            self.faces_left = direction < 0;
        }
        self.run(direction);
        (self.footing, self.speed_y) = match self.rules.jump {
            Jump::Flutter => self.flutter(action.jump),
            Jump::Arc => self.arc(action.jump),
        };
        self.move_vertically();

        // A hero that falls out at the bottom comes in at the top, so that no clip ends by an accident. It comes in as a whole:
        // no footage shows a part of it at the upper edge, where a model might let it leave the screen.
        if self.hero_y >= SCREEN {
            self.hero_y = 0;
        }
        self.take_coins();
    }

    /// Moves the hero, and the camera with it. Where something is in the way of a long step, a shorter one leads up to it.
    fn run(&mut self, direction: i64) {
        let run = self.rules.run;
        let change =
            (direction * run.speed - self.speed_x).clamp(-run.acceleration, run.acceleration);
        self.speed_x += change;
        let steps = self.speed_x.abs() / run.grain;
        let step = self.speed_x.signum() * run.grain;
        let passed = (1..=steps)
            .take_while(|&count| self.is_free(self.hero_x + count * step, self.hero_y))
            .count() as i64;
        self.moved = passed > 0;
        if passed < steps {
            self.speed_x = 0;
        }
        if self.moved {
            self.hero_x += passed * step;
            self.generate_around_hero();
        }
        self.camera_x = self.rules.camera.follow(self.camera_x, self.hero_x);
    }

    /// The button works in every frame: on the ground it jumps, in the air it flutters on upwards.
    fn flutter(&self, button: bool) -> (Footing, i64) {
        /// Vertical speed of the frame in which a jump leaves the ground.
        const JUMP_SPEED: i64 = -8;
        /// Vertical speed of the button in the air, so that it has an effect in every frame. Slowly, so that the hero rarely
        /// reaches the ceiling, where the button has no effect.
        const FLUTTER_SPEED: i64 = -2;
        const GRAVITY: i64 = 4;
        const MOST: i64 = 8;
        match (self.footing, button) {
            (Footing::Ground, true) => (Footing::Rising, JUMP_SPEED),
            (Footing::Rising | Footing::Falling, true) => (Footing::Rising, FLUTTER_SPEED),
            (Footing::Ground, false) if self.has_ground() => (Footing::Ground, 0),
            _ => (Footing::Falling, (self.speed_y.max(0) + GRAVITY).min(MOST)),
        }
    }

    /// The button works on the ground alone; held, it makes the jump higher.
    fn arc(&self, button: bool) -> (Footing, i64) {
        /// Jumps rise by 8, 6, 4 and 2 pixels with the button held: over two tiles and a half.
        const JUMP_SPEED: i64 = -8;
        const HELD_GRAVITY: i64 = 2;
        const GRAVITY: i64 = 4;
        const MOST: i64 = 7;
        match self.footing {
            Footing::Ground if button => (Footing::Rising, JUMP_SPEED),
            Footing::Ground if self.has_ground() => (Footing::Ground, 0),
            Footing::Rising if self.speed_y < 0 => {
                let gravity = if button { HELD_GRAVITY } else { GRAVITY };
                let speed = self.speed_y + gravity;
                let footing = if speed < 0 {
                    Footing::Rising
                } else {
                    Footing::Falling
                };
                (footing, speed)
            }
            _ => (
                Footing::Falling,
                (self.speed_y.max(0) + HELD_GRAVITY).min(MOST),
            ),
        }
    }

    /// Whether a hero that does not jump stays where it is.
    fn has_ground(&self) -> bool {
        !self.is_free(self.hero_x, self.hero_y + self.vertical_grain())
    }

    /// Vertical positions are multiples of it.
    fn vertical_grain(&self) -> i64 {
        match self.rules.jump {
            Jump::Flutter => 2,
            Jump::Arc => 1,
        }
    }

    fn move_vertically(&mut self) {
        let (direction, grain) = (self.speed_y.signum(), self.vertical_grain());
        for _ in 0..self.speed_y.abs() / grain {
            let next = self.hero_y + direction * grain;
            // The top of the screen is a ceiling for a rising hero: it never leaves the screen by jumping.
            let blocked = (direction < 0 && next < 0) || !self.is_free(self.hero_x, next);
            if blocked {
                self.footing = if direction > 0 {
                    Footing::Ground
                } else {
                    Footing::Bumped
                };
                self.speed_y = 0;
                return;
            }
            self.hero_y = next;
        }
    }

    /// The hero's left edge in the world, with the camera [`Camera::Aligned`](super::Camera::Aligned) a multiple of 4.
    pub fn hero_x(&self) -> i64 {
        self.hero_x
    }

    /// The left edge of the screen in the world.
    pub fn camera_x(&self) -> i64 {
        self.camera_x
    }

    /// The rules of this world.
    pub fn rules(&self) -> GameplayRules {
        self.rules
    }

    /// The hero's upper edge on the screen from 0; above 48 it is partly off the screen.
    pub fn hero_y(&self) -> i64 {
        self.hero_y
    }

    /// Whether the hero stands on something and can jump.
    pub fn on_ground(&self) -> bool {
        self.footing == Footing::Ground
    }

    /// The look of this world.
    pub fn theme(&self) -> Theme {
        self.theme
    }

    /// How many coins the hero has taken.
    pub fn coins_taken(&self) -> usize {
        self.taken_coins.len()
    }

    /// Whether the hero's box at that place touches no solid tile.
    pub fn is_free(&self, x: i64, y: i64) -> bool {
        !self.box_cells(x, y).any(|(_, _, cell)| cell.is_solid())
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn faces_left(&self) -> bool {
        self.faces_left
    }

    /// The picture to show. Running alternates with the scroll position, so that each of its two pictures meets the
    /// background at one alignment only.
    pub(crate) fn pose(&self) -> Pose {
        match self.footing {
            Footing::Rising | Footing::Bumped => Pose::Flutter,
            Footing::Falling => Pose::Air,
            Footing::Ground if !self.moved => Pose::Idle,
            Footing::Ground if self.hero_x.rem_euclid(TILE) < TILE / 2 => Pose::RunWide,
            Footing::Ground => Pose::RunClose,
        }
    }

    /// The cell at a world column and screen row; a taken coin is sky.
    pub(crate) fn cell(&self, column: i64, row: i64) -> Cell {
        match self.column(column).cell(row) {
            Cell::Coin if self.taken_coins.contains(&(column, row)) => Cell::Sky,
            cell => cell,
        }
    }

    /// A world column.
    pub(crate) fn column(&self, column: i64) -> Column {
        let kept = self
            .segments
            .iter()
            .find_map(|segment| segment.column(column));
        match kept {
            Some(found) => *found,
            None => Segment::generate(self.seed, Segment::index_of(self.seed, column))
                .column(column)
                .copied()
                .expect("a segment holds the columns whose index it has"),
        }
    }

    /// Whether the next step in a direction (-1 or 1) leads over a gap.
    pub(crate) fn gap_ahead(&self, direction: i64) -> bool {
        let front = if direction > 0 {
            self.hero_x + WIDTH - 1 + self.rules.run.speed
        } else {
            self.hero_x - self.rules.run.speed
        };
        let column = front.div_euclid(TILE);
        let feet = (self.hero_y + HEIGHT).div_euclid(TILE);
        (feet..=super::SCREEN_TILES).all(|row| !self.cell(column, row).is_solid())
    }

    /// Whether a wall stops the next step in a direction (-1 or 1).
    pub(crate) fn wall_ahead(&self, direction: i64) -> bool {
        !self.is_free(self.hero_x + direction * self.rules.run.grain, self.hero_y)
    }

    /// Whether a coin or a platform hangs within a jump above the next two columns of a direction (-1, 0 or 1).
    pub(crate) fn prize_above(&self, direction: i64) -> bool {
        let here = (self.hero_x + WIDTH / 2).div_euclid(TILE);
        let head = self.hero_y.div_euclid(TILE);
        [here + direction, here + 2 * direction]
            .into_iter()
            .any(|column| {
                (head - 2..head)
                    .any(|row| matches!(self.cell(column, row), Cell::Coin | Cell::Brick))
            })
    }

    fn box_cells(&self, x: i64, y: i64) -> impl Iterator<Item = (i64, i64, Cell)> + '_ {
        let columns = x.div_euclid(TILE)..=(x + WIDTH - 1).div_euclid(TILE);
        let rows = y.div_euclid(TILE)..=(y + HEIGHT - 1).div_euclid(TILE);
        columns.flat_map(move |column| {
            rows.clone()
                .map(move |row| (column, row, self.cell(column, row)))
        })
    }

    fn take_coins(&mut self) {
        let touched: Vec<(i64, i64)> = self
            .box_cells(self.hero_x, self.hero_y)
            .filter(|(_, _, cell)| *cell == Cell::Coin)
            .map(|(column, row, _)| (column, row))
            .collect();
        self.taken_coins.extend(touched);
    }

    /// Keeps the segments within [`REACH`] of the hero at hand, and only those.
    fn generate_around_hero(&mut self) {
        let column = self.hero_x.div_euclid(TILE);
        let first = Segment::index_of(self.seed, column - REACH);
        let last = Segment::index_of(self.seed, column + REACH);
        self.segments
            .retain(|segment| (first..=last).contains(&segment.index));
        for index in first..=last {
            if !self.segments.iter().any(|segment| segment.index == index) {
                self.segments.push_back(Segment::generate(self.seed, index));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::player::Player;
    use super::*;
    use proptest::prelude::*;

    fn aligned(seed: u64) -> GameplayWorld {
        GameplayWorld::with_rules(seed, GameplayRules::ALIGNED)
    }

    const STAND: TrueAction = TrueAction::new(Steer::Idle, false);
    const HOP: TrueAction = TrueAction::new(Steer::Idle, true);

    proptest! {
        #[test]
        fn never_inside_a_solid_tile(
            seed in any::<u64>(),
            actions in proptest::collection::vec((0..TrueAction::COUNT, 1_usize..12), 1..60),
        ) {
            let mut world = aligned(seed);
            prop_assert!(world.is_free(world.hero_x(), world.hero_y()));
            for (index, repeats) in actions {
                let action = TrueAction::ALL[index];
                for _ in 0..repeats {
                    let (x, was_free) = (
                        world.hero_x(),
                        match action.steer {
                            Steer::Left => world.is_free(world.hero_x() - 4, world.hero_y()),
                            Steer::Idle => true,
                            Steer::Right => world.is_free(world.hero_x() + 4, world.hero_y()),
                        },
                    );
                    world.step(action);
                    let expected = match action.steer {
                        Steer::Left if was_free => -4,
                        Steer::Right if was_free => 4,
                        _ => 0,
                    };
                    prop_assert_eq!(world.hero_x() - x, expected);
                    prop_assert!(world.is_free(world.hero_x(), world.hero_y()));
                    prop_assert_eq!(world.hero_x() % 4, 0);
                    prop_assert_eq!(world.hero_y() % 2, 0);
                    prop_assert!((0..64).contains(&world.hero_y()));
                    if world.on_ground() {
                        prop_assert_eq!(world.hero_y() % 8, 0);
                        prop_assert!(!world.is_free(world.hero_x(), world.hero_y() + 2));
                    }
                }
            }
        }
    }

    /// Heights above the ground, frame by frame, of a hero that holds the jump button where `held` says so.
    fn heights(held: &[bool]) -> Vec<i64> {
        // A world whose start has nothing overhead.
        let mut world = (0..100)
            .map(aligned)
            .find(|world| world.hero_y() == 32)
            .expect("a world with a middle height start");
        let ground = world.hero_y();
        held.iter()
            .map(|&held| {
                world.step(if held { HOP } else { STAND });
                ground - world.hero_y()
            })
            .collect()
    }

    #[test]
    fn a_tap_hops_and_a_held_button_flutters_on_upwards() {
        let held = |frames: usize| heights(&std::array::from_fn::<bool, 10, _>(|at| at < frames));
        assert_eq!(held(1), [8, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(held(4), [8, 10, 12, 14, 10, 2, 0, 0, 0, 0]);
        // In the air the button works again.
        let twice = heights(&[true, false, true, true, false, false]);
        assert_eq!(twice, [8, 4, 6, 8, 4, 0]);
    }

    #[test]
    fn who_holds_the_button_under_the_ceiling_bobs() {
        let rises = heights(&[true; 30]);
        let top = *rises.iter().max().expect("thirty frames");
        assert_eq!(top, 32);
        let bobs = &rises[rises.iter().position(|&h| h == top).expect("the top")..];
        assert!(
            bobs.windows(3).all(|w| w[0] != w[1] || w[1] != w[2]),
            "{bobs:?}"
        );
        assert!(bobs.iter().all(|&h| top - h <= 4), "{bobs:?}");
    }

    #[test]
    fn terrain_does_not_depend_on_the_way_taken() {
        let mut walker = aligned(11);
        let mut player = Player::new(5);
        for _ in 0..500 {
            let action = player.choose(&walker);
            walker.step(action);
        }
        let fresh = aligned(11);
        let here = walker.hero_x().div_euclid(TILE);
        for column in here - 40..here + 40 {
            assert_eq!(walker.column(column), fresh.column(column));
        }
    }

    #[test]
    fn coins_stay_gone() {
        let mut world = aligned(3);
        let mut player = Player::new(3);
        for _ in 0..3000 {
            let action = player.choose(&world);
            world.step(action);
        }
        assert!(world.coins_taken() > 5);
        for &(column, row) in &world.taken_coins {
            assert_eq!(world.column(column).cell(row), Cell::Coin);
            assert_eq!(world.cell(column, row), Cell::Sky);
        }
    }

    #[test]
    fn a_fall_through_a_gap_ends_on_the_ground_once_the_player_steers() {
        let mut falls = 0;
        for seed in 0..40 {
            let mut world = aligned(seed);
            // Walk right without jumping until the hero falls in or a wall stops it.
            let right = TrueAction::new(Steer::Right, false);
            for _ in 0..80 {
                world.step(right);
                if world.hero_y() > 48 {
                    break;
                }
            }
            if world.hero_y() <= 48 {
                continue;
            }
            for _ in 0..30 {
                world.step(STAND);
            }
            if world.on_ground() {
                // A bridge over the gap stopped the fall.
                continue;
            }
            falls += 1;
            assert!(
                (0..60).any(|_| {
                    world.step(right);
                    world.on_ground()
                }),
                "world {seed}: steering aside finds no ground"
            );
        }
        assert!(falls >= 3, "only {falls} falls seen");
    }

    /// Heights above the ground of a free hero that holds the jump button where `held` says so.
    fn free_heights(held: &[bool]) -> Vec<i64> {
        let mut world = (0..100)
            .map(GameplayWorld::new)
            .find(|world| world.hero_y() == 32)
            .expect("a world with a middle height start");
        let ground = world.hero_y();
        let mut height = |&held: &bool| {
            world.step(if held { HOP } else { STAND });
            ground - world.hero_y()
        };
        held.iter().map(&mut height).collect()
    }

    #[test]
    fn a_held_button_makes_a_free_jump_higher_and_does_nothing_in_the_air() {
        let tap = free_heights(&std::array::from_fn::<bool, 8, _>(|at| at == 0));
        assert_eq!(tap, [8, 12, 12, 10, 6, 0, 0, 0]);
        let held = free_heights(&std::array::from_fn::<bool, 10, _>(|at| at < 4));
        assert_eq!(held, [8, 14, 18, 20, 18, 14, 8, 1, 0, 0]);
        let twice = free_heights(&std::array::from_fn::<bool, 8, _>(|at| at == 0 || at == 3));
        assert_eq!(twice, tap);
    }

    proptest! {
        #[test]
        fn a_free_hero_stays_outside_solid_tiles_and_within_the_dead_zone(
            seed in any::<u64>(),
            actions in proptest::collection::vec((0..TrueAction::COUNT, 1_usize..12), 1..60),
        ) {
            let mut world = GameplayWorld::new(seed);
            let [first, last] = world.rules().camera.hero_columns();
            for (index, repeats) in actions {
                for _ in 0..repeats {
                    let (x, camera) = (world.hero_x(), world.camera_x());
                    world.step(TrueAction::ALL[index]);
                    prop_assert!((world.hero_x() - x).abs() <= 3);
                    prop_assert!((world.camera_x() - camera).abs() <= 3);
                    let column = world.hero_x() - world.camera_x();
                    prop_assert!((first as i64..=last as i64).contains(&column));
                    prop_assert!(world.is_free(world.hero_x(), world.hero_y()));
                    prop_assert!((0..64).contains(&world.hero_y()));
                }
            }
        }
    }

    #[test]
    fn a_free_player_climbs_and_crosses_gaps() {
        let mut farthest = 0;
        for seed in 0..10 {
            let mut world = GameplayWorld::new(seed);
            let mut player = Player::new(seed);
            let start = world.hero_x();
            for _ in 0..1000 {
                let action = player.choose(&world);
                world.step(action);
            }
            farthest += (world.hero_x() - start).abs();
        }
        assert!(farthest > 10 * 20 * TILE, "{farthest} pixels in ten worlds");
    }
}
