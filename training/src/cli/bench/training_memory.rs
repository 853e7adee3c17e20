//! `genie bench --memory`: the most memory that training takes.

use candle_core::Device;
use genie_model::median;
use genie_training::plan::{Accelerator, PlanOptions, plan};
use genie_training::train::{Precision, TrainConfig, TrainingPhase, time_steps};
use serde::Serialize;

use super::error::BenchError;
use super::memory::{forget_peak, peak_since, resident_memory};
use super::training::footage;

/// Memory of the process in one phase.
#[derive(Debug, Clone, Serialize)]
pub(super) struct PhaseMemory {
    phase: &'static str,
    /// Clips at once and frames per clip.
    clips: usize,
    clip_frames: usize,
    tokens_per_frame: usize,
    /// Whether activations are computed again instead of kept.
    recompute: bool,
    /// Steps taken; from the second one on all that a training keeps is there.
    steps: usize,
    seconds_per_step: f64,
    /// Before it began: the program, and what an earlier phase left to the allocator.
    resident_before_bytes: u64,
    /// Most memory of the process; where the system cannot forget an earlier peak, that may be one before this phase.
    pub(super) peak_bytes: u64,
    /// What `genie plan` counts for weights, gradients, optimiser and activations.
    planned_bytes: f64,
}

/// Takes `steps` steps of each of the phases, after another one, on the CPU, and watches the memory of the process. Nothing where the
/// system does not report it.
pub(super) fn measure(
    config: &TrainConfig,
    phases: impl Iterator<Item = TrainingPhase>,
    steps: usize,
) -> Result<Vec<PhaseMemory>, BenchError> {
    let folder = footage(config)?;
    let mut found = Vec::new();
    for phase in phases {
        let settings = match phase {
            TrainingPhase::Tokenizer => &config.tokenizer,
            TrainingPhase::Dynamics => &config.dynamics,
        };
        let clips = settings.batch / settings.accumulate.max(1);
        let options = PlanOptions {
            accelerator: Accelerator::ALL[0].1,
            count: 1,
            micro_batch: Some(clips),
            utilisation: 1.0,
        };
        // What the CPU computes with.
        let mut counted = config.clone();
        counted.precision = Precision::F32;
        let plan = plan(&counted, &options)?;
        let planned = match phase {
            TrainingPhase::Tokenizer => plan.tokenizer,
            TrainingPhase::Dynamics => plan.dynamics,
        };
        let Some(resident_before_bytes) = resident_memory() else {
            return Ok(Vec::new());
        };
        forget_peak();
        tracing::info!("taking {} steps of the {}", steps + 1, phase.name());
        let taken = time_steps(config, folder.path(), phase, steps, &Device::Cpu)?;
        let seconds = taken.iter().map(|time| time.whole.as_secs_f64());
        found.push(PhaseMemory {
            phase: phase.name(),
            clips,
            clip_frames: settings.clip_frames,
            tokens_per_frame: config.model.tokens_per_frame(),
            recompute: config.recompute,
            steps: steps + 1,
            seconds_per_step: median(seconds).unwrap_or(0.0),
            resident_before_bytes,
            peak_bytes: peak_since().unwrap_or(0),
            planned_bytes: planned.memory.total(),
        });
    }
    Ok(found)
}

/// Prints the figures as a table.
pub(super) fn print_table(phases: &[PhaseMemory]) {
    if phases.is_empty() {
        println!("this system does not report how much memory a process takes");
        return;
    }
    println!(
        "training     clips x frames x tokens   recompute   s/step   peak, GB   planned, GB   before, GB"
    );
    for it in phases {
        let shape = format!(
            "{} x {} x {}",
            it.clips, it.clip_frames, it.tokens_per_frame
        );
        println!(
            "{:<12} {shape:<25} {:<9} {:8.1} {:10.2} {:13.2} {:12.2}",
            it.phase,
            if it.recompute { "yes" } else { "no" },
            it.seconds_per_step,
            it.peak_bytes as f64 / 1e9,
            it.planned_bytes / 1e9,
            it.resident_before_bytes as f64 / 1e9,
        );
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use genie_model::GenieConfig;

    #[test]
    fn larger_steps_take_more_memory() {
        let mut config = TrainConfig {
            model: GenieConfig::tiny(),
            ..TrainConfig::platformer()
        };
        let peak = |config: &TrainConfig| {
            let phases = [TrainingPhase::Tokenizer].into_iter();
            let found = measure(config, phases, 1).unwrap();
            assert_eq!((found.len(), found[0].steps), (1, 2));
            assert!(found[0].resident_before_bytes > 0);
            found[0].peak_bytes
        };
        config.tokenizer.batch = 1;
        let small = peak(&config);
        config.tokenizer.batch = 64;
        let large = peak(&config);
        assert!(large > small + (8 << 20), "{small} {large}");
    }
}
