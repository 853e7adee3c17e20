//! The recorder: it counts pictures into clips and hands them to the writer.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use genie_model::Frame;

use crate::recorder::settings::GenieRecorderSettings;
use crate::recorder::writer::{Job, Picture, Writer};

/// The recorder of a running game.
#[derive(Resource)]
pub struct GenieRecorder {
    pub(super) settings: GenieRecorderSettings,
    pub(super) recording: bool,
    writer: Writer,
    /// Number of the clip at hand, in this run.
    clip: u64,
    /// Pictures of the clip at hand that were due so far.
    due: u32,
    /// Game time since the last picture.
    pub(super) debt: Duration,
    pub(super) waiting: Vec<Shot>,
    /// Clips that are over, with their length, but not yet reported to the writer.
    over: Vec<(u64, u32)>,
    pub(super) left_out: u64,
    /// What is held, where that is known.
    held: Option<String>,
}

/// A picture that has been asked for.
pub(super) struct Shot {
    pub(super) entity: Entity,
    pub(super) clip: u64,
    pub(super) index: u32,
    /// What was held when it was asked for.
    pub(super) held: Option<String>,
    pub(super) asked: Instant,
}

/// What a recorder has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenieRecorderStatus {
    /// Frames in clips that are written and whole.
    pub frames: u64,
    /// Clips that are written and whole.
    pub clips: u64,
    /// Pictures that were due but did not arrive in time.
    pub left_out: u64,
    /// Why nothing more can be written, if so. It has been logged too.
    pub failure: Option<String>,
}

impl GenieRecorder {
    /// A recorder that has not been started.
    pub fn new(settings: GenieRecorderSettings) -> Self {
        Self {
            writer: Writer::start(&settings),
            settings,
            recording: false,
            clip: 0,
            due: 0,
            debt: Duration::ZERO,
            waiting: Vec::new(),
            over: Vec::new(),
            left_out: 0,
            held: None,
        }
    }

    /// Records from now on.
    pub fn start(&mut self) {
        self.recording = true;
    }

    /// Records no longer; the clip at hand is finished.
    pub fn stop(&mut self) {
        self.recording = false;
        self.cut();
    }

    /// Finishes the clip at hand and begins another one, as at the start of a level or after a death: clips should show
    /// what follows from what.
    pub fn cut(&mut self) {
        if self.due > 0 {
            self.over.push((self.clip, self.due));
            self.clip += 1;
        }
        self.due = 0;
        self.debt = Duration::ZERO;
        self.report_ends();
    }

    /// Says what is held from now on, by any names: `actions.csv` of each clip says it for each frame. Without the setting
    /// [`keys`](GenieRecorderSettings::keys), which says it by itself.
    pub fn hold<Name: AsRef<str>>(&mut self, names: impl IntoIterator<Item = Name>) {
        // Separators of the file are no part of a name.
        let clean = |name: Name| name.as_ref().replace(['+', ',', '"', '\n', '\r', ' '], "_");
        let mut names: Vec<String> = names.into_iter().map(clean).collect();
        names.sort();
        self.held = Some(names.join("+"));
    }

    /// What is held now, where that is known.
    pub(super) fn held(&self) -> Option<String> {
        self.held.clone()
    }

    /// Whether it records.
    pub fn is_recording(&self) -> bool {
        self.recording
    }

    /// The settings.
    pub fn settings(&self) -> &GenieRecorderSettings {
        &self.settings
    }

    /// What it has done so far.
    pub fn status(&self) -> GenieRecorderStatus {
        let counts = self.writer.counts();
        GenieRecorderStatus {
            frames: counts.frames.load(Ordering::Relaxed),
            clips: counts.clips.load(Ordering::Relaxed),
            left_out: self.left_out,
            failure: counts.failure(),
        }
    }

    /// Records a picture of the game's own making as the next frame, while the recorder is started. Meant for
    /// [`GenieRecordingSource::Pushed`](super::GenieRecordingSource::Pushed); the game then keeps to the [`rate`](GenieRecorderSettings::rate).
    pub fn push(&mut self, frame: Frame) {
        if self.recording {
            let (clip, index) = self.next_place();
            let held = self.held();
            self.pass_on((clip, index), held, Picture::Frame(frame));
        }
    }

    /// Clip and index of the picture that is due.
    pub(super) fn next_place(&mut self) -> (u64, u32) {
        if self.due >= self.settings.longest_clip.max(1) {
            let debt = self.debt;
            self.cut();
            self.debt = debt;
        }
        self.due += 1;
        (self.clip, self.due - 1)
    }

    /// Hands a picture to the writer, or leaves it out if that is busy.
    pub(super) fn pass_on(
        &mut self,
        (clip, index): (u64, u32),
        held: Option<String>,
        picture: Picture,
    ) {
        let job = Job::Picture {
            clip,
            index,
            held,
            picture,
        };
        if self.writer.send(job).is_err() {
            self.left_out += 1;
        }
    }

    /// Reports to the writer which clips are over, apart from those whose pictures have not all arrived.
    pub(super) fn report_ends(&mut self) {
        let (waiting, writer) = (&self.waiting, &self.writer);
        self.over.retain(|&(clip, length)| {
            waiting.iter().any(|shot| shot.clip == clip)
                || writer.send(Job::End { clip, length }).is_err() && writer.works()
        });
    }
}
