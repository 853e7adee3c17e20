//! A purposeful yet varied player: its footage teaches a world model more than random keys.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::action::{Steer, TrueAction};
use super::world::GameplayWorld;

/// Chooses the true actions of a clip; the same seed and world give the same choices.
#[derive(Debug, Clone)]
pub struct Player {
    random: ChaCha8Rng,
    steer: Steer,
    /// Frames left in this run or pause.
    remaining: u32,
    /// Frames for which the jump button stays down.
    jump_frames: u32,
    blocked_frames: u32,
    falling_frames: u32,
    last_x: Option<i64>,
}

impl Player {
    /// The player of a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            steer: Steer::Idle,
            remaining: 0,
            jump_frames: 0,
            blocked_frames: 0,
            falling_frames: 0,
            last_x: None,
        }
    }

    /// The action for the next frame.
    pub fn choose(&mut self, world: &GameplayWorld) -> TrueAction {
        self.notice_trouble(world);
        if self.remaining == 0 {
            self.next_segment();
        }
        self.remaining -= 1;
        if !world.on_ground() && self.steer != Steer::Idle && self.chance(4) {
            self.turn();
        }
        if self.jump_frames == 0 && self.wants_jump(world) {
            // Now and then up to the ceiling and on: what happens there must be seen too.
            let longest = if self.chance(12) { 24 } else { 8 };
            self.jump_frames = self.random.random_range(1..=longest);
        }
        let jump = self.jump_frames > 0;
        self.jump_frames = self.jump_frames.saturating_sub(1);
        TrueAction::new(self.steer, jump)
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn turn(&mut self) {
        self.steer = match self.steer {
            Steer::Left => Steer::Right,
            Steer::Right | Steer::Idle => Steer::Left,
        };
        self.remaining = self.random.random_range(5..=14);
    }

    /// Turns round at a wall that cannot be passed, and does not fall for ever.
    fn notice_trouble(&mut self, world: &GameplayWorld) {
        let stopped = self.steer != Steer::Idle && self.last_x == Some(world.hero_x());
        self.blocked_frames = if stopped { self.blocked_frames + 1 } else { 0 };
        self.last_x = Some(world.hero_x());
        if self.blocked_frames > 8 {
            self.blocked_frames = 0;
            self.turn();
        }
        self.falling_frames = if world.on_ground() {
            0
        } else {
            self.falling_frames + 1
        };
        if self.falling_frames > 12 && self.steer == Steer::Idle {
            self.remaining = 0;
        }
    }

    fn next_segment(&mut self) {
        let rests = self.steer != Steer::Idle && self.chance(85);
        if rests {
            self.steer = Steer::Idle;
            self.remaining = self.random.random_range(2..=8);
        } else {
            self.steer = if self.chance(58) {
                Steer::Right
            } else {
                Steer::Left
            };
            self.remaining = self.random.random_range(5..=25);
        }
    }

    fn wants_jump(&mut self, world: &GameplayWorld) -> bool {
        let direction = match self.steer {
            Steer::Left => -1,
            Steer::Idle => 0,
            Steer::Right => 1,
        };
        let percent = if !world.on_ground() {
            // To flutter on.
            5
        } else if direction == 0 {
            if world.prize_above(0) { 45 } else { 30 }
        } else if world.gap_ahead(direction) {
            50
        } else if world.wall_ahead(direction) {
            // Rarely, so that the hero often stands before it: only such footage shows that walls stop it.
            20
        } else if world.prize_above(direction) {
            25
        } else {
            6
        };
        self.chance(percent)
    }
}

#[cfg(test)]
mod tests {
    use super::super::GameplayRules;
    use super::*;

    fn aligned(seed: u64) -> GameplayWorld {
        GameplayWorld::with_rules(seed, GameplayRules::ALIGNED)
    }

    #[test]
    fn every_action_is_played() {
        let mut counts = [0_u32; TrueAction::COUNT];
        let (mut hops, mut frames, mut hidden) = (0, 0, 0);
        for seed in 0..60 {
            let mut world = aligned(seed);
            let mut player = Player::new(seed);
            for _ in 0..200 {
                let action = player.choose(&world);
                counts[action.index()] += 1;
                hops +=
                    u32::from(world.on_ground() && action == TrueAction::new(Steer::Idle, true));
                frames += 1;
                world.step(action);
                hidden += u32::from(!(0..=48).contains(&world.hero_y()));
            }
        }
        println!("actions {counts:?}, jumps in place {hops}, partly hidden {hidden} of {frames}");
        for count in counts {
            assert!(f64::from(count) >= 0.05 * f64::from(frames), "{counts:?}");
        }
        assert!(hops * 100 >= frames, "{hops} jumps in place");
        assert!(
            hidden * 100 <= 5 * frames,
            "{hidden} frames partly off the screen"
        );
        assert!(hidden > 0, "gaps are sometimes fallen through");
    }

    /// What no model can do better than the game: under random held actions nearly every press shows.
    #[test]
    fn random_play_shows_its_actions() {
        let (mut jumps, mut rises, mut steered, mut moved) = (0_u32, 0_u32, 0_u32, 0_u32);
        let (mut pressed, mut shown) = ([0_u32; TrueAction::COUNT], [0_u32; TrueAction::COUNT]);
        for seed in 0..100 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let mut world = aligned(seed);
            for _ in 0..60 {
                let action = TrueAction::ALL[random.random_range(0..TrueAction::COUNT)];
                for _ in 0..random.random_range(1..=8) {
                    let (x, y) = (world.hero_x(), world.hero_y());
                    world.step(action);
                    let looks_like = (world.hero_x() != x, world.hero_y() < y);
                    pressed[action.index()] += 1;
                    shown[action.index()] +=
                        u32::from(looks_like == (action.steer != Steer::Idle, action.jump));
                    if action.jump {
                        jumps += 1;
                        rises += u32::from(world.hero_y() < y);
                    } else {
                        // Without the button the hero goes up only after it fell out at the bottom.
                        assert!(world.hero_y() >= y || y > 48, "seed {seed}");
                        assert!(world.hero_y() >= y || world.hero_y() == 0, "seed {seed}");
                    }
                    if action.steer != Steer::Idle {
                        steered += 1;
                        moved += u32::from(world.hero_x() != x);
                    }
                }
            }
        }
        println!("{rises} of {jumps} jumps rise, {moved} of {steered} steps move");
        let shares = shown
            .iter()
            .zip(pressed)
            .map(|(&s, p)| f64::from(s) / f64::from(p));
        let shares: Vec<f64> = shares.collect();
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        println!("faithfulness of the game itself {mean:.3}, by action {shares:.2?}");
        assert!(mean >= 0.85);
        assert!(rises * 100 >= 85 * jumps);
        assert!(moved * 100 >= 88 * steered);
    }
}
