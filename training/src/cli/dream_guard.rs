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

/// How long a stage has to come to its end, and how long a training has, whose steps are saved.
const PATIENCE: Duration = Duration::from_secs(3);
const STEP_PATIENCE: Duration = Duration::from_secs(60);
const NAP: Duration = Duration::from_millis(50);

/// Ends the watch when it is dropped.
pub(super) struct Over<'a>(&'a Guard);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// Watches a dream from beside.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// The stage at hand and the share of it that is done.
    at: Mutex<Option<(Stage, f64)>>,
    over: AtomicBool,
}

impl Guard {
    /// Takes note of how far the dream is.
    pub(super) fn note(&self, status: &Status) {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        *at = Some((status.stage, status.done));
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
            if since.elapsed() > self.patience() {
                end();
                return;
            }
        }
    }

    fn patience(&self) -> Duration {
        match *self.at.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((Stage::Tokenizer | Stage::Dynamics, done)) if done > 0.0 && done < 1.0 => {
                STEP_PATIENCE
            }
            _ => PATIENCE,
        }
    }
}
