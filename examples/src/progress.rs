//! How far a piece of work on another thread is, and whether it is still wanted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Parts done of a piece of work. Clones share it: one goes with the work, one stays with those who watch.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    done: AtomicU64,
    all: AtomicU64,
    cancelled: AtomicBool,
}

impl Progress {
    /// So many parts there are.
    pub fn expect(&self, all: u64) {
        self.0.all.store(all, Ordering::Relaxed);
    }

    /// So many parts are done.
    pub fn reach(&self, done: u64) {
        self.0.done.store(done, Ordering::Relaxed);
    }

    /// Parts that are done, and all of them; 0 of 0 while it is not known how many there are.
    pub fn parts(&self) -> (u64, u64) {
        let all = self.0.all.load(Ordering::Relaxed);
        (self.0.done.load(Ordering::Relaxed).min(all), all)
    }

    /// The work is not wanted any more; it ends when it next asks.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether nobody wants the work any more.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed)
    }
}
