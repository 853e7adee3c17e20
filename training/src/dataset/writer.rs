//! Writing a dataset shard by shard.

use std::fs;
use std::path::{Path, PathBuf};

use genie_model::atomic_file::{self, temporary_path};

use super::index::{INDEX_NAME, Index, IndexShard, VERSION};
use super::shard_file::{SHARD_BYTES, ShardFile};
use super::true_actions::{FILE_NAME as ACTIONS_NAME, encode};
use super::{CHANNELS, Dataset, DatasetError, FrameFormat};

/// Writes clips into a new dataset. Nothing is a dataset until [`finish`](Self::finish): shards have temporary names before,
/// and are removed when the writer is dropped.
#[derive(Debug)]
pub struct DatasetWriter {
    folder: PathBuf,
    format: FrameFormat,
    shard_bytes: u64,
    game: Option<String>,
    finished: Vec<IndexShard>,
    open: Option<ShardFile>,
    /// True actions per clip; `None` for clips without.
    actions: Vec<Option<Vec<u8>>>,
    /// How many of the finished shards have their final name.
    renamed: usize,
    complete: bool,
}

impl DatasetWriter {
    /// Begins a dataset in a folder, which is made if it is missing.
    ///
    /// # Errors
    /// An impossible format, a folder that already holds a dataset, or a failing disk.
    pub fn create(folder: &Path, format: FrameFormat) -> Result<Self, DatasetError> {
        if let Some(problem) = format.problem() {
            return Err(DatasetError::Request(problem));
        }
        fs::create_dir_all(folder).map_err(DatasetError::io("make the folder", folder))?;
        if folder.join(INDEX_NAME).exists() {
            return Err(DatasetError::Exists {
                path: folder.to_path_buf(),
            });
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            format,
            shard_bytes: SHARD_BYTES,
            game: None,
            finished: Vec::new(),
            open: None,
            actions: Vec::new(),
            renamed: 0,
            complete: false,
        })
    }

    /// Says which game was recorded; see [`Dataset::game`].
    #[must_use]
    pub fn with_game(mut self, game: &str) -> Self {
        self.game = Some(game.to_owned());
        self
    }

    /// Begins a new shard once the current one has that many bytes of frames; 64 MiB if not called.
    #[must_use]
    pub fn with_shard_bytes(mut self, bytes: u64) -> Self {
        self.shard_bytes = bytes;
        self
    }

    /// Appends one frame ([H, W, 3] as bytes) to the clip that [`end_clip`](Self::end_clip) will close.
    ///
    /// # Errors
    /// A frame of another size, or a failing disk.
    pub fn push_frame(&mut self, frame: &[u8]) -> Result<(), DatasetError> {
        let expected = self.format.frame_bytes();
        if frame.len() != expected {
            return Err(DatasetError::Request(format!(
                "expected a frame of {expected} bytes, got {}",
                frame.len()
            )));
        }
        self.append(frame, 1)
    }

    /// Closes the clip of the frames pushed since the last one.
    ///
    /// `actions` are the true actions where they are known: action i leads from frame i to frame i + 1.
    ///
    /// # Errors
    /// A clip without frames, or another number of actions than frames less one.
    pub fn end_clip(&mut self, actions: Option<&[u8]>) -> Result<(), DatasetError> {
        let frames = self.open_frames();
        let Some(shard) = self.open.as_mut().filter(|_| frames > 0) else {
            return Err(DatasetError::Request("a clip needs a frame".to_owned()));
        };
        if let Some(actions) = actions
            && actions.len() as u64 + 1 != frames
        {
            return Err(DatasetError::Request(format!(
                "expected {} true actions for {frames} frames, got {}",
                frames - 1,
                actions.len()
            )));
        }
        let bytes = shard.end_clip();
        self.actions.push(actions.map(<[u8]>::to_vec));
        if bytes >= self.shard_bytes {
            self.close_shard()?;
        }
        Ok(())
    }

    /// Appends a whole clip: [T, H, W, 3] as bytes, and its true actions where they are known.
    ///
    /// # Errors
    /// As [`push_frame`](Self::push_frame) and [`end_clip`](Self::end_clip).
    pub fn push_clip(&mut self, frames: &[u8], actions: Option<&[u8]>) -> Result<(), DatasetError> {
        let frame_bytes = self.format.frame_bytes();
        if !frames.len().is_multiple_of(frame_bytes) {
            return Err(DatasetError::Request(format!(
                "expected frames of {frame_bytes} bytes, got {} bytes",
                frames.len()
            )));
        }
        if !frames.is_empty() {
            self.append(frames, (frames.len() / frame_bytes) as u64)?;
        }
        self.end_clip(actions)
    }

    /// Gives the files their final names, the index last, and opens the dataset.
    ///
    /// # Errors
    /// A clip that was not ended, or a failing disk.
    pub fn finish(mut self) -> Result<Dataset, DatasetError> {
        if self.open_frames() > 0 {
            return Err(DatasetError::Request(
                "the last clip was not ended".to_owned(),
            ));
        }
        self.close_shard()?;
        for shard in &self.finished {
            let path = self.folder.join(&shard.file);
            fs::rename(temporary_path(&path), &path)
                .map_err(DatasetError::io("give its final name to", &path))?;
            self.renamed += 1;
        }
        if self.actions.iter().any(Option::is_some) {
            let actions = self.actions.iter().map(Option::as_deref);
            let actions: Vec<&[u8]> = actions.map(Option::unwrap_or_default).collect();
            let path = self.folder.join(ACTIONS_NAME);
            atomic_file::write(&path, &encode(&actions))
                .map_err(DatasetError::io("write", &path))?;
        }
        let index = Index {
            format_version: VERSION,
            height: self.format.height,
            width: self.format.width,
            channels: CHANNELS,
            frames_per_second: self.format.frames_per_second,
            game: self.game.clone(),
            shards: self.finished.clone(),
        };
        index.write(&self.folder.join(INDEX_NAME))?;
        self.complete = true;
        Dataset::open(&self.folder)
    }

    /// Frames of the clip that is being written.
    fn open_frames(&self) -> u64 {
        self.open.as_ref().map_or(0, ShardFile::open_frames)
    }

    /// Name of the shard that is written now, or next.
    fn open_name(&self) -> String {
        format!("shard-{:05}.frames", self.finished.len())
    }

    fn append(&mut self, bytes: &[u8], frames: u64) -> Result<(), DatasetError> {
        let path = temporary_path(&self.folder.join(self.open_name()));
        let shard = match &mut self.open {
            Some(shard) => shard,
            none => {
                none.insert(ShardFile::create(&path).map_err(DatasetError::io("write", &path))?)
            }
        };
        shard
            .append(bytes, frames)
            .map_err(DatasetError::io("write", &path))
    }

    fn close_shard(&mut self) -> Result<(), DatasetError> {
        let Some(shard) = self.open.take() else {
            return Ok(());
        };
        let file = self.open_name();
        let path = temporary_path(&self.folder.join(&file));
        let (height, width) = (self.format.height as u32, self.format.width as u32);
        let contents = shard.finish(height, width).map_err(|error| {
            let _ = fs::remove_file(&path);
            DatasetError::io("write", &path)(error)
        })?;
        self.finished.push(IndexShard {
            file,
            clip_frames: contents.clip_frames,
            checksum: Some(contents.checksum),
        });
        Ok(())
    }
}

