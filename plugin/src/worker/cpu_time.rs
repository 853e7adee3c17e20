//! How long threads have computed, and how long they have waited for a core.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The times of a thread so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CpuTime {
    /// It ran on a core.
    pub(super) ran: Duration,
    /// It could have run, and others did.
    pub(super) waited: Duration,
}

/// A thread whose times other threads can read. Only Linux has them.
#[derive(Clone, Debug)]
pub(super) struct ThreadTimes(Option<PathBuf>);

impl ThreadTimes {
    /// Of the thread that calls.
    pub(super) fn of_this_thread() -> Self {
        // Where the link leads for this thread: `PID/task/TID`.
        let task = fs::read_link("/proc/thread-self").ok();
        Self(task.map(|task| Path::new("/proc").join(task).join("schedstat")))
    }

    /// See `proc(5)`: nanoseconds on a core, nanoseconds in the queue for one, number of turns.
    pub(super) fn read(&self) -> Option<CpuTime> {
        let text = fs::read_to_string(self.0.as_ref()?).ok()?;
        let mut nanoseconds = text.split_whitespace().map(str::parse);
        let mut next = || Some(Duration::from_nanos(nanoseconds.next()?.ok()?));
        Some(CpuTime {
            ran: next()?,
            waited: next()?,
        })
    }
}

/// How the time of a pass of the model was spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PassTimes {
    /// From the start to the end.
    pub(crate) wall: Duration,
    /// A thread of the model computed; `None` where the system does not measure it.
    pub(crate) computed: Option<Duration>,
    /// A thread of the model was ready and other threads of the machine ran.
    pub(crate) waited_for_core: Duration,
    /// The model waited for the end of frames of the game.
    pub(crate) waited_for_frame: Duration,
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_time_of_a_busy_thread_grows() {
        let Some(before) = ThreadTimes::of_this_thread().read() else {
            // A kernel without these figures.
            return;
        };
        let start = Instant::now();
        // The kernel counts the time of a thread that runs at each of its own ticks.
        while start.elapsed() < Duration::from_millis(100) {
            std::hint::spin_loop();
        }
        std::thread::sleep(Duration::from_millis(1));
        let after = ThreadTimes::of_this_thread().read().expect("it was there");
        assert!(after.ran > before.ran, "{before:?} {after:?}");
        assert!(after.ran <= before.ran + start.elapsed());
    }
}
