//! A found agent in a file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use genie_model::atomic_file;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::agent::AnchoredAgent;
use crate::FileError;

/// Version of the format, and the oldest that is read: since the third there are tokens.
const VERSION: u32 = 3;
const OLDEST: u32 = 2;
/// Largest file that is read.
const MOST_BYTES: u64 = 64 << 20;

/// Why an agent's file could not be written or read.
#[derive(Debug, Error)]
pub enum StoredAgentError {
    /// The operating system refused to read or write a file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file does not hold an agent.
    #[error("{}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        problem: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Stored<A> {
    format_version: u32,
    agent: A,
}

impl AnchoredAgent {
    /// Writes the agent as JSON, whole or not at all.
    ///
    /// # Errors
    /// A failing disk.
    pub fn save(&self, path: &Path) -> Result<(), StoredAgentError> {
        atomic_file::write_in_new_folders(path, &self.to_bytes())
            .map_err(FileError::of("write", path))?;
        Ok(())
    }

    /// The agent as the text of its file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let stored = Stored {
            format_version: VERSION,
            agent: self,
        };
        serde_json::to_vec(&stored).expect("plain data structures always serialise")
    }

    /// The agent in the text of a file that is called `source` in errors.
    ///
    /// # Errors
    /// Text that does not hold an agent that fits together.
    pub fn from_bytes(source: &Path, text: &[u8]) -> Result<Self, StoredAgentError> {
        let damaged = |problem: String| StoredAgentError::Damaged {
            path: source.to_path_buf(),
            problem,
        };
        let stored: Stored<Self> = serde_json::from_slice(text)
            .map_err(|error| damaged(format!("not an agent: {error}")))?;
        if !(OLDEST..=VERSION).contains(&stored.format_version) {
            return Err(damaged(format!(
                "expected format version {OLDEST} to {VERSION}, found {}",
                stored.format_version
            )));
        }
        match stored.agent.problem() {
            Some(problem) => Err(damaged(problem)),
            None => Ok(stored.agent),
        }
    }

    /// Reads an agent that was written by [`save`](Self::save).
    ///
    /// # Errors
    /// A file that cannot be read, or that does not hold an agent that fits together.
    pub fn load(path: &Path) -> Result<Self, StoredAgentError> {
        let mut text = Vec::new();
        File::open(path)
            .map_err(FileError::of("open", path))?
            .take(MOST_BYTES)
            .read_to_end(&mut text)
            .map_err(FileError::of("read", path))?;
        Self::from_bytes(path, &text)
    }
}
