//! Transitions of whole clips with the latent action that a world infers and the true one.

use super::known_actions::KnownClips;
use super::{EvaluateError, WorldParts};
use crate::actions::TransitionPlace;

/// Frames that are inferred from at once: longer clips are cut, so that memory stays bounded.
const PIECE_FRAMES: usize = 128;
/// Such pieces in memory at a time.
const PIECES: usize = 16;

/// A real transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KnownTransition {
    /// Where it is among the clips, by their position in the list.
    pub(super) place: TransitionPlace,
    /// Index of the latent action that was inferred.
    pub(super) latent: usize,
    /// Number of the true action.
    pub(super) truth: u8,
}

/// All transitions of some clips, in ascending order of their places.
pub(super) fn known_transitions(
    parts: &WorldParts,
    known: &KnownClips,
) -> Result<Vec<KnownTransition>, EvaluateError> {
    first_known_transitions(parts, known, usize::MAX)
}

/// The same, but the first `most` of them.
pub(super) fn first_known_transitions(
    parts: &WorldParts,
    known: &KnownClips,
    most: usize,
) -> Result<Vec<KnownTransition>, EvaluateError> {
    let pieces: Vec<(usize, usize, usize)> = (known.clips.iter().enumerate())
        .flat_map(|(position, &clip)| {
            let frames = known.dataset.clip_len(clip);
            // Pieces share a frame, so that no transition falls between them.
            let starts = (0..frames.saturating_sub(1)).step_by(PIECE_FRAMES - 1);
            starts.map(move |start| (position, start, (start + PIECE_FRAMES).min(frames)))
        })
        .collect();
    let mut all = Vec::new();
    for pieces in pieces.chunks(PIECES) {
        if all.len() >= most {
            break;
        }
        let mut clips = Vec::with_capacity(pieces.len());
        for &(position, start, end) in pieces {
            let mut bytes = Vec::new();
            let clip = known.clips[position];
            (known.dataset).read_frames(clip, start, end - start, &mut bytes)?;
            clips.push(bytes);
        }
        let clips: Vec<&[u8]> = clips.iter().map(|clip| &clip[..]).collect();
        let inferred = parts.infer(&clips)?;
        for (&(clip, start, _), latents) in pieces.iter().zip(inferred) {
            let truth = known.actions.clip(known.clips[clip]).unwrap_or_default();
            let truth = truth.iter().skip(start);
            all.extend(
                latents
                    .into_iter()
                    .zip(truth)
                    .enumerate()
                    .map(|(at, (latent, &truth))| KnownTransition {
                        place: TransitionPlace {
                            clip,
                            frame: start + at,
                        },
                        latent,
                        truth,
                    }),
            );
        }
    }
    all.truncate(most);
    Ok(all)
}
