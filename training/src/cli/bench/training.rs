//! The time of the step that training takes, of each phase.

use std::path::PathBuf;
use std::time::Duration;

use candle_core::Device;
use genie_model::checkpoint::Checkpoint;
use genie_model::{Enlarging, PixelRect, median, resample};
use genie_training::dataset::{DatasetWriter, FrameFormat};
use genie_training::gameplay::{FRAME_SIZE, FRAMES_PER_SECOND, GameplayRules, generate_clip};
use genie_training::plan::Operations;
use genie_training::train::{StepTime, TrainConfig, TrainingPhase, time_steps};
use serde::Serialize;
use tempfile::TempDir;

use super::error::BenchError;
use super::peak::{self, Peak};
use crate::cli::configuration::{Source, read_config};

/// Clips of footage, which steps draw from.
const CLIPS: u64 = 8;
/// Tokens in a step from which it is timed only if its batch is given: the paper's batches take a small machine very long.
const MANY_TOKENS: usize = 1 << 16;

/// The training whose steps are measured.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct TrainingArgs {
    /// A training and its untrained world by name, see `genie train --help`.
    #[arg(long, default_value = "platformer", conflicts_with = "checkpoint")]
    pub(super) preset: String,
    /// TOML file of a training instead, whose untrained world is measured.
    #[arg(long, conflicts_with_all = ["checkpoint", "preset"])]
    pub(super) config: Option<PathBuf>,
    /// Another value for a setting of the training, such as `recompute=true`; can be given several times.
    #[arg(long = "set", value_name = "SETTING=VALUE")]
    pub(super) settings: Vec<String>,
    /// Training steps of each phase that are timed, after one that is not; 0 for none. They are those that `genie train` takes with
    /// this training, spread evenly over each phase: with its batch, passes and losses and with what it freezes.
    #[arg(long, default_value_t = 5)]
    pub(super) training_steps: usize,
    /// The phase whose steps are measured, in place of both.
    #[arg(long, value_parser = ["tokenizer", "dynamics"])]
    pub(super) phase: Option<String>,
    /// Clips in a training step, in place of the training's.
    #[arg(long, value_name = "CLIPS")]
    pub(super) training_batch: Option<usize>,
}

impl TrainingArgs {
    /// The training; that of the shipped world for the model of a `checkpoint`.
    pub(super) fn configuration(
        &self,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<TrainConfig, BenchError> {
        let source = Source {
            config: self.config.clone(),
            preset: self.config.is_none().then(|| self.preset.clone()),
        };
        let mut config = read_config(&source, &self.settings).map_err(BenchError::Training)?;
        if let Some(checkpoint) = checkpoint {
            config.model = checkpoint.config.clone();
        }
        if let Some(batch) = self.training_batch {
            (config.tokenizer.batch, config.dynamics.batch) = (batch, batch);
        }
        Ok(config)
    }

    /// The phases whose steps are measured.
    pub(super) fn phases(&self) -> impl Iterator<Item = TrainingPhase> {
        let wanted = |phase: &TrainingPhase| {
            let name = self.phase.as_deref();
            name.is_none_or(|name| name == phase.name())
        };
        TrainingPhase::ALL.into_iter().filter(wanted)
    }

    /// How many steps of a training are timed.
    pub(super) fn steps(&self, config: &TrainConfig) -> usize {
        let tokens = config.model.tokens_per_frame();
        let phases = [&config.tokenizer, &config.dynamics];
        let most = phases.map(|it| it.batch * it.clip_frames * tokens);
        let many = most.into_iter().max().filter(|&it| it > MANY_TOKENS);
        if let (Some(many), None) = (many, self.training_batch) {
            tracing::warn!("a step of {many} tokens is timed only with --training-batch CLIPS");
            return 0;
        }
        self.training_steps
    }
}

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
    /// Their mean: contexts that are sampled from the model make some steps longer.
    mean_milliseconds: f64,
    /// What of that mean was spent waiting for data, which a thread reads ahead.
    pub(super) data_milliseconds: f64,
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

/// Milliseconds of steps.
pub(super) struct StepTimes {
    phase: TrainingPhase,
    precision: Precision,
    milliseconds: Vec<f64>,
    data_milliseconds: Vec<f64>,
}

/// Footage of the built-in platformer in the size of the model's frames, long enough for the clips of both phases.
pub(super) fn footage(config: &TrainConfig) -> Result<TempDir, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::Folder)?;
    let frames = config
        .tokenizer
        .clip_frames
        .max(config.dynamics.clip_frames)
        + 8;
    let (height, width) = (config.model.frame_height, config.model.frame_width);
    let format = FrameFormat {
        height,
        width,
        frames_per_second: f64::from(FRAMES_PER_SECOND),
    };
    let mut writer = DatasetWriter::create(folder.path(), format)?;
    let whole = PixelRect {
        x: 0,
        y: 0,
        width: FRAME_SIZE,
        height: FRAME_SIZE,
    };
    for clip in 0..CLIPS {
        let (pixels, actions) = generate_clip(GameplayRules::ALIGNED, 0, clip, frames);
        for frame in pixels.chunks_exact(FRAME_SIZE * FRAME_SIZE * 3) {
            let frame = resample(
                frame,
                FRAME_SIZE,
                3,
                whole,
                (width, height),
                Enlarging::Nearest,
            );
            writer.push_frame(&frame)?;
        }
        writer.end_clip(Some(&actions))?;
    }
    writer.finish()?;
    Ok(folder)
}

