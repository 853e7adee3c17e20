//! Keeps a training to its time: when steps take longer than they were timed at, or less, there are fewer of them, or more.

use std::cell::{Cell, RefCell};
use std::time::Instant;

/// Steps, and share of a phase's time, after which its pace is known.
const KNOWN_AFTER: u64 = 3;
const KNOWN_SHARE: f64 = 0.02;
/// By how much a phase may end later than it should, as a share of its time: to plan anew takes time too.
const LATE: f64 = 0.04;
/// By how much it may end earlier before it gets more steps.
const EARLY: f64 = 0.12;

/// Another number of steps for a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Replanned {
    pub(super) steps: u64,
    /// Steps that were done when that was seen.
    pub(super) after: u64,
}

/// Watches the steps of one phase.
#[derive(Debug)]
pub(super) struct Pacer {
    until: Instant,
    /// Time from its making on, in seconds.
    time: f64,
    steps: u64,
    /// Share of the steps up to which there can be more of them.
    more_until: f64,
    /// When the first step was seen, and its number.
    first: Cell<Option<(Instant, u64)>>,
    wanted: RefCell<Option<Replanned>>,
}

impl Pacer {
    /// For a phase of so many steps that should end at a time. There can be more of them until the learning rate falls, over the last share
    /// `decay` of them.
    pub(super) fn new(steps: u64, decay: f64, now: Instant, until: Instant) -> Self {
        Self {
            until,
            time: until.saturating_duration_since(now).as_secs_f64(),
            steps,
            more_until: 1.0 - decay,
            first: Cell::new(None),
            wanted: RefCell::new(None),
        }
    }

    /// Takes note of a step; true if the phase should stop for another number of steps.
    pub(super) fn step(&self, step: u64, now: Instant) -> bool {
        let Some((begun, first)) = self.first.get() else {
            self.first.set(Some((now, step)));
            return false;
        };
        let known = step.saturating_sub(first);
        let took = now.saturating_duration_since(begun).as_secs_f64();
        if known < KNOWN_AFTER || took < KNOWN_SHARE * self.time || step + 1 >= self.steps {
            return false;
        }
        let each = took / known as f64;
        let left = self.until.saturating_duration_since(now).as_secs_f64();
        let possible = step + (left / each.max(1e-6)) as u64;
        let needed = each * (self.steps - step) as f64;
        let late = needed > left + LATE * self.time + each;
        let early = needed < left * (1.0 - EARLY)
            && (step as f64) < self.steps as f64 * self.more_until
            && possible > self.steps + 1;
        if !late && !early {
            return false;
        }
        *self.wanted.borrow_mut() = Some(Replanned {
            steps: possible.max(step + 1),
            after: step,
        });
        true
    }

    /// The number of steps that it stopped for.
    pub(super) fn replanned(&self) -> Option<Replanned> {
        *self.wanted.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// How many steps there are at the end when each takes so many milliseconds, and how long all of them take.
    fn run(planned: u64, each: u64, time: u64) -> (u64, u64) {
        run_with(planned, |_| each, time)
    }

    /// The same where steps take longer at one time than at another; `each` gets the milliseconds that are gone.
    fn run_with(planned: u64, each: impl Fn(u64) -> u64, time: u64) -> (u64, u64) {
        let begin = Instant::now();
        let until = begin + Duration::from_millis(time);
        let (mut now, mut step, mut steps) = (begin, 0, planned);
        let mut pacer = Pacer::new(steps, 0.3, begin, until);
        while step < steps {
            step += 1;
            let gone = now.saturating_duration_since(begin).as_millis() as u64;
            now += Duration::from_millis(each(gone));
            if step < steps && pacer.step(step, now) {
                steps = pacer.replanned().map_or(steps, |replanned| replanned.steps);
                pacer = Pacer::new(steps, 0.3, now, until);
            }
        }
        (
            steps,
            now.saturating_duration_since(begin).as_millis() as u64,
        )
    }

    #[test]
    fn a_machine_that_has_time_again_does_more_steps_until_the_learning_rate_falls() {
        // Twice as slow for the first half of the time.
        let each = |gone: u64| if gone < 5000 { 20 } else { 10 };
        let (steps, took) = run_with(1000, each, 10_000);
        assert!(steps > 650, "{steps}");
        assert!((8600..=11_000).contains(&took), "{took}");
    }

    #[test]
    fn slow_steps_are_fewer_and_fast_ones_more_and_the_time_is_kept() {
        for (each, expected) in [(10, 1000), (20, 500), (5, 2000), (100, 100), (1000, 10)] {
            let (steps, took) = run(1000, each, 10_000);
            assert!(
                steps.abs_diff(expected) <= expected / 8 + 1,
                "{each} ms: {steps}"
            );
            assert!((8600..=11_000).contains(&took), "{each} ms: {took}");
        }
        // However late it is, a phase ends in order.
        let (steps, _) = run(1000, 10, 10);
        assert!(steps < 20, "{steps}");
    }
}
