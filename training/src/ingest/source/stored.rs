//! The bytes of a file, on disk or inside a tar archive.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// A file, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ingest) struct Stored {
    /// The file on disk.
    pub(in crate::ingest) path: PathBuf,
    /// Name, first byte and length inside an archive.
    pub(in crate::ingest) inside: Option<(String, u64, u64)>,
}

impl Stored {
    pub(in crate::ingest) fn file(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            inside: None,
        }
    }

    /// What it is called: the path, or the name in the archive behind that of the archive.
    pub(in crate::ingest) fn described(&self) -> String {
        match &self.inside {
            None => self.path.display().to_string(),
            Some((name, ..)) => format!("{}: {name}", self.path.display()),
        }
    }

    /// The last part of its name.
    pub(in crate::ingest) fn file_name(&self) -> String {
        let name = match &self.inside {
            None => self
                .path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned()),
            Some((name, ..)) => name.rsplit('/').next().map(str::to_owned),
        };
        name.unwrap_or_default()
    }

    pub(in crate::ingest) fn len(&self) -> io::Result<u64> {
        match &self.inside {
            Some((.., length)) => Ok(*length),
            None => Ok(self.path.metadata()?.len()),
        }
    }

    /// What changes when the file does: length and time of its last change.
    pub(in crate::ingest) fn stamp(&self) -> (u64, u128) {
        let changed = self.path.metadata().and_then(|m| m.modified()).ok();
        let changed = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        (
            self.len().unwrap_or(0),
            changed.map_or(0, |time| time.as_nanos()),
        )
    }

    pub(in crate::ingest) fn open(&self) -> Result<StoredReader, String> {
        let open = || -> io::Result<StoredReader> {
            // Pipes and devices may never end; even opening one can wait for ever.
            if !self.path.metadata()?.is_file() {
                return Err(io::Error::other("it is no regular file"));
            }
            let mut file = File::open(&self.path)?;
            let whole = file.metadata()?;
            let (first, length) = match &self.inside {
                None => (0, whole.len()),
                Some((_, first, length)) => (*first, *length),
            };
            file.seek(SeekFrom::Start(first))?;
            Ok(StoredReader {
                file,
                first,
                length,
                at: 0,
            })
        };
        open().map_err(|error| format!("it cannot be opened: {error}"))
    }

    /// All of its bytes.
    pub(in crate::ingest) fn read(&self, most: u64) -> Result<Vec<u8>, String> {
        let mut reader = self.open()?;
        let length = reader.len();
        if length > most {
            return Err(format!("{length} bytes are too many (at most {most})"));
        }
        let mut bytes = Vec::with_capacity(length as usize);
        reader
            .read_to_end(&mut bytes)
            .map_err(|error| format!("it cannot be read: {error}"))?;
        Ok(bytes)
    }

    /// The first bytes, as many as there are.
    pub(in crate::ingest) fn start(&self, count: u64) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        self.open()?
            .take(count)
            .read_to_end(&mut bytes)
            .map_err(|error| format!("it cannot be read: {error}"))?;
        Ok(bytes)
    }
}

/// Reads a stored file as if it were one of its own.
#[derive(Debug)]
pub(in crate::ingest) struct StoredReader {
    file: File,
    first: u64,
    length: u64,
    at: u64,
}

impl StoredReader {
    pub(in crate::ingest) fn len(&self) -> u64 {
        self.length
    }
}

impl Read for StoredReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.length.saturating_sub(self.at);
        let most = (buffer.len() as u64).min(left) as usize;
        let read = self.file.read(&mut buffer[..most])?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for StoredReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        let at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let place = self.first.checked_add(at);
        let place = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        self.file.seek(SeekFrom::Start(place))?;
        self.at = at;
        Ok(at)
    }
}
