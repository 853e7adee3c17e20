//! A stream of frames with their times, and which of them are wanted.

use genie_model::Frame;

use super::super::remark::Remark;

/// A frame as a source gives it: upright, in sRGB, cut and scaled.
#[derive(Debug, Clone)]
pub(in crate::ingest) struct TimedFrame {
    /// When it is shown, in seconds from the source's first frame.
    pub(in crate::ingest) time: f64,
    /// Its number in the source, unreadable ones included.
    pub(in crate::ingest) index: u64,
    pub(in crate::ingest) frame: Frame,
    /// Whether it follows from the frame before it.
    pub(in crate::ingest) continues: bool,
}

/// A stream of frames. Dropping it ends whatever works for it.
pub(in crate::ingest) trait FrameSource {
    /// The next frame, or `None` at the end.
    ///
    /// # Errors
    /// Footage that cannot be read any further, in words.
    fn next_frame(&mut self) -> Result<Option<TimedFrame>, String>;

    /// When the last frame is over, known at the end.
    fn end(&self) -> Option<f64> {
        None
    }

    /// The time and the number of the first frame behind the wanted part, where one was met.
    fn behind(&self) -> Option<(f64, u64)> {
        None
    }

    /// What was skipped, changed or assumed so far; each is reported once.
    fn take_remarks(&mut self) -> Vec<Remark> {
        Vec::new()
    }
}

/// The part of a source that is wanted, and how much of the machine it may take.
#[derive(Debug, Clone, Copy)]
pub(in crate::ingest) struct Wanted {
    /// In seconds from the source's first frame.
    pub(in crate::ingest) start: f64,
    /// Likewise.
    pub(in crate::ingest) end: f64,
    pub(in crate::ingest) threads: usize,
    /// Whether frames must be numbered from the source's first one, so that nothing before the part may be jumped over.
    pub(in crate::ingest) numbered: bool,
}

/// Times of some containers are rounded to milliseconds.
pub(in crate::ingest) const ROUNDING: f64 = 0.0006;

/// Where a frame lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Before the wanted part.
    Before,
    /// In it; the frame's number in the source.
    Inside(u64),
    /// Behind it.
    Behind,
}

/// The wanted part of a film, whose frames are met one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    wanted: Wanted,
    /// How many frames were met.
    pub(super) met: u64,
    /// Time of the last one, and how long after the one before it came.
    pub(super) last: f64,
    pub(super) step: f64,
    /// Time and number of the first one behind it.
    pub(super) behind: Option<(f64, u64)>,
}

impl Part {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            met: 0,
            last: 0.0,
            step: 0.0,
            behind: None,
        }
    }

    /// Where the next frame lies, by its time.
    pub(super) fn meet(&mut self, time: f64) -> Place {
        let index = self.met;
        self.met += 1;
        self.step = if index > 0 { time - self.last } else { 0.0 };
        self.last = time;
        if time < self.wanted.start - ROUNDING {
            Place::Before
        } else if time >= self.wanted.end - ROUNDING {
            self.behind = Some((time, index));
            Place::Behind
        } else {
            Place::Inside(index)
        }
    }

    /// When the last frame is over.
    pub(super) fn end(&self) -> Option<f64> {
        (self.met > 0).then(|| (self.last + self.step).min(self.wanted.end))
    }
}
