//! Writing files that are there whole or not at all.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The name under which a file is written until it is whole.
pub(crate) fn partial_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".partial");
    path.with_file_name(name)
}

/// Writes a file under a temporary name, then renames it; missing folders are made.
pub(crate) fn write_whole_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let partial = partial_name(path);
    fs::write(&partial, bytes)
        .and_then(|()| fs::rename(&partial, path))
        .inspect_err(|_| {
            // Best effort: the first error is the one to report.
            let _ = fs::remove_file(&partial);
        })
}
