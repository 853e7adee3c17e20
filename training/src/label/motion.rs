//! What moves on the screen between two frames, by block matching.
//!
//! The scene is what most of the screen does: the one shift under which most pixels are explained by the earlier frame.
//! The player's figure is what goes against the scene: its motion is searched for the blocks that the scene's shift does
//! not explain. Where the camera follows the figure the scene moves and the figure does not; where it stands still it is
//! the other way round; their difference is the motion of the figure through its world in both cases. Along a direction in
//! which the camera follows wherever the figure goes, what goes against the scene is everybody else, and is left out.

use std::ops::Range;

use rayon::prelude::*;

use crate::gameplay::{FRAME_BYTES, FRAME_SIZE, HERO_SCREEN_X, HERO_WIDTH, hero_position};

/// Motion of the player's figure between two frames, in pixels; `None` where it cannot be told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Motion {
    /// To the right, relative to the scene.
    pub right: Option<f32>,
    /// Downwards, relative to the scene.
    pub down: Option<f32>,
}

/// Differences of a pixel count up to this many grey levels, so that a few very different ones do not outvote the rest.
const MOST_DIFFERENCE: u32 = 48;
/// From this difference on a pixel is not explained.
const UNEXPLAINED: u32 = 36;
/// Fewer unexplained pixels than this are no figure.
const LEAST_FIGURE: usize = 12;
/// A shift explains a block clearly worse than another at so many grey levels per pixel.
const CLEARLY_WORSE: f32 = 4.0;
/// A scene that moves in a larger share of the transitions is seen by a camera that follows.
const CAMERA_FOLLOWS: f32 = 0.1;
/// Largest jump of the hero in one frame, in pixels; more means that he fell out and came in again.
const MOST_HERO_MOTION: f32 = 16.0;

/// One frame and its size.
#[derive(Clone, Copy)]
struct Picture<'a> {
    bytes: &'a [u8],
    height: usize,
    width: usize,
}

impl Picture<'_> {
    /// Whether what a shift brings to a place came from inside this picture.
    fn contains(&self, (x, y): (i32, i32), shift: Shift) -> bool {
        (0..self.width as i32).contains(&(x - shift.right))
            && (0..self.height as i32).contains(&(y - shift.down))
    }

    fn pixel(&self, x: i32, y: i32) -> &[u8] {
        &self.bytes[(y as usize * self.width + x as usize) * 3..][..3]
    }

    /// Grey levels by which the pixel at a place differs from where a shift says that it came from.
    fn difference(&self, (x, y): (i32, i32), before: &Self, shift: Shift) -> u32 {
        let was = before.pixel(x - shift.right, y - shift.down);
        let pairs = self.pixel(x, y).iter().zip(was);
        let sum: u32 = pairs.map(|(&a, &b)| u32::from(a.abs_diff(b))).sum();
        sum.min(MOST_DIFFERENCE)
    }
}

/// A shift in pixels: `after(x, y)` looks like `before(x - right, y - down)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shift {
    right: i32,
    down: i32,
}

/// Shifts up to so far in each direction, the smallest first, so that ties go to the smaller motion.
fn shifts(sideways: i32, vertical: i32) -> Vec<Shift> {
    let mut all: Vec<Shift> = (-vertical..=vertical)
        .flat_map(|down| (-sideways..=sideways).map(move |right| Shift { right, down }))
        .collect();
    all.sort_by_key(|shift| shift.right.pow(2) + shift.down.pow(2));
    all
}

/// The size of frames and the directions in which the camera follows the figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Camera {
    height: usize,
    width: usize,
    sideways: bool,
    vertically: bool,
}

impl Camera {
    /// The camera of footage in which these pairs of successive frames of `height * width * 3` bytes are seen: it follows in a
    /// direction where the scene moves in many of them.
    pub fn watched<'f>(
        pairs: impl ParallelIterator<Item = [&'f [u8]; 2]>,
        height: usize,
        width: usize,
    ) -> Self {
        let still = Self {
            height,
            width,
            sideways: false,
            vertically: false,
        };
        let moves = |[before, after]: [&[u8]; 2]| {
            let (before, after) = (still.picture(before)?, still.picture(after)?);
            let scene = still.scene(&before, &after)?;
            Some([scene.right != 0, scene.down != 0].map(usize::from))
        };
        let sum = |[a, b, all]: [usize; 3], [x, y, more]: [usize; 3]| [a + x, b + y, all + more];
        let [sideways, vertically, all] = pairs
            .filter_map(moves)
            .map(|[x, y]| [x, y, 1])
            .reduce(|| [0; 3], sum);
        let follows = |moving: usize| moving as f32 > CAMERA_FOLLOWS * all as f32;
        Self {
            sideways: follows(sideways),
            vertically: follows(vertically),
            ..still
        }
    }

