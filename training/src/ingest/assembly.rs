//! The clips of all sources become the shards of a dataset.
//!
//! Everything here can be cut off at any moment and done again: shards get their names one by one, the same ones each time, and
//! the folder is a dataset only when the index is written at last.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use genie_model::atomic_file;

use super::IngestError;
use super::assembled_actions::{KnownActions, write_actions};
use super::clip_writer::UnitFile;
use super::unit::Finished;
use crate::dataset::{
    CHANNELS, FrameFormat, HEADER_BYTES, INDEX_NAME, Index, IndexShard, SHARD_BYTES, ShardHeader,
    VERSION,
};

/// Files that become one shard.
struct Group<'a> {
    files: Vec<(&'a Path, &'a UnitFile)>,
    bytes: u64,
}

fn groups<'a>(units: &'a [Finished], frame_bytes: u64) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut open: Option<Group<'a>> = None;
    for unit in units {
        for file in &unit.result.files {
            let bytes = file.clip_frames.iter().sum::<u64>() * frame_bytes;
            // A file that is a shard by itself is not copied.
            if bytes >= SHARD_BYTES / 2 {
                groups.extend(open.take());
            }
            let group = open.get_or_insert(Group {
                files: Vec::new(),
                bytes: 0,
            });
            group.files.push((&unit.folder, file));
            group.bytes += bytes;
            if group.bytes >= SHARD_BYTES / 2 {
                groups.extend(open.take());
            }
        }
    }
    groups.extend(open);
    groups
}

/// Writes the dataset, or adds to the one that is there.
pub(super) fn assemble(
    out: &Path,
    format: FrameFormat,
    units: &[Finished],
    existing: Option<Index>,
    known_actions: &KnownActions,
    before_index: &mut dyn FnMut() -> Result<(), IngestError>,
) -> Result<(), IngestError> {
    let mut index = existing.unwrap_or(Index {
        format_version: VERSION,
        height: format.height,
        width: format.width,
        channels: CHANNELS,
        frames_per_second: format.frames_per_second,
        game: None,
        shards: Vec::new(),
    });
    let first = index.shards.len();
    let groups = groups(units, format.frame_bytes() as u64);
    for (number, group) in groups.iter().enumerate() {
        let name = format!("shard-{:05}.frames", first + number);
        let path = out.join(&name);
        let clip_frames: Vec<u64> = group
            .files
            .iter()
            .flat_map(|(_, file)| file.clip_frames.iter().copied())
            .collect();
        let checksum = match group.files.as_slice() {
            [(folder, file)] => {
                link(&folder.join(&file.file), &path)?;
                file.checksum
            }
            files => {
                let mut whole = crc32fast::Hasher::new();
                for (_, file) in files {
                    let length = file.clip_frames.iter().sum::<u64>() * format.frame_bytes() as u64;
                    whole.combine(&crc32fast::Hasher::new_with_initial_len(
                        file.checksum,
                        length,
                    ));
                }
                let header = ShardHeader {
                    height: format.height as u32,
                    width: format.width as u32,
                    clips: clip_frames.len() as u64,
                    frames: clip_frames.iter().sum(),
                };
                merge(&path, header, files)?;
                whole.finalize()
            }
        };
        index.shards.push(IndexShard {
            file: name,
            clip_frames,
            checksum: Some(checksum),
        });
    }
    write_actions(out, units, known_actions)?;
    before_index()?;
    index.write(&out.join(INDEX_NAME))?;
    Ok(())
}

/// Gives a finished file its second name; the first one stays until all is done, so that this can be done again.
fn link(from: &Path, to: &Path) -> Result<(), IngestError> {
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(IngestError::io("replace", to)(error));
        }
        _ => {}
    }
    // Some file systems have no links.
    fs::hard_link(from, to)
        .or_else(|_| {
            atomic_file::write_with(to, |out| io::copy(&mut File::open(from)?, out).map(drop))
        })
        .map_err(IngestError::io("write", to))
}

/// Files of frames one behind the other.
fn merge(
    path: &Path,
    header: ShardHeader,
    files: &[(&Path, &UnitFile)],
) -> Result<(), IngestError> {
    atomic_file::write_with(path, |out| -> io::Result<()> {
        out.write_all(&header.to_bytes())?;
        for (folder, file) in files {
            let mut from = File::open(folder.join(&file.file))?;
            from.seek(SeekFrom::Start(HEADER_BYTES))?;
            let length = from.metadata()?.len().saturating_sub(HEADER_BYTES);
            io::copy(&mut from.take(length), out)?;
        }
        out.flush()?;
        out.get_ref().sync_all()
    })
    .map_err(IngestError::io("write", path))
}
