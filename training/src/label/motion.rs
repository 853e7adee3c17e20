//! Motion of the player's figure between two frames, by block matching.
//!
//! The shift of the scene is the one under which most of the screen is explained by the earlier frame. The shift of the figure
//! is searched among the pixels that the shift of the scene does not explain. Under a camera that follows the figure, the scene
//! moves and the figure does not; under a still camera the figure moves and the scene does not. In both cases their
//! difference is the motion of the figure through its world. Along an axis on which the camera always follows, what moves
//! against the scene is not the figure, and is ignored.

use genie_model::block_matching::{
    FigureShift, Picture, Shift, figure_shift, scene_shift, shifts_within,
};
use rayon::prelude::*;

use crate::gameplay::{FRAME_SIZE, HERO_SCREEN_X, HERO_WIDTH, hero_position};

/// Motion of the player's figure between two frames, in pixels; `None` where it cannot be measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Motion {
    /// To the right, relative to the scene.
    pub right: Option<f32>,
    /// Downwards, relative to the scene.
    pub down: Option<f32>,
}

/// The camera follows if the scene moves in a larger share of the transitions than this.
const CAMERA_FOLLOWS: f32 = 0.1;
/// Largest motion of the hero in one frame, in pixels; more means that it left the screen and came back.
const MOST_HERO_MOTION: f32 = 16.0;

/// The size of frames and the directions in which the camera follows the figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Camera {
    height: usize,
    width: usize,
    sideways: bool,
    vertically: bool,
}

impl Camera {
    /// Estimates the camera from pairs of successive frames of `height * width * 3` bytes: it follows in a direction in which
    /// the scene moves in many of them.
    pub fn estimate<'f>(
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
        Picture::rgb(bytes, self.height, self.width)
    }

    fn scene(&self, before: &Picture, after: &Picture) -> Option<Shift> {
        let reach = reach(self.height, self.width);
        scene_shift(
            before,
            after,
            &shifts_within(reach, reach),
            block_side(reach),
            0..0,
        )
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
        let still = relative(Shift::ZERO);
        if self.sideways && self.vertically {
            return still;
        }
        let reach = reach(self.height, self.width) + 4;
        match figure_shift(before, after, scene, &shifts_within(reach, reach)) {
            FigureShift::Moves(figure) => relative(figure),
            FigureShift::Absent => still,
            FigureShift::Unclear => Motion {
                down: still.down.filter(|_| self.vertically),
                ..still
            },
        }
    }
}

/// The same for frames of the built-in gameplay, by the hero detector: the hero stays in its column, so that the scene gives
/// its horizontal motion, and its height on the screen gives the vertical one.
pub fn hero_motion(before: &[u8], after: &[u8]) -> Motion {
    let picture = |bytes| Picture::rgb(bytes, FRAME_SIZE, FRAME_SIZE);
    let Some((was, is)) = picture(before).zip(picture(after)) else {
        return Motion::default();
    };
    let hero = HERO_SCREEN_X as i32..(HERO_SCREEN_X + HERO_WIDTH) as i32;
    let reach = reach(FRAME_SIZE, FRAME_SIZE);
    let scene = scene_shift(&was, &is, &shifts_within(reach, 0), block_side(reach), hero);
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
fn reach(height: usize, width: usize) -> u32 {
    (height.min(width) / 8).clamp(1, 16) as u32
}

/// Side of the blocks that vote for the shift of the scene, for such a reach.
fn block_side(reach: u32) -> usize {
    reach.max(4) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gameplay::{FRAME_BYTES, GameplayRules, GameplayWorld, Steer, TrueAction};

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
    fn what_moves_against_a_following_camera_is_not_the_hero() {
        // Another figure comes towards the hero, which the camera keeps in place.
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
            Camera::estimate(pairs, SIDE, SIDE)
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
            Camera::estimate([[frame, frame]].into_par_iter(), height, width)
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

    /// The true motion of the built-in game is measured, with the hero detector and without.
    #[test]
    fn motion_of_the_built_in_game_is_measured() {
        let mut before = vec![0; FRAME_BYTES];
        let mut after = vec![0; FRAME_BYTES];
        let (mut measured, mut known_right, mut generic_right) = (0, 0, 0);
        let (mut vertical, mut known_down, mut generic_down) = (0, 0, 0);
        for seed in 0..24 {
            let mut world = GameplayWorld::with_rules(seed, GameplayRules::ALIGNED);
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
                measured += u32::from(known.right.is_some());
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
        println!("of {measured} sideways {known_right} and {generic_right} right");
        println!("of {vertical} vertical {known_down} and {generic_down} right");
        assert!(measured > 900 && vertical > 600);
        assert!(known_right * 100 >= measured * 98);
        assert!(generic_right * 100 >= measured * 85);
        assert!(known_down * 100 >= vertical * 95);
        assert!(generic_down * 100 >= vertical * 90);
    }
}
