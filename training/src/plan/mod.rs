//! What a training costs, before it is begun: parameters, memory by part, operations, tokens and days.
//!
//! Parameters and operations are counted from the configuration. Memory is counted too, for copies of the whole model on every
//! processor, each with its share of the batch. Time is an estimate: it rests on the share of a processor's peak that the
//! training reaches, which is measured nowhere but on the machine itself.

mod hardware;
mod memory;
mod operations;
mod options;

pub use hardware::Accelerator;
pub use memory::Memory;
pub use operations::{DynamicsOperations, Operations, count_operations};
pub use options::PlanOptions;

use std::path::Path;

use genie_model::{Error, parameter_count};
use serde::Serialize;

use crate::train::{PhaseConfig, TrainConfig, TrainError};

/// Memory that a phase takes, times what is counted: buffers of the allocator and of single operations come on top. Measured peaks are 1.11
/// to 1.13 times the count.
const MEASURED: f64 = 1.15;

/// The plan of one phase.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PhasePlan {
    /// The phase's name in a configuration.
    pub name: &'static str,
    /// Parameters that are trained.
    pub parameters: usize,
    /// Optimiser steps.
    pub steps: u64,
    /// Clips of a step, of all processors together.
    pub batch: usize,
    /// Frames of a clip.
    pub clip_frames: usize,
    /// Clips that a processor takes at once.
    pub micro_batch: usize,
    /// Tokens of all steps.
    pub tokens: f64,
    /// Floating-point operations of a step, those of recomputed activations included.
    pub operations_per_step: f64,
    /// Memory of one processor.
    pub memory: Memory,
    /// Whether that fits one processor, with some room for what is not counted.
    pub fits: bool,
    /// Days of all steps.
    pub days: f64,
}

/// The plan of a training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Parameters of the tokenizer, of the latent action model and of the dynamics.
    pub parameters: [usize; 3],
    /// Tokens `N` of a frame.
    pub tokens_per_frame: usize,
    /// The tokenizer's phase.
    pub tokenizer: PhasePlan,
    /// The phase of latent actions and dynamics.
    pub dynamics: PhasePlan,
    /// Floating-point operations of a step of the second phase by part, without those of recomputed activations.
    pub dynamics_operations: DynamicsOperations,
}

