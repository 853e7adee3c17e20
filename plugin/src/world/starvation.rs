//! Whether a world keeps the rate that the game has set as its floor, and why not.

use std::fmt;
use std::time::{Duration, Instant};

use crate::worker::cpu_time::PassTimes;

/// Rates are measured over this time, and over this many ticks at least.
const WINDOW: Duration = Duration::from_secs(3);
const FEWEST_TICKS: u64 = 8;
/// A rate above this share of the floor still counts as the floor: counts are off by a frame.
const TOLERANCE: f64 = 0.9;

/// Counts what is due of a world and what it gets.
#[derive(Debug, Default)]
pub(crate) struct RateWatch {
    since: Option<Instant>,
    /// Frames that were asked for: one at a time, so that they are the frames that have come, but for one.
    asked: u64,
    /// Ticks that were left out.
    late: u64,
    game_frames: u64,
    starving: bool,
}

/// Why a world starves, with its rates in frames a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Starvation {
    rate: f64,
    due: f64,
    floor: f64,
    game: f64,
    times: Option<PassTimes>,
}

impl RateWatch {
    pub(crate) fn starving(&self) -> bool {
        self.starving
    }

    /// Counts a frame of the game in which a frame of the world was `asked` for or not, and `late` ticks were left out.
    /// `floor` is the share of its ticks that the world should get. Returns why, when the world has begun to starve.
    pub(crate) fn count(
        &mut self,
        now: Instant,
        (asked, late): (bool, u64),
        floor: f32,
        times: Option<PassTimes>,
    ) -> Option<Starvation> {
        let Some(since) = self.since else {
            // What is due now fell due before.
            self.since = Some(now);
            return None;
        };
        self.asked += u64::from(asked);
        self.late += late;
        self.game_frames += 1;
        let elapsed = now.saturating_duration_since(since);
        let due = self.asked + self.late;
        if elapsed < WINDOW || due < FEWEST_TICKS {
            return None;
        }
        let per_second = |count: u64| count as f64 / elapsed.as_secs_f64();
        let starvation = Starvation {
            rate: per_second(self.asked),
            due: per_second(due),
            floor: f64::from(floor),
            game: per_second(self.game_frames),
            times,
        };
        let before = self.starving;
        let starving = starvation.rate < TOLERANCE * starvation.floor * starvation.due;
        *self = Self {
            since: Some(now),
            starving,
            ..Self::default()
        };
        (starving && !before).then_some(starvation)
    }
}

impl fmt::Display for Starvation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rate, due, game, ..
        } = self;
        write!(f, "{rate:.1} of {due:.1} frames a second: ")?;
        // A world gets at most one frame in each of the game's.
        if *game < self.floor * due {
            return write!(f, "the game itself runs at {game:.1} frames a second");
        }
        let Some(times) = self.times else {
            return write!(f, "its first frame is still being computed");
        };
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let (wall, core, frame) = (times.wall, times.waited_for_core, times.waited_for_frame);
        let computed = times
            .computed
            .unwrap_or(wall.saturating_sub(core).saturating_sub(frame));
        let wall = ms(wall);
        if core >= frame && core >= computed {
            let core = ms(core);
            write!(
                f,
                "other threads of this machine keep its cores busy ({core:.0} of {wall:.0} ms of the last frame)"
            )
        } else if frame >= computed {
            let frame = ms(frame);
            write!(
                f,
                "the game leaves little time between its frames ({frame:.0} of {wall:.0} ms of the last frame)"
            )
        } else {
            let computed = ms(computed);
            write!(f, "the model computes {computed:.0} ms for a frame")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// What is logged while a game of `game` frames a second runs for some seconds, and the world, with ten ticks a second,
    /// gets a frame every `every` ticks.
    fn watch(watch: &mut RateWatch, game: u32, every: u32, times: PassTimes) -> Vec<String> {
        let start = Instant::now();
        let mut logged = Vec::new();
        for second in 0..10 {
            for frame in 0..game {
                let now = start + second * 1000 * MS + frame * 1000 * MS / game;
                let ticks = 10 * (frame + 1) / game - 10 * frame / game;
                let tick = second * 10 + 10 * frame / game;
                let asked = ticks > 0 && tick.is_multiple_of(every);
                let late = u64::from(ticks) - u64::from(asked);
                let starvation = watch.count(now, (asked, late), 0.5, Some(times));
                logged.extend(starvation.map(|starvation| starvation.to_string()));
            }
        }
        logged
    }

    fn times(wall: u32, computed: u32, core: u32, frame: u32) -> PassTimes {
        PassTimes {
            wall: wall * MS,
            computed: Some(computed * MS),
            waited_for_core: core * MS,
            waited_for_frame: frame * MS,
        }
    }

    #[test]
    fn a_world_at_its_floor_does_not_starve() {
        let mut rates = RateWatch::default();
        assert!(watch(&mut rates, 60, 1, times(30, 25, 5, 0)).is_empty());
        assert!(watch(&mut rates, 60, 2, times(150, 25, 125, 0)).is_empty());
        assert!(!rates.starving());
    }

    #[test]
    fn a_starving_world_is_logged_once_with_the_reason() {
        for (game, times, reason) in [
            (
                60,
                times(480, 25, 440, 10),
                "keep its cores busy (440 of 480 ms",
            ),
            (
                60,
                times(480, 25, 10, 440),
                "little time between its frames (440",
            ),
            (60, times(480, 450, 10, 10), "the model computes 450 ms"),
            (2, times(30, 25, 5, 0), "the game itself runs at 2.0 frames"),
        ] {
            let mut rates = RateWatch::default();
            let logged = watch(&mut rates, game, 5, times);
            assert_eq!(logged.len(), 1, "{logged:?}");
            assert!(logged[0].contains(reason), "{logged:?}");
            assert!(rates.starving());
        }
    }
}
