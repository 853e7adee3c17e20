//! The folder that an import writes to: the dataset that may be in it, the report, and what a failed import leaves.

use std::fs;
use std::path::{Path, PathBuf};

use super::pace::pace_in_words;
use super::taking::Taken;
use super::ticks::Taking;
use super::{IngestError, IngestOptions, PaceChoice};
use crate::dataset::{DatasetError, INDEX_NAME, Index};

/// Folder of the report in that of the dataset.
const REPORT: &str = "import-report";

/// The index of the dataset that the footage is added to.
pub(super) fn existing(out: &Path, options: &IngestOptions) -> Result<Option<Index>, IngestError> {
    if out.is_file() {
        return Err(IngestError::Request(format!(
            "--out {}: there is a file of that name; a dataset is a folder",
            out.display()
        )));
    }
    let path = out.join(INDEX_NAME);
    if !path.exists() {
        return Ok(None);
    }
    if !options.append {
        return Err(DatasetError::Exists {
            path: out.to_path_buf(),
        }
        .into());
    }
    let index = Index::read(&path)?;
    if (index.width, index.height) != (options.width, options.height) {
        return Err(IngestError::Request(format!(
            "{} has frames of {}x{} pixels: footage can only be added with --size {}x{}",
            out.display(),
            index.width,
            index.height,
            index.width,
            index.height
        )));
    }
    let same_pace = |pace: f64| index.format().has_pace(pace);
    if let PaceChoice::FramesPerSecond(pace) = options.pace
        && !same_pace(pace)
    {
        return Err(IngestError::Request(format!(
            "{} has {} frames a second: footage cannot be added with --fps {pace}",
            out.display(),
            index.frames_per_second
        )));
    }
    Ok(Some(index))
}

/// Refuses footage of which every so many frames are taken, where these do not have the pace of the dataset that they are added to.
pub(super) fn check_thinned(
    out: &Path,
    existing: Option<&Index>,
    taken: &Taken,
) -> Result<(), IngestError> {
    let (Some(index), Taking::Every(every)) = (existing, &taken.taking) else {
        return Ok(());
    };
    if index.format().has_pace(taken.pace) {
        return Ok(());
    }
    Err(IngestError::Request(format!(
        "{} has {} frames a second, and --every {every} would add footage at {}",
        out.display(),
        pace_in_words(index.frames_per_second),
        pace_in_words(taken.pace)
    )))
}

/// Removes shards that no index lists, and the report of an import that failed.
pub(super) fn remove_unlisted(out: &Path) {
    let listed: Vec<String> = Index::read(&out.join(INDEX_NAME))
        .map(|index| index.shards.into_iter().map(|shard| shard.file).collect())
        .unwrap_or_default();
    if listed.is_empty() {
        let _ = fs::remove_dir_all(out.join(REPORT));
    }
    for entry in fs::read_dir(out).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("shard-") && name.contains(".frames") && !listed.contains(&name) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Where the report is written.
pub(super) fn report_folder(out: &Path, existing: Option<&Index>) -> PathBuf {
    if existing.is_none() {
        return out.join(REPORT);
    }
    // By the number of shards before it: the same one when it is written again.
    let number = existing.map_or(0, |index| index.shards.len());
    out.join(format!("{REPORT}-{number}"))
}
