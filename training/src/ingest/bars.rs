//! Where the picture of a source is without black bars at its edges.

use genie_model::{Frame, PixelRect};

use super::geometry::Geometry;
use super::source::{Source, SourceInfo};
use super::windows::{Glance, windows};
use super::{CropChoice, FitChoice, IngestOptions};

/// Where frames are looked at, as shares of the footage's length.
const PLACES: [f64; 8] = [
    0.0625, 0.1875, 0.3125, 0.4375, 0.5625, 0.6875, 0.8125, 0.9375,
];
/// Footage up to that length is looked at from its beginning, in seconds.
const SHORT_SECONDS: f64 = 1.0;
/// Frames of such footage, and of such whose length is not known, that are looked at in each place.
const FRAMES: usize = 16;
/// Brightness up to which an edge is part of a black bar.
const BAR_LEVEL: u8 = 26;

/// What is used of a source's pictures; `None` for all of it.
pub(super) fn crop_of(
    source: &Source,
    info: &SourceInfo,
    options: &IngestOptions,
) -> Result<Option<PixelRect>, String> {
    match options.crop {
        CropChoice::Auto => without_bars(source, info, options),
        given => Ok(given.area()),
    }
}

/// What is left of a source's picture without black bars at its edges; `None` where there are none.
fn without_bars(
    source: &Source,
    info: &SourceInfo,
    options: &IngestOptions,
) -> Result<Option<PixelRect>, String> {
    let (width, height) = info.size;
    let geometry = Geometry {
        width,
        height,
        fit: FitChoice::Stretch,
        crop: None,
        background: options.background,
    };
    let glance = Glance {
        source,
        info,
        geometry,
        options,
        jumps: true,
    };
    let windows = windows(options, info.seconds, &PLACES, SHORT_SECONDS, SHORT_SECONDS);
    let most = if windows.len() == PLACES.len() {
        1
    } else {
        FRAMES
    };
    let mut bounds: Option<(usize, usize, usize, usize)> = None;
    glance.look(&windows, most, &mut |frames, _| {
        for found in frames.iter().filter_map(|frame| content(&frame.frame)) {
            bounds = Some(bounds.map_or(found, |known| {
                (
                    known.0.min(found.0),
                    known.1.min(found.1),
                    known.2.max(found.2),
                    known.3.max(found.3),
                )
            }));
        }
    })?;
    let Some((left, top, right, bottom)) = bounds else {
        return Ok(None);
    };
    // Whole pairs of pixels, as films store their colours.
    let (left, top) = (left.next_multiple_of(2), top.next_multiple_of(2));
    let (right, bottom) = (right / 2 * 2, bottom / 2 * 2);
    let whole = left <= 2 && top <= 2 && right + 2 >= width && bottom + 2 >= height;
    if whole || right <= left + width / 4 || bottom <= top + height / 4 {
        return Ok(None);
    }
    Ok(Some(PixelRect {
        x: left,
        y: top,
        width: right - left,
        height: bottom - top,
    }))
}

/// First and last (exclusive) column and row that are not black; `None` of a black frame.
fn content(frame: &Frame) -> Option<(usize, usize, usize, usize)> {
    let width = frame.width();
    let mut columns = vec![0_u8; width];
    let mut rows = Vec::with_capacity(frame.height());
    for row in frame.pixels().chunks_exact(width * 3) {
        let mut brightest = 0;
        for (column, pixel) in columns.iter_mut().zip(row.chunks_exact(3)) {
            let level = pixel[0].max(pixel[1]).max(pixel[2]);
            *column = (*column).max(level);
            brightest = brightest.max(level);
        }
        rows.push(brightest);
    }
    let ends = |levels: &[u8]| {
        let first = levels.iter().position(|level| *level > BAR_LEVEL)?;
        let last = levels.iter().rposition(|level| *level > BAR_LEVEL)?;
        Some((first, last + 1))
    };
    let (left, right) = ends(&columns)?;
    let (top, bottom) = ends(&rows)?;
    Some((left, top, right, bottom))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_found_in_a_frame() {
        let frame =
            Frame::filled(40, 30, [3, 2, 4]).with(&Frame::filled(20, 24, [200, 0, 0]), 12, 4);
        assert_eq!(content(&frame), Some((12, 4, 32, 28)));
        assert_eq!(content(&Frame::filled(4, 4, [0; 3])), None);
    }
}
