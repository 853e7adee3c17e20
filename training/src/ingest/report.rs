//! What was done with the footage, in words, numbers and pictures.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::unit::UnitReport;

/// Something that was skipped, changed or assumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Of what kind it is.
    pub kind: RemarkKind,
    /// What happened, in words.
    pub text: String,
}

/// Kinds of remarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemarkKind {
    /// A file or a part of one could not be read.
    Damaged,
    /// Something that was given is not in the dataset.
    Skipped,
    /// Something is otherwise in the dataset than it was given.
    Changed,
    /// Something that nothing told.
    Assumed,
}

impl Remark {
    pub(super) fn new(kind: RemarkKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }
}

impl RemarkKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Skipped => "skipped",
            Self::Changed => "changed",
            Self::Assumed => "assumed",
        }
    }
}

/// A file that could not be read at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// The file or folder.
    pub source: String,
    /// Why.
    pub reason: String,
}

/// The whole of an import, as its report says it; nothing in it depends on the machine or the time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) frames_per_second: f64,
    /// How that pace was chosen, in words.
    pub(super) pace: String,
    pub(super) clips: u64,
    pub(super) frames: u64,
    /// Number of remarks of each kind.
    pub(super) remarks: BTreeMap<String, u64>,
    pub(super) general: Vec<Remark>,
    pub(super) unreadable: Vec<Unreadable>,
    pub(super) sources: Vec<UnitReport>,
}

/// What an import made.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Clips of the dataset that this import added.
    pub clips: u64,
    /// Frames of these clips.
    pub frames: u64,
    /// Frames that were read from the footage in this run.
    pub source_frames: u64,
    /// Frames a second of the dataset.
    pub frames_per_second: f64,
    /// How that pace was chosen, in words.
    pub pace: String,
    /// Sources that an earlier run had finished.
    pub resumed: usize,
    /// Every remark, with the source that it is about.
    pub remarks: Vec<(String, Remark)>,
    /// What could not be read at all.
    pub unreadable: Vec<Unreadable>,
    /// Frames that were left out on purpose, by reason.
    pub left_out: BTreeMap<String, u64>,
    /// The report's folder.
    pub report: PathBuf,
}

impl Summary {
    /// Whether some of the footage was damaged or unreadable.
    pub fn has_damage(&self) -> bool {
        let damaged = |(_, remark): &(String, Remark)| remark.kind == RemarkKind::Damaged;
        !self.unreadable.is_empty() || self.remarks.iter().any(damaged)
    }
}
