//! Pictures of what each code does: transitions before and after, with the agent's place drawn in.

use super::agent::AnchoredAgent;
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
