//! Pictures of what was found: what each code does, transitions before and after, with the agent's place drawn in; and the things that were
//! ranked.

use super::agent::{AgentError, AnchoredAgent};
use super::footage::FrameSource;
use super::transition::ClipActions;
use crate::dataset::{CHANNELS, DatasetError};

/// Colour of the box around the agent.
const BOX: [u8; CHANNELS] = [255, 0, 255];
/// Pixels around the agent that its box leaves free.
const ROOM: f32 = 2.0;

/// Transitions of one code, evenly over the footage: the frame before and the frame after of each, [H, W, 3] as bytes, with a box
/// around the agent in both.
///
/// # Errors
/// Frames that cannot be read.
pub fn code_examples(
    source: &dyn FrameSource,
    agent: &AnchoredAgent,
    found: &[ClipActions],
    code: usize,
    count: usize,
) -> Result<Vec<[Vec<u8>; 2]>, DatasetError> {
    let all: Vec<(usize, usize)> = found
        .iter()
        .enumerate()
        .flat_map(|(clip, transitions)| {
            transitions
                .iter()
                .enumerate()
                .map(move |(at, step)| (clip, at, step))
        })
        .filter(|(.., step)| step.code == code)
        .map(|(clip, at, _)| (clip, at))
        .collect();
    let mut examples = Vec::new();
    let mut pair = Vec::new();
    for index in 0..count.min(all.len()) {
        let (clip, at) = all[index * all.len() / count.min(all.len())];
        source.read(clip, at, 2, &mut pair)?;
        let (before, after) = pair.split_at(pair.len() / 2);
        let here = found[clip][at].position;
        let next = found[clip].get(at + 1).map_or(here, |next| next.position);
        let edges = agent.report().edges;
        let draw = |frame: &[u8], place: [f32; 2]| {
            let mut frame = frame.to_vec();
            draw_box(&mut frame, source.frame_size(), place, edges);
            frame
        };
        examples.push([draw(before, here), draw(after, next)]);
    }
    Ok(examples)
}

/// Clips that candidates are shown in, at most.
const SHOWN_CLIPS: usize = 24;

/// Frames in which each candidate is seen, evenly over some clips of the footage, [H, W, 3] as bytes, with a box around it; the likeliest
/// player's first. A candidate that is never seen there has none.
///
/// # Errors
/// Footage of another frame size, or that cannot be read.
pub fn candidate_examples(
    source: &dyn FrameSource,
    agent: &AnchoredAgent,
    count: usize,
) -> Result<Vec<Vec<Vec<u8>>>, AgentError> {
    let all = source.clip_count();
    let shown = all.min(SHOWN_CLIPS);
    let clips: Vec<usize> = (0..shown).map(|at| at * all / shown).collect();
    let mut frame = Vec::new();
    let mut examples = Vec::new();
    for candidate in agent.candidate_boxes(source, &clips)? {
        let seen: Vec<(usize, usize, [[f32; 2]; 2])> = (clips.iter().zip(&candidate))
            .flat_map(|(&clip, frames)| {
                let frames = frames.iter().enumerate();
                frames.filter_map(move |(at, found)| Some((clip, at, (*found)?)))
            })
            .collect();
        let drawn = (0..count.min(seen.len())).map(|index| {
            let (clip, at, [centre, edges]) = seen[index * seen.len() / count.min(seen.len())];
            source.read(clip, at, 1, &mut frame)?;
            let mut frame = frame.clone();
            draw_box(&mut frame, source.frame_size(), centre, edges);
            Ok(frame)
        });
        examples.push(drawn.collect::<Result<Vec<_>, DatasetError>>()?);
    }
    Ok(examples)
}

/// Draws the outline of a box around a place; what is outside of the picture is left out.
fn draw_box(frame: &mut [u8], (height, width): (usize, usize), place: [f32; 2], edges: [f32; 2]) {
    let [left, top] = [0, 1].map(|axis| (place[axis] - edges[axis] / 2.0 - ROOM).round() as i64);
    let [right, bottom] =
        [0, 1].map(|axis| (place[axis] + edges[axis] / 2.0 + ROOM).round() as i64);
    let mut dot = |x: i64, y: i64| {
        if (0..width as i64).contains(&x) && (0..height as i64).contains(&y) {
            let at = (y as usize * width + x as usize) * CHANNELS;
            frame[at..at + CHANNELS].copy_from_slice(&BOX);
        }
    };
    for x in left..=right {
        dot(x, top);
        dot(x, bottom);
    }
    for y in top..=bottom {
        dot(left, y);
        dot(right, y);
    }
}