    /// The picture of these bytes, if they are a frame.
    fn picture<'f>(&self, bytes: &'f [u8]) -> Option<Picture<'f>> {
        let size = self.height * self.width * 3;
        (size > 0 && bytes.len() == size).then_some(Picture {
            bytes,
            height: self.height,
            width: self.width,
        })
    }

    fn scene(&self, before: &Picture, after: &Picture) -> Option<Shift> {
        let reach = reach(self.height, self.width);
        scene_shift(before, after, &shifts(reach, reach), 0..0)
    }

    /// Motion of the figure between two frames, for footage of any kind; nothing if they are no frames of this size.
    pub fn motion(&self, before: &[u8], after: &[u8]) -> Motion {
        let pictures = self.picture(before).zip(self.picture(after));
        pictures.map_or(Motion::default(), |(before, after)| {
            self.motion_of(&before, &after)
        })
    }

    fn motion_of(&self, before: &Picture, after: &Picture) -> Motion {
        let Some(scene) = self.scene(before, after) else {
            return Motion::default();
        };
        // Where the camera follows, or no figure is seen to move, it stays where it is on the screen.
        let relative = |figure: Shift| Motion {
            right: Some((if self.sideways { 0 } else { figure.right } - scene.right) as f32),
            down: Some((if self.vertically { 0 } else { figure.down } - scene.down) as f32),
        };
        let still = relative(Shift { right: 0, down: 0 });
        if self.sideways && self.vertically {
            return still;
        }
        let reach = reach(self.height, self.width) + 4;
        match figure_shift(before, after, scene, &shifts(reach, reach)) {
            Figure::Moves(figure) => relative(figure),
            Figure::Unseen => still,
            Figure::Unclear => Motion {
                down: still.down.filter(|_| self.vertically),
                ..still
            },
        }
    }
}

/// The same for frames of the built-in gameplay, whose hero can be found: he stays in his column, so that the scene alone
/// says how far he went, and his height on the screen says whether he rises.
pub fn hero_motion(before: &[u8], after: &[u8]) -> Motion {
    if before.len() != FRAME_BYTES || after.len() != FRAME_BYTES {
        return Motion::default();
    }
    let picture = |bytes| Picture {
        bytes,
        height: FRAME_SIZE,
        width: FRAME_SIZE,
    };
    let hero = HERO_SCREEN_X as i32..(HERO_SCREEN_X + HERO_WIDTH) as i32;
    let scene = scene_shift(
        &picture(before),
        &picture(after),
        &shifts(reach(FRAME_SIZE, FRAME_SIZE), 0),
        hero,
    );
    let down = hero_position(before)
        .zip(hero_position(after))
        .map(|(before, after)| after - before)
        .filter(|down| down.abs() <= MOST_HERO_MOTION);
    Motion {
        right: scene.map(|scene| 0.0 - scene.right as f32),
        down,
    }
}

/// The longest shift that is searched: a scene that moves by more than an eighth of the screen in one frame cannot be
/// followed.
fn reach(height: usize, width: usize) -> i32 {
    (height.min(width) / 8).clamp(1, 16) as i32
}

