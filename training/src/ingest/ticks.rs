//! Which frames are taken, by their presentation times.

use std::sync::Arc;

use genie_model::Frame;
use serde::{Deserialize, Serialize};

use super::source::TimedFrame;

/// A picture that stands longer is no footage but a slide, in seconds.
const LONGEST_HOLD: f64 = 10.0;

/// Decoders compute times in their own ways: what differs by less, in intervals, is the same.
const ROUNDING: f64 = 1e-6;

fn nearest(at: f64) -> u64 {
    (at + ROUNDING).round().max(0.0) as u64
}

/// A frame of the dataset, before it is cut into clips.
#[derive(Debug, Clone)]
pub(super) struct Tick {
    pub(super) frame: Arc<Frame>,
    /// Its time in the source, in seconds from the source's first frame.
    pub(super) time: f64,
    /// Its number in the source.
    pub(super) index: u64,
    /// Whether it follows from the tick before it.
    pub(super) continues: bool,
}

/// How frames of a source are chosen.
#[derive(Debug, Clone, Copy)]
pub(super) enum Taking {
    /// So many a second.
    Pace(f64),
    /// Each n-th.
    Every(u64),
}

/// Turns a stream of frames with their times into one of even pace: for each tick the frame nearest in time, and where no
/// frame lies within half an interval of it, the one before stays.
pub(super) struct Ticks {
    taking: Taking,
    /// Time of tick 0.
    origin: Option<f64>,
    /// The tick to be emitted next.
    next: u64,
    /// The best frame so far for the tick that it is nearest to.
    held: Option<(u64, f64, TimedFrame)>,
    shared: Option<Arc<Frame>>,
    seen: u64,
    last_time: f64,
    broken: bool,
    pub(super) counts: TickCounts,
}

/// How often something happened that is worth a remark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct TickCounts {
    /// Ticks that show a frame again.
    pub(super) repeated: u64,
    /// Pictures that stood longer than any footage does.
    pub(super) slides: u64,
    /// Frames whose time is not after that of the frame before.
    pub(super) disordered: u64,
}

impl TickCounts {
    pub(super) fn add(&mut self, other: Self) {
        self.repeated += other.repeated;
        self.slides += other.slides;
        self.disordered += other.disordered;
    }
}

impl Ticks {
    pub(super) fn new(taking: Taking) -> Self {
        Self {
            taking,
            origin: None,
            next: 0,
            held: None,
            shared: None,
            seen: 0,
            last_time: f64::NEG_INFINITY,
            broken: false,
            counts: TickCounts::default(),
        }
    }

    /// Takes the next frame of the source; `emit` gets the ticks that are certain now.
    pub(super) fn push<E>(
        &mut self,
        mut frame: TimedFrame,
        emit: &mut dyn FnMut(Tick) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.taking {
            Taking::Every(n) => {
                if !frame.continues {
                    self.broken = true;
                }
                let taken = self.seen.is_multiple_of(n.max(1));
                self.seen += 1;
                if !taken {
                    return Ok(());
                }
                let continues = !std::mem::take(&mut self.broken);
                emit(Tick {
                    frame: Arc::new(frame.frame),
                    time: frame.time,
                    index: frame.index,
                    continues,
                })
            }
            Taking::Pace(pace) => {
                if frame.time <= self.last_time {
                    // Two frames at one time: the later one is what is seen.
                    self.counts.disordered += 1;
                    frame.time = self.last_time;
                }
                self.last_time = frame.time;
                if !frame.continues && self.held.is_some() {
                    // Ticks of the other side start with its first frame.
                    let end = self.held.as_ref().map_or(0.0, |held| held.2.time) + 1.0 / pace;
                    self.flush(end.min(frame.time), pace, emit)?;
                    self.origin = None;
                }
                let origin = *self.origin.get_or_insert(frame.time);
                let at = (frame.time - origin) * pace;
                let tick = nearest(at);
                let distance = (at - tick as f64).abs();
                if let Some((held_tick, held_distance, _)) = &self.held {
                    if *held_tick == tick {
                        if distance + ROUNDING < *held_distance {
                            let continues = frame.continues
                                && self.held.as_ref().is_some_and(|h| h.2.continues);
                            frame.continues = continues;
                            self.hold(tick, distance, frame);
                        }
                        return Ok(());
                    }
                    self.emit_until(tick, pace, emit)?;
                }
                if self.broken {
                    frame.continues = false;
                    self.broken = false;
                }
                self.next = tick;
                self.hold(tick, distance, frame);
                Ok(())
            }
        }
    }

    /// Takes the end of the source, and the time at which its last frame is over where that is known.
    pub(super) fn finish<E>(
        &mut self,
        end: Option<f64>,
        emit: &mut dyn FnMut(Tick) -> Result<(), E>,
    ) -> Result<(), E> {
        let Taking::Pace(pace) = self.taking else {
            return Ok(());
        };
        let Some(held) = &self.held else {
            return Ok(());
        };
        let end = end.unwrap_or(held.2.time + 1.0 / pace);
        self.flush(end, pace, emit)
    }

    fn hold(&mut self, tick: u64, distance: f64, frame: TimedFrame) {
        self.held = Some((tick, distance, frame));
        self.shared = None;
    }

