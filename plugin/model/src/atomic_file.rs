//! Atomic writes: a file is written under a temporary name and then renamed, so that it is complete or absent.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The name beside `path` under which its content is written until it is whole.
pub fn temporary_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".part");
    path.with_file_name(name)
}

/// Writes `bytes` so that the file at `path` is either what it was or complete.
///
/// # Errors
/// If the file cannot be written; nothing is left behind then.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, |file| file.write_all(bytes))
}

/// As [`write()`], and makes the folders above `path` that do not exist.
///
/// # Errors
/// If a folder cannot be made or the file cannot be written.
pub fn write_in_new_folders(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    write(path, bytes)
}

/// As [`write()`], for content that is made while it is written.
///
/// # Errors
/// What `content` says, or the error of the disk; nothing is left behind then.
pub fn write_with<E: From<io::Error>>(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
) -> Result<(), E> {
    write_by(path, |temporary| {
        let mut file = BufWriter::new(File::create(temporary)?);
        content(&mut file)?;
        file.flush()?;
        Ok(())
    })
}

/// As [`write()`], for a file that `content` makes at the path that it gets.
///
/// # Errors
/// What `content` says, or the error of the disk; nothing is left behind then.
pub fn write_by<E: From<io::Error>>(
    path: &Path,
    content: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let temporary = temporary_path(path);
    let written = content(&temporary).and_then(|()| Ok(fs::rename(&temporary, path)?));
    if written.is_err() {
        // The first error is the one to report; the file may not even be there.
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.bin");
        write(&path, b"old").unwrap();
        let failed: io::Result<()> = write_with(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("the source ended"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "the source ended");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn missing_folders_are_made_where_that_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c");
        assert!(write(&path, b"x").is_err());
        write_in_new_folders(&path, b"x").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"x");
    }
}
