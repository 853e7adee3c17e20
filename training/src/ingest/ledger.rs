//! Which footage a dataset holds, so that none is added twice and changes of it are seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use genie_model::{Fnv1a, atomic_file};
use serde::{Deserialize, Serialize};

use super::IngestError;
use super::source::{Source, Stored};

/// Name of the file in the folder of a dataset.
const NAME: &str = "imported.json";
/// Bytes at both ends of a file that its fingerprint is made of.
const SAMPLED: u64 = 1 << 14;

/// The units that were imported into a dataset.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// Names of units, which change with the footage and with the settings.
    units: BTreeSet<String>,
    /// All footage that was found, readable or not.
    #[serde(default)]
    footage: Fingerprints,
    #[serde(skip)]
    path: PathBuf,
}

/// What the files of a piece of footage are known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    /// Of names, lengths and times of the last change: the same means that nothing changed.
    stamp: String,
    /// Of names, lengths and what the files begin and end with: another one means that something did.
    contents: String,
}

/// Fingerprints by the names of the footage, which begin with absolute paths.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Fingerprints(BTreeMap<String, Fingerprint>);

impl Fingerprint {
    fn of(source: &Source) -> Self {
        let (mut stamp, mut contents) = (Fnv1a::new(), Fnv1a::new());
        for file in source.files() {
            let (length, changed) = file.stamp();
            for hash in [&mut stamp, &mut contents] {
                file.file_name().bytes().for_each(|byte| hash.write(byte));
                hash.write(length);
            }
            stamp.write(changed as u64);
            sample(file, length, &mut contents);
        }
        Self {
            stamp: format!("{:016x}", stamp.finish()),
            contents: format!("{:016x}", contents.finish()),
        }
    }

    /// Whether both are of the same footage. A file that was only touched or copied is.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        self.stamp == other.stamp || self.contents == other.contents
    }
}

/// Adds what a file begins and ends with.
fn sample(file: &Stored, length: u64, hash: &mut Fnv1a) {
    let Ok(mut reader) = file.open() else { return };
    let mut bytes = Vec::new();
    for from in [0, length.saturating_sub(SAMPLED).max(SAMPLED)] {
        if from < length && reader.seek(SeekFrom::Start(from)).is_ok() {
            // What cannot be read now could not be read then.
            let _ = reader.by_ref().take(SAMPLED).read_to_end(&mut bytes);
        }
    }
    for byte in bytes {
        hash.write(byte);
    }
}

impl Fingerprints {
    pub(super) fn of(sources: &[Source]) -> Self {
        let absolute = |name: &str| {
            let path = std::path::absolute(name);
            path.map_or_else(|_| name.to_owned(), |path| path.display().to_string())
        };
        let all = sources.iter();
        Self(
            all.map(|source| (absolute(&source.name), Fingerprint::of(source)))
                .collect(),
        )
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Fingerprint> {
        self.0.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Fingerprint)> {
        self.0.iter().map(|(name, it)| (name.as_str(), it))
    }
}

impl Ledger {
    /// That of the dataset in a folder; an empty one where there is none, as in datasets of other origins.
    pub(super) fn read(folder: &Path) -> Self {
        let path = folder.join(NAME);
        let known = fs::read(&path).ok();
        let known: Option<Self> = known.and_then(|text| serde_json::from_slice(&text).ok());
        Self {
            path,
            ..known.unwrap_or_default()
        }
    }

    /// An empty one for a new dataset in a folder.
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            path: folder.join(NAME),
            ..Self::default()
        }
    }

    /// Whether a unit is in the dataset.
    pub(super) fn holds(&self, unit: &str) -> bool {
        self.units.contains(unit)
    }

    /// All footage that was found.
    pub(super) fn into_footage(self) -> Fingerprints {
        self.footage
    }

    /// Adds units and the footage that was found, and writes the file.
    pub(super) fn add(
        &mut self,
        units: impl Iterator<Item = String>,
        footage: Fingerprints,
    ) -> Result<(), IngestError> {
        self.units.extend(units);
        self.footage.0.extend(footage.0);
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        atomic_file::write(&self.path, &text).map_err(IngestError::io("write", &self.path))
    }
}