    /// Emits the held frame for all ticks before `end`, and forgets it. A source has at least one tick.
    fn flush<E>(
        &mut self,
        end: f64,
        pace: f64,
        emit: &mut dyn FnMut(Tick) -> Result<(), E>,
    ) -> Result<(), E> {
        let origin = self.origin.unwrap_or(0.0);
        let until = nearest((end - origin) * pace);
        self.emit_until(until.max(1), pace, emit)?;
        self.held = None;
        self.next = 0;
        Ok(())
    }

    /// Emits the held frame for the ticks before `until`.
    fn emit_until<E>(
        &mut self,
        until: u64,
        pace: f64,
        emit: &mut dyn FnMut(Tick) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some((tick, _, held)) = &mut self.held else {
            return Ok(());
        };
        let longest = *tick + (LONGEST_HOLD * pace).ceil().max(1.0) as u64;
        if until > longest {
            self.counts.slides += 1;
            self.broken = true;
        }
        let origin = self.origin.unwrap_or(0.0);
        let shared = self
            .shared
            .get_or_insert_with(|| Arc::new(held.frame.clone()));
        while self.next < until.min(longest) {
            let own = self.next == *tick;
            if !own {
                self.counts.repeated += 1;
            }
            emit(Tick {
                frame: Arc::clone(shared),
                time: if own {
                    held.time
                } else {
                    origin + self.next as f64 / pace
                },
                index: held.index,
                continues: !own || held.continues,
            })?;
            self.next += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The indices of the frames at each tick.
    fn taken(times: &[f64], end: f64, pace: f64) -> Vec<u64> {
        let mut ticks = Ticks::new(Taking::Pace(pace));
        let mut out = Vec::new();
        let mut emit = |tick: Tick| {
            out.push(tick.index);
            Ok::<(), ()>(())
        };
        for (index, &time) in times.iter().enumerate() {
            let frame = TimedFrame {
                time,
                index: index as u64,
                frame: Frame::filled(1, 1, [0; 3]),
                continues: true,
            };
            ticks.push(frame, &mut emit).unwrap();
        }
        ticks.finish(Some(end), &mut emit).unwrap();
        out
    }

    #[test]
    fn delays_decide_which_frames_are_taken() {
        // 0.1, 0.1, 0.1, 1.0, 0.1, 0.1, 0.5, 0.1 s: 21 tenths.
        let times = [0.0, 0.1, 0.2, 0.3, 1.3, 1.4, 1.5, 2.0];
        let frames = taken(&times, 2.1, 10.0);
        let expected = [
            0, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 5, 6, 6, 6, 6, 6, 7,
        ];
        assert_eq!(frames, expected);
    }

    #[test]
    fn thirty_becomes_ten_by_each_third_frame_however_times_are_rounded() {
        for jitter in [0.0, 0.0004, -0.0004] {
            let times: Vec<f64> = (0..90)
                .map(|i| f64::from(i) / 30.0 + if i % 2 == 1 { jitter } else { 0.0 })
                .collect();
            let expected: Vec<u64> = (0..30).map(|i| i * 3).collect();
            assert_eq!(taken(&times, 3.0, 10.0), expected);
        }
        // 29.97 as 29.97, not as 30: nothing is left out, nothing repeated.
        let times: Vec<f64> = (0..3000).map(|i| f64::from(i) * 1001.0 / 30000.0).collect();
        let all: Vec<u64> = (0..3000).collect();
        assert_eq!(
            taken(&times, 3000.0 * 1001.0 / 30000.0, 30000.0 / 1001.0),
            all
        );
    }

    #[test]
    fn what_lies_in_the_middle_goes_one_way_however_times_are_computed() {
        for error in [0.0, 1e-12, -1e-12] {
            let times: Vec<f64> = (0..33)
                .map(|i| f64::from(i) / 30.0 + if i % 3 == 0 { error } else { 0.0 })
                .collect();
            // 27.5 intervals of a twenty-fifth.
            assert_eq!(taken(&times, 1.1 + error, 25.0).len(), 28);
            // Each second tick lies in the middle of two frames: the earlier one is taken.
            let frames = taken(&times, 1.1 + error, 20.0);
            assert_eq!(frames[..6], [0, 1, 3, 4, 6, 7]);
        }
    }

    #[test]
    fn dropped_frames_leave_the_one_before_in_place() {
        let times = [0.0, 0.1, 0.2, 0.5, 0.6];
        assert_eq!(taken(&times, 0.7, 10.0), [0, 1, 2, 2, 2, 3, 4]);
    }

    #[test]
    fn a_slide_is_held_for_a_while_and_parts_the_footage() {
        let frames = taken(&[0.0, 1000.0, 1000.1], 1000.2, 10.0);
        assert_eq!(frames.len(), 102);
    }

    proptest! {
        #[test]
        fn the_number_of_frames_is_the_length_times_the_pace(
            steps in proptest::collection::vec(0.001_f64..0.4, 1..60),
            pace in 1.0_f64..60.0,
        ) {
            let mut time = 0.0;
            let mut times = vec![0.0];
            for step in &steps {
                time += step;
                times.push(time);
            }
            let end = time + 0.1;
            let frames = taken(&times, end, pace);
            prop_assert!((frames.len() as f64 - end * pace).abs() <= 1.01, "{} of {}", frames.len(), end * pace);
            prop_assert!(frames.is_sorted());
        }
    }
}
