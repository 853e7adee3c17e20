//! How the view itself moves between two frames, where a game is seen through the player's eyes: it turns, and it goes into the picture's depth.
//!
//! What is seen so is not a thing on a scene: near walls move farther than far ones, and all grow when the player goes on. A turn is a shift
//! of the whole picture, a step forward an enlargement. Only pixels that change have a say: a weapon or a panel that stays where
//! it is does not hold the picture.

use serde::{Deserialize, Serialize};

use super::AgentSettings;
use super::footage::{FrameSource, Planes, WorkingSize};
use super::motion_series::GroupState;
use super::observation::{ClipObservation, per_transition};
use super::tracking::TrackedFrame;
use crate::dataset::DatasetError;

/// Working pixels that are taken together, on each axis: views move far, and finer differences are noise.
const COARSE: usize = 2;
/// Fewest coarse pixels that must change for a motion to be read.
const FEWEST: usize = 8;
/// Edge of the fields of the checkerboard that parts a picture in two, in coarse pixels.
const FIELD: usize = 4;
/// Motions in coarse pixels that are looked at in fine ones.
const REFINED: usize = 4;

/// How the picture moves from one frame to the next.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct ViewStep {
    /// Displacement of what is seen, [x, y], in working pixels.
    shift: [f32; 2],
    /// How far what is seen moves outward at half the short edge from the middle, in working pixels.
    growth: f32,
}

/// What a transition says of how a game is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Perspective {
    /// Whether much of the picture changes.
    wide: bool,
    /// Whether it grows or shrinks, as two halves of it show each by itself.
    deep: bool,
    /// Whether it moves up or down, likewise.
    tilted: bool,
}

/// How a view's motion becomes a displacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ViewReader {
    /// Whether up and down are forward and back, as seen by what grows; else where the view looks up and down.
    depth: bool,
}

impl ViewReader {
    /// Whether footage is seen through the player's eyes, by a look at some of it: its picture often changes widely, and then as one that grows or
    /// shrinks. On a scene that is seen from aside the camera only shifts it.
    ///
    /// # Errors
    /// Footage that cannot be read.
    pub(crate) fn of(
        source: &dyn FrameSource,
        clips: &[usize],
        size: WorkingSize,
        settings: &AgentSettings,
    ) -> Result<Option<Self>, DatasetError> {
        let search = Search::new(size, settings);
        let clips = per_transition(source, clips, size, &Scales::new, &|before, after| {
            search.perspective(&before.coarse, &after.coarse)
        })?;
        let all: usize = clips.iter().map(Vec::len).sum();
        let count = |holds: fn(&&Perspective) -> bool| clips.iter().flatten().filter(holds).count();
        let wide = count(|it| it.wide);
        let (deep, tilted) = (count(|it| it.deep), count(|it| it.tilted));
        let seen = wide > 0
            && wide as f32 >= settings.view_share * all as f32
            && deep as f32 >= settings.depth_share * wide as f32;
        Ok(seen.then_some(Self {
            depth: deep >= tilted,
        }))
    }

    /// Whether up and down are forward and back.
    pub(crate) fn reads_depth(self) -> bool {
        self.depth
    }

    /// How the player goes: against what is seen, and forward, which is up, where it grows.
    fn displacement(self, step: &ViewStep) -> [f32; 2] {
        let [x, y] = step.shift;
        [-x, if self.depth { -step.growth } else { -y }]
    }

    /// The view as a thing that is followed, in each frame of a clip of `steps`; `edges` are the picture's width and height in working
    /// pixels.
    pub(crate) fn track(
        self,
        steps: &[ViewStep],
        frames: usize,
        edges: [f32; 2],
    ) -> Vec<TrackedFrame> {
        let place = edges.map(|edge| (edge - 1.0) / 2.0);
        let motions = steps.iter().map(|step| self.displacement(step));
        motions
            .map(|motion| (motion, true))
            .chain(std::iter::repeat(([0.0; 2], false)))
            .take(frames)
            .map(|(motion, seen)| TrackedFrame {
                blob: None,
                place,
                motion,
                seen,
            })
            .collect()
    }

