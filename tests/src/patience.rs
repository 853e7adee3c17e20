//! Waiting that gives up on what hangs, and never on what is slow.

use std::time::{Duration, Instant};

/// How long a process may do nothing, and how long it may work for nothing: the first by the wall clock, the second in processor time.
pub const PATIENCE: Duration = Duration::from_mins(2);
/// Less processor time than this is nothing: a program at rest wakes up now and then.
const SOMETHING: Duration = Duration::from_secs(1);

/// Patience with a process.
#[derive(Debug)]
pub struct Patience {
    process: u32,
    start: Duration,
    last: Duration,
    moved: Instant,
}

impl Patience {
    /// Patience with a process that starts now.
    pub fn with(process: u32) -> Self {
        let now = processor_time(process);
        Self {
            process,
            start: now,
            last: now,
            moved: Instant::now(),
        }
    }

    /// Patience with the process of the test itself.
    pub fn with_this_process() -> Self {
        Self::with(std::process::id())
    }

    /// Whether it is over: the process has done nothing for long, or has worked for long without doing what is waited for.
    pub fn is_over(&mut self) -> bool {
        let now = processor_time(self.process);
        if now >= self.last + SOMETHING {
            (self.last, self.moved) = (now, Instant::now());
        }
        self.moved.elapsed() >= PATIENCE || now >= self.start + PATIENCE
    }
}

/// The processor time that a process has used; nothing where the system does not say.
fn processor_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name in parentheses may hold anything; after it, the 12th and 13th value are hundredths of a second.
    let values = stat.rsplit(')').next().unwrap_or_default();
    let ticks = values.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn work_is_counted() {
        let before = processor_time(std::process::id());
        let mut sum = 0_u64;
        while processor_time(std::process::id()) < before + Duration::from_millis(50) {
            sum = (0..1_000_000).fold(sum, |sum: u64, value| sum.wrapping_mul(3) ^ value);
        }
        assert!(!Patience::with_this_process().is_over());
        assert_ne!(std::hint::black_box(sum), 1);
    }
}