/// The shift of most of the screen, in a vote of its blocks; `None` where the opposite one explains it as well, as on
/// regular patterns.
///
/// A block speaks against a shift that explains it worse than another does, and how much worse hardly counts: a figure of
/// strong colours that goes against the scene does not outvote a pale scene.
fn scene_shift(
    before: &Picture,
    after: &Picture,
    shifts: &[Shift],
    unseen: Range<i32>,
) -> Option<Shift> {
    let side = reach(after.height, after.width).max(4);
    let (height, width) = (after.height as i32, after.width as i32);
    let blocks: Vec<(i32, i32)> = (0..=height - side)
        .step_by(side as usize)
        .flat_map(|top| {
            (0..=width - side)
                .step_by(side as usize)
                .map(move |left| (left, top))
        })
        .filter(|(left, _)| left + side <= unseen.start || *left >= unseen.end)
        .collect();
    // Large blocks are looked at in a grid of pixels.
    let stride = (side as usize / 8).max(1);
    // costs[shift][block]: mean difference, or None where the block came from outside the screen.
    let costs: Vec<Vec<Option<f32>>> = shifts
        .iter()
        .map(|&shift| {
            let cost = |&(left, top): &(i32, i32)| {
                let (from_left, from_top) = (left - shift.right, top - shift.down);
                let inside = (0..=width - side).contains(&from_left)
                    && (0..=height - side).contains(&from_top);
                inside.then(|| {
                    let (mut sum, mut count) = (0, 0_u32);
                    for y in (0..side).step_by(stride) {
                        for x in (0..side).step_by(stride) {
                            sum += after.difference((left + x, top + y), before, shift);
                            count += 1;
                        }
                    }
                    sum as f32 / count as f32
                })
            };
            blocks.iter().map(cost).collect()
        })
        .collect();
    let best_of_block: Vec<f32> = (0..blocks.len())
        .map(|block| {
            let costs = costs.iter().filter_map(|costs| costs[block]);
            costs.fold(f32::INFINITY, f32::min)
        })
        .collect();
    let votes_against: Vec<f32> = costs
        .iter()
        .map(|costs| {
            let votes: Vec<f32> = costs
                .iter()
                .zip(&best_of_block)
                .filter_map(|(cost, best)| Some((((*cost)? - best) / CLEARLY_WORSE).min(1.0)))
                .collect();
            votes.iter().sum::<f32>() / votes.len().max(1) as f32
        })
        .collect();
    let mut best = 0;
    for index in 1..shifts.len() {
        // A larger motion must explain more than a smaller one: part of a block at least.
        if votes_against[index] < votes_against[best] - 0.25 / blocks.len().max(1) as f32 {
            best = index;
        }
    }
    let shift = *shifts.get(best)?;
    let mirrored = shifts
        .iter()
        .position(|other| (other.right, other.down) == (-shift.right, shift.down))?;
    let ambiguous = shift.right != 0
        && votes_against[mirrored] < votes_against[best] + 0.5 / blocks.len() as f32;
    (!ambiguous).then_some(shift)
}

enum Figure {
    Moves(Shift),
    Unseen,
    Unclear,
}