/// Why a training cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The configuration of the training is not valid.
    #[error(transparent)]
    Training(#[from] TrainError),
    /// That of the model is not.
    #[error(transparent)]
    Config(#[from] Error),
    /// A number is outside its range.
    #[error("{name} is {value}: expected {expected}")]
    Option {
        /// Which one.
        name: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
}

/// Plans a training.
///
/// # Errors
/// [`PlanError`] if the configuration is not valid or an option is outside its range.
pub fn plan(config: &TrainConfig, options: &PlanOptions) -> Result<Plan, PlanError> {
    let wrong = |name, value: String, expected| PlanError::Option {
        name,
        value,
        expected,
    };
    if options.count == 0 {
        let value = options.count.to_string();
        return Err(wrong("the number of processors", value, "at least 1"));
    }
    if options.micro_batch == Some(0) {
        return Err(wrong("the micro-batch", "0".to_owned(), "at least 1"));
    }
    if !(options.utilisation > 0.0 && options.utilisation <= 1.0) {
        let value = options.utilisation.to_string();
        return Err(wrong("the share of the peak", value, "above 0, up to 1"));
    }
    config.validate(Path::new("the training"))?;
    let model = &config.model;
    let parameters = [
        parameter_count(model, "tokenizer")?,
        parameter_count(model, "latent_actions")?,
        parameter_count(model, "dynamics")?,
    ];
    let operations = count_operations(config);
    let phase = |name, phase: &PhaseConfig, trained, flops: f64, memory: Memory, micro| {
        let again = if config.recompute { 4.0 / 3.0 } else { 1.0 };
        let operations_per_step = flops * again;
        let per_second = options.accelerator.operations_per_second(config.precision)
            * options.utilisation
            * options.count as f64;
        let tokens = (phase.batch * phase.clip_frames * model.tokens_per_frame()) as f64;
        let steps = phase.steps as f64;
        PhasePlan {
            name,
            parameters: trained,
            steps: phase.steps,
            batch: phase.batch,
            clip_frames: phase.clip_frames,
            micro_batch: micro,
            tokens: tokens * steps,
            operations_per_step,
            memory,
            fits: MEASURED * memory.total() <= options.accelerator.memory_bytes(),
            days: operations_per_step * steps / per_second / 86_400.0,
        }
    };
    let micro = |phase: &PhaseConfig| {
        let share = phase.batch.div_ceil(options.count);
        let at_once = share.div_ceil(phase.accumulate);
        options.micro_batch.unwrap_or(at_once).clamp(1, share)
    };
    let (first, second) = (micro(&config.tokenizer), micro(&config.dynamics));
    let trained = [parameters[0], parameters[1] + parameters[2]];
    Ok(Plan {
        parameters,
        tokens_per_frame: model.tokens_per_frame(),
        tokenizer: phase(
            "tokenizer",
            &config.tokenizer,
            trained[0],
            operations.tokenizer_step,
            memory::tokenizer_phase(config, trained[0], first, options),
            first,
        ),
        dynamics: phase(
            "dynamics",
            &config.dynamics,
            trained[1],
            operations.dynamics_step.all(),
            memory::dynamics_phase(config, trained[1], parameters[0], second, options),
            second,
        ),
        dynamics_operations: operations.dynamics_step,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Precision;

    /// A training by name that computes activations of bfloat16 again.
    fn training(name: &str) -> TrainConfig {
        let mut config = TrainConfig::preset(name).unwrap();
        (config.precision, config.recompute) = (Precision::Bf16, true);
        config
    }

    fn options(count: usize) -> PlanOptions {
        PlanOptions {
            accelerator: Accelerator::H100,
            count,
            micro_batch: Some(1),
            utilisation: 0.4,
        }
    }

    #[test]
    fn the_papers_largest_model_reads_942_billion_tokens() {
        // Section 3 of the paper: 10.1B parameters, 942B tokens, 10.7B parameters with tokenizer and latent action model.
        let config = training("paper-10.1B");
        let on = PlanOptions {
            accelerator: Accelerator::TpuV5p,
            ..options(256)
        };
        let plan = plan(&config, &on).unwrap();
        assert!((plan.dynamics.tokens / 942e9 - 1.0).abs() < 2e-3);
        assert!((plan.parameters[2] as f64 / 10.1e9 - 1.0).abs() < 0.08);
        let all: usize = plan.parameters.iter().sum();
        assert!((all as f64 / 10.7e9 - 1.0).abs() < 0.08, "{all}");
        // About six operations for each parameter and token, twice because clean and masked frames are read side by side.
        let parameters = plan.parameters[2] as f64;
        let tokens = plan.dynamics.tokens / plan.dynamics.steps as f64;
        let flops = plan.dynamics.operations_per_step / (4.0 / 3.0);
        let each = flops / parameters / tokens;
        assert!((12.0..16.0).contains(&each), "{each}");
        // 256 processors of 459e12 operations a second each, 40 % of which are reached.
        let seconds = plan.dynamics.operations_per_step * 125_000.0 / (256.0 * 459e12 * 0.4);
        assert!((plan.dynamics.days * 86_400.0 / seconds - 1.0).abs() < 1e-9);
        assert!((10.0..40.0).contains(&plan.dynamics.days), "{plan:?}");
        assert!(
            !plan.dynamics.fits,
            "a copy of 10 billion parameters with AdamW is above 95 GB"
        );
    }

    #[test]
    fn the_papers_scaling_study_reads_750_billion_tokens_and_its_smallest_model_fits_16_gigabytes()
    {
        // Table 10 of the paper: 200,000 steps of 256 clips.
        for (name, parameters) in [("41M", 41e6), ("404M", 404e6), ("2.7B", 2.7e9)] {
            let plan = plan(&training(&format!("paper-{name}")), &options(64)).unwrap();
            assert!((plan.dynamics.tokens / 750e9 - 1.0).abs() < 1e-2, "{name}");
            assert!((plan.parameters[2] as f64 / parameters - 1.0).abs() < 0.08);
        }
        // One clip at once, in float32.
        for name in ["coinrun", "paper-41M"] {
            let mut config = training(name);
            config.precision = Precision::F32;
            let plan = plan(&config, &options(1)).unwrap();
            for memory in [plan.tokenizer.memory, plan.dynamics.memory] {
                assert!(memory.total() < 16e9, "{name}: {memory:?}");
            }
        }
    }

    #[test]
    fn more_processors_take_less_time_and_recomputation_less_memory() {
        let config = training("paper-2.7B");
        let few = plan(&config, &options(64)).unwrap();
        let many = plan(&config, &options(128)).unwrap();
        assert!((few.dynamics.days / many.dynamics.days - 2.0).abs() < 1e-9);
        let mut kept = config.clone();
        kept.recompute = false;
        let kept = plan(&kept, &options(64)).unwrap();
        assert!(kept.dynamics.memory.activations > 4.0 * few.dynamics.memory.activations);
        assert!(kept.dynamics.days < few.dynamics.days);
    }

    #[test]
    fn a_plan_is_that_of_the_training_with_its_passes_precision_and_recomputation() {
        let whole = PlanOptions {
            micro_batch: None,
            ..options(2)
        };
        let mut config = training("coinrun");
        config.dynamics.batch = 32;
        let at_once = plan(&config, &whole).unwrap().dynamics;
        assert_eq!(at_once.micro_batch, 16);
        config.dynamics.accumulate = 8;
        let passes = plan(&config, &whole).unwrap().dynamics;
        assert_eq!(passes.micro_batch, 2);
        let ratio = at_once.memory.activations / passes.memory.activations;
        assert!((ratio - 8.0).abs() < 1e-9, "{ratio}");
        config.precision = Precision::F32;
        let exact = plan(&config, &whole).unwrap().dynamics;
        let ratio = exact.memory.activations / passes.memory.activations;
        assert!((ratio - 2.0).abs() < 1e-9, "{ratio}");
        assert!(exact.days > passes.days);
    }

    #[test]
    fn trainings_that_cannot_be_are_refused() {
        let spoil: [fn(&mut TrainConfig); 3] = [
            |it| it.dynamics.clip_frames = 0,
            |it| it.tokenizer.batch = 0,
            |it| it.dynamics.accumulate = 0,
        ];
        for spoil in spoil {
            let mut config = TrainConfig::platformer();
            spoil(&mut config);
            assert!(plan(&config, &options(1)).is_err());
        }
    }

    #[test]
    fn options_outside_their_range_are_named() {
        let config = TrainConfig::platformer();
        for (wrong, said) in [
            (options(0), "processors"),
            (
                PlanOptions {
                    micro_batch: Some(0),
                    ..options(1)
                },
                "micro-batch",
            ),
            (
                PlanOptions {
                    utilisation: 1.5,
                    ..options(1)
                },
                "peak",
            ),
        ] {
            let error = plan(&config, &wrong).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
