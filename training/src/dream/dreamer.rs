//! What all stages of a dream share: where it works, how long it may take, and how it tells how far it is.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use candle_core::Device;

use super::forecast::{After, Forecast};
use super::status::{Stage, Status};
use super::workshop::Workshop;
use super::{DreamError, DreamOptions};
use crate::evaluate::EvaluateError;

/// Share of the time that nothing is planned for: the last steps of a stage may take longer than those before.
const RESERVE: f64 = 0.03;
/// Share of the time that labels, evaluation and report get until the world's speed is known, within bounds in seconds.
const AFTER_SHARE: f64 = 0.12;
const AFTER_SECONDS: (f64, f64) = (12.0, 900.0);
/// From that much time on the evaluation is thorough.
const THOROUGH_SECONDS: f64 = 180.0;
/// How many times the usual time a thorough evaluation may take.
const TOO_MUCH: f64 = 2.0;
/// The time of work is noted as often, so that a power cut loses no more of it.
const NOTED_EVERY: f64 = 10.0;

/// A message is repeated after so many seconds without another one.
const TOLD_EVERY: f64 = 1.0;
const NAP: Duration = Duration::from_millis(50);

/// The last message, when it was shown, and when the time of work was noted; in seconds.
#[derive(Debug, Clone, Copy)]
struct Told {
    stage: Stage,
    done: f64,
    at: f64,
    noted: f64,
}

/// One dream at work.
pub(super) struct Dreamer<'a> {
    pub(super) options: &'a DreamOptions,
    pub(super) device: &'a Device,
    pub(super) workshop: Workshop,
    show: &'a (dyn Fn(&Status) + Sync),
    stop: &'a AtomicBool,
    begun: Instant,
    /// Seconds of earlier calls.
    spent: f64,
    /// Seconds from the beginning of this call at which it should be over.
    until: f64,
    forecast: Mutex<Forecast>,
    told: Mutex<Told>,
    /// Whether the machine is too slow or too busy for a thorough evaluation.
    hurried: AtomicBool,
}

impl<'a> Dreamer<'a> {
    pub(super) fn new(
        options: &'a DreamOptions,
        device: &'a Device,
        workshop: Workshop,
        show: &'a (dyn Fn(&Status) + Sync),
        stop: &'a AtomicBool,
    ) -> Self {
        let spent = workshop.spent();
        let until = (options.hours * 3600.0 * (1.0 - RESERVE) - spent).max(0.0);
        let after = usual_after(options);
        let training_ends = (until - after.total()).max(0.0);
        Self {
            options,
            device,
            workshop,
            show,
            stop,
            begun: Instant::now(),
            spent,
            until,
            forecast: Mutex::new(Forecast::new(0.0, training_ends, after)),
            hurried: AtomicBool::new(false),
            told: Mutex::new(Told {
                stage: Stage::Import,
                done: 0.0,
                at: 0.0,
                noted: 0.0,
            }),
        }
    }

    fn now(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// Seconds that it took so far, those of stopped calls included.
    pub(super) fn seconds(&self) -> f64 {
        self.spent + self.now()
    }

    /// Seconds that it may take.
    pub(super) fn time(&self) -> f64 {
        self.options.hours * 3600.0
    }

    /// Notes how long it has been worked on.
    pub(super) fn note_spent(&self) -> Result<(), DreamError> {
        self.workshop.note_spent(self.seconds())
    }

    /// Tells how far it is.
    pub(super) fn status(&self, stage: Stage, done: f64) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        *told = Told {
            stage,
            done: done.clamp(0.0, 1.0),
            at: self.now(),
            ..*told
        };
        self.tell(&mut told);
    }

    fn tell(&self, told: &mut Told) {
        let now = self.now();
        let left = {
            let mut forecast = self.forecast.lock().unwrap_or_else(PoisonError::into_inner);
            forecast.left(told.stage, told.done, now)
        };
        (self.show)(&Status {
            stage: told.stage,
            done: told.done,
            left: Duration::from_secs_f64(left.clamp(0.0, 1e9)),
        });
        if now - told.noted >= NOTED_EVERY {
            told.noted = now;
            // Best effort: it is noted again at the end of each stage.
            let _ = self.note_spent();
        }
    }

    /// Tells again how far it is while nothing new is heard, until `over`: time goes by in long steps too.
    pub(super) fn keep_telling(&self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            thread::sleep(NAP);
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if self.now() - told.at >= TOLD_EVERY {
                told.at = self.now();
                self.tell(&mut told);
            }
        }
    }

    /// An error if it was asked to stop.
    pub(super) fn go_on(&self) -> Result<(), DreamError> {
        if self.stopped() {
            Err(DreamError::Stopped)
        } else {
            Ok(())
        }
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The flag that is raised to stop it.
    pub(super) fn stop(&self) -> &AtomicBool {
        self.stop
    }

    /// What labels and evaluation tell of their progress to, and by which they are ended.
    pub(super) fn advance(&self, stage: Stage) -> impl Fn(f64) -> Result<(), EvaluateError> + '_ {
        let told = Cell::new(f64::NEG_INFINITY);
        move |share: f64| {
            let now = self.now();
            if now - told.get() > 0.2 || share >= 1.0 {
                told.set(now);
                self.status(stage, share);
            }
            if self.stopped() {
                Err(EvaluateError::Stopped)
            } else {
                Ok(())
            }
        }
    }

    /// When the training should be over.
    pub(super) fn training_ends(&self, after: After) -> Instant {
        self.begun + Duration::from_secs_f64(self.training_seconds(after))
    }

    /// Seconds from the beginning of this call at which the training should be over: half of the time is the least that it gets.
    fn training_seconds(&self, after: After) -> f64 {
        self.until - after.total().min(0.5 * self.until)
    }

    /// What labels, evaluation and report take until the world's speed is known.
    pub(super) fn usual_after(&self) -> After {
        usual_after(self.options)
    }

    /// What labels, evaluation and report take is known, and the tokens of the footage in seconds.
    pub(super) fn expect(&self, after: After, tokens: f64) {
        let training_ends = self.training_seconds(after);
        let mut forecast = self.forecast.lock().unwrap_or_else(PoisonError::into_inner);
        forecast.replan(training_ends, after, tokens);
    }

    /// A phase has another number of steps, of which a share is done.
    pub(super) fn replanned(&self, stage: Stage, done: f64) {
        let now = self.now();
        {
            let mut forecast = self.forecast.lock().unwrap_or_else(PoisonError::into_inner);
            forecast.begin_again(now, done);
        }
        self.status(stage, done);
    }

    /// What labels, evaluation and report would take is too much for the time: they are done less thoroughly if they can be.
    pub(super) fn hurry(&self, after: After) -> bool {
        let too_much = after.total() > TOO_MUCH * self.usual_after().total();
        too_much && self.thorough() && !self.hurried.swap(true, Ordering::Relaxed)
    }

    /// Whether there is time for a thorough evaluation.
    pub(super) fn thorough(&self) -> bool {
        self.usual_after().total() >= THOROUGH_SECONDS && !self.hurried.load(Ordering::Relaxed)
    }
}

fn usual_after(options: &DreamOptions) -> After {
    let seconds = options.hours * 3600.0 * AFTER_SHARE;
    After::within(seconds.clamp(AFTER_SECONDS.0, AFTER_SECONDS.1))
}
