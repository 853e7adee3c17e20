//! What was found.

use super::super::remark::{Remark, Unreadable};
use super::super::source::{Source, SourceKind, Stored};

/// What was found.
#[derive(Debug, Default)]
pub(in crate::ingest) struct Found {
    pub(in crate::ingest) sources: Vec<Source>,
    /// What is not about one source.
    pub(in crate::ingest) remarks: Vec<Remark>,
    pub(in crate::ingest) unreadable: Vec<Unreadable>,
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
