//! Files of a bounded size.

use std::io;
use std::path::Path;

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let bytes = std::fs::metadata(path)?.len();
    if bytes > limit {
        let text = format!("its {bytes} bytes are more than the {limit} that are read");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    std::fs::read(path)
}
