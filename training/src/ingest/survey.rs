//! A look at the footage before it is read as a whole: how fast things move in it.

use genie_model::block_matching::{Shift, ShiftsInRows, cheapest, sum_of_differences};
use genie_model::{Frame, PixelRect, median, percentile};

use super::IngestOptions;
use super::geometry::Geometry;
use super::look::changed_share;
use super::pace::pace_in_words;
use super::source::{Source, SourceInfo, TimedFrame};
use super::windows::{Glance, windows};

/// Windows that are looked at, as shares of the footage's length.
const PLACES: [f64; 3] = [0.12, 0.45, 0.8];
const WINDOW_SECONDS: f64 = 1.2;
/// Shorter footage is looked at from its beginning.
const SHORT_SECONDS: f64 = 4.0;
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

/// Looks at a few short windows of a source, spread over the part of it that is asked for.
pub(super) fn survey(
    source: &Source,
    info: &SourceInfo,
    geometry: Geometry,
    options: &IngestOptions,
) -> Result<Survey, String> {
    let mut glance = Glance {
        source,
        info,
        geometry,
        options,
        jumps: true,
    };
    let mut seen = Seen::default();
    let mut told = seen.look(&glance, info.seconds);
    if source.is_film() && seen.windows < 2 {
        // It may be cut off, and shorter than it says.
        let length = source.length(info);
        if let Some(length) =
            length.filter(|length| info.seconds.is_none_or(|s| *length < 0.98 * s))
        {
            told = seen.look(&glance, Some(length));
        }
        if seen.windows == 0 {
            // Nor can parts of all films be found by their times.
            glance.jumps = false;
            told = seen.look(&glance, None);
        }
    }
    match (seen.steps.is_empty(), told) {
        (true, Err(problem)) => Err(problem),
        _ => seen.survey(info.pace),
    }
}

/// What was seen in windows of a source.
#[derive(Debug, Default)]
struct Seen {
    /// Windows of several frames.
    windows: usize,
    /// Seconds from frame to frame.
    steps: Vec<f64>,
    /// Speeds in pixels a second.
    speeds: Vec<f64>,
    /// Shares of pixels that change.
    changes: Vec<f32>,
}

impl Seen {
    /// Looks at windows over a source of a length.
    fn look(&mut self, glance: &Glance<'_>, length: Option<f64>) -> Result<(), String> {
        let windows = windows(
            glance.options,
            length,
            &PLACES,
            WINDOW_SECONDS,
            SHORT_SECONDS,
        );
        glance.look(&windows, MOST_FRAMES, &mut |frames, end| {
            self.add(frames, end);
        })
    }

    fn add(&mut self, frames: &[TimedFrame], end: Option<f64>) {
        if let ([frame], Some(end)) = (frames, end) {
            self.steps.push(end - frame.time);
        }
        self.windows += usize::from(frames.len() > 1);
        let steps = frames.windows(2).map(|pair| pair[1].time - pair[0].time);
        self.steps.extend(steps.filter(|step| *step > 1e-6));
        let step = median(self.steps.iter().copied()).unwrap_or(LAG_SECONDS);
        let lag = ((LAG_SECONDS / step.max(1e-3)).round() as usize).max(1);
        let pairs = frames.len().saturating_sub(lag);
        for pair in 0..PAIRS.min(pairs) {
            let at = pair * pairs / PAIRS.min(pairs);
            let (before, after) = (&frames[at], &frames[at + lag]);
            self.changes
                .push(changed_share(before.frame.pixels(), after.frame.pixels()));
            if let Some(moved) = movement(&small(&before.frame), &small(&after.frame)) {
                self.speeds
                    .push(moved / (after.time - before.time).max(1e-3));
            }
        }
    }

    /// What it comes to, where the container says a pace.
    fn survey(mut self, told: Option<f64>) -> Result<Survey, String> {
        self.steps.retain(|step| *step > 1e-6);
        let step = median(self.steps).ok_or("it has a single frame")?;
        self.speeds.sort_by(f64::total_cmp);
        let change = self.changes.iter().sum::<f32>() / self.changes.len().max(1) as f32;
        Ok(Survey {
            pace: told
                .filter(|pace| (pace * step - 1.0).abs() < 0.02)
                .unwrap_or(1.0 / step),
            speed: percentile(&self.speeds, 0.9),
            change,
        })
    }
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
}
