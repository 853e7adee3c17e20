//! Making footage and importing it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::AtomicBool;

use genie_training::dataset::Dataset;
use genie_training::ingest::{IngestError, IngestOptions, Progress, Summary, ingest};
use image::{ImageFormat, Rgb, RgbImage};

/// Imports a path into `out` as the options say.
pub(crate) fn import(
    path: &Path,
    out: &Path,
    options: &IngestOptions,
) -> Result<Summary, IngestError> {
    let paths = [path.to_path_buf()];
    ingest(
        &paths,
        out,
        options,
        &Progress::default(),
        &AtomicBool::new(false),
    )
}

/// Options that keep everything, in frames of a size.
pub(crate) fn keeping(width: usize, height: usize) -> IngestOptions {
    IngestOptions {
        width,
        height,
        keep_all: true,
        ..IngestOptions::default()
    }
}

/// All clips of a dataset, each frame by its bytes.
pub(crate) fn clips(folder: &Path) -> Vec<Vec<Vec<u8>>> {
    let dataset = Dataset::open(folder).unwrap();
    (0..dataset.clip_count())
        .map(|clip| {
            let mut bytes = Vec::new();
            dataset
                .read_frames(clip, 0, dataset.clip_len(clip), &mut bytes)
                .unwrap();
            bytes
                .chunks(dataset.format().frame_bytes())
                .map(<[u8]>::to_vec)
                .collect()
        })
        .collect()
}

/// What a clip's frames are told apart by: the first byte of each.
pub(crate) fn first_bytes(folder: &Path) -> Vec<Vec<u8>> {
    clips(folder)
        .iter()
        .map(|clip| clip.iter().map(|frame| frame[0]).collect())
        .collect()
}

/// A picture whose pixels all have a value.
pub(crate) fn plain(width: u32, height: u32, value: u8) -> RgbImage {
    RgbImage::from_pixel(width, height, Rgb([value, 90, 30]))
}

/// A picture with texture, moved to the left by `x`.
pub(crate) fn textured(width: u32, height: u32, x: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |px, y| {
        let block = ((px + x) / 5 * 7 + y / 5 * 13) % 17;
        Rgb([
            (block * 14) as u8,
            (255 - block * 9) as u8,
            (40 + block * 5) as u8,
        ])
    })
}

/// A chunk of a PNG with its checksum.
pub(crate) fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut out = (data.len() as u32).to_be_bytes().to_vec();
    out.extend(kind);
    out.extend(data);
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&kind);
    checksum.update(data);
    out.extend(checksum.finalize().to_be_bytes());
    out
}

pub(crate) fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(crate) fn save(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// The `genie` command.
pub(crate) fn genie(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_genie"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Every file below a folder by its name, with its bytes.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_path_buf();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Runs the program ffmpeg, or says that there is none.
pub(crate) fn ffmpeg(arguments: &[&str]) -> Option<()> {
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments)
        .output()
        .ok()?;
    assert!(
        done.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    Some(())
}

/// The texts of a summary's remarks, in one.
pub(crate) fn said(summary: &Summary) -> String {
    let texts: Vec<&str> = summary
        .remarks
        .iter()
        .map(|(_, remark)| remark.text.as_str())
        .collect();
    texts.join("; ")
}
