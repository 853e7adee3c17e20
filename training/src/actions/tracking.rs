//! Following the anchor: one blob in each frame.

use super::AgentSettings;
use super::observation::{Blob, ClipObservation};
use super::thing::Thing;

/// Frames for which a lone blob is taken without question only if it is near.
const FRESH: usize = 3;
/// How far a lone blob may be from the last place, and how much farther for each lost frame.
const NEAR: f32 = 14.0;
const NEAR_PER_FRAME: f32 = 4.0;
/// How much nearer a blob seems for each pixel of its edge.
const SIZE_BONUS: f32 = 0.3;

/// Where the anchor is in a frame, and where it goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TrackedFrame {
    /// Index among the frame's blobs.
    pub(crate) blob: Option<usize>,
    /// Last known place, [x, y], moved on as far as is known.
    pub(crate) place: [f32; 2],
    /// Displacement to the next frame relative to the scene; where it is not seen, as if it stood still on the screen.
    pub(crate) motion: [f32; 2],
    /// Whether the displacement was seen.
    pub(crate) seen: bool,
}

/// Follows a thing through a clip. `edges` are the picture's width and height in working pixels.
pub(crate) fn track(
    clip: &ClipObservation,
    labels: &[Vec<usize>],
    thing: &Thing,
    edges: [f32; 2],
    settings: &AgentSettings,
) -> Vec<TrackedFrame> {
    let chosen = choose(clip, labels, thing, settings);
    let mut place = [edges[0] / 2.0, edges[1] / 2.0];
    (0..clip.frames())
        .map(|frame| {
            let here = chosen[frame].map(|index| &clip.blobs[frame][index]);
            if let Some(blob) = here {
                place = blob.centre;
            }
            let next = (chosen.get(frame + 1).copied().flatten())
                .map(|index| &clip.blobs[frame + 1][index]);
            let shift = displacement(here, next, settings);
            let scroll = clip.scrolls.get(frame).copied().unwrap_or_default();
            let on_screen = shift.unwrap_or_default();
            let tracked = TrackedFrame {
                blob: chosen[frame],
                place,
                motion: [on_screen[0] - scroll[0], on_screen[1] - scroll[1]],
                seen: shift.is_some(),
            };
            place = [place[0] + on_screen[0], place[1] + on_screen[1]];
            tracked
        })
        .collect()
}

/// Displacement on the screen, by the better of both matches.
fn displacement(
    here: Option<&Blob>,
    next: Option<&Blob>,
    settings: &AgentSettings,
) -> Option<[f32; 2]> {
    let forward = here.and_then(|blob| blob.forward);
    let backward = next.and_then(|blob| blob.backward);
    match (forward, backward) {
        (Some(forward), Some(backward))
            if backward.cost >= forward.cost - settings.backward_gain =>
        {
            Some(forward.shift)
        }
        (_, Some(backward)) => Some(backward.shift.map(|part| -part)),
        (Some(forward), None) => Some(forward.shift),
        (None, None) => None,
    }
}

/// The blob of each frame that is the anchor: near to where it was, or the largest once it is lost.
fn choose(
    clip: &ClipObservation,
    labels: &[Vec<usize>],
    thing: &Thing,
    settings: &AgentSettings,
) -> Vec<Option<usize>> {
    // Place in the last frame where it was seen, carried along with the scene.
    let mut last: Option<[f32; 2]> = None;
    let mut lost = 0_usize;
    let mut chosen = Vec::with_capacity(clip.frames());
    for (frame, blobs) in clip.blobs.iter().enumerate() {
        let scroll = clip.scroll_to(frame);
        last = last.map(|place| [place[0] + scroll[0], place[1] + scroll[1]]);
        let distance = |index: usize, place: [f32; 2]| {
            let [x, y] = [0, 1].map(|axis| (blobs[index].centre[axis] - place[axis]).abs());
            x.max(y)
        };
        let members: Vec<usize> = (0..blobs.len())
            .filter(|&index| thing.may_be(&blobs[index], labels[frame][index]))
            .filter(|&index| blobs[index].area >= settings.least_size * thing.usual_area)
            .collect();
        let largest = || {
            members
                .iter()
                .copied()
                .max_by(|&a, &b| blobs[a].area.total_cmp(&blobs[b].area).then(b.cmp(&a)))
        };
        let pick = match (last, members.as_slice()) {
            (_, []) => None,
            (None, _) => largest(),
            (Some(_), &[only]) if lost > FRESH => Some(only),
            (Some(place), &[only])
                if distance(only, place) < NEAR + NEAR_PER_FRAME * lost as f32 =>
            {
                Some(only)
            }
            (Some(_), _) if lost > settings.lost_frames => largest(),
            (Some(place), _) => {
                let cost =
                    |index: usize| distance(index, place) - SIZE_BONUS * blobs[index].area.sqrt();
                members
                    .iter()
                    .copied()
                    .min_by(|&a, &b| cost(a).total_cmp(&cost(b)))
            }
        };
        match pick {
            Some(index) => {
                last = Some(blobs[index].centre);
                lost = 0;
            }
            None => lost += 1,
        }
        chosen.push(pick);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::super::blobs::LOOK_VALUES;
    use super::*;

    fn blob(x: f32, y: f32, edges: [f32; 2]) -> Blob {
        Blob {
            centre: [x, y],
            edges,
            area: edges[0] * edges[1],
            look: [0.0; LOOK_VALUES],
            forward: None,
            backward: None,
        }
    }

    /// A paddle that moves, then stands, so that it is not told from the scenery, while a ball of its colour goes by above it, and moves on.
    fn paddle_and_ball() -> ClipObservation {
        let ball = |frame: usize| blob(20.0 + frame as f32, 45.0, [2.0, 1.0]);
        let frame = |frame: usize| match frame {
            0..10 => vec![
                blob(10.0 + 2.0 * frame as f32, 58.0, [7.0, 2.0]),
                ball(frame),
            ],
            10..25 => vec![ball(frame)],
            _ => vec![
                ball(frame),
                blob(30.0 + (frame - 25) as f32, 58.0, [7.0, 2.0]),
            ],
        };
        ClipObservation {
            scrolls: vec![[0.0; 2]; 34],
            blobs: (0..35).map(frame).collect(),
        }
    }

    #[test]
    fn a_player_that_stands_still_is_not_lost_to_something_small_of_its_colours() {
        let clip = paddle_and_ball();
        let labels: Vec<Vec<usize>> = clip.blobs.iter().map(|it| vec![0; it.len()]).collect();
        let mut thing = Thing::of_looks([0].into_iter().collect());
        let settings = AgentSettings::default();
        let rows = |thing: &Thing| -> Vec<Option<f32>> {
            let track = track(&clip, &labels, thing, [64.0; 2], &settings);
            let rows = track.iter().zip(&clip.blobs);
            rows.map(|(it, blobs)| Some(blobs[it.blob?].centre[1]))
                .collect()
        };
        // As it was before its size was known.
        assert!(rows(&thing).contains(&Some(45.0)));
        thing.measure([(&clip, &labels)].into_iter());
        assert!((thing.usual_area - 14.0).abs() < 1e-6);
        let rows = rows(&thing);
        assert!(rows[..10].iter().all(|&row| row == Some(58.0)), "{rows:?}");
        assert!(rows[10..25].iter().all(Option::is_none), "{rows:?}");
        assert!(rows[25..].iter().all(|&row| row == Some(58.0)), "{rows:?}");
    }
}
