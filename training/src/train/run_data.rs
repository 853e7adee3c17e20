//! What a run was trained on.

use std::path::Path;

use genie_model::atomic_file;
use serde::{Deserialize, Serialize};

use super::error::TrainError;
use crate::dataset::Dataset;

/// The footage of a run, as `data.json` in its folder says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct RunData {
    /// Where it was.
    folder: String,
    width: usize,
    height: usize,
    frames_per_second: f64,
    clips: usize,
    frames: u64,
    /// Of the dataset, in hexadecimal.
    fingerprint: String,
}

impl RunData {
    fn of(dataset: &Dataset) -> Self {
        let format = dataset.format();
        let folder = dataset.folder();
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        Self {
            folder: folder.display().to_string(),
            width: format.width,
            height: format.height,
            frames_per_second: format.frames_per_second,
            clips: dataset.clip_count(),
            frames: dataset.total_frames(),
            fingerprint: format!("{:016x}", dataset.fingerprint()),
        }
    }

    /// What other footage differs in, if it is other footage; it may lie elsewhere.
    fn difference(&self, given: &Self) -> Option<String> {
        if self.fingerprint == given.fingerprint {
            return None;
        }
        let paces = (self.frames_per_second, given.frames_per_second);
        Some(
            if (self.width, self.height) != (given.width, given.height) {
                format!(
                    "has frames of {}x{}, not {}x{}",
                    given.width, given.height, self.width, self.height
                )
            } else if (paces.0 - paces.1).abs() > 1e-9 {
                format!("has {} frames a second, not {}", paces.1, paces.0)
            } else if (self.clips, self.frames) != (given.clips, given.frames) {
                format!(
                    "has {} frames in {} clips, not {} in {}",
                    given.frames, given.clips, self.frames, self.clips
                )
            } else {
                "has other frames".to_owned()
            },
        )
    }
}

/// Compares the footage with that of the run in a folder, or notes it there if nothing says yet.
pub(super) fn keep_footage(root: &Path, begun: bool, dataset: &Dataset) -> Result<(), TrainError> {
    let path = root.join("data.json");
    let given = RunData::of(dataset);
    if begun && path.exists() {
        let text = std::fs::read(&path).map_err(|error| TrainError::io(&path, error))?;
        let trained: RunData = serde_json::from_slice(&text)
            .map_err(|error| TrainError::io(&path, std::io::Error::other(error)))?;
        if let Some(difference) = trained.difference(&given) {
            return Err(TrainError::OtherFootage {
                path,
                trained: trained.folder,
                given: dataset.folder().display().to_string(),
                difference,
            });
        }
        return Ok(());
    }
    let text = serde_json::to_vec_pretty(&given)
        .map_err(|error| TrainError::io(&path, std::io::Error::other(error)))?;
    atomic_file::write(&path, &text).map_err(|error| TrainError::io(&path, error))
}
