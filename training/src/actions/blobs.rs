//! Connected pieces of the foreground, and what they look like.

use super::AgentSettings;
use super::footage::Planes;
use crate::dataset::CHANNELS;

/// Numbers that describe how a blob looks.
pub(crate) const LOOK_VALUES: usize = 9;

/// A connected piece of the foreground.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Pixels as indices into a plane, in no order.
    pub(crate) pixels: Vec<u32>,
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Piece {
    /// Centre of the box, [x, y].
    pub(crate) fn centre(&self) -> [f32; 2] {
        [
            self.left as f32 + (self.width - 1) as f32 / 2.0,
            self.top as f32 + (self.height - 1) as f32 / 2.0,
        ]
    }
}

/// The 8-connected pieces of a foreground, [H, W], that are neither too small nor too long; the largest if there are too many,
/// in the order of their first pixels.
pub(crate) fn pieces(foreground: &[bool], width: usize, settings: &AgentSettings) -> Vec<Piece> {
    let height = foreground.len() / width;
    let mut open = foreground.to_vec();
    let mut found = Vec::new();
    let mut stack = Vec::new();
    for first in 0..open.len() {
        if !open[first] {
            continue;
        }
        let mut pixels = Vec::new();
        let (mut left, mut right, mut top, mut bottom) = (width, 0, height, 0);
        open[first] = false;
        stack.push(first);
        while let Some(pixel) = stack.pop() {
            pixels.push(pixel as u32);
            let (x, y) = (pixel % width, pixel / width);
            (left, right) = (left.min(x), right.max(x));
            (top, bottom) = (top.min(y), bottom.max(y));
            for next_y in y.saturating_sub(1)..(y + 2).min(height) {
                for next_x in x.saturating_sub(1)..(x + 2).min(width) {
                    let next = next_y * width + next_x;
                    if open[next] {
                        open[next] = false;
                        stack.push(next);
                    }
                }
            }
        }
        let piece = Piece {
            pixels,
            left,
            top,
            width: right - left + 1,
            height: bottom - top + 1,
        };
        if piece.pixels.len() >= settings.blob_pixels
            && piece.width.max(piece.height) <= settings.blob_edge
        {
            found.push(piece);
        }
    }
    if found.len() > settings.blobs_per_frame {
        let mut sizes: Vec<usize> = found.iter().map(|piece| piece.pixels.len()).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let least = sizes[settings.blobs_per_frame - 1];
        found.retain(|piece| piece.pixels.len() >= least);
        found.truncate(settings.blobs_per_frame);
    }
    found
}

/// What a piece looks like: mean and deviation of each channel, size and edges, scaled so that a step of 1 can be seen.
pub(crate) fn look(piece: &Piece, picture: &Planes) -> [f32; LOOK_VALUES] {
    let count = piece.pixels.len() as f32;
    let mut values = [0.0; LOOK_VALUES];
    for channel in 0..CHANNELS {
        let plane = picture.plane(channel);
        let (mut sum, mut squares) = (0_u32, 0_u64);
        for &pixel in &piece.pixels {
            let value = u32::from(plane[pixel as usize]);
            sum += value;
            squares += u64::from(value * value);
        }
        let mean = sum as f32 / count;
        let variance = (squares as f32 / count - mean * mean).max(0.0);
        values[2 * channel] = mean / 25.0;
        values[2 * channel + 1] = variance.sqrt() / 40.0;
    }
    values[6] = count.sqrt() * 0.7;
    values[7] = piece.width as f32 * 0.3;
    values[8] = piece.height as f32 * 0.3;
    values
}

/// Mean colour of a blob in 0 to 255 from its look.
pub(crate) fn look_colour(look: &[f32; LOOK_VALUES]) -> [f32; CHANNELS] {
    [look[0] * 25.0, look[2] * 25.0, look[4] * 25.0]
}
