//! A file of frames with the header of a shard, written clip by clip.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use crc32fast::Hasher;

use super::index::{HEADER_BYTES, ShardHeader};

/// Size from which a new shard is begun.
pub(crate) const SHARD_BYTES: u64 = 64 << 20;

/// Takes frames; the header follows when its counts are known.
#[derive(Debug)]
pub(crate) struct ShardFile {
    file: BufWriter<File>,
    clip_frames: Vec<u64>,
    /// Frames after the last whole clip.
    open_frames: u64,
    /// Bytes of frames, and their checksum.
    written: (u64, Hasher),
    /// The same up to the end of the last whole clip.
    whole: (u64, Hasher),
}

/// What an index says of a shard.
pub(crate) struct ShardContents {
    /// Frames of each clip.
    pub(crate) clip_frames: Vec<u64>,
    /// CRC-32 of all frames.
    pub(crate) checksum: u32,
}

impl ShardFile {
    /// Begins a file, in the place of one that is there.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::with_capacity(1 << 18, File::create(path)?);
        file.write_all(&[0; HEADER_BYTES as usize])?;
        Ok(Self {
            file,
            clip_frames: Vec::new(),
            open_frames: 0,
            written: (0, Hasher::new()),
            whole: (0, Hasher::new()),
        })
    }

    /// Adds frames to the clip at hand.
    pub(crate) fn append(&mut self, bytes: &[u8], frames: u64) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.written.0 += bytes.len() as u64;
        self.written.1.update(bytes);
        self.open_frames += frames;
        Ok(())
    }

    /// Frames of the clip at hand.
    pub(crate) fn open_frames(&self) -> u64 {
        self.open_frames
    }

    /// Whether no clip has ended.
    pub(crate) fn is_empty(&self) -> bool {
        self.clip_frames.is_empty()
    }

    /// Ends the clip at hand, and says how many bytes of frames the file has.
    pub(crate) fn end_clip(&mut self) -> u64 {
        self.clip_frames.push(std::mem::take(&mut self.open_frames));
        self.whole = self.written.clone();
        self.whole.0
    }

    /// Takes the clip at hand back.
    pub(crate) fn discard_clip(&mut self) -> io::Result<()> {
        self.file.flush()?;
        let end = HEADER_BYTES + self.whole.0;
        self.file.get_ref().set_len(end)?;
        self.file.seek(SeekFrom::Start(end))?;
        self.written = self.whole.clone();
        self.open_frames = 0;
        Ok(())
    }

    /// Writes the header, and all of it to the disk. Every clip must have ended.
    pub(crate) fn finish(self, height: u32, width: u32) -> io::Result<ShardContents> {
        let header = ShardHeader {
            height,
            width,
            clips: self.clip_frames.len() as u64,
            frames: self.clip_frames.iter().sum(),
        };
        let mut file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header.to_bytes())?;
        file.sync_all()?;
        Ok(ShardContents {
            clip_frames: self.clip_frames,
            checksum: self.written.1.finalize(),
        })
    }
}
