//! Clips as files with the header of a shard, one source after the other.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{IngestError, IngestOptions};
use crate::dataset::{SHARD_BYTES, ShardFile};

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
    open: Option<ShardFile>,
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

    /// Name of the file that is written now, or next.
    fn open_name(&self) -> String {
        format!("part-{:05}.frames", self.files.len())
    }

    pub(super) fn push(&mut self, frame: &[u8]) -> Result<(), IngestError> {
        let path = self.folder.join(self.open_name());
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(ShardFile::create(&path).map_err(IngestError::io("write", &path))?),
        };
        open.append(frame, 1)
            .map_err(IngestError::io("write", &path))
    }

    pub(super) fn end_clip(&mut self) -> Result<(), IngestError> {
        let bytes = self.open.as_mut().map(ShardFile::end_clip);
        if bytes.is_some_and(|bytes| bytes >= SHARD_BYTES) {
            self.close_file()?;
        }
        Ok(())
    }

    pub(super) fn discard_clip(&mut self) -> Result<(), IngestError> {
        let path = self.folder.join(self.open_name());
        self.open
            .as_mut()
            .map_or(Ok(()), ShardFile::discard_clip)
            .map_err(IngestError::io("write", &path))
    }

    pub(super) fn close_file(&mut self) -> Result<(), IngestError> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let file = self.open_name();
        let path = self.folder.join(&file);
        if open.is_empty() {
            drop(open);
            return fs::remove_file(&path).map_err(IngestError::io("remove", &path));
        }
        let contents = open
            .finish(self.height, self.width)
            .map_err(IngestError::io("write", &path))?;
        self.files.push(UnitFile {
            file,
            clip_frames: contents.clip_frames,
            checksum: contents.checksum,
        });
        Ok(())
    }
}
