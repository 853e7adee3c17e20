//! The clips of all sources become the shards of a dataset.
//!
//! Everything here can be cut off at any moment and done again: shards get their names one by one, the same ones each time, and
//! the folder is a dataset only when the index is written at last.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use genie_model::atomic_file::{self, temporary_path};
use serde::{Deserialize, Serialize};

use super::IngestError;
use super::clip_writer::UnitFile;
use super::remark::{Remark, RemarkKind};
use super::unit::UnitResult;
use crate::dataset::{
    CHANNELS, FrameFormat, HEADER_BYTES, INDEX_NAME, Index, IndexShard, SHARD_BYTES, ShardHeader,
    TRUE_ACTIONS_NAME, TRUE_ACTIONS_NAMES, TrueActions, VERSION, encode_true_actions,
};

/// The names of a dataset's true actions; action i is the i-th.
#[derive(Debug, Default, Serialize, Deserialize)]
struct ActionNames {
    /// Keys joined by `+`; empty for none.
    keys: Vec<String>,
}

/// A finished unit and its folder.
pub(super) struct Finished {
    pub(super) folder: PathBuf,
    pub(super) result: UnitResult,
}

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
    remarks: &mut Vec<Remark>,
    before_index: &mut dyn FnMut(&[Remark]) -> Result<(), IngestError>,
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
    let known_clips: usize = index
        .shards
        .iter()
        .map(|shard| shard.clip_frames.len())
        .sum();
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
    write_actions(out, units, known_clips, remarks)?;
    before_index(remarks)?;
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
    let partial = temporary_path(path);
    let write = || -> io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&partial)?);
        out.write_all(&header.to_bytes())?;
        for (folder, file) in files {
            let mut from = File::open(folder.join(&file.file))?;
            from.seek(SeekFrom::Start(HEADER_BYTES))?;
            let length = from.metadata()?.len().saturating_sub(HEADER_BYTES);
            io::copy(&mut from.take(length), &mut out)?;
        }
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&partial);
        IngestError::io("write", path)(error)
    })
}

/// Writes the true actions if all clips have some.
fn write_actions(
    out: &Path,
    units: &[Finished],
    known_clips: usize,
    remarks: &mut Vec<Remark>,
) -> Result<(), IngestError> {
    let path = out.join(TRUE_ACTIONS_NAME);
    let names_path = out.join(TRUE_ACTIONS_NAMES);
    let with: Vec<bool> = units
        .iter()
        .filter(|unit| !unit.result.report.clips.is_empty())
        .map(|unit| unit.result.actions.is_some())
        .collect();
    let known = (known_clips > 0)
        .then(|| TrueActions::open(out).ok())
        .flatten()
        .filter(|known| known.clip_count() >= known_clips);
    let known_names = fs::read(&names_path)
        .ok()
        .and_then(|text| serde_json::from_slice::<ActionNames>(&text).ok());
    let complete = known_clips == 0 || (known.is_some() && known_names.is_some());
    if !with.iter().all(|with| *with) || with.is_empty() || !complete {
        if with.contains(&true) || known.is_some() {
            remarks.push(Remark::new(
                RemarkKind::Skipped,
                "true actions are not known for all clips: the dataset has none",
            ));
        }
        for path in [&path, &names_path] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(IngestError::io("remove", path)(error));
                }
                _ => {}
            }
        }
        return Ok(());
    }
    let all = || {
        units
            .iter()
            .filter_map(|unit| unit.result.actions.as_ref())
            .flatten()
    };
    let mut names = if known_clips > 0 {
        known_names.unwrap_or_default().keys
    } else {
        Vec::new()
    };
    let new: BTreeSet<&String> = all().flatten().collect();
    for name in new {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    if names.len() > 256 {
        return Err(IngestError::Request(format!(
            "{} different sets of keys in the files of true actions are too many (at most 256)",
            names.len()
        )));
    }
    let number = |keys: &String| names.iter().position(|name| name == keys).unwrap_or(0) as u8;
    let mut clips: Vec<Vec<u8>> = Vec::new();
    if let Some(known) = &known {
        clips.extend((0..known_clips).filter_map(|clip| known.clip(clip).map(<[u8]>::to_vec)));
    }
    clips.extend(all().map(|clip| clip.iter().map(number).collect()));
    let slices: Vec<&[u8]> = clips.iter().map(Vec::as_slice).collect();
    atomic_file::write(&path, &encode_true_actions(&slices))
        .map_err(IngestError::io("write", &path))?;
    let text = serde_json::to_vec_pretty(&ActionNames {
        keys: names.clone(),
    })
    .unwrap_or_default();
    atomic_file::write(&names_path, &text).map_err(IngestError::io("write", &names_path))
}
