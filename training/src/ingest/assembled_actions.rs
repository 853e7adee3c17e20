//! True actions of a dataset, of all its clips or of some.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

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

impl ActionNames {
    /// For actions that have no names.
    fn numbers(actions: &TrueActions) -> Self {
        let clips = (0..actions.clip_count()).filter_map(|clip| actions.clip(clip));
        let count = clips
            .flatten()
            .max()
            .map_or(0, |&last| usize::from(last) + 1);
        Self {
            keys: (0..count)
                .map(|action| format!("action_{action}"))
                .collect(),
        }
    }
}

/// The true actions of the dataset that footage is added to.
pub(super) struct KnownActions {
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
            clips,
            actions: known.map(|known| {
                let names = names.unwrap_or_else(|| ActionNames::numbers(&known));
                (known, names)
            }),
        }
    }

    /// Clips of that dataset whose true actions are known.
    fn known_clips(&self) -> usize {
        let Some((actions, _)) = &self.actions else {
            return 0;
        };
        (0..self.clips)
            .filter(|&clip| actions.is_known(clip))
            .count()
    }
}

/// A remark that the true actions of some clips are not known, although those of others are.
pub(super) fn check_actions(units: &[Finished], known: &KnownActions) -> Option<Remark> {
    let count = |known: bool| -> usize {
        let units = units
            .iter()
            .filter(|unit| unit.result.actions.is_some() == known);
        units.map(|unit| unit.result.report.clips.len()).sum()
    };
    let old = known.known_clips();
    let (with, without) = (count(true) + old, count(false) + known.clips - old);
    (with > 0 && without > 0).then(|| {
        let all = with + without;
        Remark::new(
            RemarkKind::Assumed,
            format!("true actions are known for {with} of {all} clips; of the others the dataset says nothing"),
        )
    })
}

/// Writes the true actions if any clip has some.
pub(super) fn write_actions(
    out: &Path,
    units: &[Finished],
    known: &KnownActions,
) -> Result<(), IngestError> {
    let all = || {
        let units = units.iter();
        units
            .filter_map(|unit| unit.result.actions.as_ref())
            .flatten()
    };
    if known.known_clips() == 0 && all().next().is_none() {
        return Ok(());
    }
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
    let old = known.actions.as_ref().map(|(actions, _)| actions);
    clips.extend((0..known.clips).map(|clip| {
        let actions = old.and_then(|actions| actions.clip(clip));
        actions.unwrap_or_default().to_vec()
    }));
    for unit in units {
        match &unit.result.actions {
            Some(actions) => {
                clips.extend((actions.iter()).map(|clip| clip.iter().map(number).collect()));
            }
            // Nothing is said of them, as a clip without actions.
            None => clips.extend(unit.result.report.clips.iter().map(|_| Vec::new())),
        }
    }
    let slices: Vec<&[u8]> = clips.iter().map(Vec::as_slice).collect();
    let path = out.join(TRUE_ACTIONS_NAME);
    atomic_file::write(&path, &encode_true_actions(&slices))
        .map_err(IngestError::io("write", &path))?;
    let path = out.join(TRUE_ACTIONS_NAMES);
    let text = serde_json::to_vec_pretty(&ActionNames { keys: names }).unwrap_or_default();
    atomic_file::write(&path, &text).map_err(IngestError::io("write", &path))
}