    /// The view as a thing that is ranked, in each frame of a clip.
    pub(crate) fn series(
        self,
        steps: &[ViewStep],
        frames: usize,
        edges: [f32; 2],
    ) -> Vec<GroupState> {
        let state = |frame: TrackedFrame| GroupState {
            motion: frame.motion,
            seen: frame.seen,
            count: 1,
            place: frame.place,
        };
        let track = self.track(steps, frames, edges);
        track.into_iter().map(state).collect()
    }
}

/// The view in some footage, as a thing that may be the player.
pub(crate) struct FollowedView {
    pub(crate) reader: ViewReader,
    /// Its motion, clip by clip.
    steps: Vec<Vec<ViewStep>>,
}

impl FollowedView {
    /// The view in all clips of footage, where a look at a sample of these shows that the game is seen through the player's eyes.
    ///
    /// # Errors
    /// Footage that cannot be read.
    pub(crate) fn of(
        source: &dyn FrameSource,
        sample: &[usize],
        size: WorkingSize,
        settings: &AgentSettings,
    ) -> Result<Option<Self>, DatasetError> {
        let Some(reader) = ViewReader::of(source, sample, size, settings)? else {
            return Ok(None);
        };
        let all: Vec<usize> = (0..source.clip_count()).collect();
        let steps = view_steps(source, &all, size, settings)?;
        Ok(Some(Self { reader, steps }))
    }

    /// As it is followed in each clip, of which there are so many frames as are observed.
    pub(crate) fn tracks(
        &self,
        clips: &[ClipObservation],
        edges: [f32; 2],
    ) -> Vec<Vec<TrackedFrame>> {
        self.in_each(clips, |steps, frames| {
            self.reader.track(steps, frames, edges)
        })
    }

    /// As it is ranked, likewise.
    pub(crate) fn series(
        &self,
        clips: &[ClipObservation],
        edges: [f32; 2],
    ) -> Vec<Vec<GroupState>> {
        self.in_each(clips, |steps, frames| {
            self.reader.series(steps, frames, edges)
        })
    }

    /// What is read of its motion in each clip, and of the number of frames.
    fn in_each<T>(
        &self,
        clips: &[ClipObservation],
        read: impl Fn(&[ViewStep], usize) -> Vec<T>,
    ) -> Vec<Vec<T>> {
        let clips = self.steps.iter().zip(clips);
        clips
            .map(|(steps, clip)| read(steps, clip.frames()))
            .collect()
    }
}

/// How the view moves in the given clips, each as long as the clip has transitions.
pub(crate) fn view_steps(
    source: &dyn FrameSource,
    clips: &[usize],
    size: WorkingSize,
    settings: &AgentSettings,
) -> Result<Vec<Vec<ViewStep>>, DatasetError> {
    let search = Search::new(size, settings);
    per_transition(source, clips, size, &Scales::new, &|before, after| {
        search.step(before, after)
    })
}

/// Brightness of a picture, and the same in coarse pixels.
struct Scales {
    coarse: Vec<u8>,
    fine: Vec<u8>,
}

impl Scales {
    fn new(frame: &Planes) -> Self {
        let (fine, width) = (frame.grey(), frame.width);
        let area = (COARSE * COARSE) as u32;
        let means = fine.chunks_exact(width * COARSE).flat_map(|rows| {
            (0..width / COARSE).map(move |x| {
                let pixels = (0..COARSE).flat_map(|y| &rows[y * width + x * COARSE..][..COARSE]);
                let sum: u32 = pixels.map(|&pixel| u32::from(pixel)).sum();
                ((sum + area / 2) / area) as u8
            })
        });
        Self {
            coarse: means.collect(),
            fine,
        }
    }
}

/// A motion that is tried, in pixels of a grid: growth at half the short edge from the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Trial {
    right: i32,
    down: i32,
    growth: i32,
}

impl Trial {
    const STILL: Self = Self {
        right: 0,
        down: 0,
        growth: 0,
    };

    fn times(self, factor: i32) -> Self {
        Self {
            right: factor * self.right,
            down: factor * self.down,
            growth: factor * self.growth,
        }
    }

