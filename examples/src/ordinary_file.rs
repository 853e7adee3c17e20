//! Pipes and devices, which may never come to an end when they are read.

use std::io::{Error, ErrorKind};
use std::path::Path;

/// Refuses what is neither an ordinary file nor a folder.
///
/// # Errors
/// If it is not there, or a pipe, a socket or a device.
pub fn check(path: &Path) -> std::io::Result<()> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_file() || metadata.is_dir() {
        return Ok(());
    }
    let reason = "not an ordinary file";
    Err(Error::new(ErrorKind::InvalidInput, reason))
}
