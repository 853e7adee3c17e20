//! Which of the presets for any game fits the machine and the time: they differ in the size of the dynamics.
//!
//! A larger world learns more from the same steps, as long as there are enough of them, and takes longer to play.

use std::time::Duration;

use candle_core::Device;
use genie_model::QuantizerConfig;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::DreamError;
use super::speed::{TRAINED, seconds_per_frame};
use crate::dataset::{DatasetWriter, FrameFormat};
use crate::plan::count_operations;
use crate::train::{GAME_PRESETS, TrainConfig, TrainingPhase, time_steps};

/// The preset whose steps are timed; those of the others are counted by it.
const TIMED: usize = 1;
/// Steps that are timed, and the least time of training in which that is worth it.
const TIMED_STEPS: usize = 2;
const WORTH_TIMING: Duration = Duration::from_mins(1);
/// Fewest steps of the dynamics for each of them: in the time of 520 and of 987 steps of the second the first one gets further (see the experiments), and the
/// third is for those who have its usual number.
const LEAST_STEPS: [f64; GAME_PRESETS.len()] = [0.0, 1000.0, 4000.0];

/// The largest preset of which enough steps fit into the time for the dynamics, and whose world is played on this machine at the pace of the
/// footage. `config` is a training by one of them, fitted to the footage.
pub(super) fn choose_preset(
    config: &TrainConfig,
    time: Duration,
    device: &Device,
) -> Result<&'static str, DreamError> {
    if time < WORTH_TIMING {
        return Ok(GAME_PRESETS[0]);
    }
    let sizes = GAME_PRESETS.map(|preset| with_most_codes(of_size(config, preset)));
    let operations = sizes
        .each_ref()
        .map(|config| count_operations(config).dynamics_step.all());
    let operations_of_timed = operations[TIMED];
    let timed = seconds_per_step(&sizes[TIMED], device)?;
    let steps = operations.map(|operations| {
        let step = timed * operations / operations_of_timed;
        time.as_secs_f64() / step.max(f64::MIN_POSITIVE)
    });
    tracing::debug!("steps that would fit: {steps:.0?}");
    let size = largest(steps, |size| plays(&sizes[size], device))?;
    Ok(GAME_PRESETS[size])
}

/// The largest size of which enough steps fit and whose world can be played; the smallest where none is so.
fn largest(
    steps: [f64; GAME_PRESETS.len()],
    plays: impl Fn(usize) -> Result<bool, DreamError>,
) -> Result<usize, DreamError> {
    for size in (1..steps.len()).rev() {
        if steps[size] >= LEAST_STEPS[size] && plays(size)? {
            return Ok(size);
        }
    }
    Ok(0)
}

/// The same training with the dynamics of a preset.
pub(super) fn of_size(config: &TrainConfig, preset: &str) -> TrainConfig {
    let mut config = config.clone();
    if let Some(preset) = TrainConfig::preset(preset) {
        config.model.dynamics.transformer = preset.model.dynamics.transformer;
    }
    config
}

/// The same training with as many codes a token as may be chosen: how many are is not known before the training, and each makes it slower.
fn with_most_codes(mut config: TrainConfig) -> TrainConfig {
    if let (Some(choice), QuantizerConfig::Vq { stages, .. }) =
        (&config.choose_stages, &mut config.model.tokenizer.quantizer)
    {
        *stages = choice.most;
    }
    config
}

/// The preset whose dynamics a training has.
pub(super) fn preset_of(config: &TrainConfig) -> Option<&'static str> {
    GAME_PRESETS
        .into_iter()
        .find(|preset| of_size(config, preset) == *config)
}

/// Whether its world will be played at the pace of its footage.
fn plays(config: &TrainConfig, device: &Device) -> Result<bool, DreamError> {
    let seconds = TRAINED * seconds_per_frame(&config.model, 1, device)?;
    tracing::debug!("a frame would take {:.0} ms", 1000.0 * seconds);
    Ok(seconds * f64::from(config.model.frames_per_second) <= 1.0)
}

/// Time of a step of the dynamics, on frames of noise: it does not depend on what they show. Tokens of the footage are kept, as those of all but
/// huge footage are.
fn seconds_per_step(config: &TrainConfig, device: &Device) -> Result<f64, DreamError> {
    let folder = tempfile::tempdir();
    let folder = folder.map_err(DreamError::io("make a folder in", &std::env::temp_dir()))?;
    let format = FrameFormat {
        height: config.model.frame_height,
        width: config.model.frame_width,
        frames_per_second: f64::from(config.model.frames_per_second),
    };
    let mut writer = DatasetWriter::create(folder.path(), format)?;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let frames = config
        .tokenizer
        .clip_frames
        .max(config.dynamics.clip_frames);
    for _ in 0..config.dynamics.batch {
        let mut pixels = vec![0; frames * format.frame_bytes()];
        rng.fill(&mut pixels[..]);
        writer.push_clip(&pixels, None)?;
    }
    writer.finish()?;
    let phase = TrainingPhase::Dynamics;
    let steps = time_steps(config, folder.path(), phase, TIMED_STEPS, device)?;
    let seconds: f64 = steps.iter().map(|step| step.whole.as_secs_f64()).sum();
    Ok(seconds / steps.len().max(1) as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_is_known_by_its_dynamics() {
        let mut config = TrainConfig::game();
        config.model.frame_width = 96;
        config.dynamics.steps = 17;
        assert_eq!(preset_of(&config), Some("game"));
        assert_eq!(
            preset_of(&of_size(&config, "game-large")),
            Some("game-large")
        );
        config.model.dynamics.transformer.layers = 5;
        assert_eq!(preset_of(&config), None);
    }

    #[test]
    fn the_largest_that_can_be_trained_and_played_is_chosen() {
        let all = |_| Ok(true);
        let chosen = |steps| largest(steps, all).unwrap();
        assert_eq!(chosen([10.0, 4.0, 1.0]), 0);
        assert_eq!(chosen([3000.0, 1100.0, 300.0]), 1);
        assert_eq!(chosen([50_000.0, 17_000.0, 4_100.0]), 2);
        let slow = |size: usize| Ok(size < 2);
        assert_eq!(largest([50_000.0, 17_000.0, 4_100.0], slow).unwrap(), 1);
        assert_eq!(
            largest([50_000.0, 17_000.0, 4_100.0], |_| Ok(false)).unwrap(),
            0
        );
    }

    #[test]
    fn footage_of_any_size_is_timed() {
        let mut config = TrainConfig::game();
        (config.model.frame_width, config.model.frame_height) = (16, 24);
        (config.dynamics.batch, config.dynamics.clip_frames) = (1, 6);
        let no_time = Duration::from_secs(1);
        let preset = choose_preset(&config, no_time, &Device::Cpu).unwrap();
        assert_eq!(preset, GAME_PRESETS[0]);
        let preset = choose_preset(&config, Duration::from_hours(9), &Device::Cpu).unwrap();
        assert!(GAME_PRESETS.contains(&preset));
    }
}