    fn length(self) -> f32 {
        (self.right.abs() + self.down.abs() + self.growth.abs()) as f32
    }
}

/// The pixels of a picture, and where those of each growth come from.
struct Grid {
    height: usize,
    width: usize,
    most_growth: i32,
    /// Columns and rows that pixels come from, for each growth from the most negative.
    sources: Vec<[Vec<i32>; 2]>,
}

impl Grid {
    fn new(height: usize, width: usize, most_growth: i32) -> Self {
        let half = height.min(width) as f32 / 2.0;
        let sources = (-most_growth..=most_growth).map(|growth| {
            [width, height].map(|edge| {
                let middle = (edge as f32 - 1.0) / 2.0;
                let from = |at: usize| {
                    let at = at as f32;
                    (at - growth as f32 * (at - middle) / half).round() as i32
                };
                (0..edge).map(from).collect()
            })
        });
        Self {
            height,
            width,
            most_growth,
            sources: sources.collect(),
        }
    }

    /// Where some pixels would come from under a growth, and their values.
    fn pixels(&self, growth: i32, changed: &[usize], after: &[u8]) -> Vec<([i32; 2], u8)> {
        let [columns, rows] = &self.sources[(growth + self.most_growth) as usize];
        let pixel = |&at: &usize| ([columns[at % self.width], rows[at / self.width]], after[at]);
        changed.iter().map(pixel).collect()
    }

    /// Mean difference of the pixels, none counting more than the cap, from where they would come from; `None` where most of them would come from
    /// outside of the picture.
    fn cost(
        &self,
        pixels: &[([i32; 2], u8)],
        [right, down]: [i32; 2],
        before: &[u8],
        cap: u8,
    ) -> Option<f32> {
        let (mut sum, mut count) = (0_u32, 0_usize);
        for &([column, row], is) in pixels {
            let (x, y) = (column - right, row - down);
            if (0..self.width as i32).contains(&x) && (0..self.height as i32).contains(&y) {
                let was = before[y as usize * self.width + x as usize];
                sum += u32::from(is.abs_diff(was).min(cap));
                count += 1;
            }
        }
        (count > 0 && 2 * count >= pixels.len()).then(|| sum as f32 / count as f32)
    }
}

/// Whether a coarse pixel is on the dark fields of the checkerboard.
fn on_first_half(at: usize, width: usize) -> bool {
    (at % width / FIELD + at / width / FIELD).is_multiple_of(2)
}

/// Looks for the motion of a view: in coarse pixels everywhere, then near the best of these in fine ones.
struct Search<'a> {
    settings: &'a AgentSettings,
    coarse: Grid,
    fine: Grid,
}

impl<'a> Search<'a> {
    fn new(size: WorkingSize, settings: &'a AgentSettings) -> Self {
        let (height, width) = (size.height, size.width);
        let growth = settings.view_growth as i32;
        let scale = COARSE as i32;
        Self {
            settings,
            coarse: Grid::new(height / COARSE, width / COARSE, growth),
            fine: Grid::new(height, width, growth * scale + 1),
        }
    }

    /// The motion that explains best what changes between two pictures, if it explains it clearly better than none.
    fn step(&self, before: &Scales, after: &Scales) -> ViewStep {
        let changed = self.changed(&before.coarse, &after.coarse);
        if changed.len() < FEWEST {
            return ViewStep::default();
        }
        let tried = self.coarse_trials(&changed, &before.coarse, &after.coarse);
        let near = tried.into_iter().map(|(_, trial)| trial);
        let near: Vec<Trial> = near.take(REFINED).chain([Trial::STILL]).collect();
        let found = self.best_near(&near, &before.fine, &after.fine);
        found.map_or_else(ViewStep::default, |trial| ViewStep {
            shift: [trial.right, trial.down].map(|part| part as f32),
            growth: trial.growth as f32,
        })
    }

