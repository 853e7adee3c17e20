//! A part of the footage is held out of the training: what a world is compared with it must never have seen.

use std::path::Path;

use super::DreamError;
use crate::dataset::{Dataset, DatasetWriter, TRUE_ACTIONS_NAMES, TrueActions};

/// Clips from that length on give their end; shorter ones are given whole, one in twelve.
const LONG_CLIP: usize = 200;
/// Share of a long clip that is held out.
const SHARE: usize = 12;
/// Frames between both parts, which show nearly the same.
const GAP: usize = 10;
/// Frames that are copied at a time.
const CHUNK: usize = 256;

/// Frames `from..to` of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    clip: usize,
    from: usize,
    to: usize,
}

/// Which pieces are trained on, and which are held out.
fn pieces(lengths: &[usize]) -> (Vec<Piece>, Vec<Piece>) {
    let (mut train, mut held) = (Vec::new(), Vec::new());
    let long = lengths.iter().any(|&length| length >= LONG_CLIP);
    let whole_clips = if long {
        Vec::new()
    } else {
        whole_clips(lengths)
    };
    for (clip, &length) in lengths.iter().enumerate() {
        let whole = Piece {
            clip,
            from: 0,
            to: length,
        };
        if length >= LONG_CLIP || (!long && whole_clips.is_empty()) {
            let kept = length - length.div_ceil(SHARE).max(16).min(length / 4);
            held.push(Piece {
                from: kept,
                ..whole
            });
            train.push(Piece {
                to: kept.saturating_sub(GAP.min(kept / 8)),
                ..whole
            });
        } else if whole_clips.contains(&clip) {
            held.push(whole);
        } else {
            train.push(whole);
        }
    }
    train.retain(|piece| piece.to > piece.from + 1);
    held.retain(|piece| piece.to > piece.from + 1);
    (train, held)
}

/// One short clip in twelve, as long as they are not more than a quarter of the frames; none if the clips are too few or too unlike.
fn whole_clips(lengths: &[usize]) -> Vec<usize> {
    let most = lengths.iter().sum::<usize>() / 4;
    let mut held = 0;
    let mut chosen: Vec<usize> = (0..lengths.len()).skip(3).step_by(SHARE).collect();
    chosen.retain(|&clip| {
        let fits = held + lengths[clip] <= most;
        if fits {
            held += lengths[clip];
        }
        fits
    });
    chosen
}

/// Writes both parts of a dataset as datasets of their own.
pub(super) fn split(dataset: &Dataset, train: &Path, held: &Path) -> Result<(), DreamError> {
    let lengths: Vec<usize> = (0..dataset.clip_count())
        .map(|clip| dataset.clip_len(clip))
        .collect();
    let truth = TrueActions::of(dataset).ok().flatten();
    let parts = pieces(&lengths);
    for (folder, pieces) in [(train, &parts.0), (held, &parts.1)] {
        if pieces.is_empty() {
            return Err(DreamError::Request(format!(
                "{} frames of footage are too few: nothing can be held out for evaluation",
                dataset.total_frames()
            )));
        }
        if folder.join("dataset.json").exists() {
            continue;
        }
        let mut writer = DatasetWriter::create(folder, dataset.format())?;
        if let Some(game) = dataset.game() {
            writer = writer.with_game(game);
        }
        let mut bytes = Vec::new();
        for piece in pieces {
            let mut at = piece.from;
            while at < piece.to {
                let count = CHUNK.min(piece.to - at);
                dataset.read_frames(piece.clip, at, count, &mut bytes)?;
                for frame in bytes.chunks_exact(dataset.format().frame_bytes()) {
                    writer.push_frame(frame)?;
                }
                at += count;
            }
            let actions = truth
                .as_ref()
                .and_then(|truth| truth.clip(piece.clip))
                .and_then(|actions| actions.get(piece.from..piece.to - 1));
            writer.end_clip(actions)?;
        }
        let names = dataset.folder().join(TRUE_ACTIONS_NAMES);
        if names.exists() {
            let to = folder.join(TRUE_ACTIONS_NAMES);
            std::fs::copy(&names, &to).map_err(DreamError::io("write", &to))?;
        }
        writer.finish()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_longer_clip_among_short_ones_is_not_held_out_whole() {
        for lengths in [vec![20, 20, 20, 30], vec![20, 20, 20, 199]] {
            let (train, held) = pieces(&lengths);
            let frames = |pieces: &[Piece]| pieces.iter().map(|p| p.to - p.from).sum::<usize>();
            assert!(frames(&held) * 2 < frames(&train), "{lengths:?}");
        }
        let (_, held) = pieces(&[40; 30]);
        assert_eq!(
            held.iter().map(|piece| piece.clip).collect::<Vec<_>>(),
            [3, 15, 27]
        );
    }

    proptest! {
        #[test]
        fn no_frame_is_on_both_sides_and_most_is_trained_on(
            lengths in proptest::collection::vec(20_usize..900, 1..40),
        ) {
            let (train, held) = pieces(&lengths);
            prop_assert!(!train.is_empty() && !held.is_empty());
            for piece in train.iter().chain(&held) {
                prop_assert!(piece.from < piece.to && piece.to <= lengths[piece.clip]);
            }
            for (a, b) in train.iter().flat_map(|a| held.iter().map(move |b| (a, b))) {
                prop_assert!(a.clip != b.clip || a.to <= b.from || b.to <= a.from);
            }
            let frames = |pieces: &[Piece]| pieces.iter().map(|p| p.to - p.from).sum::<usize>();
            prop_assert!(frames(&held) * 2 < frames(&train), "{} of {}", frames(&held), frames(&train));
        }
    }
}
