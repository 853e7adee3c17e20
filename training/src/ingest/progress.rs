//! How far an import is.

use std::sync::atomic::{AtomicU64, Ordering};

/// How far an import is; read from any thread.
#[derive(Debug, Default)]
pub struct Progress {
    /// Milliseconds of footage that are done, and of all footage as far as known.
    done: AtomicU64,
    total: AtomicU64,
    frames: AtomicU64,
}

impl Progress {
    /// Seconds of footage that are done.
    pub fn seconds(&self) -> f64 {
        self.done.load(Ordering::Relaxed) as f64 / 1000.0
    }

    /// Seconds of all footage, as far as its containers say.
    pub fn total_seconds(&self) -> f64 {
        self.total.load(Ordering::Relaxed) as f64 / 1000.0
    }

    /// Frames that were read.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    pub(super) fn expect(&self, seconds: f64) {
        self.total
            .fetch_add((seconds.max(0.0) * 1000.0) as u64, Ordering::Relaxed);
    }

    pub(super) fn frame(&self, seconds: f64) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.skip(seconds);
    }

    pub(super) fn skip(&self, seconds: f64) {
        self.done
            .fetch_add((seconds.max(0.0) * 1000.0) as u64, Ordering::Relaxed);
    }
}
