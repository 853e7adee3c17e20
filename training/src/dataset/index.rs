//! `dataset.json` and the header of a shard.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use genie_model::{Fnv1a, atomic_file};
use serde::{Deserialize, Serialize};

use super::{CHANNELS, DatasetError};

/// Version of the format, in the index and in every shard.
pub(crate) const VERSION: u32 = 1;
/// Name of the index in a dataset's folder.
pub(crate) const INDEX_NAME: &str = "dataset.json";
/// First bytes of a shard.
const MAGIC: [u8; 8] = *b"GENIEFRM";
/// Bytes before the first frame of a shard.
pub(crate) const HEADER_BYTES: u64 = 40;
/// Largest index that is read.
const MOST_INDEX_BYTES: u64 = 256 << 20;
/// Paces that a dataset can have, in frames a second.
pub(crate) const PACES: std::ops::RangeInclusive<f64> = 0.05..=1000.0;
/// Paces that differ by less are one.
const PACE_TOLERANCE: f64 = 0.01;
/// Largest edge of a frame in pixels.
const MOST_EDGE: usize = 16_384;

/// Size and pace of the frames of a dataset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameFormat {
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// Frames a second; not always a whole number (30000/1001).
    pub frames_per_second: f64,
}

impl FrameFormat {
    /// Bytes of one frame.
    pub const fn frame_bytes(&self) -> usize {
        self.height * self.width * CHANNELS
    }

    /// What is wrong with it, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        for (name, edge) in [("height", self.height), ("width", self.width)] {
            if !(1..=MOST_EDGE).contains(&edge) {
                return Some(format!("frame {name} must be 1 to {MOST_EDGE}, not {edge}"));
            }
        }
        (!PACES.contains(&self.frames_per_second)).then(|| {
            format!(
                "frames per second must be {} to {}, not {}",
                PACES.start(),
                PACES.end(),
                self.frames_per_second
            )
        })
    }

    /// Size and pace of the dataset in a folder; nothing but its index is read.
    ///
    /// # Errors
    /// An index that is missing or damaged.
    pub fn of_dataset(folder: &Path) -> Result<Self, DatasetError> {
        Ok(Index::read(&folder.join(INDEX_NAME))?.format())
    }

    /// Whether its pace is that of another number of frames a second, but for rounding (29.97 and 30 are not distinguished by
    /// any player, nor by a model).
    pub fn has_pace(&self, frames_per_second: f64) -> bool {
        (self.frames_per_second / frames_per_second - 1.0).abs() < PACE_TOLERANCE
    }
}

/// The contents of `dataset.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Index {
    pub(crate) format_version: u32,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    #[serde(serialize_with = "whole_where_it_is")]
    pub(crate) frames_per_second: f64,
    /// The game that was recorded, where whoever wrote the dataset says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) game: Option<String>,
    pub(crate) shards: Vec<IndexShard>,
}

/// One shard in the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IndexShard {
    /// File name in the dataset's folder.
    pub(crate) file: String,
    /// Length of each clip in frames.
    pub(crate) clip_frames: Vec<u64>,
    /// CRC-32 of the bytes of its frames; datasets of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<u32>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // The signature that serde calls.
/// `10` rather than `10.0`, as earlier versions wrote and read it.
fn whole_where_it_is<S: serde::Serializer>(pace: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if pace.fract() == 0.0 && (0.0..1e9).contains(pace) {
        serializer.serialize_u64(*pace as u64)
    } else {
        serializer.serialize_f64(*pace)
    }
}

impl IndexShard {
    /// Frames of all clips; `None` when a damaged index adds up to more than can be.
    pub(crate) fn frames(&self) -> Option<u64> {
        self.clip_frames
            .iter()
            .try_fold(0_u64, |sum, &frames| sum.checked_add(frames))
    }
}

impl Index {
    pub(crate) fn format(&self) -> FrameFormat {
        FrameFormat {
            height: self.height,
            width: self.width,
            frames_per_second: self.frames_per_second,
        }
    }

