//! The time of a training step of each phase.

use candle_core::Device;
use genie_training::gameplay::{FRAME_SIZE, GameplayOptions, GameplayRules, generate_dataset};
use genie_training::train::{TrainConfig, TrainingPhase, time_steps};
use serde::Serialize;
use tempfile::TempDir;

use super::peak::{self, Peak};
use super::{BenchError, median};
use genie_training::plan::Operations;

/// Clips of footage, which steps draw from.
const CLIPS: usize = 8;

/// A training step of one phase.
#[derive(Debug, Clone, Serialize)]
pub(super) struct StepReport {
    phase: &'static str,
    precision: Precision,
    /// Clips and frames per clip in a step.
    batch: usize,
    clip_frames: usize,
    /// Median of the steps.
    pub(super) milliseconds: f64,
    /// Share of the `f32` peak.
    pub(super) share_of_peak: f64,
    /// Share of the `bf16` peak, of a step with such products.
    #[serde(skip_serializing_if = "Option::is_none")]
    share_of_bf16_peak: Option<f64>,
}

/// How matrix products are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Precision {
    F32,
    Bf16,
}

/// Milliseconds of a step.
pub(super) struct StepTime {
    phase: TrainingPhase,
    precision: Precision,
    milliseconds: f64,
}

/// Footage of the built-in platformer, long enough for the clips of both phases.
pub(super) fn footage(config: &TrainConfig) -> Result<TempDir, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::Folder)?;
    let frames = config
        .tokenizer
        .clip_frames
        .max(config.dynamics.clip_frames)
        + 8;
    let options = GameplayOptions {
        rules: GameplayRules::ALIGNED,
        video: None,
    };
    generate_dataset(folder.path(), CLIPS, frames, 0, options, &|_| ())?;
    Ok(folder)
}

/// Times `steps` steps of each phase, in `f32` and, where the processor has it, in `bf16`, on footage of the built-in
/// platformer. Nothing for a world that does not take its frames.
pub(super) fn measure(
    config: &TrainConfig,
    steps: usize,
    device: &Device,
) -> Result<Vec<StepTime>, BenchError> {
    let model = &config.model;
    if steps == 0 || (model.frame_height, model.frame_width) != (FRAME_SIZE, FRAME_SIZE) {
        return Ok(Vec::new());
    }
    let folder = footage(config)?;
    let mut times = Vec::new();
    for phase in TrainingPhase::ALL {
        for precision in [Precision::F32, Precision::Bf16] {
            let bf16 = precision == Precision::Bf16;
            if bf16 && device.is_cpu() && !peak::has_bf16() {
                continue;
            }
            let config = TrainConfig {
                bf16,
                ..config.clone()
            };
            let taken = time_steps(&config, folder.path(), phase, steps, device)?;
            let taken = taken.iter().map(|time| 1e3 * time.as_secs_f64());
            times.push(StepTime {
                phase,
                precision,
                milliseconds: median(taken.collect()),
            });
        }
    }
    Ok(times)
}

impl StepTime {
    /// The step beside the peak.
    pub(super) fn report(
        &self,
        config: &TrainConfig,
        operations: &Operations,
        peak: &Peak,
    ) -> StepReport {
        let (settings, operations) = match self.phase {
            TrainingPhase::Tokenizer => (&config.tokenizer, operations.tokenizer_step),
            TrainingPhase::Dynamics => (&config.dynamics, operations.dynamics_step),
        };
        StepReport {
            phase: self.phase.name(),
            precision: self.precision,
            batch: settings.batch,
            clip_frames: settings.clip_frames,
            milliseconds: self.milliseconds,
            share_of_peak: peak.share(operations, self.milliseconds),
            share_of_bf16_peak: match self.precision {
                Precision::F32 => None,
                Precision::Bf16 => peak.bf16_share(operations, self.milliseconds),
            },
        }
    }
}

/// Prints the steps as a table.
pub(super) fn print_table(steps: &[StepReport]) {
    if steps.is_empty() {
        return;
    }
    println!("\ntraining step               ms    of f32 peak   of bf16 peak");
    for step in steps {
        let precision = match step.precision {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
        };
        let clips = format!("{}x{}", step.batch, step.clip_frames);
        let bf16 = step
            .share_of_bf16_peak
            .map_or_else(String::new, |share| format!("{:9.0} %", 100.0 * share));
        println!(
            "{:<10} {:<5} {:<5} {:8.1}   {:8.0} %  {bf16}",
            step.phase,
            clips,
            precision,
            step.milliseconds,
            100.0 * step.share_of_peak
        );
    }
}
