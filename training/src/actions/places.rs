//! Transitions of footage, by where they are.

use rayon::prelude::*;

use super::footage::{FrameSource, Planes, Window, WorkingSize, read_window, windows};
use crate::dataset::{DatasetError, TrueActions};

/// Frames that are read on both sides of a window: as far as anything looks around a transition.
const MARGIN: usize = 2;

/// A transition: its clip, and the earlier of its two frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransitionPlace {
    /// Number of the clip.
    pub clip: usize,
    /// The earlier frame.
    pub frame: usize,
}

/// At most so many of the transitions whose true action is known, spread evenly, and these actions.
pub(super) fn known_places(
    source: &dyn FrameSource,
    truth: &TrueActions,
    most: usize,
) -> (Vec<TransitionPlace>, Vec<u8>) {
    let all: Vec<(TransitionPlace, u8)> = (0..source.clip_count())
        .filter_map(|clip| Some((clip, truth.clip(clip)?)))
        .filter(|(clip, truth)| truth.len() + 1 == source.clip_len(*clip))
        .flat_map(|(clip, truth)| {
            let known = truth.iter().copied().enumerate();
            known.map(move |(frame, action)| (TransitionPlace { clip, frame }, action))
        })
        .collect();
    let count = all.len().min(most);
    (0..count).map(|at| all[at * all.len() / count]).unzip()
}

/// Looks at some places, in ascending order, window by window: `look` gets the frames of a window and its places, of which there are some.
/// The results are in the order of the places.
pub(super) fn by_window<T: Send>(
    source: &dyn FrameSource,
    places: &[TransitionPlace],
    size: WorkingSize,
    look: impl Fn(&[Planes], &Window, &[TransitionPlace]) -> T + Sync,
) -> Result<Vec<T>, DatasetError> {
    check(source, places)?;
    let mut clips: Vec<usize> = places.iter().map(|place| place.clip).collect();
    clips.dedup();
    let first = |clip, frame| places.partition_point(|it| *it < TransitionPlace { clip, frame });
    windows(source, &clips, MARGIN)
        .par_iter()
        .map(|window| {
            let here = first(window.clip, window.start)..first(window.clip, window.end);
            (window, &places[here])
        })
        .filter(|(_, here)| !here.is_empty())
        .map(|(window, here)| Ok(look(&read_window(source, window, size)?, window, here)))
        .collect()
}

/// Refuses places that are not there, or not in ascending order.
fn check(source: &dyn FrameSource, places: &[TransitionPlace]) -> Result<(), DatasetError> {
    let clips = source.clip_count();
    let there = |place: &TransitionPlace| {
        place.clip < clips && place.frame.saturating_add(1) < source.clip_len(place.clip)
    };
    if let Some(place) = places.iter().find(|place| !there(place)) {
        return Err(DatasetError::Request(format!(
            "there is no transition from frame {} of clip {} on",
            place.frame, place.clip
        )));
    }
    if !places.is_sorted() {
        return Err(DatasetError::Request(
            "transitions must be asked for in ascending order".to_owned(),
        ));
    }
    Ok(())
}
