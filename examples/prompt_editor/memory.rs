//! What is remembered between starts.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Files that are remembered.
const RECENT: usize = 10;

/// What is remembered between starts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Memory {
    /// Files opened or saved last, newest first.
    pub(crate) recent: Vec<PathBuf>,
    /// The folder into which was exported last.
    pub(crate) export_folder: Option<PathBuf>,
    /// Width and height of the window in logical pixels.
    pub(crate) window: Option<(u32, u32)>,
    /// Where the panels are, as [`Layouts`](crate::layout::Layouts) has it.
    pub(crate) layout: Option<serde_json::Value>,
}

impl Memory {
    /// A file was opened or saved.
    pub(crate) fn remember(&mut self, path: &Path) {
        self.recent.retain(|other| other != path);
        self.recent.insert(0, path.to_owned());
        self.recent.truncate(RECENT);
    }
}
