//! How fast a world dreams on this machine, measured before it is trained: what comes after the training is expected by it.

use std::time::Instant;

use candle_core::Device;
use genie_model::{Frame, GenieConfig, Rollout, WorldModel};

use super::DreamError;
use crate::evaluate::untrained_checkpoint;

/// Frames that are dreamt before the measurement, and in it.
const BEFORE: usize = 2;
const MEASURED: usize = 3;

/// Time of a frame of a trained world over that of an untrained one, which is sure of nothing and makes all passes: 0.47 to 0.72 in three
/// dreams.
pub(super) const TRAINED: f64 = 0.7;

/// Seconds that a dreamt frame of one untrained world takes where so many dream together.
pub(super) fn seconds_per_frame(
    config: &GenieConfig,
    count: usize,
    device: &Device,
) -> Result<f64, DreamError> {
    let world = WorldModel::new(untrained_checkpoint(config, 0)?, device)?;
    let (width, height) = (config.frame_width, config.frame_height);
    let mut worlds = (0..count)
        .map(|number| {
            let shade = (number * 255 / count) as u8;
            let frame = Frame::filled(width, height, [shade, 128, 255 - shade]);
            world.prompt(&frame, number as u64)
        })
        .collect::<Result<Vec<Rollout>, _>>()?;
    let mut step = || {
        let mut together: Vec<&mut Rollout> = worlds.iter_mut().collect();
        Rollout::step_all(&mut together, &vec![0; count])
    };
    for _ in 0..BEFORE {
        step()?;
    }
    let begun = Instant::now();
    for _ in 0..MEASURED {
        step()?;
    }
    Ok(begun.elapsed().as_secs_f64() / (count * MEASURED) as f64)
}
