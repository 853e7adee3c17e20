//! How far an evaluation is, counted in frames that worlds dream or in what takes as long, and where it can be stopped.

use std::cell::Cell;

use super::{EvaluateError, EvaluateOptions};

/// Is called with the share done, from 0 to 1, every few dreamt frames; an error ends the work.
pub type Advance<'a> = dyn Fn(f64) -> Result<(), EvaluateError> + 'a;

/// What the parts of an evaluation take, in dreamt frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Work {
    pub(super) tokenizer: f64,
    pub(super) inference: f64,
    pub(super) controllability: f64,
    pub(super) one_picture: f64,
    pub(super) health: f64,
    pub(super) blocked: f64,
    pub(super) judge: f64,
    pub(super) dreams: f64,
    pub(super) play: f64,
}

impl Work {
    /// For a world of so many latent actions; `truth`: true actions are known; `judged`: a judge learns from them.
    pub(super) fn of(options: &EvaluateOptions, actions: usize, truth: bool, judged: bool) -> Self {
        let clips = options.clips as f64;
        let play = (options.horizon + 3) as f64;
        Self {
            tokenizer: 0.5 * clips,
            // The dynamics are asked about some actions of each transition of a segment.
            inference: 30.0 * clips,
            controllability: 18.0 * clips,
            one_picture: 11.0 * clips,
            health: (5.0 + 0.5 * actions as f64) * clips,
            blocked: if truth { 4.0 * clips } else { 0.0 },
            judge: if judged {
                0.75 * options.judged_transitions as f64
            } else {
                0.0
            },
            dreams: if judged { 6.0 * clips } else { 0.0 },
            play: play * clips,
        }
    }

    pub(super) fn total(&self) -> f64 {
        self.tokenizer
            + self.inference
            + self.controllability
            + self.one_picture
            + self.health
            + self.blocked
            + self.judge
            + self.dreams
            + self.play
    }
}

/// About what an evaluation takes, in dreamt frames, before it begins; `judged`: true actions are known.
pub fn expected_frames(options: &EvaluateOptions, actions: usize, judged: bool) -> f64 {
    Work::of(
        options,
        actions,
        judged,
        judged && options.judged_transitions > 0,
    )
    .total()
}

/// The way from the first to the last frame.
pub(super) struct Course<'a> {
    tell: &'a Advance<'a>,
    total: f64,
    done: Cell<f64>,
}

impl<'a> Course<'a> {
    pub(super) fn new(total: f64, tell: &'a Advance<'a>) -> Self {
        Self {
            tell,
            total: total.max(1.0),
            done: Cell::new(0.0),
        }
    }

    /// Tells of so many frames of the part at hand.
    pub(super) fn within(&self, frames: f64) -> Result<(), EvaluateError> {
        (self.tell)(((self.done.get() + frames) / self.total).min(1.0))
    }

    /// Tells that a part of so many frames is done.
    pub(super) fn part_done(&self, frames: f64) -> Result<(), EvaluateError> {
        self.done.set(self.done.get() + frames);
        self.within(0.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn shares_rise_from_part_to_part_and_an_error_ends_the_work() {
        let told = RefCell::new(Vec::new());
        let tell = |share: f64| {
            told.borrow_mut().push(share);
            if share > 0.7 {
                Err(EvaluateError::Stopped)
            } else {
                Ok(())
            }
        };
        let course = Course::new(20.0, &tell);
        course.within(4.0).unwrap();
        course.part_done(10.0).unwrap();
        course.within(2.0).unwrap();
        assert!(course.within(6.0).is_err());
        assert_eq!(*told.borrow(), [0.2, 0.5, 0.6, 0.8]);
    }
}