impl Drop for DatasetWriter {
    fn drop(&mut self) {
        if self.complete {
            return;
        }
        let open = self.open.take().map(|_| self.open_name());
        for name in self.finished.iter().map(|shard| &shard.file).chain(&open) {
            // Best effort: what stays behind is never taken for a dataset.
            let _ = fs::remove_file(temporary_path(&self.folder.join(name)));
        }
        // Those that have their final name already, when the disk is full at last.
        for shard in &self.finished[..self.renamed] {
            let _ = fs::remove_file(self.folder.join(&shard.file));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dataset::TrueActions;

    const FORMAT: FrameFormat = FrameFormat {
        height: 2,
        width: 2,
        frames_per_second: 10.0,
    };

    #[test]
    fn an_unfinished_dataset_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = DatasetWriter::create(folder.path(), FORMAT)
            .unwrap()
            .with_shard_bytes(1);
        writer.push_clip(&[1; 24], None).unwrap();
        writer.push_frame(&[1; 12]).unwrap();
        drop(writer);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_dataset_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = DatasetWriter::create(folder.path(), FORMAT).unwrap();
        writer.push_clip(&[1; 24], Some(&[3])).unwrap();
        writer.finish().unwrap();
        let again = DatasetWriter::create(folder.path(), FORMAT);
        assert!(matches!(again, Err(DatasetError::Exists { .. })));
    }

    #[test]
    fn true_actions_may_be_known_of_some_clips_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = DatasetWriter::create(folder.path(), FORMAT).unwrap();
        writer.push_clip(&[1; 24], None).unwrap();
        writer.push_clip(&[1; 36], Some(&[3, 0])).unwrap();
        let dataset = writer.finish().unwrap();
        let actions = TrueActions::of(&dataset).unwrap().unwrap();
        assert_eq!(
            [0, 1, 2].map(|clip| actions.is_known(clip)),
            [false, true, false]
        );
        assert_eq!(actions.clip(1), Some([3, 0].as_slice()));
        assert_eq!(actions.known_transitions(), 2);
    }

    #[test]
    fn clips_that_do_not_fit_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = DatasetWriter::create(folder.path(), FORMAT).unwrap();
        assert!(writer.push_clip(&[], None).is_err());
        assert!(writer.push_clip(&[0; 13], None).is_err());
        assert!(writer.push_frame(&[0; 11]).is_err());
        writer.push_frame(&[0; 12]).unwrap();
        assert!(writer.end_clip(Some(&[1])).is_err());
        assert!(writer.finish().is_err());
    }
}