/// Times `steps` steps of the phases, with products in `f32` and, where the processor has it, in `bf16`, on footage of the built-in
/// platformer.
pub(super) fn measure(
    config: &TrainConfig,
    phases: impl Iterator<Item = TrainingPhase>,
    steps: usize,
    device: &Device,
) -> Result<Vec<StepTimes>, BenchError> {
    if steps == 0 {
        return Ok(Vec::new());
    }
    let folder = footage(config)?;
    let mut times = Vec::new();
    for phase in phases {
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
            let milliseconds = |part: fn(&StepTime) -> Duration| {
                let parts = taken.iter().map(part);
                parts.map(|part| 1e3 * part.as_secs_f64()).collect()
            };
            times.push(StepTimes {
                phase,
                precision,
                milliseconds: milliseconds(|time| time.whole),
                data_milliseconds: milliseconds(|time| time.data),
            });
        }
    }
    Ok(times)
}

impl StepTimes {
    /// The steps beside the peak.
    pub(super) fn report(
        &self,
        config: &TrainConfig,
        operations: &Operations,
        peak: &Peak,
    ) -> StepReport {
        let (settings, operations) = match self.phase {
            TrainingPhase::Tokenizer => (&config.tokenizer, operations.tokenizer_step),
            TrainingPhase::Dynamics => (&config.dynamics, operations.dynamics_step.all()),
        };
        let milliseconds = median(self.milliseconds.iter().copied()).unwrap_or(0.0);
        let mean = |times: &[f64]| times.iter().sum::<f64>() / times.len().max(1) as f64;
        StepReport {
            phase: self.phase.name(),
            precision: self.precision,
            batch: settings.batch,
            clip_frames: settings.clip_frames,
            milliseconds,
            mean_milliseconds: mean(&self.milliseconds),
            data_milliseconds: mean(&self.data_milliseconds),
            share_of_peak: peak.share(operations, milliseconds),
            share_of_bf16_peak: match self.precision {
                Precision::F32 => None,
                Precision::Bf16 => peak.bf16_share(operations, milliseconds),
            },
        }
    }
}

/// Prints the steps as a table.
pub(super) fn print_table(steps: &[StepReport]) {
    if steps.is_empty() {
        return;
    }
    println!(
        "\ntraining step               ms    mean    waiting for data   of f32 peak   of bf16 peak"
    );
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
            "{:<10} {:<5} {:<5} {:8.1} {:8.1} {:16.2} ms {:10.0} %  {bf16}",
            step.phase,
            clips,
            precision,
            step.milliseconds,
            step.mean_milliseconds,
            step.data_milliseconds,
            100.0 * step.share_of_peak
        );
    }
}
