//! Short windows of a source that are looked at before it is read as a whole.

use super::IngestOptions;
use super::geometry::Geometry;
use super::source::{FrameSource, Source, SourceInfo, TimedFrame, Wanted};

/// Times of some containers are rounded.
const ROUNDING: f64 = 0.001;
/// Where windows begin in footage of unknown length, in seconds.
const PLACES: [f64; 4] = [0.0, 5.0, 20.0, 40.0];

/// Windows over the part of a source that is asked for, each of so many seconds, at shares of its length. One window is all of a short
/// part.
pub(super) fn windows(
    options: &IngestOptions,
    length: Option<f64>,
    shares: &[f64],
    seconds: f64,
    short: f64,
) -> Vec<(f64, f64)> {
    let start = options.start;
    let end = options.end.unwrap_or(f64::INFINITY);
    let end = end.min(length.unwrap_or(f64::INFINITY));
    let window = |at: f64| (at, (at + seconds).min(end));
    if end.is_infinite() {
        PLACES.iter().map(|place| window(start + place)).collect()
    } else if end - start <= short {
        vec![(start, end)]
    } else {
        let shares = shares.iter();
        shares
            .map(|share| window(start + share * (end - start)))
            .collect()
    }
}

/// A look at a source.
pub(super) struct Glance<'a> {
    pub(super) source: &'a Source,
    pub(super) info: &'a SourceInfo,
    pub(super) geometry: Geometry,
    pub(super) options: &'a IngestOptions,
    /// Whether what lies between windows is jumped over.
    pub(super) jumps: bool,
}

impl Glance<'_> {
    /// Shows the frames of each window: at most so many, and where two are allowed the one behind the window if there is a single one in
    /// it; with them the end of the source if it was met. What cannot be opened is passed over.
    ///
    /// # Errors
    /// Nothing could be read at all.
    pub(super) fn look(
        &self,
        windows: &[(f64, f64)],
        most: usize,
        see: &mut dyn FnMut(&[TimedFrame], Option<f64>),
    ) -> Result<(), String> {
        let jumps = self.jumps && self.source.can_jump();
        let (mut seen, mut problem) = (false, None);
        let mut stream = None;
        for &window in windows {
            if jumps || stream.is_none() {
                let start = if jumps { window.0 } else { self.options.start };
                match self.open(start, jumps) {
                    Ok(opened) => stream = Some(opened),
                    Err(told) => {
                        problem.get_or_insert(told);
                        continue;
                    }
                }
            }
            let Some(stream) = &mut stream else { continue };
            let (frames, end) = read(&mut **stream, window, most).unwrap_or_else(|told| {
                problem.get_or_insert(told);
                (Vec::new(), None)
            });
            seen |= !frames.is_empty();
            see(&frames, end);
        }
        match problem {
            Some(problem) if !seen => Err(problem),
            _ => Ok(()),
        }
    }

    fn open(&self, start: f64, jumps: bool) -> Result<Box<dyn FrameSource>, String> {
        let wanted = Wanted {
            start,
            end: self.options.end.unwrap_or(f64::INFINITY),
            threads: 1,
            numbered: !jumps,
        };
        self.source
            .open(self.info, self.geometry, wanted, self.options)
    }
}

/// The frames of a window, and the end of the stream if it was met.
fn read(
    stream: &mut dyn FrameSource,
    (from, until): (f64, f64),
    most: usize,
) -> Result<(Vec<TimedFrame>, Option<f64>), String> {
    let mut frames: Vec<TimedFrame> = Vec::new();
    while frames.len() < most {
        match stream.next_frame() {
            Ok(Some(frame)) if frame.time < from - ROUNDING => {}
            Ok(Some(frame)) => {
                let behind = frame.time >= until;
                if !frame.continues {
                    frames.clear();
                }
                frames.push(frame);
                if behind && frames.len() > 1 {
                    break;
                }
            }
            Ok(None) => return Ok((frames, stream.end())),
            Err(problem) if frames.is_empty() => return Err(problem),
            // What came before can be looked at.
            Err(_) => break,
        }
    }
    Ok((frames, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_lie_in_the_part_that_is_asked_for() {
        let options = |start, end| IngestOptions {
            start,
            end,
            ..IngestOptions::default()
        };
        let begin = |options: &IngestOptions, length| -> Vec<f64> {
            let windows = windows(options, length, &[0.25, 0.5], 1.0, 4.0);
            windows.iter().map(|window| window.0).collect()
        };
        assert_eq!(begin(&options(0.0, None), Some(100.0)), [25.0, 50.0]);
        assert_eq!(begin(&options(60.0, None), Some(100.0)), [70.0, 80.0]);
        assert_eq!(begin(&options(60.0, Some(80.0)), Some(100.0)), [65.0, 70.0]);
        assert_eq!(begin(&options(0.0, None), Some(3.0)), [0.0]);
        assert_eq!(begin(&options(3.0, None), None), [3.0, 8.0, 23.0, 43.0]);
        assert_eq!(begin(&options(0.0, Some(40.0)), None), [10.0, 20.0]);
    }
}
