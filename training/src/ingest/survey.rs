//! A look at the footage before it is read as a whole: how fast things move in it, and where black bars are.

use genie_model::block_matching::{Shift, ShiftsInRows, cheapest, sum_of_differences};
use genie_model::{Frame, PixelRect, median, percentile};

use super::geometry::Geometry;
use super::look::changed_share;
use super::pace::pace_in_words;
use super::source::{Source, SourceInfo, Wanted};
use super::{FitChoice, IngestOptions};

/// Windows that are looked at, as shares of the footage's length.
const PLACES: [f64; 3] = [0.12, 0.45, 0.8];
const WINDOW_SECONDS: f64 = 1.2;
/// Footage of unknown or small length is looked at from its beginning.
const SHORT_SECONDS: f64 = 12.0;
const MOST_FRAMES: usize = 96;
/// Pairs of frames that are compared in each window.
const PAIRS: usize = 6;
/// Time between compared frames.
const LAG_SECONDS: f64 = 1.0 / 12.0;
/// Side of the picture in which motion is measured, of a patch in it, and most movement that is looked for, in pixels.
const SIDE: usize = 64;
const PATCH: usize = 8;
const REACH: i32 = 12;
/// Fastest movement from frame to frame that the model likes, in pixels of such a picture: the latent actions look one patch far.
pub(super) const LIKED_PIXELS: f64 = 6.0;
/// Slower footage is hard to play.
const LEAST_PACE: f64 = 9.5;
/// Brightness up to which an edge is part of a black bar.
const BAR_LEVEL: u8 = 26;

/// What a look at one source shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Survey {
    /// Frames a second.
    pub(super) pace: f64,
    /// How fast what moves fast moves, in pixels a second of a picture 64 pixels wide; `None` where nothing moves.
    pub(super) speed: Option<f64>,
    /// Share of pixels that change within a twelfth of a second.
    pub(super) change: f32,
}

/// Looks at a few short windows of a source.
pub(super) fn survey(
    source: &Source,
    info: &SourceInfo,
    geometry: Geometry,
    options: &IngestOptions,
) -> Result<Survey, String> {
    let length = info.seconds.unwrap_or(0.0);
    let windows: Vec<(f64, f64)> = if length > SHORT_SECONDS {
        PLACES
            .iter()
            .map(|place| (place * length, place * length + WINDOW_SECONDS))
            .collect()
    } else {
        vec![(0.0, SHORT_SECONDS)]
    };
    let (mut steps, mut speeds, mut changes) = (Vec::new(), Vec::new(), Vec::new());
    for (start, end) in windows {
        let wanted = Wanted {
            start,
            end,
            threads: 1,
            numbered: false,
        };
        let mut stream = source.open(info, geometry, wanted, options)?;
        let mut frames: Vec<(f64, Frame)> = Vec::new();
        while frames.len() < MOST_FRAMES
            && let Some(frame) = stream.next_frame()?
        {
            if !frame.continues {
                frames.clear();
            }
            frames.push((frame.time, frame.frame));
        }
        if let (1, Some(end)) = (frames.len(), stream.end()) {
            steps.push(end - frames[0].0);
        }
        steps.extend(frames.windows(2).map(|pair| pair[1].0 - pair[0].0));
        let step = median(steps.iter().copied()).unwrap_or(LAG_SECONDS);
        let lag = ((LAG_SECONDS / step.max(1e-3)).round() as usize).max(1);
        let pairs = frames.len().saturating_sub(lag);
        for pair in 0..PAIRS.min(pairs) {
            let at = pair * pairs / PAIRS.min(pairs);
            let (before, after) = (&frames[at], &frames[at + lag]);
            changes.push(changed_share(before.1.pixels(), after.1.pixels()));
            if let Some(moved) = movement(&small(&before.1), &small(&after.1)) {
                speeds.push(moved / (after.0 - before.0).max(1e-3));
            }
        }
    }
    steps.retain(|step| *step > 1e-6);
    let step = median(steps).ok_or("it has a single frame")?;
    speeds.sort_by(f64::total_cmp);
    let change = changes.iter().sum::<f32>() / changes.len().max(1) as f32;
    Ok(Survey {
        pace: info
            .pace
            .filter(|pace| (pace * step - 1.0).abs() < 0.02)
            .unwrap_or(1.0 / step),
        speed: percentile(&speeds, 0.9),
        change,
    })
}

