//! Whole files: written under a temporary name and renamed, read with a bound on their size.

use std::io;
use std::path::{Path, PathBuf};

/// Writes `bytes` so that `path` is either what it was or complete.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let temporary = PathBuf::from(name);
    let written =
        std::fs::write(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // What is left of it is of no use, and may not even be there.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_whole(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let bytes = std::fs::metadata(path)?.len();
    if bytes > limit {
        let text = format!("its {bytes} bytes are more than the {limit} that are read");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    std::fs::read(path)
}
