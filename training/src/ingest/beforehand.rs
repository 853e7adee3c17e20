//! What is known of footage before it is read, and whether it is still what a dataset was made of.

use std::path::{Path, PathBuf};

use super::IngestOptions;
use super::discover::{Found, discover};
use super::ledger::{Fingerprints, Ledger};

/// Footage that was found under some paths, before any of it is read.
#[derive(Debug)]
pub struct FoundFootage {
    pub(super) found: Found,
    pub(super) paths: Vec<PathBuf>,
    pub(super) out: PathBuf,
}

/// What happened to footage after a dataset was made of it, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FootageChanges {
    /// Was not there.
    pub new: Vec<String>,
    /// Has other contents.
    pub changed: Vec<String>,
    /// Is not there any more.
    pub gone: Vec<String>,
}

impl FoundFootage {
    /// Looks for footage under `paths`, to be imported into the folder `out`, which is passed over.
    pub fn look(paths: &[PathBuf], out: &Path, options: &IngestOptions) -> Self {
        Self {
            found: discover(paths, out, options.pictures_pace.is_some()),
            paths: paths.to_vec(),
            out: out.to_path_buf(),
        }
    }

    /// Names of what has no file of true actions beside it.
    pub fn without_actions(&self) -> Vec<&str> {
        let sources = self.found.sources.iter();
        let without = sources.filter(|source| source.actions.is_none());
        without.map(|source| source.name.as_str()).collect()
    }

    /// Whether anything has a file of true actions beside it.
    pub fn has_actions(&self) -> bool {
        let sources = &self.found.sources;
        sources.iter().any(|source| source.actions.is_some())
    }

    /// What came, changed or went since the dataset in the folder was made; nothing where that is not known.
    pub fn changes(&self) -> FootageChanges {
        let before = Ledger::read(&self.out).into_footage();
        if before.is_empty() {
            return FootageChanges::default();
        }
        let now = Fingerprints::of(&self.found.sources);
        let mut changes = FootageChanges::default();
        for (name, fingerprint) in now.iter() {
            match before.get(name) {
                None => changes.new.push(name.to_owned()),
                Some(old) if old.is_of(fingerprint) => {}
                Some(_) => changes.changed.push(name.to_owned()),
            }
        }
        let gone = before.iter().filter(|(name, _)| now.get(name).is_none());
        changes.gone = gone.map(|(name, _)| name.to_owned()).collect();
        changes
    }
}
