//! Holds back a sound device that takes everything at once, such as ALSA's `null`: it would keep a core busy with silence.

use std::time::{Duration, Instant};

/// A second of sound takes at least this long to hand over. It is half of what it takes to hear it: a device that is heard has most of
/// that second still before it when it is held back, and does not run dry.
const LEAST: Duration = Duration::from_millis(500);

/// Counts what a device is given.
pub(crate) struct Throttle {
    /// Samples of each channel in a second.
    rate: u32,
    /// Those given since then.
    given: u32,
    since: Instant,
}

impl Throttle {
    /// For a device of so many samples a second, which begins now.
    pub(crate) fn new(rate: u32, now: Instant) -> Self {
        Self {
            rate,
            given: 0,
            since: now,
        }
    }

    /// The device is given so many samples of each channel now. Returns how long it has to wait for the next ones.
    pub(crate) fn given(&mut self, samples: u32, now: Instant) -> Duration {
        self.given = self.given.saturating_add(samples);
        if self.given < self.rate {
            return Duration::ZERO;
        }
        let wait = LEAST.saturating_sub(now.duration_since(self.since));
        (self.given, self.since) = (0, now + wait);
        wait
    }
}
