//! Commands of random play.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Longest run of frames that a command is held.
const LONGEST_HOLD: usize = 8;

/// Commands of one world: drawn uniformly and held for 1 to 8 frames, as a player holds keys.
pub(super) struct Commands {
    rng: ChaCha8Rng,
    command: usize,
    left: usize,
}

impl Commands {
    /// Those of a world of a play.
    pub(super) fn new(seed: u64, world: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(world as u64);
        Self {
            rng,
            command: 0,
            left: 0,
        }
    }

    /// The next command, one of the actions in use.
    pub(super) fn next(&mut self, in_use: &[usize]) -> usize {
        if self.left == 0 {
            self.command = in_use[self.rng.random_range(0..in_use.len())];
            self.left = self.rng.random_range(1..=LONGEST_HOLD);
        }
        self.left -= 1;
        self.command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_uniform_held_and_of_actions_in_use() {
        let in_use = [1, 2, 5];
        let mut counts = [0_u32; 6];
        let mut changes = 0;
        for world in 0..50 {
            let mut commands = Commands::new(3, world);
            let mut last = None;
            for _ in 0..200 {
                let command = commands.next(&in_use);
                counts[command] += 1;
                changes += u32::from(last.is_some_and(|last| last != command));
                last = Some(command);
            }
        }
        assert_eq!(counts[0] + counts[3] + counts[4], 0);
        for action in in_use {
            assert!((3000..3700).contains(&counts[action]), "{counts:?}");
        }
        // A segment lasts 4.5 frames on average and two in three change the command.
        assert!((1200..1800).contains(&changes), "{changes}");
    }
}
