//! Opening a dataset and reading frames from it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use genie_model::Fnv1a;
use rayon::prelude::*;

use super::index::{HEADER_BYTES, INDEX_NAME, Index, ShardHeader};
use super::{DatasetError, FrameFormat};

/// A checked dataset. Frames are read on demand and from any thread; clones share the open files.
#[derive(Clone, Debug)]
pub struct Dataset {
    folder: PathBuf,
    format: FrameFormat,
    shards: Arc<[Shard]>,
    clips: Arc<[Clip]>,
    total_frames: u64,
    fingerprint: u64,
    game: Option<String>,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    frames: u64,
    /// CRC-32 of its frames, where the index says it.
    checksum: Option<u32>,
    /// Opened at the first read: a large dataset has more shards than a process may have open files at start.
    file: Mutex<Option<File>>,
}

#[derive(Debug)]
struct Clip {
    shard: usize,
    first_frame: u64,
    frames: usize,
}

impl Dataset {
    /// Opens the dataset in a folder after comparing its index with the headers, sizes and checksums of its shards: all of
    /// its bytes are read once.
    ///
    /// # Errors
    /// A file that is missing, damaged or does not fit the index, or a dataset without clips.
    pub fn open(folder: &Path) -> Result<Self, DatasetError> {
        Self::open_checking(folder, |_| true)
    }

    /// The same where other processes, `count` with this one, open it too: each compares the checksums of its part of the shards.
    pub(crate) fn open_beside(
        folder: &Path,
        (rank, count): (usize, usize),
    ) -> Result<Self, DatasetError> {
        Self::open_checking(folder, |shard| shard % count.max(1) == rank)
    }

    /// Opens a dataset after comparing the checksums of some of its shards, and all else.
    fn open_checking(
        folder: &Path,
        checked: impl Fn(usize) -> bool + Sync,
    ) -> Result<Self, DatasetError> {
        let index_path = folder.join(INDEX_NAME);
        let index = Index::read(&index_path)?;
        let format = index.format();
        let mut shards = Vec::with_capacity(index.shards.len());
        let mut clips = Vec::new();
        let mut total_frames = 0u64;
        let listed = index.shards.par_iter().enumerate();
        listed
            .filter(|(shard, _)| checked(*shard))
            .try_for_each(|(_, listed)| check_sum(&folder.join(&listed.file), listed.checksum))?;
        for listed in &index.shards {
            let path = folder.join(&listed.file);
            let overflow =
                || DatasetError::damaged(&index_path, format!("{}: too many frames", listed.file));
            let frames = listed.frames().ok_or_else(overflow)?;
            let expected = ShardHeader {
                height: format.height as u32,
                width: format.width as u32,
                clips: listed.clip_frames.len() as u64,
                frames,
            };
            let bytes = frames
                .checked_mul(format.frame_bytes() as u64)
                .and_then(|bytes| bytes.checked_add(HEADER_BYTES))
                .ok_or_else(overflow)?;
            check_shard(&path, expected, bytes)?;

            let mut first_frame = 0;
            for &length in &listed.clip_frames {
                clips.push(Clip {
                    shard: shards.len(),
                    first_frame,
                    frames: usize::try_from(length).map_err(|_| overflow())?,
                });
                first_frame += length;
            }
            total_frames = total_frames.checked_add(frames).ok_or_else(overflow)?;
            shards.push(Shard {
                path,
                frames,
                checksum: listed.checksum,
                file: Mutex::new(None),
            });
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            format,
            shards: shards.into(),
            clips: clips.into(),
            total_frames,
            fingerprint: index.fingerprint(),
            game: index.game,
        })
    }

    /// The folder it was opened from.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Size and pace of its frames.
    pub fn format(&self) -> FrameFormat {
        self.format
    }

    /// Number of clips.
    pub fn clip_count(&self) -> usize {
        self.clips.len()
    }

    /// Frames of a clip; 0 for a clip that does not exist.
    pub fn clip_len(&self, clip: usize) -> usize {
        self.clips.get(clip).map_or(0, |clip| clip.frames)
    }

    /// Frames of each clip.
    pub(crate) fn clip_lengths(&self) -> Vec<usize> {
        self.clips.iter().map(|clip| clip.frames).collect()
    }

    /// A number that is another one for other footage: of its size, pace, lengths of clips and checksums.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The game that was recorded, where whoever wrote the dataset says so: nothing is guessed from its frames.
    pub fn game(&self) -> Option<&str> {
        self.game.as_deref()
    }

    /// Frames of the longest clip.
    pub fn longest_clip(&self) -> usize {
        self.clips.iter().map(|clip| clip.frames).max().unwrap_or(0)
    }

    /// Frames of all clips.
    pub fn total_frames(&self) -> u64 {
        self.total_frames
    }

    /// Number of files that its frames are in.
    pub(crate) fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// Frames of a shard.
    pub(crate) fn shard_frames(&self, shard: usize) -> u64 {
        self.shards[shard].frames
    }

    /// A number that is another one for other frames or clips in the shard. Where the dataset has no checksums, the frames are read for it.
    pub(crate) fn shard_fingerprint(&self, shard: usize) -> Result<u64, DatasetError> {
        let found = &self.shards[shard];
        let checksum = match found.checksum {
            Some(checksum) => checksum,
            None => frames_checksum(&found.path)?,
        };
        let mut hash = Fnv1a::new();
        hash.write(checksum);
        // Clips stand in the order of their shards.
        let [start, end] =
            [shard, shard + 1].map(|shard| self.clips.partition_point(|clip| clip.shard < shard));
        for clip in &self.clips[start..end] {
            hash.write(clip.frames as u64);
        }
        Ok(hash.finish())
    }

    /// The shard of a clip, and its first frame there.
    pub(crate) fn place_of(&self, clip: usize) -> (usize, u64) {
        let clip = &self.clips[clip];
        (clip.shard, clip.first_frame)
    }

    /// Replaces the contents of `out` by `count` frames of a clip from `start` on: [T, H, W, 3] as bytes.
    ///
    /// # Errors
    /// Frames that the clip does not have, or a failing disk.
    pub fn read_frames(
        &self,
        clip: usize,
        start: usize,
        count: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), DatasetError> {
        let found = self
            .clips
            .get(clip)
            .filter(|found| {
                start
                    .checked_add(count)
                    .is_some_and(|end| end <= found.frames)
            })
            .ok_or_else(|| {
                DatasetError::Request(format!(
                    "asked for {count} frames from frame {start} of clip {clip}, which has {} (the dataset has {} clips)",
                    self.clip_len(clip),
                    self.clip_count()
                ))
            })?;
        let frame_bytes = self.format.frame_bytes();
        let at = HEADER_BYTES + (found.first_frame + start as u64) * frame_bytes as u64;
        // In place, so that a buffer used again costs neither an allocation nor zeroing.
        out.resize(count * frame_bytes, 0);
        self.shards[found.shard].read_at(at, out)
    }
}

