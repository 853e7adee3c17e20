//! What an import made, as a dream keeps it for its report.

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::ingest::Summary;

/// The result of the import, for the report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Imported {
    pub(super) clips: u64,
    pub(super) frames: u64,
    pub(super) frames_per_second: f64,
    /// How that pace was chosen.
    pub(super) pace: String,
    /// What could not be read, and why.
    pub(super) unreadable: Vec<String>,
    /// Whether any of it was damaged or unreadable.
    #[serde(default)]
    pub(super) damaged: bool,
    /// What was left out, in words.
    pub(super) left_out: Vec<String>,
    /// What was skipped, changed or assumed, in words.
    #[serde(default)]
    pub(super) remarks: Vec<String>,
    /// How long it took; 0 where that is not known.
    #[serde(default)]
    pub(super) seconds: f64,
}

impl Imported {
    /// What an import says of itself.
    pub(super) fn of(summary: &Summary) -> Self {
        Self {
            clips: summary.clips,
            frames: summary.frames,
            frames_per_second: summary.frames_per_second,
            pace: summary.pace.clone(),
            unreadable: summary
                .unreadable
                .iter()
                .map(|file| format!("{}: {}", file.source, file.reason))
                .collect(),
            damaged: summary.has_damage(),
            left_out: summary
                .left_out
                .iter()
                .map(|(reason, frames)| format!("{frames} frames: {reason}"))
                .collect(),
            remarks: summary
                .remarks
                .iter()
                .map(|(source, remark)| {
                    let about = if source.is_empty() {
                        String::new()
                    } else {
                        format!("{source}: ")
                    };
                    format!("{}: {about}{}", remark.kind.name(), remark.text)
                })
                .collect(),
            seconds: 0.0,
        }
    }

    /// What is known of a dataset that was imported before, or of whose import nothing was noted.
    pub(super) fn of_dataset(dataset: &Dataset) -> Self {
        Self {
            clips: dataset.clip_count() as u64,
            frames: dataset.total_frames(),
            frames_per_second: dataset.format().frames_per_second,
            pace: "as it was imported".to_owned(),
            ..Self::default()
        }
    }
}
