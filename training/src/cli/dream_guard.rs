//! The end of a dream that was asked to stop: in order where that takes seconds, else at once.
//!
//! A training saves its state between two steps. Elsewhere (a player is looked for, the judge of an evaluation learns) a stage may take
//! longer to come to a place where it can be left; nothing is lost when the process ends in the middle of it, since each stage leaves its result whole
//! or not at all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use genie_training::dream::{Stage, Status};

use super::interruption::Interruption;

/// How long a stage has to come to its end.
const PATIENCE: Duration = Duration::from_secs(3);
/// A training has so many times its longest step besides, since the last one.
const STEPS: u32 = 2;
const NAP: Duration = Duration::from_millis(50);

/// Ends the watch when it is dropped.
pub(super) struct Over<'a>(&'a Guard);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// What is known of the stage at hand.
#[derive(Debug, Clone, Copy)]
struct Pulse {
    stage: Stage,
    done: f64,
    /// When that was first heard, and the longest time between two such moments of the stage.
    since: Instant,
    longest: Duration,
}

/// Watches a dream from beside.
#[derive(Debug, Default)]
pub(super) struct Guard {
    pulse: Mutex<Option<Pulse>>,
    over: AtomicBool,
}

impl Guard {
    /// Takes note of how far the dream is.
    pub(super) fn note(&self, status: &Status) {
        self.hear(status.stage, status.done, Instant::now());
    }

    fn hear(&self, stage: Stage, done: f64, now: Instant) {
        let mut pulse = self.pulse.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = match *pulse {
            Some(last) if last.stage == stage && last.done.total_cmp(&done).is_eq() => return,
            Some(last) if last.stage == stage => last.longest.max(now - last.since),
            _ => Duration::ZERO,
        };
        *pulse = Some(Pulse {
            stage,
            done,
            since: now,
            longest,
        });
    }

    /// Says that the dream is over when it is dropped, whatever ended it.
    pub(super) fn until_dropped(&self) -> Over<'_> {
        Over(self)
    }

    /// Returns when the dream is over; if it was asked to stop and does not come to its end soon, `end` is called, which ends the
    /// process.
    pub(super) fn watch(&self, interruption: &Interruption, end: &dyn Fn()) {
        let mut asked: Option<Instant> = None;
        while !self.over.load(Ordering::Relaxed) {
            thread::sleep(NAP);
            if !interruption.flag().load(Ordering::Relaxed) {
                continue;
            }
            let since = *asked.get_or_insert_with(Instant::now);
            if Instant::now() > self.latest(since) {
                end();
                return;
            }
        }
    }

    /// When it has to be over if it was asked to stop at a time.
    fn latest(&self, asked: Instant) -> Instant {
        let pulse = *self.pulse.lock().unwrap_or_else(PoisonError::into_inner);
        let step = match pulse {
            Some(pulse) if matches!(pulse.stage, Stage::Tokenizer | Stage::Dynamics) => {
                pulse.since + STEPS * pulse.longest
            }
            _ => asked,
        };
        step.max(asked) + PATIENCE
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_a_training_is_waited_for_and_what_comes_between_phases_is_not() {
        let guard = Guard::default();
        let begin = Instant::now();
        let at = |seconds: u64| begin + Duration::from_secs(seconds);
        guard.hear(Stage::Plan, 0.0, at(0));
        assert_eq!(guard.latest(at(100)), at(103));
        // Steps of ten seconds.
        for step in 0..4_u32 {
            guard.hear(
                Stage::Dynamics,
                f64::from(step) / 10.0,
                at(100 + 10 * u64::from(step)),
            );
            guard.hear(
                Stage::Dynamics,
                f64::from(step) / 10.0,
                at(105 + 10 * u64::from(step)),
            );
        }
        assert_eq!(guard.latest(at(131)), at(130 + 20 + 3));
        // Nothing was heard for long: it is not at a step.
        assert_eq!(guard.latest(at(500)), at(503));
        guard.hear(Stage::Evaluate, 0.0, at(600));
        assert_eq!(guard.latest(at(601)), at(604));
    }
}