impl Shard {
    fn read_at(&self, at: u64, out: &mut [u8]) -> Result<(), DatasetError> {
        // A panic elsewhere leaves no state behind but the file position, which is set anew here.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            *file = Some(File::open(&self.path).map_err(DatasetError::io("open", &self.path))?);
        }
        let file = file.as_mut().expect("opened above");
        file.seek(SeekFrom::Start(at))
            .and_then(|_| file.read_exact(out))
            .map_err(DatasetError::io("read", &self.path))
    }
}

/// Compares a shard's file with what the index says of it.
fn check_shard(path: &Path, expected: ShardHeader, bytes: u64) -> Result<(), DatasetError> {
    let mut file = File::open(path).map_err(DatasetError::io("open", path))?;
    let found = file
        .metadata()
        .map_err(DatasetError::io("examine", path))?
        .len();
    if found != bytes {
        return Err(DatasetError::damaged(
            path,
            format!("expected {bytes} bytes by the index, found {found}"),
        ));
    }
    let mut header = [0; HEADER_BYTES as usize];
    file.read_exact(&mut header)
        .map_err(DatasetError::io("read", path))?;
    let header =
        ShardHeader::from_bytes(&header).map_err(|problem| DatasetError::damaged(path, problem))?;
    if header == expected {
        Ok(())
    } else {
        Err(DatasetError::damaged(
            path,
            format!("expected {expected:?} by the index, found {header:?}"),
        ))
    }
}

/// Compares the bytes of a shard's frames with their checksum, where there is one.
fn check_sum(path: &Path, expected: Option<u32>) -> Result<(), DatasetError> {
    let Some(expected) = expected else {
        return Ok(());
    };
    let found = frames_checksum(path)?;
    if found == expected {
        return Ok(());
    }
    Err(DatasetError::damaged(
        path,
        format!(
            "its bytes are others than those that were written (checksum {found:08x}, expected {expected:08x}): \
             copy it again or import the footage anew"
        ),
    ))
}

