//! Counts the effects of actions in the motion of the player's figure.

use genie_model::median;

use super::motion::Motion;
use super::naming::{ActionEffect, Effects};

/// A figure is at rest when it moved no further than this vertically, in pixels a frame.
const REST: f32 = 1.0;
/// It begins to rise when it goes up by this many pixels in a frame, or in a few frames from a prompt.
const RISE: f32 = 3.0;
/// In a frame of footage this share of the usual vertical speed is enough: a small figure, such as a bird that flaps, may never go up by more.
const RISE_OF_USUAL: f32 = 0.5;
/// It falls when it goes down by this many pixels in a frame.
const FALL: f32 = 2.0;

/// The effects of so many actions in segments of real frames, by the motion of each transition and the action inferred from it.
pub(super) fn count_real(
    seen: &[(Vec<Motion>, Vec<usize>)],
    actions: usize,
    speeds: [f32; 2],
) -> Vec<Effects> {
    let mut effects = vec![Effects::default(); actions];
    for (motions, actions) in seen {
        for (at, (motion, &action)) in motions.iter().zip(actions).enumerate() {
            let at_rest = at > 0 && rests(&motions[at - 1]);
            effects[action].usage += 1.0;
            effects[action].real.add(motion, speeds, at_rest);
        }
    }
    let total: f64 = effects.iter().map(|effects| effects.usage).sum();
    for effects in &mut effects {
        effects.usage /= total.max(1.0);
    }
    effects
}

/// Whether the figure is at rest.
pub(super) fn rests(motion: &Motion) -> bool {
    motion.down.is_some_and(|down| down.abs() <= REST)
}

/// The usual speeds of the figure sideways and up or down, in pixels a frame: the medians of the speeds that are not zero.
pub(super) fn usual_speeds<'a>(motions: impl Iterator<Item = &'a Motion>) -> [f32; 2] {
    let mut speeds = [Vec::new(), Vec::new()];
    for motion in motions {
        for (speeds, part) in speeds.iter_mut().zip([motion.right, motion.down]) {
            speeds.extend(part.map(f32::abs).filter(|&speed| speed >= 0.5));
        }
    }
    speeds.map(|speeds| median(speeds).unwrap_or(1.0))
}

impl ActionEffect {
    /// Counts one real transition. `at_rest` says that the figure stood before it.
    pub(super) fn add(&mut self, motion: &Motion, speeds: [f32; 2], at_rest: bool) {
        self.add_directions(motion, speeds);
        if let Some(down) = motion.down {
            self.vertical += 1.0;
            self.falls += f64::from(u8::from(down >= FALL));
            if at_rest {
                self.from_rest += 1.0;
                let rise = RISE.min(RISE_OF_USUAL * speeds[1]).max(REST);
                self.rises += f64::from(u8::from(down <= -rise));
            }
        }
    }

    /// Counts the transitions of a world in which one action was held from a prompt at rest.
    pub(super) fn add_held(&mut self, motions: &[Motion], speeds: [f32; 2]) {
        let mut height = 0.0;
        let mut highest: Option<f32> = None;
        for (at, motion) in motions.iter().enumerate() {
            self.add_directions(motion, speeds);
            let Some(down) = motion.down else { continue };
            self.vertical += 1.0;
            self.falls += f64::from(u8::from(down >= FALL));
            // A jump begins at once, or at the second frame where the model needs one to settle.
            if at < 3 {
                height -= down;
                highest = Some(highest.map_or(height, |highest: f32| highest.max(height)));
            }
        }
        if let Some(highest) = highest {
            self.from_rest += 1.0;
            self.rises += f64::from(u8::from(highest >= RISE));
        }
    }

    fn add_directions(&mut self, motion: &Motion, speeds: [f32; 2]) {
        let [sideways, vertical] = speeds.map(|speed| (0.4 * speed).max(0.5));
        self.transitions += 1.0;
        if let Some(right) = motion.right {
            self.sideways += 1.0;
            self.distance += f64::from(right);
            self.goes_right += f64::from(u8::from(right >= sideways));
            self.goes_left += f64::from(u8::from(right <= -sideways));
        }
        if let Some(down) = motion.down {
            self.goes_down += f64::from(u8::from(down >= vertical));
            self.goes_up += f64::from(u8::from(down <= -vertical));
        }
    }
}
