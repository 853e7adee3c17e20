//! Pictures to begin from, cut from the footage.

use std::fs;
use std::path::{Path, PathBuf};

use genie_model::{Frame, PixelRect};

use super::DreamError;
use super::beginnings::beginning;
use crate::dataset::Dataset;
use crate::evaluate::{EvaluateError, WorldParts};
use crate::pictures::{RgbFrame, write_png};

/// How many there are, and among how many frames they are chosen.
const PROMPTS: usize = 6;
const CANDIDATES: usize = 60;
/// Frames before and after one that help to tell whether it shows the player.
const AROUND: usize = 12;
/// Side of the small pictures by which frames are compared.
const SMALL: usize = 8;

/// Writes a few frames that differ much from each other into a folder, and removes what an earlier dream left there. They show the
/// player, where one is known and enough of them do.
pub(super) fn write(
    parts: &WorldParts,
    dataset: &Dataset,
    folder: &Path,
) -> Result<Vec<PathBuf>, DreamError> {
    fs::create_dir_all(folder).map_err(DreamError::io("make the folder", folder))?;
    let mut candidates = candidates(dataset)?;
    let shows = show_player(parts, &candidates)?;
    if shows.iter().filter(|&&shows| shows).count() >= PROMPTS {
        let mut shows = shows.into_iter();
        candidates.retain(|_| shows.next().unwrap_or(true));
    }
    let chosen = farthest(&candidates);
    let mut paths = Vec::new();
    for (number, &index) in chosen.iter().enumerate() {
        let frame = &candidates[index].frame;
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

/// A frame that may become a prompt.
struct Candidate {
    frame: Frame,
    /// The same in a few pixels.
    small: Vec<u8>,
    /// The frames around it, as bytes, and its place among them.
    around: Vec<u8>,
    place: usize,
}

/// Frames spread over the footage.
fn candidates(dataset: &Dataset) -> Result<Vec<Candidate>, DreamError> {
    let format = dataset.format();
    let total = dataset.total_frames();
    let count = (CANDIDATES as u64).min(total);
    let mut found = Vec::new();
    let (mut clip, mut before) = (0, 0_u64);
    for number in 0..count {
        let at = number * total / count;
        while at >= before + dataset.clip_len(clip) as u64 {
            before += dataset.clip_len(clip) as u64;
            clip += 1;
        }
        let at = (at - before) as usize;
        let start = at.saturating_sub(AROUND);
        let frames = (at + AROUND + 1).min(dataset.clip_len(clip)) - start;
        let (mut around, place) = (Vec::new(), at - start);
        dataset.read_frames(clip, start, frames, &mut around)?;
        let size = format.width * format.height * 3;
        let bytes = around[place * size..][..size].to_vec();
        let frame = Frame::from_rgb(format.width, format.height, bytes)?;
        let whole = PixelRect {
            x: 0,
            y: 0,
            width: frame.width(),
            height: frame.height(),
        };
        let small = frame.scaled(whole, SMALL, SMALL).into_pixels();
        found.push(Candidate {
            frame,
            small,
            around,
            place,
        });
    }
    Ok(found)
}

/// Which of them show the player; none if nothing is known of one.
fn show_player(parts: &WorldParts, candidates: &[Candidate]) -> Result<Vec<bool>, EvaluateError> {
    let size = [parts.config().frame_width, parts.config().frame_height];
    // A clip of a single frame has no transition to see a player in.
    let moving = |it: &Candidate| it.around.len() > parts.frame_bytes();
    let clips: Vec<&[u8]> = (candidates.iter().filter(|it| moving(it)))
        .map(|it| &it.around[..])
        .collect();
    let Some(places) = parts.player_places(&clips)? else {
        return Ok(vec![false; candidates.len()]);
    };
    let mut places = places.into_iter();
    let shows = |it: &Candidate| {
        moving(it)
            && (places.next()).is_some_and(|places| beginning(&places, size, it.place).is_some())
    };
    Ok(candidates.iter().map(shows).collect())
}

/// Indices of frames, each as far as can be from those before it.
fn farthest(candidates: &[Candidate]) -> Vec<usize> {
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
                .map(|&other: &usize| distance(&candidates[index].small, &candidates[other].small))
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