/// The motion on the screen of what the scene's shift does not explain.
fn figure_shift(before: &Picture, after: &Picture, scene: Shift, shifts: &[Shift]) -> Figure {
    let places =
        (0..after.height as i32).flat_map(|y| (0..after.width as i32).map(move |x| (x, y)));
    // What came in from outside the screen is nobody's motion.
    let unexplained: Vec<((i32, i32), u32)> = places
        .filter(|&place| before.contains(place, scene))
        .map(|place| (place, after.difference(place, before, scene)))
        .filter(|&(_, difference)| difference >= UNEXPLAINED)
        .collect();
    if unexplained.len() < LEAST_FIGURE {
        return Figure::Unseen;
    }
    let mut best: Option<(f32, Shift)> = None;
    for &shift in shifts.iter().filter(|&&shift| shift != scene) {
        let gain: f32 = unexplained
            .iter()
            .filter(|(place, _)| before.contains(*place, shift))
            .map(|&(place, under_scene)| {
                under_scene as f32 - after.difference(place, before, shift) as f32
            })
            .sum();
        if best.is_none_or(|(most, _)| gain > 1.03 * most + 0.01) {
            best = Some((gain, shift));
        }
    }
    let all: u32 = unexplained.iter().map(|(_, difference)| difference).sum();
    match best {
        // If less than a quarter of the difference goes away, something changed but nothing moved.
        Some((gain, shift)) if gain >= 0.25 * all as f32 => Figure::Moves(shift),
        _ => Figure::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gameplay::{GameplayWorld, Steer, TrueAction};

    const SIDE: usize = 64;

    /// A scene of random tiles seen from `camera`, with a figure at a place on the screen.
    fn scene(camera: i32, figure: (i32, i32)) -> Vec<u8> {
        let mut frame = Vec::with_capacity(SIDE * SIDE * 3);
        for y in 0..SIDE as i32 {
            for x in 0..SIDE as i32 {
                let on_figure =
                    (0..8).contains(&(x - figure.0)) && (0..10).contains(&(y - figure.1));
                if on_figure {
                    let (row, column) = ((y - figure.1) / 3, (x - figure.0) / 2);
                    frame.extend([220, 60 * row as u8, 70 * column as u8]);
                } else {
                    let tile = ((x + camera).div_euclid(5), y / 5);
                    let hash =
                        (tile.0.wrapping_mul(73_856_093) ^ tile.1.wrapping_mul(19_349_663)) as u32;
                    let hash = hash.wrapping_mul(2_654_435_761) >> 24;
                    frame.extend([60, hash as u8, 200 - (hash / 2) as u8]);
                }
            }
        }
        frame
    }

    fn camera(sideways: bool, vertically: bool) -> Camera {
        Camera {
            height: SIDE,
            width: SIDE,
            sideways,
            vertically,
        }
    }

    fn motion(before: &[u8], after: &[u8]) -> (f32, f32) {
        let motion = camera(false, false).motion(before, after);
        (motion.right.unwrap(), motion.down.unwrap())
    }

    #[test]
    fn who_goes_another_way_than_a_following_camera_is_not_the_hero() {
        // A stranger comes towards the hero, whom the camera keeps in place.
        let start = scene(100, (24, 30));
        for run in [-4, 3] {
            let after = scene(100 + run, (24 - 2 * run, 30));
            let motion = camera(true, true).motion(&start, &after);
            assert_eq!(motion.right, Some(run as f32));
            assert_eq!(motion.down, Some(0.0));
        }
    }

    #[test]
    fn where_the_scene_moves_the_camera_follows() {
        let run: Vec<_> = (0..6).map(|step| scene(100 + 2 * step, (24, 30))).collect();
        let jump: Vec<_> = (0..6).map(|step| scene(100, (24, 30 - 3 * step))).collect();
        let watched = |frames: &[Vec<u8>]| {
            let pairs = frames.par_windows(2).map(|pair| [&pair[0][..], &pair[1]]);
            Camera::watched(pairs, SIDE, SIDE)
        };
        assert_eq!(watched(&run), camera(true, false));
        assert_eq!(watched(&jump), camera(false, false));
    }

    #[test]
    fn a_following_camera_and_a_still_one_say_the_same() {
        let start = scene(100, (24, 30));
        for run in [-4, -1, 3, 4] {
            for rise in [-6, 0, 4] {
                let expected = (run as f32, rise as f32);
                let followed = scene(100 + run, (24, 30 + rise));
                assert_eq!(motion(&start, &followed), expected);
                let watched = scene(100, (24 + run, 30 + rise));
                assert_eq!(motion(&start, &watched), expected);
            }
        }
        assert_eq!(motion(&start, &start), (0.0, 0.0));
    }

    #[test]
    fn nothing_is_claimed_of_noise_or_of_odd_sizes() {
        let watched = |height, width, frame: &[u8]| {
            Camera::watched([[frame, frame]].into_par_iter(), height, width)
        };
        let small = watched(2, 2, &[0; 12]);
        assert_eq!(small.motion(&[0; 12], &[0; 9]), Motion::default());
        assert_eq!(watched(0, 0, &[]).motion(&[], &[]), Motion::default());
        for (height, width) in [(1, 1), (2, 3), (8, 8), (5, 90)] {
            let frame = vec![9; height * width * 3];
            let motion = watched(height, width, &frame).motion(&frame, &frame);
            assert!(motion.right.is_none_or(|right| right.abs() < 0.5));
        }
    }

    /// The built-in game shows what it was told, for the eye that knows its hero and for the one that does not.
    #[test]
    fn the_built_in_game_is_read_rightly() {
        let mut before = vec![0; FRAME_BYTES];
        let mut after = vec![0; FRAME_BYTES];
        let (mut told, mut known_right, mut generic_right) = (0, 0, 0);
        let (mut vertical, mut known_down, mut generic_down) = (0, 0, 0);
        for seed in 0..24 {
            let mut world = GameplayWorld::new(seed);
            for step in 0..40_u64 {
                let steer =
                    [Steer::Right, Steer::Idle, Steer::Left][(step / 7 + seed) as usize % 3];
                world.render(&mut before);
                let place = (world.hero_x(), world.hero_y());
                world.step(TrueAction::new(steer, step % 9 < 4));
                world.render(&mut after);
                let moved = (world.hero_x() - place.0, world.hero_y() - place.1);
                if moved.1.abs() > 8 {
                    continue;
                }
                let generic = camera(true, false).motion(&before, &after);
                let known = hero_motion(&before, &after);
                told += u32::from(known.right.is_some());
                let agrees = |right: Option<f32>| {
                    u32::from(right.is_some_and(|right| (right - moved.0 as f32).abs() < 0.5))
                };
                known_right += agrees(known.right);
                generic_right += agrees(generic.right);
                if moved.1 != 0 {
                    vertical += 1;
                    let agrees = |down: Option<f32>| {
                        u32::from(down.is_some_and(|down| down * moved.1 as f32 > 0.0))
                    };
                    known_down += agrees(known.down);
                    generic_down += agrees(generic.down);
                }
            }
        }
        println!("of {told} sideways {known_right} and {generic_right} right");
        println!("of {vertical} vertical {known_down} and {generic_down} right");
        assert!(told > 900 && vertical > 600);
        assert!(known_right * 100 >= told * 98);
        assert!(generic_right * 100 >= told * 85);
        assert!(known_down * 100 >= vertical * 95);
        assert!(generic_down * 100 >= vertical * 90);
    }
}
