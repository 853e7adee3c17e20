//! Whether footage shows gravity: what rises is slowed down there, and what falls is hastened. That is so whatever is pressed.

use super::AgentSettings;

/// Counts of how vertical speed changes in rises and falls, downwards positive.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct SpeedChanges {
    rises_slowed: usize,
    rises_hastened: usize,
    falls_slowed: usize,
    falls_hastened: usize,
}

impl SpeedChanges {
    /// Counts the vertical speeds of two successive transitions. What is at most `least` is neither motion nor a change. A start or an end of the
    /// motion counts for nothing, since it may be the ground, nor does a turn, which may be a flap or a bounce.
    pub(crate) fn add(&mut self, before: f32, after: f32, least: f32) {
        let change = after - before;
        let turns = (before < 0.0) != (after < 0.0);
        if before.abs() <= least || after.abs() <= least || change.abs() <= least || turns {
            return;
        }
        let counter = match (before < 0.0, change > 0.0) {
            (true, true) => &mut self.rises_slowed,
            (true, false) => &mut self.rises_hastened,
            (false, true) => &mut self.falls_hastened,
            (false, false) => &mut self.falls_slowed,
        };
        *counter += 1;
    }

    /// Whether they show gravity: the odds of slowed rises, times the odds of hastened falls.
    pub(crate) fn show_gravity(&self, settings: &AgentSettings) -> bool {
        let least = settings.gravity_changes;
        let enough = self.rises_slowed + self.rises_hastened >= least
            && self.falls_slowed + self.falls_hastened >= least;
        let odds = |more: usize, less: usize| (more + 1) as f64 / (less + 1) as f64;
        enough
            && odds(self.rises_slowed, self.rises_hastened)
                * odds(self.falls_hastened, self.falls_slowed)
                >= f64::from(settings.gravity_odds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gravity(changes: SpeedChanges) -> bool {
        changes.show_gravity(&AgentSettings::default())
    }

    fn changes(speeds: &[f32], times: usize) -> SpeedChanges {
        let mut changes = SpeedChanges::default();
        for _ in 0..times {
            for pair in speeds.windows(2) {
                changes.add(pair[0], pair[1], 0.4);
            }
        }
        changes
    }

    #[test]
    fn jumps_show_gravity() {
        let jump = [
            0.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0,
        ];
        assert!(gravity(changes(&jump, 40)));
        // Too little is no evidence.
        assert!(!gravity(changes(&jump, 3)));
    }

    /// Each flap ends a fall at once, as often as not before it was long.
    #[test]
    fn flaps_do_not_hide_it() {
        let mut bird = Vec::new();
        for falls_for in 1..=6 {
            bird.extend((0..=falls_for).map(|step| 0.8 * step as f32 - 2.4));
        }
        assert!(gravity(changes(&bird, 100)));
    }

    #[test]
    fn what_goes_up_and_down_alike_does_not() {
        // A ship starts and stops slowly, and turns.
        let flight = [
            0.0, -1.0, -3.0, -3.0, -1.0, 0.0, 1.0, 3.0, 3.0, 1.0, 0.0, -3.0, 3.0, -3.0, 0.0,
        ];
        assert!(!gravity(changes(&flight, 200)));
        // A lift that starts at once.
        assert!(!gravity(changes(
            &[0.0, -3.0, -3.0, 0.0, 3.0, 3.0, 0.0],
            200
        )));
    }

    #[test]
    fn gravity_upwards_is_none() {
        let balloon = [0.0, 5.0, 4.0, 3.0, 2.0, 1.0, -1.0, -2.0, -3.0, -4.0, 0.0];
        assert!(!gravity(changes(&balloon, 40)));
    }
}
