//! What coming steps look at, made in a thread of its own while earlier steps are taken.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::error::TrainError;

/// A pass of a step: the numbers of both.
pub(super) type Pass = (u64, usize);

/// Passes whose data wait for their steps.
const AHEAD: usize = 2;

/// The data of passes in the order in which they are taken.
#[derive(Debug)]
pub(super) struct ReadAhead<T> {
    /// Its job ends when nobody receives any more.
    _thread: ThreadPool,
    made: Receiver<(Pass, Result<T, TrainError>)>,
    waited: Cell<Duration>,
}

impl<T: Send + 'static> ReadAhead<T> {
    /// Starts to `make` the data of `passes` in a thread, which shares what it does in parallel with none of the others. `None` if the
    /// system starts no more threads.
    pub(super) fn start(
        passes: impl Iterator<Item = Pass> + Send + 'static,
        make: impl Fn(Pass) -> Result<T, TrainError> + Send + 'static,
    ) -> Option<Self> {
        let builder = ThreadPoolBuilder::new().num_threads(1);
        let builder = builder.thread_name(|_| "read ahead".to_owned());
        let thread = builder.build();
        let thread = thread.inspect_err(|error| tracing::warn!("no thread reads ahead: {error}"));
        let thread = thread.ok()?;
        let (send, made) = bounded(AHEAD);
        thread.spawn(move || {
            for pass in passes {
                let data = make(pass);
                let failed = data.is_err();
                if send.send((pass, data)).is_err() || failed {
                    return;
                }
            }
        });
        Some(Self {
            _thread: thread,
            made,
            waited: Cell::default(),
        })
    }

    /// The data of a pass, if it is the next one.
    pub(super) fn take(&self, pass: Pass) -> Option<Result<T, TrainError>> {
        let begun = Instant::now();
        let made = self.made.recv();
        self.waited.set(self.waited.get() + begun.elapsed());
        let (place, data) = made.ok()?;
        (place == pass).then_some(data)
    }

    /// How long [`take`](Self::take) has waited in all.
    pub(super) fn waited(&self) -> Duration {
        self.waited.get()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread::sleep;

    use super::*;

    #[test]
    fn data_come_in_order_and_are_made_while_others_work() {
        let passes = (0..6).flat_map(|step| [(step, 0), (step, 1)]);
        let made = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&made);
        let ahead = ReadAhead::start(passes.clone(), move |(step, pass)| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(10 * step + pass as u64)
        });
        let ahead = ahead.unwrap();
        for (taken, pass) in passes.enumerate() {
            let data = ahead.take(pass).unwrap().unwrap();
            assert_eq!(data, 10 * pass.0 + pass.1 as u64);
            // Never more than the channel and the thread hold.
            let begun = Instant::now();
            let expected = (taken + 1 + AHEAD).min(12) as u64;
            while made.load(Ordering::SeqCst) < expected && begun.elapsed().as_secs() < 60 {
                sleep(Duration::from_millis(1));
            }
            let made = made.load(Ordering::SeqCst);
            assert!((expected..=expected + 1).contains(&made), "{taken}: {made}");
        }
        assert!(ahead.take((6, 0)).is_none());
    }

    #[test]
    fn a_pass_that_is_not_the_next_one_and_failures_are_told() {
        let ahead = ReadAhead::start([(0, 0), (1, 0), (2, 0)].into_iter(), |(step, _)| {
            if step == 1 {
                let error = std::io::Error::other("a bad disk");
                return Err(TrainError::io(std::path::Path::new("footage"), error));
            }
            Ok(())
        });
        let ahead = ahead.unwrap();
        assert!(ahead.take((5, 0)).is_none());
        let said = ahead.take((1, 0)).unwrap().unwrap_err().to_string();
        assert!(said.contains("a bad disk"), "{said}");
        // Nothing is made after a failure.
        assert!(ahead.take((2, 0)).is_none());
    }

    #[test]
    fn nobody_waits_for_a_thread_whose_data_are_not_wanted() {
        let ahead = ReadAhead::start((0..u64::MAX).map(|step| (step, 0)), |_| Ok(vec![0; 100]));
        drop(ahead);
    }
}
