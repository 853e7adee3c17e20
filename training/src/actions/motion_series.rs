//! Where a group of classes is in each frame, and how it moves relative to the scene.

use super::AgentSettings;
use super::appearance::Group;
use super::observation::ClipObservation;

/// A group in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GroupState {
    /// Displacement to the next frame relative to the scene, [x, y]; zero where it is not seen.
    pub(crate) motion: [f32; 2],
    /// Whether the displacement was seen.
    pub(crate) seen: bool,
    /// How many of its blobs are there.
    pub(crate) count: usize,
    /// Centre of the largest one.
    pub(crate) place: [f32; 2],
}

/// The states of a group in every frame of a clip, by its largest blob.
pub(crate) fn series(
    clip: &ClipObservation,
    labels: &[Vec<usize>],
    group: &Group,
) -> Vec<GroupState> {
    let largest = |frame: usize| {
        let blobs = clip.blobs.get(frame)?;
        let mut best = None;
        for (blob, label) in blobs.iter().zip(&labels[frame]) {
            if group.contains(label) && best.is_none_or(|(area, _)| blob.area > area) {
                best = Some((blob.area, blob));
            }
        }
        best.map(|(_, blob)| blob)
    };
    (0..clip.frames())
        .map(|frame| {
            let here = largest(frame);
            let shift = match here {
                Some(blob) => blob.forward.map(|found| found.shift),
                // It appears in the next frame: where it came from.
                None => largest(frame + 1)
                    .and_then(|blob| blob.backward)
                    .map(|found| found.shift.map(|part| -part)),
            };
            let scroll = clip.scrolls.get(frame).copied().unwrap_or_default();
            GroupState {
                motion: shift.map_or([0.0; 2], |shift| {
                    [shift[0] - scroll[0], shift[1] - scroll[1]]
                }),
                seen: shift.is_some(),
                count: labels[frame]
                    .iter()
                    .filter(|label| group.contains(label))
                    .count(),
                place: here.map_or([-1.0; 2], |blob| blob.centre),
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

/// Share of the frames with a group after which it is still there, and near. What comes and goes, like shots, has less: its largest blob
/// is another thing in the next frame, and its motion cannot be predicted for that reason alone.
pub(crate) fn continuity(
    clips: &[ClipObservation],
    states: &[Vec<GroupState>],
    settings: &AgentSettings,
) -> f32 {
    let (mut all, mut kept) = (0_usize, 0_usize);
    for (clip, states) in clips.iter().zip(states) {
        for ((here, next), scroll) in states.iter().zip(states.iter().skip(1)).zip(&clip.scrolls) {
            if here.count > 0 {
                let near = (0..2).all(|axis| {
                    let moved = next.place[axis] - here.place[axis] - scroll[axis];
                    moved.abs() <= settings.blob_reach as f32
                });
                all += 1;
                kept += usize::from(next.count > 0 && near);
            }
        }
    }
    kept as f32 / all.max(1) as f32
}

/// Whether a displacement is more than noise.
pub(crate) fn moving(motion: [f32; 2], settings: &AgentSettings) -> bool {
    motion.iter().any(|part| part.abs() > settings.least_motion)
}
