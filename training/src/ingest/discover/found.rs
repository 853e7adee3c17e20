//! What was found.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::remark::{Remark, Unreadable};
use super::super::source::{Source, SourceKind, Stored};

/// What was found.
#[derive(Debug, Default)]
pub(in crate::ingest) struct Found {
    pub(in crate::ingest) sources: Vec<Source>,
    /// What is not about one source.
    pub(in crate::ingest) remarks: Vec<Remark>,
    pub(in crate::ingest) unreadable: Vec<Unreadable>,
    /// Whether the pace of pictures is given, so that none is assumed.
    pub(super) has_pace: bool,
    /// Real paths of files and folders that were met, so that none is read twice.
    met: BTreeSet<PathBuf>,
}

impl Found {
    /// Nothing yet.
    pub(super) fn new(has_pace: bool) -> Self {
        Self {
            has_pace,
            ..Self::default()
        }
    }

    /// Whether a file or folder is met for the first time, by whatever name.
    pub(super) fn meet(&mut self, path: &Path) -> bool {
        let real = fs::canonicalize(path);
        self.met.insert(real.unwrap_or_else(|_| path.to_path_buf()))
    }
}

pub(super) fn single(kind: SourceKind, file: &Stored, found: &mut Found) {
    let actions = file
        .inside
        .is_none()
        .then(|| file.path.with_extension("actions.csv"));
    found.sources.push(Source {
        name: file.described(),
        kind,
        actions: actions
            .filter(|path| path.is_file())
            .map(|path| Stored::file(&path)),
        remarks: Vec::new(),
    });
}