/// CRC-32 of the frames of a shard's file.
fn frames_checksum(path: &Path) -> Result<u32, DatasetError> {
    let mut file = File::open(path).map_err(DatasetError::io("open", path))?;
    file.seek(SeekFrom::Start(HEADER_BYTES))
        .map_err(DatasetError::io("read", path))?;
    checksum(&mut file).map_err(DatasetError::io("read", path))
}

/// CRC-32 of all that is left to read.
fn checksum(file: &mut impl Read) -> io::Result<u32> {
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize()),
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{DatasetWriter, TrueActions};
    use super::*;
    use std::fs;
    #[cfg(unix)]
    use std::io::Write;

    const FORMAT: FrameFormat = FrameFormat {
        height: 4,
        width: 6,
        frames_per_second: 10.0,
    };

    /// Three clips of 3, 1 and 5 frames over two shards, every byte different from its neighbours.
    fn sample(folder: &Path) -> Vec<Vec<u8>> {
        let mut writer = DatasetWriter::create(folder, FORMAT)
            .unwrap()
            .with_shard_bytes(4 * FORMAT.frame_bytes() as u64);
        let clips: Vec<Vec<u8>> = [3, 1, 5]
            .iter()
            .enumerate()
            .map(|(clip, frames)| {
                (0..frames * FORMAT.frame_bytes())
                    .map(|byte| (byte * 7 + clip * 31) as u8)
                    .collect()
            })
            .collect();
        for clip in &clips {
            writer.push_clip(clip, None).unwrap();
        }
        writer.finish().unwrap();
        clips
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let clips = sample(folder.path());
        let dataset = Arc::new(Dataset::open(folder.path()).unwrap());
        assert_eq!(dataset.format(), FORMAT);
        assert_eq!(dataset.clip_count(), 3);
        assert_eq!(dataset.total_frames(), 9);
        assert!(folder.path().join("shard-00001.frames").exists());
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (dataset, clips) = (Arc::clone(&dataset), clips.clone());
                std::thread::spawn(move || {
                    let mut out = Vec::new();
                    for _ in 0..50 {
                        for (clip, bytes) in clips.iter().enumerate() {
                            for start in 0..dataset.clip_len(clip) {
                                for count in 0..=dataset.clip_len(clip) - start {
                                    dataset.read_frames(clip, start, count, &mut out).unwrap();
                                    let frame = FORMAT.frame_bytes();
                                    assert_eq!(out, bytes[start * frame..(start + count) * frame]);
                                }
                            }
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }

    /// Frames are read where they are asked for, and the rest stays on the disk.
    #[test]
    #[cfg(unix)]
    fn a_shard_that_is_larger_than_memory_is_read_in_parts() {
        let folder = tempfile::tempdir().unwrap();
        sample(folder.path());
        // A terabyte, of which the disk holds the header and two frames: a file with holes.
        let frame = FORMAT.frame_bytes() as u64;
        let frames = (1u64 << 40) / frame;
        let index_path = folder.path().join(INDEX_NAME);
        let mut index = Index::read(&index_path).unwrap();
        index.shards.truncate(1);
        // Earlier versions wrote no checksums.
        index.shards[0].checksum = None;
        index.shards[0].clip_frames = vec![frames];
        fs::write(&index_path, serde_json::to_vec(&index).unwrap()).unwrap();
        let shard = folder.path().join("shard-00000.frames");
        let mut file = File::options().write(true).open(shard).unwrap();
        let header = ShardHeader {
            height: FORMAT.height as u32,
            width: FORMAT.width as u32,
            clips: 1,
            frames,
        };
        let mut put = |at: u64, bytes: &[u8]| {
            file.seek(SeekFrom::Start(at)).unwrap();
            file.write_all(bytes).unwrap();
        };
        put(0, &header.to_bytes());
        let last: Vec<u8> = (0..2 * frame).map(|at| at as u8).collect();
        put(HEADER_BYTES + (frames - 2) * frame, &last);
        let dataset = Dataset::open(folder.path()).unwrap();
        assert_eq!(dataset.total_frames(), frames);
        let mut out = Vec::new();
        dataset
            .read_frames(0, frames as usize - 2, 2, &mut out)
            .unwrap();
        assert_eq!(out, last);
        dataset
            .read_frames(0, frames as usize / 2, 1, &mut out)
            .unwrap();
        assert_eq!(out, vec![0; frame as usize]);
    }

    /// One of two processes finds what is wrong in its part.
    #[test]
    fn processes_share_the_checksums() {
        let folder = tempfile::tempdir().unwrap();
        sample(folder.path());
        let path = folder.path().join("shard-00001.frames");
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        let opened = |rank, count| Dataset::open_beside(folder.path(), (rank, count));
        assert_eq!(opened(0, 2).unwrap().total_frames(), 9);
        let error = opened(1, 2).unwrap_err().to_string();
        assert!(error.contains("shard-00001.frames"), "{error}");
        assert!(opened(0, 1).is_err());
    }

    #[test]
    fn frames_outside_a_clip_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        sample(folder.path());
        let dataset = Dataset::open(folder.path()).unwrap();
        let mut out = Vec::new();
        for (clip, start, count) in [(0, 1, 3), (3, 0, 1), (0, usize::MAX, 2), (1, 2, 0)] {
            let result = dataset.read_frames(clip, start, count, &mut out);
            assert!(
                matches!(result, Err(DatasetError::Request(_))),
                "{clip} {start} {count}"
            );
        }
    }

    #[test]
    fn no_true_actions_no_file() {
        let folder = tempfile::tempdir().unwrap();
        sample(folder.path());
        assert!(!folder.path().join("true_actions.bin").exists());
        assert!(TrueActions::open(folder.path()).is_err());
    }

    /// Opens a sample after something was done to one of its files; the error must name `blamed`.
    fn assert_refused(blamed: &str, damage: impl Fn(&Path)) {
        let folder = tempfile::tempdir().unwrap();
        sample(folder.path());
        damage(folder.path());
        let error = Dataset::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains(blamed), "{error}");
    }

    fn edit_index(folder: &Path, from: &str, to: &str) {
        let path = folder.join(INDEX_NAME);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
    }

    #[test]
    fn damage_is_named() {
        assert_refused("shard-00001.frames", |folder| {
            let path = folder.join("shard-00001.frames");
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        });
        assert_refused("shard-00000.frames", |folder| {
            fs::remove_file(folder.join("shard-00000.frames")).unwrap();
        });
        assert_refused("shard-00000.frames", |folder| {
            let path = folder.join("shard-00000.frames");
            let mut bytes = fs::read(&path).unwrap();
            bytes[0] = b'X';
            fs::write(&path, bytes).unwrap();
        });
        // One bit of one pixel.
        assert_refused("shard-00001.frames", |folder| {
            let path = folder.join("shard-00001.frames");
            let mut bytes = fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(&path, bytes).unwrap();
        });
        // A header that claims other clips than the index.
        assert_refused("shard-00000.frames", |folder| {
            let path = folder.join("shard-00000.frames");
            let mut bytes = fs::read(&path).unwrap();
            bytes[24] = 200;
            fs::write(&path, bytes).unwrap();
        });
        assert_refused("dataset.json", |folder| {
            fs::write(folder.join(INDEX_NAME), "{").unwrap();
        });
        assert_refused("dataset.json", |folder| {
            fs::remove_file(folder.join(INDEX_NAME)).unwrap();
        });
    }

    #[test]
    fn a_dataset_without_checksums_is_read_and_one_without_clips_is_not() {
        let folder = tempfile::tempdir().unwrap();
        sample(folder.path());
        let path = folder.path().join(INDEX_NAME);
        let mut index: Index = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for shard in &mut index.shards {
            shard.checksum = None;
        }
        index.write(&path).unwrap();
        assert!(Dataset::open(folder.path()).is_ok());
        index.shards.clear();
        index.write(&path).unwrap();
        let error = Dataset::open(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("dataset.json") && error.contains("no clips"),
            "{error}"
        );
    }

    #[test]
    fn a_lying_index_is_refused() {
        assert_refused("version", |folder| {
            edit_index(folder, "\"format_version\": 1", "\"format_version\": 2");
        });
        for height in ["0", "16385", "9000000000000"] {
            assert_refused("dataset.json", |folder| {
                edit_index(folder, "\"height\": 4", &format!("\"height\": {height}"));
            });
        }
        assert_refused("shard-00000.frames", |folder| {
            edit_index(folder, "\"height\": 4", "\"height\": 8");
        });
        // Lengths that overflow, or would ask for all memory if believed.
        for length in [
            u64::MAX.to_string(),
            (1_u64 << 62).to_string(),
            "7".to_owned(),
        ] {
            assert_refused("shard-00000.frames", |folder| {
                let path = folder.join(INDEX_NAME);
                let mut index: Index = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
                index.shards[0].clip_frames[0] = length.parse().unwrap();
                fs::write(&path, serde_json::to_vec(&index).unwrap()).unwrap();
            });
        }
        assert_refused("plain file name", |folder| {
            edit_index(folder, "shard-00000.frames", "../shard-00000.frames");
        });
    }
}
