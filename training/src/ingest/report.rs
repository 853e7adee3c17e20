//! What was done with the footage, in words, numbers and pictures.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::left_out::LeftOut;
use super::remark::{Remark, RemarkKind, Unreadable};

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

/// What happened to a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct UnitReport {
    pub(super) source: String,
    pub(super) described: String,
    /// Width and height of its upright picture.
    pub(super) size: (usize, usize),
    /// Its own pace, where its container says so.
    pub(super) frames_per_second: Option<f64>,
    /// What is used of it.
    pub(super) crop: Option<(usize, usize, usize, usize)>,
    /// Frames that were read.
    pub(super) source_frames: u64,
    pub(super) frames: u64,
    pub(super) clips: Vec<ClipReport>,
    pub(super) left_out: Vec<LeftOutReport>,
    pub(super) remarks: Vec<Remark>,
    /// Picture sheets in the report's folder.
    pub(super) sheets: Vec<String>,
}

/// A clip, by its times in the source in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ClipReport {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) frames: u64,
}

/// Frames that are not in the dataset, by their times in the source in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct LeftOutReport {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) frames: u64,
    pub(super) reason: LeftOut,
}

/// How many frames of a source were left out on purpose, by reason.
pub(super) fn left_out_by_reason(report: &UnitReport) -> BTreeMap<&'static str, u64> {
    let mut left_out = BTreeMap::new();
    for left in &report.left_out {
        *left_out.entry(left.reason.name()).or_default() += left.frames;
    }
    left_out
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
    /// Sources, and parts of long ones, that an earlier run had finished.
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