/// The pace that suits the footage, and why in words: the slowest whole fraction of the footage's own at which what moves
/// fast goes no further from frame to frame than the model likes.
pub(super) fn choose_pace(surveys: &[Survey]) -> Option<(f64, String)> {
    let mut paces: Vec<f64> = surveys.iter().map(|survey| survey.pace).collect();
    paces.sort_by(f64::total_cmp);
    // Slides among footage do not count.
    let own = *paces.iter().find(|pace| **pace >= 4.0).or(paces.last())?;
    let mut speeds: Vec<f64> = surveys.iter().filter_map(|survey| survey.speed).collect();
    speeds.sort_by(f64::total_cmp);
    let speed = percentile(&speeds, 0.75);
    let wanted = speed
        .map_or(0.0, |speed| speed / LIKED_PIXELS)
        .max(LEAST_PACE);
    let every = ((own / wanted + 1e-6).floor()).max(1.0);
    let pace = own / every;
    let each = match every as u64 {
        1 => "every frame is taken".to_owned(),
        2 => "every 2nd frame is taken".to_owned(),
        3 => "every 3rd frame is taken".to_owned(),
        n => format!("every {n}th frame is taken"),
    };
    let why = match speed {
        Some(speed) => format!(
            "the footage has {} frames a second and what moves fast in it moves {:.1} pixels a frame (of 64) at {}, \
             where up to {LIKED_PIXELS} are well learned: {each}",
            pace_in_words(own),
            speed / pace,
            pace_in_words(pace)
        ),
        None => format!(
            "the footage has {} frames a second, and no movement was found to judge by: {each}",
            pace_in_words(own)
        ),
    };
    Some((pace, why))
}

/// Brightness of a frame, 64 pixels wide and high.
pub(super) fn small(frame: &Frame) -> Vec<u8> {
    let whole = PixelRect {
        x: 0,
        y: 0,
        width: frame.width(),
        height: frame.height(),
    };
    frame
        .scaled(whole, SIDE, SIDE)
        .pixels()
        .chunks_exact(3)
        .map(|p| ((u16::from(p[0]) + 2 * u16::from(p[1]) + u16::from(p[2])) / 4) as u8)
        .collect()
}

/// How far what moves fast went between two pictures, in pixels.
pub(super) fn movement(before: &[u8], after: &[u8]) -> Option<f64> {
    let mut moved = Vec::new();
    for top in (0..SIDE).step_by(PATCH) {
        for left in (0..SIDE).step_by(PATCH) {
            moved.extend(patch_movement(before, after, left, top));
        }
    }
    moved.sort_by(f64::total_cmp);
    // A patch or two may be mistaken.
    percentile(&moved, 0.9).filter(|_| moved.len() >= 2)
}

