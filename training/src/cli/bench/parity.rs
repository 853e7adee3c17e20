//! `genie bench --parity`: whether a device trains as the CPU does, and how fast. On the CPU the operations that other devices take are compared
//! with the fused ones, and the fused ones are timed.

use candle_core::Device;
use genie_model::median;
use genie_training::train::{
    Comparison, Place, Precision, TrainConfig, TrainingPhase, compare, time_steps,
};
use serde::Serialize;

use super::error::BenchError;
use super::training::footage;

/// Steps that are compared.
const STEPS: u64 = 4;

/// The device beside the CPU.
#[derive(Debug, Serialize)]
pub(super) struct Parity {
    device: String,
    /// Whether losses from the same states, and the first step's gradients, differ by less than a thousandth in both phases.
    same: bool,
    phases: Vec<PhaseParity>,
}

/// One phase.
#[derive(Debug, Serialize)]
struct PhaseParity {
    #[serde(flatten)]
    comparison: Comparison,
    /// Activations in bfloat16 beside float32, both on the device.
    bf16_comparison: Comparison,
    /// Clips and frames per clip in a step.
    batch: usize,
    clip_frames: usize,
    /// Median time of a step.
    cpu_milliseconds: f64,
    /// The same on the device, with products in `f32`.
    milliseconds: f64,
    /// The same with products in reduced precision.
    reduced_milliseconds: f64,
    /// The same with activations in bfloat16, too.
    bf16_milliseconds: f64,
    /// Tokens of the footage in a second, on the CPU and on the device.
    cpu_tokens_per_second: f64,
    tokens_per_second: f64,
    reduced_tokens_per_second: f64,
    bf16_tokens_per_second: f64,
}

impl Parity {
    /// Compares losses and gradients on footage of the built-in platformer, and times `steps` steps.
    pub(super) fn measure(
        config: &TrainConfig,
        steps: usize,
        device: &Device,
        name: String,
    ) -> Result<Self, BenchError> {
        let folder = footage(config)?;
        let data = folder.path();
        let fused = Place {
            device: Device::Cpu,
            composed: false,
        };
        // On the CPU it is the operations that other devices take which are compared.
        let other = Place {
            device: device.clone(),
            composed: device.is_cpu(),
        };
        let places = [fused, other];
        let exact = TrainConfig {
            bf16: false,
            ..config.clone()
        };
        let mut phases = Vec::new();
        for phase in TrainingPhase::ALL {
            let [cpu, other] = &places;
            let comparison = compare(data, phase, STEPS, [(&exact, cpu), (&exact, other)])?;
            let milliseconds = |config: &TrainConfig, device: &Device, steps: usize| {
                let taken = time_steps(config, data, phase, steps, device)?;
                let taken = taken.iter().map(|time| 1e3 * time.whole.as_secs_f64());
                Ok::<_, BenchError>(median(taken).unwrap_or(0.0))
            };
            let settings = match phase {
                TrainingPhase::Tokenizer => &config.tokenizer,
                TrainingPhase::Dynamics => &config.dynamics,
            };
            let frames = settings.batch * settings.clip_frames;
            let tokens = (frames * config.model.tokens_per_frame()) as f64;
            let reduced = TrainConfig {
                bf16: true,
                ..config.clone()
            };
            let bf16 = TrainConfig {
                precision: Precision::Bf16,
                ..reduced.clone()
            };
            let ways = [(&exact, other), (&bf16, other)];
            let bf16_comparison = compare(data, phase, STEPS, ways)?;
            // As training runs on the CPU; one after the other, because a device may take much less.
            let cpu = milliseconds(config, &Device::Cpu, steps.min(3))?;
            let device_exact = milliseconds(&exact, device, steps)?;
            let device_reduced = milliseconds(&reduced, device, steps)?;
            let device_bf16 = milliseconds(&bf16, device, steps)?;
            phases.push(PhaseParity {
                comparison,
                bf16_comparison,
                batch: settings.batch,
                clip_frames: settings.clip_frames,
                cpu_milliseconds: cpu,
                milliseconds: device_exact,
                reduced_milliseconds: device_reduced,
                bf16_milliseconds: device_bf16,
                cpu_tokens_per_second: 1e3 * tokens / cpu,
                tokens_per_second: 1e3 * tokens / device_exact,
                reduced_tokens_per_second: 1e3 * tokens / device_reduced,
                bf16_tokens_per_second: 1e3 * tokens / device_bf16,
            });
        }
        let same = phases.iter().all(|phase| {
            let it = &phase.comparison;
            it.same_state_loss_difference < 1e-3 && it.gradient_difference < 1e-3
        });
        Ok(Self {
            device: name,
            same,
            phases,
        })
    }

    /// Whether the device trains as the CPU does.
    pub(super) fn holds(&self) -> bool {
        self.same
    }
}