    /// What two coarse pictures say of how the game is seen. A thing that moves or flickers by itself can look as if the picture grew: so the motion
    /// that is found in one half of it, a checkerboard, must hold in the other one.
    fn perspective(&self, before: &[u8], after: &[u8]) -> Perspective {
        let changed = self.changed(before, after);
        let share = changed.len() as f32 / after.len().max(1) as f32;
        let mut seen = Perspective {
            wide: share >= self.settings.view_change,
            deep: false,
            tilted: false,
        };
        if !seen.wide {
            return seen;
        }
        let width = self.coarse.width;
        let (one, other): (Vec<usize>, Vec<usize>) =
            (changed.iter()).partition(|&&at| on_first_half(at, width));
        if one.len().min(other.len()) < FEWEST {
            return seen;
        }
        let held = |fitted: &[usize], judged: &[usize]| {
            let (_, trial) = *self.coarse_trials(fitted, before, after).first()?;
            let cost = |trial: Trial| {
                let pixels = self.coarse.pixels(trial.growth, judged, after);
                let shift = [trial.right, trial.down];
                (self.coarse).cost(&pixels, shift, before, self.settings.view_cap)
            };
            let holds = cost(trial)? <= self.settings.view_gain * cost(Trial::STILL)?;
            holds.then_some(trial)
        };
        if let (Some(one), Some(other)) = (held(&one, &other), held(&other, &one)) {
            seen.deep = one.growth * other.growth > 0;
            seen.tilted = one.down * other.down > 0;
        }
        seen
    }

    fn changed(&self, before: &[u8], after: &[u8]) -> Vec<usize> {
        let differs = |&at: &usize| after[at].abs_diff(before[at]) > self.settings.view_difference;
        (0..after.len()).filter(differs).collect()
    }

    /// Motions in coarse pixels with what they cost, the likeliest first.
    fn coarse_trials(&self, changed: &[usize], before: &[u8], after: &[u8]) -> Vec<(f32, Trial)> {
        let [reach_right, reach_down] = self.settings.view_reach.map(|reach| reach as i32);
        let most = self.coarse.most_growth;
        let mut tried: Vec<(f32, Trial)> = Vec::new();
        for growth in -most..=most {
            let pixels = self.coarse.pixels(growth, changed, after);
            // Growth that is seen goes with turns, and not with looks up and down as well.
            let reach_down = if growth == 0 { reach_down } else { 0 };
            for down in -reach_down..=reach_down {
                for right in -reach_right..=reach_right {
                    let trial = Trial {
                        right,
                        down,
                        growth,
                    };
                    let cap = self.settings.view_cap;
                    let cost = self.coarse.cost(&pixels, [right, down], before, cap);
                    tried.extend(cost.map(|cost| (self.weighed(cost, trial.length()), trial)));
                }
            }
        }
        // Of those that cost the same, the first.
        tried.sort_by(|a, b| a.0.total_cmp(&b.0));
        tried
    }

    /// The best motion in fine pixels near some in coarse ones; `None` if it is hardly better than none.
    fn best_near(&self, near: &[Trial], before: &[u8], after: &[u8]) -> Option<Trial> {
        let changed = self.changed(before, after);
        let cap = self.settings.view_cap;
        let cost = |trial: Trial| {
            let pixels = self.fine.pixels(trial.growth, &changed, after);
            let shift = [trial.right, trial.down];
            self.fine.cost(&pixels, shift, before, cap)
        };
        let still = cost(Trial::STILL)?;
        let mut best = (still, still, Trial::STILL);
        for trial in near {
            let middle = trial.times(COARSE as i32);
            for (right, beside) in (-1..=1).flat_map(|x| (-1..=1).map(move |y| (x, y))) {
                let mut trial = middle;
                trial.right += right;
                if middle.growth == 0 {
                    trial.down += beside;
                } else {
                    trial.growth += beside;
                }
                let Some(cost) = cost(trial) else {
                    continue;
                };
                let weighed = self.weighed(cost, trial.length() / COARSE as f32);
                if weighed < best.0 {
                    best = (weighed, cost, trial);
                }
            }
        }
        let (_, cost, trial) = best;
        (trial != Trial::STILL && cost <= self.settings.view_gain * still).then_some(trial)
    }

