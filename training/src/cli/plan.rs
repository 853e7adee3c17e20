//! `genie plan`: what a training takes, before it is begun.

use std::path::PathBuf;

use genie_training::evaluate::write_json;
use genie_training::plan::{Accelerator, PhasePlan, Plan, PlanOptions, plan};
use genie_training::train::{PRESETS, Precision, TrainConfig};

use super::CliResult;

/// Arguments of `genie plan`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Training by name: `game`, `platformer`, `paper-actions`, `coinrun`, or `paper-41M` to `paper-10.1B`.
    #[arg(long, required_unless_present = "config")]
    preset: Option<String>,
    /// TOML file of a training instead.
    #[arg(long, conflicts_with = "preset")]
    config: Option<PathBuf>,
    /// Number of processors; each has a copy of the model and its share of the batch.
    #[arg(long, default_value_t = 1)]
    gpus: usize,
    /// Kind of processor: `rtx4090`, `a100`, `h100`, `h200` or `tpuv5p`.
    #[arg(long, default_value = "h100", value_parser = accelerator)]
    gpu: Accelerator,
    /// Clips that a processor takes at once; without it its whole share of the batch.
    #[arg(long)]
    micro_batch: Option<usize>,
    /// float32 instead of bfloat16.
    #[arg(long)]
    f32: bool,
    /// Compute activations again on the way back instead of keeping them.
    #[arg(long)]
    recompute: bool,
    /// Share of the processors' peak that the training reaches; measure yours with `genie bench`.
    #[arg(long, default_value_t = 0.4)]
    utilisation: f64,
    /// Write the plan to this file as JSON, too.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn accelerator(name: &str) -> Result<Accelerator, String> {
    Accelerator::named(name).ok_or_else(|| {
        let names: Vec<&str> = Accelerator::ALL.iter().map(|(name, _)| *name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// Prints the plan.
pub(crate) fn run(args: Args) -> CliResult {
    let config = match (&args.preset, &args.config) {
        (Some(name), _) => TrainConfig::preset(name)
            .ok_or_else(|| format!("there is no preset `{name}`; there are {PRESETS}"))?,
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?
        }
        (None, None) => return Err("expected --preset or --config".into()),
    };
    let options = PlanOptions {
        accelerator: args.gpu,
        count: args.gpus,
        precision: if args.f32 {
            Precision::F32
        } else {
            Precision::Bf16
        },
        recompute: args.recompute,
        micro_batch: args.micro_batch,
        utilisation: args.utilisation,
    };
    let plan = plan(&config, &options)?;
    print_plan(&plan, &options);
    if let Some(path) = &args.json {
        write_json(path, &plan)?;
    }
    Ok(())
}

fn print_plan(plan: &Plan, options: &PlanOptions) {
    let [tokenizer, actions, dynamics] = plan.parameters.map(|count| count as f64 / 1e6);
    println!(
        "parameters: tokenizer {tokenizer:.1} M, latent action model {actions:.1} M, dynamics {dynamics:.1} M"
    );
    println!("tokens of a frame: {}", plan.tokens_per_frame);
    let phases = [
        ("tokenizer", &plan.tokenizer),
        ("latent actions and dynamics", &plan.dynamics),
    ];
    for (name, phase) in phases {
        print_phase(name, phase, options);
    }
    println!(
        "\nall of it: {:.2} days, at {:.0} % of the peak of {} processors (an estimate)",
        plan.tokenizer.days + plan.dynamics.days,
        100.0 * options.utilisation,
        options.count
    );
}

fn print_phase(name: &str, phase: &PhasePlan, options: &PlanOptions) {
    println!("\n{name}");
    println!(
        "  {} steps of {} clips of {} frames, {} clips at once on each processor",
        phase.steps, phase.batch, phase.clip_frames, phase.micro_batch
    );
    if !phase.batch.is_multiple_of(options.count) {
        println!(
            "  which {} processors cannot share equally, so that `genie train` refuses it: a batch of {} would do",
            options.count,
            phase.batch.next_multiple_of(options.count)
        );
    }
    println!(
        "  {:.3e} tokens, {:.3e} operations a step, {:.3e} in all",
        phase.tokens,
        phase.operations_per_step,
        phase.operations_per_step * phase.steps as f64
    );
    let memory = &phase.memory;
    println!("  memory of each processor, GB:");
    for (part, bytes) in [
        ("weights", memory.weights),
        ("gradients", memory.gradients),
        ("optimiser", memory.optimiser),
        ("activations", memory.activations),
        ("logits", memory.logits),
        ("all", memory.total()),
    ] {
        println!("    {part:<12} {:>8.2}", bytes / 1e9);
    }
    let has = options.accelerator.memory_bytes() / 1e9;
    if phase.fits {
        println!("    which fits {has:.0} GB");
    } else {
        println!(
            "    which does not fit {has:.0} GB: try --micro-batch 1 and --recompute; a model whose weights, gradients and \
             optimiser do not fit one processor cannot be trained, because they are not divided among processors"
        );
    }
    println!("  {:.2} days (an estimate)", phase.days);
}
