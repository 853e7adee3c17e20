//! The file of the tokens of a shard of the footage.
//!
//! ```text
//! GENIETOK | version u32 | codes of a frame u32 | frames u64 | fingerprint u64 | codes u32, frame after frame | CRC-32 of all before
//! ```
//! Numbers are little endian. The fingerprint is that of the tokenizer and of the shard's frames.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crc32fast::Hasher;
use genie_model::atomic_file;

use crate::train::error::TrainError;

const MAGIC: &[u8; 8] = b"GENIETOK";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 32;
const CODE_BYTES: usize = 4;
/// Bytes that are read at once where all are.
const BUFFER_BYTES: usize = 1 << 16;

/// What the tokens of a shard are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) fingerprint: u64,
    pub(super) frames: u64,
    /// Codes of a frame, `N Q`.
    pub(super) codes: u32,
}

impl Described {
    fn header(self) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[12..16].copy_from_slice(&self.codes.to_le_bytes());
        header[16..24].copy_from_slice(&self.frames.to_le_bytes());
        header[24..].copy_from_slice(&self.fingerprint.to_le_bytes());
        header
    }

    /// Bytes of a frame's codes.
    fn frame_bytes(self) -> u64 {
        u64::from(self.codes) * CODE_BYTES as u64
    }

    /// Bytes of the whole file.
    fn length(self) -> u64 {
        (HEADER_BYTES + CODE_BYTES) as u64 + self.frames.saturating_mul(self.frame_bytes())
    }
}

/// The tokens of a shard on disk.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    described: Described,
    /// Opened at the first read: there may be more shards than a process may have open files.
    file: Mutex<Option<File>>,
}

impl TokenFile {
    /// A file that is checked or written already.
    pub(super) fn new(path: PathBuf, described: Described) -> Self {
        Self {
            path,
            described,
            file: Mutex::new(None),
        }
    }

    /// Writes a file whole or not at all. `chunks` hands the codes of all frames to its argument, one part after the other.
    pub(super) fn write(
        path: &Path,
        described: Described,
        chunks: impl FnOnce(&mut dyn FnMut(&[u32]) -> io::Result<()>) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        atomic_file::write_with(path, |file| {
            let mut sum = Hasher::new();
            let mut put = |bytes: &[u8]| {
                sum.update(bytes);
                file.write_all(bytes)
            };
            put(&described.header())?;
            let mut bytes = Vec::new();
            chunks(&mut |codes| {
                bytes.clear();
                bytes.extend(codes.iter().flat_map(|code| code.to_le_bytes()));
                put(&bytes)
            })?;
            let sum = sum.finalize();
            file.write_all(&sum.to_le_bytes())?;
            Ok(())
        })
    }

    /// Appends the codes of `count` frames from `first` on to `out`.
    pub(super) fn read(
        &self,
        first: u64,
        count: usize,
        out: &mut Vec<u32>,
    ) -> Result<(), TrainError> {
        let io = |error| TrainError::io(&self.path, error);
        let frame = self.described.frame_bytes();
        let mut bytes = vec![0; count * frame as usize];
        // A panic elsewhere leaves no state behind but the file position, which is set anew here.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            *file = Some(File::open(&self.path).map_err(io)?);
        }
        let file = file.as_mut().expect("opened above");
        file.seek(SeekFrom::Start(HEADER_BYTES as u64 + first * frame))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(io)?;
        out.extend(codes_of(&bytes));
        Ok(())
    }
}

fn codes_of(bytes: &[u8]) -> impl Iterator<Item = u32> {
    let codes = bytes.chunks_exact(CODE_BYTES);
    codes.map(|code| u32::from_le_bytes([code[0], code[1], code[2], code[3]]))
}

/// Why a file could not be written.
#[derive(Debug)]
pub(super) enum WriteError {
    /// The disk failed: training can do without the file.
    Disk(io::Error),
    /// There are no tokens to write.
    Tokens(TrainError),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl From<TrainError> for WriteError {
    fn from(error: TrainError) -> Self {
        Self::Tokens(error)
    }
}

/// Checks the file at `path`. All of its bytes are read once.
///
/// # Errors
/// What keeps it from being used.
pub(super) fn check(path: &Path, described: Described) -> io::Result<()> {
    let wrong = |what: &str| Err(io::Error::other(what));
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut header = [0; HEADER_BYTES];
    if length < (HEADER_BYTES + CODE_BYTES) as u64 {
        return wrong("too short");
    }
    file.read_exact(&mut header)?;
    if header != described.header() {
        return wrong("made of other footage, by another tokenizer or by another version");
    }
    if length != described.length() {
        return wrong("too short or too long");
    }
    let mut sum = Hasher::new();
    sum.update(&header);
    let mut left = length - (HEADER_BYTES + CODE_BYTES) as u64;
    let mut buffer = vec![0; BUFFER_BYTES];
    while left > 0 {
        let part = left.min(BUFFER_BYTES as u64) as usize;
        file.read_exact(&mut buffer[..part])?;
        sum.update(&buffer[..part]);
        left -= part as u64;
    }
    let mut expected = [0; CODE_BYTES];
    file.read_exact(&mut expected)?;
    if sum.finalize() != u32::from_le_bytes(expected) {
        return wrong("damaged");
    }
    Ok(())
}