fn patch_movement(before: &[u8], after: &[u8], left: usize, top: usize) -> Option<f64> {
    let error = |shift: Shift| {
        let from = |to: usize, by: i32| (to as i32 - by) as usize;
        let (from_left, from_top) = (from(left, shift.right), from(top, shift.down));
        let rows = (0..PATCH).map(|y| {
            let is = &after[(top + y) * SIDE + left..][..PATCH];
            let was = &before[(from_top + y) * SIDE + from_left..][..PATCH];
            sum_of_differences(is, was)
        });
        rows.sum::<u32>()
    };
    let still = error(Shift::ZERO);
    // Six levels a pixel: less is noise.
    if still < (PATCH * PATCH * 6) as u32 {
        return None;
    }
    // Wherever in the picture it may have come from.
    let last = (SIDE - PATCH) as i32;
    let first = Shift {
        right: (left as i32 - last).max(-REACH),
        down: (top as i32 - last).max(-REACH),
    };
    let last = Shift {
        right: REACH.min(left as i32),
        down: REACH.min(top as i32),
    };
    let cost = |shift: Shift, _| Some((error(shift), shift.right.abs().max(shift.down.abs())));
    let (_, (least, far)) = cheapest(ShiftsInRows::new(first, last), cost)?;
    // Movement explains most of the change.
    (least * 2 < still && far > 0).then(|| f64::from(far))
}

/// What is left of a source's picture without black bars at its edges; `None` where there are none.
pub(super) fn without_bars(
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
    let length = info.seconds.unwrap_or(0.0);
    let mut bounds: Option<(usize, usize, usize, usize)> = None;
    for place in 0..8 {
        let start = length * (f64::from(place) + 0.5) / 8.0;
        let wanted = Wanted {
            start: if length > 1.0 { start } else { 0.0 },
            end: f64::INFINITY,
            threads: 1,
            numbered: false,
        };
        let mut stream = source.open(info, geometry, wanted, options)?;
        // Without a known length the first frames have to do.
        let looks = if length > 1.0 { 1 } else { 16 };
        for _ in 0..looks {
            let Some(frame) = stream.next_frame()? else {
                break;
            };
            if let Some(found) = content(&frame.frame) {
                bounds = Some(bounds.map_or(found, |known| {
                    (
                        known.0.min(found.0),
                        known.1.min(found.1),
                        known.2.max(found.2),
                        known.3.max(found.3),
                    )
                }));
            }
        }
        if length <= 1.0 {
            break;
        }
    }
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
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn textured(dx: usize) -> Vec<u8> {
        let noise =
            |x: usize, y: usize| ((x * 7919) ^ (y * 104_729)).wrapping_mul(2_654_435_761) >> 7;
        (0..SIDE * SIDE)
            .map(|i| noise(i % SIDE + 64 - dx, i / SIDE) as u8)
            .collect()
    }

    #[test]
    fn movement_is_measured_in_pixels() {
        assert_eq!(movement(&textured(0), &textured(5)), Some(5.0));
        assert_eq!(movement(&textured(0), &textured(0)), None);
    }

    #[test]
    fn the_pace_is_a_whole_fraction_of_the_footages_own() {
        let survey = |pace, speed| Survey {
            pace,
            speed,
            change: 0.1,
        };
        let pace = |surveys: &[Survey]| choose_pace(surveys).unwrap().0;
        assert!((pace(&[survey(60.0, Some(30.0))]) - 10.0).abs() < 1e-9);
        assert!((pace(&[survey(60.0, Some(110.0))]) - 20.0).abs() < 1e-9);
        assert!((pace(&[survey(60.0, Some(900.0))]) - 60.0).abs() < 1e-9);
        assert!((pace(&[survey(30.0, None)]) - 10.0).abs() < 1e-9);
        assert!((pace(&[survey(10.0, Some(1.0))]) - 10.0).abs() < 1e-9);
        assert!((pace(&[survey(5.0, None)]) - 5.0).abs() < 1e-9);
        // The slowest decides, so that nothing is repeated.
        assert!((pace(&[survey(50.0, None), survey(10.0, None)]) - 10.0).abs() < 1e-9);
        assert!(choose_pace(&[]).is_none());
    }

    #[test]
    fn bars_are_found_in_a_frame() {
        let frame =
            Frame::filled(40, 30, [3, 2, 4]).with(&Frame::filled(20, 24, [200, 0, 0]), 12, 4);
        assert_eq!(content(&frame), Some((12, 4, 32, 28)));
        assert_eq!(content(&Frame::filled(4, 4, [0; 3])), None);
    }
}
