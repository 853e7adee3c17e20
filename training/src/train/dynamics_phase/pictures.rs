//! Pictures of what has been learned.

use genie_model::{Frame, GenieConfig, WorldModel};

use crate::train::error::TrainError;

/// Frames of a strip.
const FRAMES: usize = 12;
/// Clips whose first frames are prompts for all actions, and clips that are shown beside rollouts.
const PROMPTS: usize = 2;
const ROLLOUTS: usize = 4;

/// Rows of RGB frames.
pub(super) type Strips = Vec<Vec<Vec<u8>>>;

/// Clips of some frames each, as bytes.
pub(super) struct Clips<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) count: usize,
    pub(super) frames: usize,
}

impl Clips<'_> {
    fn frame(&self, model: &GenieConfig, clip: usize, at: usize) -> Result<Frame, TrainError> {
        let (height, width) = (model.frame_height, model.frame_width);
        let length = height * width * 3;
        let start = (clip * self.frames + at) * length;
        let bytes = self.bytes[start..start + length].to_vec();
        Ok(Frame::from_rgb(width, height, bytes)?)
    }
}

/// One strip per latent action, from the same prompts.
pub(super) fn action_strips(world: &WorldModel, clips: &Clips) -> Result<Strips, TrainError> {
    let mut strips = Vec::new();
    for clip in 0..clips.count.min(PROMPTS) {
        for action in 0..world.action_count() {
            let mut rollout = world.prompt(&clips.frame(world.config(), clip, 0)?, 1)?;
            let mut row = vec![rollout.frame().pixels().to_vec()];
            for _ in 1..FRAMES {
                row.push(rollout.step(action)?.pixels().to_vec());
            }
            strips.push(row);
        }
    }
    Ok(strips)
}

/// Real clips, each above a rollout from its first frame under the actions `inferred` from it.
pub(super) fn rollout_strips(
    world: &WorldModel,
    clips: &Clips,
    inferred: &[Vec<u32>],
) -> Result<Strips, TrainError> {
    let mut strips = Vec::new();
    for (clip, actions) in inferred.iter().enumerate().take(ROLLOUTS) {
        let first = clips.frame(world.config(), clip, 0)?;
        let mut rollout = world.prompt(&first, 1)?;
        let mut generated = vec![rollout.frame().pixels().to_vec()];
        let mut real = vec![first.into_pixels()];
        for at in 1..FRAMES.min(clips.frames) {
            generated.push(rollout.step(actions[at - 1] as usize)?.pixels().to_vec());
            real.push(clips.frame(world.config(), clip, at)?.into_pixels());
        }
        strips.extend([real, generated]);
    }
    Ok(strips)
}
