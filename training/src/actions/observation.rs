//! What is seen in footage before anything is known of a player: scrolls, and blobs with their looks and motion.

use genie_model::block_matching::SearchArea;
use rayon::prelude::*;

use super::AgentSettings;
use super::blob_motion::{Match, find, search_area};
use super::blobs::{LOOK_VALUES, look, pieces};
use super::footage::{FrameSource, Planes, Window, WorkingSize, read_window, windows};
use super::foreground::Comparison;
use super::scroll::scroll;
use crate::dataset::DatasetError;

/// A blob as the search remembers it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Blob {
    /// Centre of its box, [x, y], in working pixels.
    pub(crate) centre: [f32; 2],
    /// Edges of its box, [width, height].
    pub(crate) edges: [f32; 2],
    /// Pixels.
    pub(crate) area: f32,
    pub(crate) look: [f32; LOOK_VALUES],
    /// Where it is in the next frame.
    pub(crate) forward: Option<Match>,
    /// Where it was in the frame before: displacement from here to there.
    pub(crate) backward: Option<Match>,
}

/// A clip as the search remembers it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClipObservation {
    /// Displacement of the scene from each frame to the next; nothing after the last.
    pub(crate) scrolls: Vec<[f32; 2]>,
    /// Blobs of each frame.
    pub(crate) blobs: Vec<Vec<Blob>>,
}

impl ClipObservation {
    /// Number of frames.
    pub(crate) fn frames(&self) -> usize {
        self.blobs.len()
    }

    /// Displacement of the scene that leads to a frame.
    pub(crate) fn scroll_to(&self, frame: usize) -> [f32; 2] {
        frame
            .checked_sub(1)
            .map_or([0.0; 2], |before| self.scrolls[before])
    }
}

/// Whether the camera moves in this footage: decides how foreground is distinguished from the scene.
pub(crate) fn camera_moves(scrolls: &[Vec<[f32; 2]>], settings: &AgentSettings) -> bool {
    // Anything below half a pixel is found by rounding to be no scroll.
    let moving = |scroll: &&[f32; 2]| scroll.iter().any(|part| part.abs() > 0.5);
    let total: usize = scrolls.iter().map(Vec::len).sum();
    let moving = scrolls.iter().flatten().filter(moving).count();
    moving as f32 > settings.scrolling_share * total as f32
}

/// The scrolls of the given clips, each as long as the clip has transitions.
pub(crate) fn scrolls(
    source: &dyn FrameSource,
    clips: &[usize],
    size: WorkingSize,
    settings: &AgentSettings,
) -> Result<Vec<Vec<[f32; 2]>>, DatasetError> {
    let edges = (size.height, size.width);
    per_transition(source, clips, size, &Planes::grey, &|before, after| {
        scroll(before, after, edges, settings)
    })
}

/// What is seen between each two frames of the given clips, as they are `prepared`: as many as a clip has transitions.
pub(crate) fn per_transition<P, T: Send>(
    source: &dyn FrameSource,
    clips: &[usize],
    size: WorkingSize,
    prepared: &(dyn Fn(&Planes) -> P + Sync),
    seen: &(dyn Fn(&P, &P) -> T + Sync),
) -> Result<Vec<Vec<T>>, DatasetError> {
    let windows = windows(source, clips, 1);
    let parts: Vec<Vec<T>> = windows
        .par_iter()
        .map(|window| {
            let frames: Vec<P> = (read_window(source, window, size)?.iter())
                .map(prepared)
                .collect();
            let first = window.start - window.read_start;
            let last = (window.end - window.read_start).min(frames.len() - 1);
            Ok((first..last)
                .map(|at| seen(&frames[at], &frames[at + 1]))
                .collect())
        })
        .collect::<Result<_, DatasetError>>()?;
    Ok(gather(clips, &windows, parts))
}

/// The blobs of every frame of the given clips, whose scrolls are known.
pub(crate) fn observe(
    source: &dyn FrameSource,
    clips: &[usize],
    scrolls: Vec<Vec<[f32; 2]>>,
    size: WorkingSize,
    camera_moves: bool,
    settings: &AgentSettings,
) -> Result<Vec<ClipObservation>, DatasetError> {
    let margin = settings
        .compared_frames
        .iter()
        .map(|offset| offset.unsigned_abs())
        .max();
    let windows = windows(source, clips, margin.unwrap_or(1).max(1) as usize);
    let mut clip_scrolls = vec![&[][..]; source.clip_count()];
    for (&clip, scrolls) in clips.iter().zip(&scrolls) {
        clip_scrolls[clip] = scrolls;
    }
    let parts: Vec<Vec<Vec<Blob>>> = windows
        .par_iter()
        .map(|window| {
            let frames = read_window(source, window, size)?;
            let scrolls = &clip_scrolls[window.clip][window.read_start..window.read_end - 1];
            let comparison = Comparison::new(&frames, scrolls, camera_moves, settings);
            let wanted = window.start - window.read_start..window.end - window.read_start;
            let from = wanted.start.saturating_sub(1);
            let until = (wanted.end + 1).min(frames.len());
            let areas: Vec<SearchArea> = frames[from..until]
                .iter()
                .map(|frame| search_area(frame, settings))
                .collect();
            let blobs = wanted.map(|at| {
                let mask = comparison.foreground(at);
                let neighbour = |at: Option<usize>| {
                    at.filter(|at| (from..until).contains(at))
                        .map(|at| &areas[at - from])
                };
                let (next, previous) = (neighbour(Some(at + 1)), neighbour(at.checked_sub(1)));
                pieces(&mask, size.width, settings)
                    .iter()
                    .map(|piece| {
                        let matched = |other: Option<&SearchArea>| {
                            other.and_then(|other| find(piece, &frames[at], other, settings))
                        };
                        Blob {
                            centre: piece.centre(),
                            edges: [piece.width as f32, piece.height as f32],
                            area: piece.pixels.len() as f32,
                            look: look(piece, &frames[at]),
                            forward: matched(next),
                            backward: matched(previous),
                        }
                    })
                    .collect()
            });
            Ok(blobs.collect())
        })
        .collect::<Result<_, DatasetError>>()?;
    let blobs = gather(clips, &windows, parts);
    Ok(scrolls
        .into_iter()
        .zip(blobs)
        .map(|(scrolls, blobs)| ClipObservation { scrolls, blobs })
        .collect())
}

/// Puts the results of windows together, clip by clip.
fn gather<T>(clips: &[usize], windows: &[Window], parts: Vec<Vec<T>>) -> Vec<Vec<T>> {
    let mut parts = windows.iter().zip(parts).peekable();
    clips
        .iter()
        .map(|&clip| {
            let mut whole = Vec::new();
            while let Some((_, part)) = parts.next_if(|(window, _)| window.clip == clip) {
                whole.extend(part);
            }
            whole
        })
        .collect()
}
