//! How much of the processor the model takes, so that worlds keep the rate that the game has set as their floor.

use std::time::Duration;

use crate::worker::cpu_time::PassTimes;

/// Share of the time between two frames at the floor's rate that a pass may take: the game takes up frames between its own.
const PASS_SHARE: f64 = 0.75;
/// Weight of the newest pass in the mean of what passes cost.
const NEWEST: f64 = 0.2;
/// Slow passes in a row that raise the urgency; one that took twice as long as it may counts twice.
const SLOW_PASSES: u32 = 2;
/// Probes in a row that must say that what others leave over is enough, at first and at most.
const CALM_PROBES: [u32; 2] = [3, 48];
/// Quick passes in a row after which the model waits for the game's frames again.
const QUICK_PASSES: u32 = 20;

/// How the model's threads compete with the game and with other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// They take what others leave over.
    Leftover,
    /// They are threads like any other, and still wait for the end of the game's frames where they do.
    FairShare,
    /// They do not wait for the game's frames either.
    WithinFrames,
}

/// Decides on the urgency from how long passes take.
#[derive(Clone, Debug)]
pub(super) struct UrgencyControl {
    now: Urgency,
    lowest: Urgency,
    highest: Urgency,
    /// Mean computing time of a pass in seconds.
    cost: Option<f64>,
    /// What the last pass was allowed to take, in seconds.
    allowed: f64,
    slow: u32,
    /// Probes or passes in a row that speak for less urgency.
    calm: u32,
    calm_needed: u32,
}

impl UrgencyControl {
    pub(super) fn new(lowest: Urgency, highest: Urgency) -> Self {
        Self {
            now: lowest,
            lowest,
            highest,
            cost: None,
            allowed: f64::INFINITY,
            slow: 0,
            calm: 0,
            calm_needed: CALM_PROBES[0],
        }
    }

    pub(super) fn now(&self) -> Urgency {
        self.now
    }

    /// A pass took so long; at the floor's rate, frames come `interval` apart (`Duration::MAX` without a floor).
    pub(super) fn observe(&mut self, pass: &PassTimes, interval: Duration) {
        let wall = pass.wall.as_secs_f64();
        self.cost = Some(match (self.cost, pass.computed) {
            (Some(mean), Some(computed)) => mean + NEWEST * (computed.as_secs_f64() - mean),
            (None, Some(computed)) => computed.as_secs_f64(),
            // The quickest pass waited least.
            (Some(least), None) => (1.01 * least).min(wall),
            (None, None) => {
                // What a pass costs shows only where it does not have to wait.
                self.now = self.now.max(Urgency::FairShare);
                wall
            }
        });
        self.allowed = self.allowed_for(interval);
        if interval == Duration::MAX {
            self.now = self.lowest;
            return;
        }
        if wall > self.allowed {
            self.calm = 0;
            self.slow += 1 + u32::from(wall > 2.0 * self.allowed);
            if self.slow >= SLOW_PASSES {
                self.raise();
            }
            return;
        }
        self.slow = 0;
        if self.now == Urgency::WithinFrames {
            self.calm = if wall <= 0.5 * self.allowed {
                self.calm + 1
            } else {
                0
            };
            if self.calm >= QUICK_PASSES {
                self.lower(Urgency::FairShare);
            }
        }
    }

    /// Seconds that a pass may take.
    fn allowed_for(&self, interval: Duration) -> f64 {
        // A floor that the machine cannot keep gets half of the time of a core.
        let attainable = 2.0 * self.cost.unwrap_or_default();
        (PASS_SHARE * interval.as_secs_f64()).max(attainable)
    }

    /// How long to wait for a pass of threads that take what others leave over.
    pub(super) fn patience(&self, interval: Duration) -> Duration {
        let patience = Duration::try_from_secs_f64(2.0 * self.allowed_for(interval));
        patience.unwrap_or(Duration::MAX)
    }

    /// A pass has taken longer than that.
    pub(super) fn give_up(&mut self) {
        self.raise();
    }

    /// A thread that takes what others leave over needed so many times the time that it would have needed alone.
    pub(super) fn observe_probe(&mut self, slowdown: f64) {
        let Some(cost) = self.cost.filter(|_| self.now == Urgency::FairShare) else {
            return;
        };
        if self.lowest == Urgency::FairShare {
            return;
        }
        let enough = cost * slowdown < 0.6 * self.allowed;
        self.calm = if enough { self.calm + 1 } else { 0 };
        if self.calm >= self.calm_needed {
            self.lower(Urgency::Leftover);
        }
    }

