//! Takes turns between the game and the model at the processor, for [`GeniePriority::BetweenFrames`](crate::GeniePriority).

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use bevy::prelude::*;

/// How long the model waits for the end of a frame: worlds go on beside a game that loads a level.
const LONGEST_WAIT: Duration = Duration::from_millis(8);
/// How long the model computes at least between two waits: worlds go on beside a game that leaves nothing between frames.
const SHORTEST_TURN: Duration = Duration::from_millis(2);

/// Whether the game is in a frame. The main thread never waits here, not even for a lock: a thread that holds one may not get
/// to run for as long as the game is busy.
#[derive(Resource, Clone, Debug, Default)]
pub(crate) struct FrameGate(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Counts beginnings and ends of frames: odd within a frame.
    frame: AtomicU64,
    /// Who may be waiting for the end of one.
    threads: Mutex<Vec<Thread>>,
    /// Whether the model does not have to wait.
    open: AtomicBool,
    /// Nanoseconds that all threads together have waited.
    waited: AtomicU64,
}

pub(crate) fn begin_frame(gate: Res<FrameGate>) {
    gate.begin_frame();
}

pub(crate) fn end_frame(gate: Res<FrameGate>) {
    gate.end_frame();
}

impl FrameGate {
    pub(crate) fn begin_frame(&self) {
        self.0.frame.fetch_or(1, Ordering::Release);
    }

    pub(crate) fn end_frame(&self) {
        let frame = self.0.frame.load(Ordering::Relaxed);
        self.0
            .frame
            .store(frame.next_multiple_of(2), Ordering::Release);
        // Not in the moment in which a thread is added: it has nothing to do yet.
        if let Ok(threads) = self.0.threads.try_lock() {
            threads.iter().for_each(Thread::unpark);
        }
    }

    /// What the calling thread, one of the model's, does between the parts of its work.
    pub(crate) fn waiting(&self) -> impl Fn() + 'static {
        let threads = self.0.threads.lock();
        // A list is whole at any time.
        threads
            .unwrap_or_else(PoisonError::into_inner)
            .push(thread::current());
        let gate = self.clone();
        let turn_began = Cell::new(Instant::now());
        move || {
            if gate.0.open.load(Ordering::Relaxed) || turn_began.get().elapsed() < SHORTEST_TURN {
                return;
            }
            let start = Instant::now();
            if gate.wait(LONGEST_WAIT) {
                turn_began.set(Instant::now());
                let waited = start.elapsed().as_nanos() as u64;
                gate.0.waited.fetch_add(waited, Ordering::Relaxed);
            }
        }
    }

    /// Lets the model compute within frames too, or not any more.
    pub(super) fn set_open(&self, open: bool) {
        self.0.open.store(open, Ordering::Relaxed);
    }

    /// How long the model's threads have waited so far, all together.
    pub(super) fn waited(&self) -> Duration {
        Duration::from_nanos(self.0.waited.load(Ordering::Relaxed))
    }

    /// Waits for the end of the frame that the game is in, no longer than `longest`. Returns whether it was in one.
    fn wait(&self, longest: Duration) -> bool {
        let now = || self.0.frame.load(Ordering::Acquire);
        let frame = now();
        if frame.is_multiple_of(2) {
            return false;
        }
        let start = Instant::now();
        // The next frame may have begun when this thread gets to look.
        while now() == frame {
            match longest.checked_sub(start.elapsed()) {
                Some(left) if !left.is_zero() => thread::park_timeout(left),
                _ => break,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than any test should take.
    const FOREVER: Duration = Duration::from_mins(2);

    #[test]
    fn there_is_no_wait_between_frames() {
        let gate = FrameGate::default();
        assert!(!gate.wait(FOREVER));
        gate.begin_frame();
        gate.end_frame();
        assert!(!gate.wait(FOREVER));
    }

    #[test]
    fn a_wait_lasts_until_the_frame_ends_even_if_the_next_one_begins_at_once() {
        let gate = FrameGate::default();
        gate.begin_frame();
        let waiting = thread::spawn({
            let gate = gate.clone();
            move || {
                drop(gate.waiting());
                gate.wait(FOREVER)
            }
        });
        thread::sleep(Duration::from_millis(20));
        assert!(!waiting.is_finished(), "the frame has not ended");
        let start = Instant::now();
        // More than once, because that thread may not have got as far as to wait.
        while !waiting.is_finished() && start.elapsed() < FOREVER {
            gate.end_frame();
            gate.begin_frame();
            thread::sleep(Duration::from_millis(1));
        }
        assert!(waiting.join().expect("it waits without a panic"));
        assert!(start.elapsed() < FOREVER / 2);
    }

    #[test]
    fn nobody_waits_at_an_open_gate() {
        let gate = FrameGate::default();
        let wait = gate.waiting();
        gate.begin_frame();
        gate.set_open(true);
        thread::sleep(SHORTEST_TURN);
        wait();
        assert_eq!(gate.waited(), Duration::ZERO);
        gate.set_open(false);
        wait();
        assert!(gate.waited() >= LONGEST_WAIT);
    }

    #[test]
    fn the_model_goes_on_in_a_frame_that_does_not_end() {
        let gate = FrameGate::default();
        let wait = gate.waiting();
        gate.begin_frame();
        let start = Instant::now();
        for _ in 0..3 {
            thread::sleep(SHORTEST_TURN);
            wait();
        }
        assert!(start.elapsed() >= 3 * (SHORTEST_TURN + LONGEST_WAIT));
    }
}