    /// A cost that is higher for what moves more, by its length in coarse pixels.
    fn weighed(&self, cost: f32, length: f32) -> f32 {
        cost + self.settings.view_motion_cost * length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGE: usize = 64;
    const SIZE: WorkingSize = WorkingSize {
        height: EDGE,
        width: EDGE,
        factor: 1,
    };

    /// Smooth scenery, moved and enlarged about the middle; a weapon that stays in the lower middle if there is one.
    fn seen([right, down]: [f32; 2], growth: f32, weapon: bool) -> Scales {
        let middle = (EDGE as f32 - 1.0) / 2.0;
        let scale = 1.0 - growth / (EDGE as f32 / 2.0);
        let mut bytes = Vec::new();
        for y in 0..EDGE {
            for x in 0..EDGE {
                let from = |at: usize, shift: f32| middle + (at as f32 - middle) * scale - shift;
                let (u, v) = (from(x, right), from(y, down));
                let value = 128.0
                    + 45.0 * (u * 0.31).sin() * (v * 0.23).cos()
                    + 40.0 * (u * 0.13 + v * 0.37).sin()
                    + 30.0 * (u * 0.05 - v * 0.11).cos();
                let hand = weapon && (26..38).contains(&x) && y >= 44;
                bytes.extend([if hand { 15 } else { value.round() as u8 }; 3]);
            }
        }
        Scales::new(&Planes::reduce(&bytes, EDGE, SIZE))
    }

    #[test]
    fn turns_and_steps_forward_are_measured_whatever_stays_in_the_picture() {
        let settings = AgentSettings::default();
        let search = Search::new(SIZE, &settings);
        for weapon in [false, true] {
            let before = seen([0.0; 2], 0.0, weapon);
            for (shift, growth) in [
                ([0.0, 0.0], 0.0),
                ([6.0, 0.0], 0.0),
                ([-11.0, 0.0], 0.0),
                ([2.0, -4.0], 0.0),
                ([0.0, 0.0], 4.0),
                ([3.0, 0.0], -3.0),
            ] {
                let found = search.step(&before, &seen(shift, growth, weapon));
                let far = |found: f32, moved: f32| (found - moved).abs() > 1.0;
                assert!(
                    !far(found.shift[0], shift[0])
                        && !far(found.shift[1], shift[1])
                        && !far(found.growth, growth),
                    "{shift:?} {growth} {weapon}: {found:?}"
                );
            }
        }
    }

    #[test]
    fn both_halves_of_a_picture_must_grow() {
        let settings = AgentSettings::default();
        let search = Search::new(SIZE, &settings);
        let before = seen([0.0; 2], 0.0, false);
        let deep = |after: &Scales| search.perspective(&before.coarse, &after.coarse);
        let grown = seen([0.0; 2], 4.0, false);
        assert!(deep(&grown).wide && deep(&grown).deep);
        let shifted = deep(&seen([5.0, 0.0], 0.0, false));
        assert!(shifted.wide && !shifted.deep && !shifted.tilted);
        let tilted = deep(&seen([0.0, 4.0], 0.0, false));
        assert!(tilted.tilted && !tilted.deep);
        assert!(!deep(&before).wide);
        // Where only one of both grows, and the other is something else.
        let mut half = seen([0.0; 2], 4.0, false);
        let width = EDGE / COARSE;
        for (at, value) in half.coarse.iter_mut().enumerate() {
            if on_first_half(at, width) {
                *value = (at * 37 % 251) as u8;
            }
        }
        assert!(!deep(&half).deep);
    }

    #[test]
    fn flat_and_tiny_pictures_are_survived() {
        let settings = AgentSettings::default();
        for (height, width) in [(8, 8), (9, 17), (8, 64)] {
            let size = WorkingSize {
                height,
                width,
                factor: 1,
            };
            let picture = |value: u8| {
                let bytes = vec![value; height * width * 3];
                Scales::new(&Planes::reduce(&bytes, width, size))
            };
            let search = Search::new(size, &settings);
            let (dark, light) = (picture(7), picture(200));
            assert_eq!(search.step(&dark, &light), ViewStep::default());
            let seen = search.perspective(&dark.coarse, &light.coarse);
            assert!(seen.wide && !seen.deep);
        }
    }
}
