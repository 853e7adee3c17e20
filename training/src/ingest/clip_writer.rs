//! Clips as files with the header of a shard, one source after the other.

use std::fs::{self, File};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{IngestError, IngestOptions};
use crate::dataset::{HEADER_BYTES, SHARD_BYTES, ShardHeader};

/// A file of frames with the header of a shard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct UnitFile {
    pub(super) file: String,
    pub(super) clip_frames: Vec<u64>,
    pub(super) checksum: u32,
}

/// Writes clips into files with the header of a shard; the clip at hand can be taken back.
pub(super) struct ClipWriter {
    folder: PathBuf,
    height: u32,
    width: u32,
    pub(super) files: Vec<UnitFile>,
    open: Option<OpenFile>,
}

struct OpenFile {
    path: PathBuf,
    name: String,
    file: BufWriter<File>,
    clip_frames: Vec<u64>,
    checksum: crc32fast::Hasher,
    /// Bytes and checksum up to the end of the last whole clip.
    whole: (u64, crc32fast::Hasher),
    at: u64,
    frames: u64,
}

impl ClipWriter {
    pub(super) fn new(folder: &Path, options: &IngestOptions) -> Self {
        Self {
            folder: folder.to_path_buf(),
            height: options.height as u32,
            width: options.width as u32,
            files: Vec::new(),
            open: None,
        }
    }

    pub(super) fn push(&mut self, frame: &[u8]) -> Result<(), IngestError> {
        if self.open.is_none() {
            let name = format!("part-{:05}.frames", self.files.len());
            let path = self.folder.join(&name);
            let begin = || {
                let mut file = BufWriter::with_capacity(1 << 18, File::create(&path)?);
                file.write_all(&[0; HEADER_BYTES as usize])?;
                Ok(file)
            };
            self.open = Some(OpenFile {
                file: begin().map_err(IngestError::io("write", &path))?,
                path,
                name,
                clip_frames: Vec::new(),
                checksum: crc32fast::Hasher::new(),
                whole: (HEADER_BYTES, crc32fast::Hasher::new()),
                at: HEADER_BYTES,
                frames: 0,
            });
        }
        let open = self.open.as_mut().expect("opened above");
        open.file
            .write_all(frame)
            .map_err(IngestError::io("write", &open.path))?;
        open.checksum.update(frame);
        open.at += frame.len() as u64;
        open.frames += 1;
        Ok(())
    }

    pub(super) fn end_clip(&mut self) -> Result<(), IngestError> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        open.clip_frames.push(std::mem::take(&mut open.frames));
        open.whole = (open.at, open.checksum.clone());
        if open.at >= SHARD_BYTES {
            self.close_file()?;
        }
        Ok(())
    }

    pub(super) fn discard_clip(&mut self) -> Result<(), IngestError> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let (at, checksum) = open.whole.clone();
        open.file
            .flush()
            .and_then(|()| open.file.get_ref().set_len(at))
            .and_then(|()| open.file.seek(SeekFrom::Start(at)).map(drop))
            .map_err(IngestError::io("write", &open.path))?;
        open.at = at;
        open.checksum = checksum;
        open.frames = 0;
        Ok(())
    }

    pub(super) fn close_file(&mut self) -> Result<(), IngestError> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        if open.clip_frames.is_empty() {
            return fs::remove_file(&open.path).map_err(IngestError::io("remove", &open.path));
        }
        let header = ShardHeader {
            height: self.height,
            width: self.width,
            clips: open.clip_frames.len() as u64,
            frames: open.clip_frames.iter().sum(),
        };
        let path = open.path;
        let close = || {
            let mut file = open
                .file
                .into_inner()
                .map_err(std::io::IntoInnerError::into_error)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header.to_bytes())?;
            file.sync_all()
        };
        close().map_err(IngestError::io("write", &path))?;
        self.files.push(UnitFile {
            file: open.name,
            clip_frames: open.clip_frames,
            checksum: open.checksum.finalize(),
        });
        Ok(())
    }
}