    fn raise(&mut self) {
        let next = match self.now {
            Urgency::Leftover => {
                // Each time that what is left over turns out not to be enough, the next look is a longer one.
                self.calm_needed = (2 * self.calm_needed).min(CALM_PROBES[1]);
                Urgency::FairShare
            }
            Urgency::FairShare | Urgency::WithinFrames => Urgency::WithinFrames,
        };
        self.now = next.min(self.highest);
        (self.slow, self.calm) = (0, 0);
    }

    fn lower(&mut self, to: Urgency) {
        self.now = to.max(self.lowest);
        (self.slow, self.calm) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    /// Half of ten frames a second.
    const INTERVAL: Duration = Duration::from_millis(200);

    fn pass(wall: u32, computed: u32) -> PassTimes {
        PassTimes {
            wall: wall * MS,
            computed: Some(computed * MS),
            ..PassTimes::default()
        }
    }

    fn control() -> UrgencyControl {
        UrgencyControl::new(Urgency::Leftover, Urgency::WithinFrames)
    }

    #[test]
    fn worlds_that_keep_their_floor_take_what_is_left_over() {
        let mut control = control();
        for _ in 0..1000 {
            control.observe(&pass(100, 25), INTERVAL);
        }
        assert_eq!(control.now(), Urgency::Leftover);
        // A single slow pass is no starvation.
        control.observe(&pass(180, 25), INTERVAL);
        control.observe(&pass(100, 25), INTERVAL);
        control.observe(&pass(180, 25), INTERVAL);
        assert_eq!(control.now(), Urgency::Leftover);
    }

    #[test]
    fn a_starving_world_becomes_urgent_until_enough_is_left_over() {
        let mut control = control();
        control.observe(&pass(25, 25), INTERVAL);
        control.observe(&pass(1000, 25), INTERVAL);
        assert_eq!(control.now(), Urgency::FairShare);
        for _ in 0..50 {
            control.observe(&pass(50, 25), INTERVAL);
            control.observe_probe(40.0);
        }
        assert_eq!(
            control.now(),
            Urgency::FairShare,
            "next to nothing is left over"
        );
        for _ in 0..2 * CALM_PROBES[0] {
            control.observe_probe(1.1);
        }
        assert_eq!(control.now(), Urgency::Leftover);
        // A pass that gets nowhere at all is not waited for.
        assert!(control.patience(INTERVAL) <= 2 * INTERVAL);
        control.give_up();
        assert_eq!(control.now(), Urgency::FairShare);
    }

    #[test]
    fn where_computing_time_is_not_measured_the_first_passes_show_what_one_costs() {
        let unmeasured = |wall: u32| PassTimes {
            computed: None,
            ..pass(wall, 0)
        };
        let mut control = control();
        control.observe(&unmeasured(1000), INTERVAL);
        assert_eq!(control.now(), Urgency::FairShare);
        control.observe(&unmeasured(30), INTERVAL);
        for _ in 0..CALM_PROBES[0] {
            control.observe_probe(1.1);
        }
        assert_eq!(control.now(), Urgency::Leftover);
        control.observe(&unmeasured(1000), INTERVAL);
        assert_eq!(control.now(), Urgency::FairShare);
    }

    #[test]
    fn a_game_that_leaves_nothing_between_its_frames_is_interrupted_only_as_long_as_needed() {
        let mut control = control();
        for _ in 0..2 {
            control.observe(&pass(900, 25), INTERVAL);
        }
        assert_eq!(control.now(), Urgency::WithinFrames);
        for _ in 0..QUICK_PASSES {
            control.observe(&pass(30, 25), INTERVAL);
        }
        assert_eq!(control.now(), Urgency::FairShare);
    }

    #[test]
    fn a_floor_beyond_the_machine_asks_for_half_of_a_core_and_none_for_nothing() {
        let mut control = control();
        // A thousand frames a second of a model that computes 25 ms for each.
        for _ in 0..100 {
            control.observe(&pass(42, 25), 2 * MS);
        }
        assert_eq!(control.now(), Urgency::Leftover);
        for _ in 0..2 {
            control.observe(&pass(60, 25), 2 * MS);
        }
        assert_eq!(control.now(), Urgency::FairShare);
        control.observe(&pass(5000, 25), Duration::MAX);
        assert_eq!(control.now(), Urgency::Leftover);
    }
}
