//! True actions of a dataset: of all its clips, or of none.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use genie_model::atomic_file;
use serde::{Deserialize, Serialize};

use super::IngestError;
use super::remark::{Remark, RemarkKind};
use super::unit::Finished;
use crate::dataset::{
    Index, TRUE_ACTIONS_NAME, TRUE_ACTIONS_NAMES, TrueActions, encode_true_actions,
};

/// The names of a dataset's true actions; action i is the i-th.
#[derive(Debug, Default, Serialize, Deserialize)]
struct ActionNames {
    /// Keys joined by `+`; empty for none.
    keys: Vec<String>,
}

/// The true actions of the dataset that footage is added to.
pub(super) struct KnownActions {
    folder: PathBuf,
    /// Clips of that dataset.
    clips: usize,
    actions: Option<(TrueActions, ActionNames)>,
}

impl KnownActions {
    /// Those of the dataset in a folder; none without a dataset.
    pub(super) fn of(folder: &Path, existing: Option<&Index>) -> Self {
        let shards = existing.map_or(&[][..], |index| &index.shards);
        let clips = shards.iter().map(|shard| shard.clip_frames.len()).sum();
        let known = (clips > 0)
            .then(|| TrueActions::open(folder).ok())
            .flatten()
            .filter(|known| known.clip_count() >= clips);
        let names = fs::read(folder.join(TRUE_ACTIONS_NAMES)).ok();
        let names = names.and_then(|text| serde_json::from_slice(&text).ok());
        Self {
            folder: folder.to_path_buf(),
            clips,
            actions: known.zip(names),
        }
    }
}

/// Whether the dataset will have true actions, or a remark that it will have none although some are known.
///
/// # Errors
/// Footage without true actions that would be added to a dataset that has some: nothing that is known may be lost.
pub(super) fn check_actions(
    units: &[Finished],
    known: &KnownActions,
) -> Result<Option<Remark>, IngestError> {
    let with = |unit: &&Finished| unit.result.actions.is_some();
    let filled = || {
        let all = units.iter();
        all.filter(|unit| !unit.result.report.clips.is_empty())
    };
    let without = filled().find(|unit| unit.result.actions.is_none());
    if let (Some(without), true) = (without, known.actions.is_some()) {
        return Err(IngestError::Request(format!(
            "{} has true actions, and {} has none to add to them: put a file of actions beside it, import it into another folder, or \
             remove {TRUE_ACTIONS_NAME} and {TRUE_ACTIONS_NAMES} first",
            known.folder.display(),
            without.result.report.source
        )));
    }
    let lost = filled().any(|unit| with(&unit)) && !is_complete(units, known);
    Ok(lost.then(|| {
        Remark::new(
            RemarkKind::Skipped,
            "true actions are not known for all clips: the dataset has none",
        )
    }))
}

/// Whether the actions of all clips are known.
fn is_complete(units: &[Finished], known: &KnownActions) -> bool {
    let mut filled = units
        .iter()
        .filter(|unit| !unit.result.report.clips.is_empty())
        .peekable();
    (known.clips == 0 || known.actions.is_some())
        && filled.peek().is_some()
        && filled.all(|unit| unit.result.actions.is_some())
}

/// Writes the true actions if all clips have some.
pub(super) fn write_actions(
    out: &Path,
    units: &[Finished],
    known: &KnownActions,
) -> Result<(), IngestError> {
    if !is_complete(units, known) {
        return Ok(());
    }
    let all = || {
        units
            .iter()
            .filter_map(|unit| unit.result.actions.as_ref())
            .flatten()
    };
    let mut names: Vec<String> = known
        .actions
        .as_ref()
        .map(|(_, names)| names.keys.clone())
        .unwrap_or_default();
    let new: BTreeSet<&String> = all().flatten().collect();
    for name in new {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    if names.len() > 256 {
        return Err(IngestError::Request(format!(
            "{} different sets of keys in the files of true actions are too many (at most 256)",
            names.len()
        )));
    }
    let number = |keys: &String| names.iter().position(|name| name == keys).unwrap_or(0) as u8;
    let mut clips: Vec<Vec<u8>> = Vec::new();
    if let Some((actions, _)) = &known.actions {
        let old = (0..known.clips).filter_map(|clip| actions.clip(clip));
        clips.extend(old.map(<[u8]>::to_vec));
    }
    clips.extend(all().map(|clip| clip.iter().map(number).collect()));
    let slices: Vec<&[u8]> = clips.iter().map(Vec::as_slice).collect();
    let path = out.join(TRUE_ACTIONS_NAME);
    atomic_file::write(&path, &encode_true_actions(&slices))
        .map_err(IngestError::io("write", &path))?;
    let path = out.join(TRUE_ACTIONS_NAMES);
    let text = serde_json::to_vec_pretty(&ActionNames { keys: names }).unwrap_or_default();
    atomic_file::write(&path, &text).map_err(IngestError::io("write", &path))
}
