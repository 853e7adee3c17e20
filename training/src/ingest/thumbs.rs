//! Small pictures of clips, for the sheets of the report.

use genie_model::{Frame, PixelRect};

/// Frames of a clip on a sheet.
pub(super) const SHEET_FRAMES: usize = 8;
/// Largest edge of a frame on a sheet.
const SHEET_EDGE: usize = 96;

/// A few frames spread over a clip of unknown length.
#[derive(Default)]
pub(super) struct Thumbs {
    pub(super) frames: Vec<Frame>,
    stride: u64,
    seen: u64,
}

impl Thumbs {
    pub(super) fn push(&mut self, frame: &Frame) {
        self.stride = self.stride.max(1);
        if self.seen.is_multiple_of(self.stride) {
            if self.frames.len() == SHEET_FRAMES {
                let mut at = 0;
                self.frames.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.stride *= 2;
            }
            if self.seen.is_multiple_of(self.stride) {
                self.frames.push(thumb(frame));
            }
        }
        self.seen += 1;
    }
}

pub(super) fn thumb(frame: &Frame) -> Frame {
    let longest = frame.width().max(frame.height());
    if longest <= SHEET_EDGE {
        return frame.clone();
    }
    let edge = |edge: usize| (edge * SHEET_EDGE / longest).max(1);
    let whole = PixelRect {
        x: 0,
        y: 0,
        width: frame.width(),
        height: frame.height(),
    };
    frame.scaled(whole, edge(frame.width()), edge(frame.height()))
}
