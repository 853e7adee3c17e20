//! Where a group of classes is in each frame, and how it moves relative to the scene.

use super::AgentSettings;
use super::observation::ClipObservation;
use super::thing::Thing;
use super::tracking::track;

/// A group in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GroupState {
    /// Displacement to the next frame relative to the scene, [x, y]; zero where it is not seen.
    pub(crate) motion: [f32; 2],
    /// Whether the displacement was seen.
    pub(crate) seen: bool,
    /// How many of its blobs are there; none where it is not followed.
    pub(crate) count: usize,
    /// Centre of the one that is followed.
    pub(crate) place: [f32; 2],
}

/// The states of a group in every frame of a clip, by the one of its blobs that is followed: a player is the same thing in the next frame,
/// though something larger may look like it for a while. `edges` are the picture's width and height in working pixels.
pub(crate) fn series(
    clip: &ClipObservation,
    labels: &[Vec<usize>],
    thing: &Thing,
    edges: [f32; 2],
    settings: &AgentSettings,
) -> Vec<GroupState> {
    let frames = track(clip, labels, thing, edges, settings);
    (frames.iter().enumerate())
        .map(|(frame, tracked)| {
            let here = tracked.blob.map(|index| clip.blobs[frame][index].centre);
            let members = (clip.blobs[frame].iter().zip(&labels[frame]))
                .filter(|(blob, label)| thing.may_be(blob, **label))
                .count();
            GroupState {
                motion: if tracked.seen {
                    tracked.motion
                } else {
                    [0.0; 2]
                },
                seen: tracked.seen,
                count: here.map_or(0, |_| members),
                place: here.unwrap_or([-1.0; 2]),
            }
        })
        .collect()
}

/// Share of the frames in which a group moves.
pub(crate) fn activity(clips: &[Vec<GroupState>], settings: &AgentSettings) -> f32 {
    let moves = |state: &&GroupState| moving(state.motion, settings);
    let frames: usize = clips.iter().map(Vec::len).sum();
    clips.iter().flatten().filter(moves).count() as f32 / frames.max(1) as f32
}

/// Share of the frames through which a group lasts: it was seen before, and is or will be seen again near there. So one that stands still, and is
/// taken for a part of the scene until it goes on, is there all the time. What comes and goes has less, and so have shots: the one that is followed is
/// another thing in the next frame, and its motion cannot be predicted for that reason alone.
pub(crate) fn continuity(
    clips: &[ClipObservation],
    states: &[Vec<GroupState>],
    settings: &AgentSettings,
) -> f32 {
    let (mut all, mut kept) = (0_usize, 0_usize);
    for (clip, states) in clips.iter().zip(states) {
        all += states.len().saturating_sub(1);
        // Where it was seen last, carried along with the scene, and when.
        let mut last: Option<(usize, [f32; 2])> = None;
        for (frame, here) in states.iter().enumerate() {
            let scroll = clip.scroll_to(frame);
            if let Some((_, place)) = &mut last {
                *place = [place[0] + scroll[0], place[1] + scroll[1]];
            }
            if here.count == 0 {
                continue;
            }
            if let Some((before, place)) = last {
                let apart = |axis: usize| (here.place[axis] - place[axis]).abs();
                if apart(0).max(apart(1)) <= settings.blob_reach as f32 {
                    kept += frame - before;
                }
            }
            last = Some((frame, here.place));
        }
    }
    kept as f32 / all.max(1) as f32
}

/// Whether a displacement is more than noise.
pub(crate) fn moving(motion: [f32; 2], settings: &AgentSettings) -> bool {
    motion.iter().any(|part| part.abs() > settings.least_motion)
}