    /// A hash of all that distinguishes one dataset from another, but for the names of its files.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hash = Fnv1a::new();
        let mut number = |number: u64| hash.write(number);
        number(self.height as u64);
        number(self.width as u64);
        number(self.frames_per_second.to_bits());
        for shard in &self.shards {
            number(u64::from(shard.checksum.unwrap_or(0)));
            shard.clip_frames.iter().for_each(|frames| number(*frames));
        }
        hash.finish()
    }

    /// Writes the index whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<(), DatasetError> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| DatasetError::damaged(path, error.to_string()))?;
        atomic_file::write(path, &text).map_err(DatasetError::io("write", path))
    }

    /// Reads and checks the index at a path.
    pub(crate) fn read(path: &Path) -> Result<Self, DatasetError> {
        let file = File::open(path).map_err(|error| match path.parent() {
            Some(folder) if error.kind() != io::ErrorKind::PermissionDenied => {
                no_dataset(folder, error)
            }
            _ => DatasetError::io("open", path)(error),
        })?;
        let mut text = Vec::new();
        file.take(MOST_INDEX_BYTES + 1)
            .read_to_end(&mut text)
            .map_err(DatasetError::io("read", path))?;
        if text.len() as u64 > MOST_INDEX_BYTES {
            return Err(DatasetError::damaged(
                path,
                format!("expected an index of at most {MOST_INDEX_BYTES} bytes"),
            ));
        }
        let index: Self = serde_json::from_slice(&text).map_err(|error| {
            DatasetError::damaged(path, format!("not a dataset index: {error}"))
        })?;
        index
            .problem()
            .map_or(Ok(()), |problem| Err(DatasetError::damaged(path, problem)))?;
        Ok(index)
    }

    fn problem(&self) -> Option<String> {
        if self.format_version != VERSION {
            return Some(format!(
                "expected format version {VERSION}, found {}",
                self.format_version
            ));
        }
        if self.channels != CHANNELS {
            return Some(format!(
                "expected {CHANNELS} channels, found {}",
                self.channels
            ));
        }
        if let Some(problem) = self.format().problem() {
            return Some(problem);
        }
        if self.shards.iter().all(|shard| shard.clip_frames.is_empty()) {
            return Some("it lists no clips: an empty dataset cannot be used".to_owned());
        }
        for shard in &self.shards {
            // A plain name: an index must not lead out of its folder.
            if shard.file.is_empty()
                || shard.file.starts_with('.')
                || shard.file.contains(['/', '\\', ':'])
            {
                return Some(format!("{:?} is not a plain file name", shard.file));
            }
            if shard.clip_frames.contains(&0) {
                return Some(format!("{} lists a clip without frames", shard.file));
            }
        }
        None
    }
}

/// What is wrong with a folder that has no index, and what to do about it.
fn no_dataset(folder: &Path, error: io::Error) -> DatasetError {
    let wrong = |problem: &str| DatasetError::damaged(folder, problem);
    if folder.is_file() {
        return wrong(
            "it is a file, and a dataset is a folder: `genie import` makes one of films and pictures",
        );
    }
    match fs::read_dir(folder).map(Iterator::count) {
        Ok(0) => wrong("the folder is empty: `genie import` makes a dataset of films and pictures"),
        Ok(_) => wrong(
            "it is no dataset (no dataset.json in it): if it holds films or pictures, `genie import` makes a dataset of them",
        ),
        Err(_) => DatasetError::io("open", folder)(error),
    }
}

/// The header of a shard: magic, then little-endian version, height, width, channels, clips and frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShardHeader {
    pub(crate) height: u32,
    pub(crate) width: u32,
    pub(crate) clips: u64,
    pub(crate) frames: u64,
}

impl ShardHeader {
    pub(crate) fn to_bytes(self) -> [u8; HEADER_BYTES as usize] {
        let mut out = [0; HEADER_BYTES as usize];
        out[..8].copy_from_slice(&MAGIC);
        for (slot, value) in [VERSION, self.height, self.width, CHANNELS as u32]
            .into_iter()
            .enumerate()
        {
            out[8 + slot * 4..12 + slot * 4].copy_from_slice(&value.to_le_bytes());
        }
        out[24..32].copy_from_slice(&self.clips.to_le_bytes());
        out[32..].copy_from_slice(&self.frames.to_le_bytes());
        out
    }

    /// Fails with what is wrong.
    pub(crate) fn from_bytes(bytes: &[u8; HEADER_BYTES as usize]) -> Result<Self, String> {
        if bytes[..8] != MAGIC {
            return Err("not a shard of frames: its first bytes are others".to_owned());
        }
        let word = |slot: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&bytes[8 + slot * 4..12 + slot * 4]);
            u32::from_le_bytes(word)
        };
        let long = |at: usize| {
            let mut long = [0; 8];
            long.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(long)
        };
        if word(0) != VERSION {
            return Err(format!(
                "expected shard version {VERSION}, found {}",
                word(0)
            ));
        }
        if word(3) != CHANNELS as u32 {
            return Err(format!("expected {CHANNELS} channels, found {}", word(3)));
        }
        Ok(Self {
            height: word(1),
            width: word(2),
            clips: long(24),
            frames: long(32),
        })
    }
}
