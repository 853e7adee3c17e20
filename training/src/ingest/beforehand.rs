//! What is known of footage before it is read.

use std::path::{Path, PathBuf};

use super::IngestOptions;
use super::discover::discover;
use super::ledger::Ledger;
use super::unit::unit_key;
use crate::dataset::{INDEX_NAME, Index};

/// Footage under `paths` that has no file of true actions beside it, by name.
pub fn without_actions(paths: &[PathBuf]) -> Vec<String> {
    let sources = discover(paths, Path::new(""), true).sources;
    let without = sources
        .into_iter()
        .filter(|source| source.actions.is_none());
    without.map(|source| source.name).collect()
}

/// Footage under `paths` that is not in the dataset in the folder `out`, which was imported with the same options: what has come or
/// changed since then, and what could not be read. Nothing where that is not known.
pub fn not_imported(paths: &[PathBuf], out: &Path, options: &IngestOptions) -> Vec<String> {
    let Ok(index) = Index::read(&out.join(INDEX_NAME)) else {
        return Vec::new();
    };
    let ledger = Ledger::read(out);
    if ledger.is_empty() {
        return Vec::new();
    }
    let pace = index.frames_per_second;
    let sources = discover(paths, out, options.pictures_pace.is_some()).sources;
    let new = sources
        .into_iter()
        .filter(|source| !ledger.holds(&unit_key(source, options, pace)));
    new.map(|source| source.name).collect()
}
