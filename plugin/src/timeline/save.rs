//! Saved worlds: one file with the state of the rollout and the replay that leads to it.
//!
//! Layout: eight bytes of magic, a checksum and the length of the replay (both little-endian `u64`), the replay as JSON,
//! the rollout's bytes. The checksum covers all that follows it: a flipped bit in a tensor would go unseen otherwise.

use std::path::{Path, PathBuf};

use genie_model::{Fnv1a, atomic_file};

use crate::timeline::files::read_at_most;
use crate::timeline::replay::GenieReplay;

const MAGIC: &[u8; 8] = b"GENIEsv1";
const HEADER: usize = 24;
const MAX_FILE_BYTES: u64 = 4 << 30;

/// Why a saved world cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum GenieSaveError {
    /// The file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The file is no saved world.
    #[error("{}: not a saved world", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// The file is a saved world that was cut off or changed.
    #[error("{}: damaged: {reason}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

pub(crate) fn write(
    path: &Path,
    replay: &GenieReplay,
    rollout: &[u8],
) -> Result<(), GenieSaveError> {
    let replay = serde_json::to_vec(replay).expect("plain data structures serialise");
    let mut bytes = Vec::with_capacity(HEADER + replay.len() + rollout.len());
    bytes.extend(MAGIC);
    bytes.extend([0; 8]);
    bytes.extend((replay.len() as u64).to_le_bytes());
    bytes.extend(replay);
    bytes.extend(rollout);
    let checksum = checksum(&bytes[16..]);
    bytes[8..16].copy_from_slice(&checksum.to_le_bytes());
    atomic_file::write(path, &bytes).map_err(|error| GenieSaveError::Io {
        path: path.to_owned(),
        error,
    })
}

/// The replay and the rollout's bytes.
pub(crate) fn read(path: &Path) -> Result<(GenieReplay, Vec<u8>), GenieSaveError> {
    let mut bytes = read_at_most(path, MAX_FILE_BYTES).map_err(|error| GenieSaveError::Io {
        path: path.to_owned(),
        error,
    })?;
    if !bytes.starts_with(MAGIC) {
        let path = path.to_owned();
        return Err(GenieSaveError::Foreign { path });
    }
    let damaged = |reason: &str| GenieSaveError::Damaged {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    if bytes.len() < HEADER {
        return Err(damaged("it ends within its header"));
    }
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    if number(8) != checksum(&bytes[16..]) {
        return Err(damaged("its checksum does not fit"));
    }
    let end = usize::try_from(number(16))
        .ok()
        .and_then(|length| length.checked_add(HEADER));
    let end = end.filter(|&end| end <= bytes.len());
    let end = end.ok_or_else(|| damaged("it ends within its replay"))?;
    let replay = serde_json::from_slice(&bytes[HEADER..end]);
    let replay = replay.map_err(|error| damaged(&error.to_string()))?;
    bytes.drain(..end);
    Ok((replay, bytes))
}

impl GenieReplay {
    /// The replay that leads to the state in a saved world: what was played, without the state itself. It takes the calling thread a
    /// moment.
    ///
    /// # Errors
    /// [`GenieSaveError`], with the file's name.
    pub fn of_saved_world(path: impl AsRef<Path>) -> Result<Self, GenieSaveError> {
        read(path.as_ref()).map(|(replay, _)| replay)
    }
}

/// FNV-1a over words of eight bytes, the last one filled up with zeros, and the number of bytes.
fn checksum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    Fnv1a::of(words.chain([bytes.len() as u64]))
}
