//! Which footage a dataset holds, so that none is added twice.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use genie_model::atomic_file;
use serde::{Deserialize, Serialize};

use super::IngestError;

/// Name of the file in the folder of a dataset.
const NAME: &str = "imported.json";

/// The units that were imported into a dataset.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// Names of units, which change with the footage and with the settings.
    units: BTreeSet<String>,
    #[serde(skip)]
    path: PathBuf,
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
            units: BTreeSet::new(),
            path: folder.join(NAME),
        }
    }

    /// Whether nothing is known, as of datasets of other origins.
    pub(super) fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// Whether a unit is in the dataset.
    pub(super) fn holds(&self, unit: &str) -> bool {
        self.units.contains(unit)
    }

    /// Adds units and writes the file.
    pub(super) fn add(&mut self, units: impl Iterator<Item = String>) -> Result<(), IngestError> {
        self.units.extend(units);
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        atomic_file::write(&self.path, &text).map_err(IngestError::io("write", &self.path))
    }
}
