//! Pictures to begin from, cut from the footage.

use std::fs;
use std::path::{Path, PathBuf};

use genie_model::{Frame, PixelRect};

use super::DreamError;
use crate::dataset::Dataset;
use crate::pictures::{RgbFrame, write_png};

/// How many there are, and among how many frames they are chosen.
const PROMPTS: usize = 6;
const CANDIDATES: usize = 60;
/// Side of the small pictures by which frames are compared.
const SMALL: usize = 8;

/// Writes a few frames that differ much from each other into a folder, and removes what an earlier dream left there.
pub(super) fn write(dataset: &Dataset, folder: &Path) -> Result<Vec<PathBuf>, DreamError> {
    fs::create_dir_all(folder).map_err(DreamError::io("make the folder", folder))?;
    let candidates = candidates(dataset)?;
    let chosen = farthest(&candidates);
    let mut paths = Vec::new();
    for (number, &index) in chosen.iter().enumerate() {
        let frame = &candidates[index].0;
        let path = folder.join(format!("prompt-{}.png", number + 1));
        let picture = RgbFrame::new(frame.height(), frame.width(), frame.pixels())?;
        write_png(&path, picture, 1)?;
        paths.push(path);
    }
    for number in chosen.len() + 1..=PROMPTS {
        let _ = fs::remove_file(folder.join(format!("prompt-{number}.png")));
    }
    Ok(paths)
}

/// Frames spread over the footage, and each as a small picture.
fn candidates(dataset: &Dataset) -> Result<Vec<(Frame, Vec<u8>)>, DreamError> {
    let format = dataset.format();
    let total = dataset.total_frames();
    let count = (CANDIDATES as u64).min(total);
    let mut frames = Vec::new();
    let (mut clip, mut before) = (0, 0_u64);
    let mut bytes = Vec::new();
    for number in 0..count {
        let at = number * total / count;
        while at >= before + dataset.clip_len(clip) as u64 {
            before += dataset.clip_len(clip) as u64;
            clip += 1;
        }
        dataset.read_frames(clip, (at - before) as usize, 1, &mut bytes)?;
        let frame = Frame::from_rgb(format.width, format.height, bytes.clone())?;
        let whole = PixelRect {
            x: 0,
            y: 0,
            width: frame.width(),
            height: frame.height(),
        };
        let small = frame.scaled(whole, SMALL, SMALL).into_pixels();
        frames.push((frame, small));
    }
    Ok(frames)
}

/// Indices of frames, each as far as can be from those before it.
fn farthest(candidates: &[(Frame, Vec<u8>)]) -> Vec<usize> {
    let distance = |a: &[u8], b: &[u8]| -> u64 {
        a.iter()
            .zip(b)
            .map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2))
            .sum()
    };
    let mut chosen = vec![candidates.len() / 2];
    while chosen.len() < PROMPTS.min(candidates.len()) {
        let nearest = |index: usize| {
            chosen
                .iter()
                .map(|&other: &usize| distance(&candidates[index].1, &candidates[other].1))
                .min()
                .unwrap_or(0)
        };
        let Some(next) = (0..candidates.len()).max_by_key(|&index| nearest(index)) else {
            break;
        };
        if nearest(next) == 0 {
            break;
        }
        chosen.push(next);
    }
    chosen.retain(|&index| index < candidates.len());
    chosen
}
