//! `genie plan`: what a training takes, before it is begun.

use std::path::PathBuf;

use genie_training::evaluate::write_json;
use genie_training::plan::{Accelerator, PhasePlan, Plan, PlanOptions, plan};
use genie_training::train::{PhaseConfig, TrainConfig};

use super::CliResult;
use super::configuration::{Source, read_config};

/// Arguments of `genie plan`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Another value for a setting of the configuration, as `genie train` takes it, such as `dynamics.accumulate=8`; can be given several times.
    #[arg(long = "set", value_name = "SETTING=VALUE")]
    settings: Vec<String>,
    /// The type of activations in place of the configuration's.
    #[arg(long, value_parser = ["f32", "bf16", "f16"])]
    precision: Option<String>,
    /// Compute activations again for gradients instead of keeping them; the same as `--set recompute=true`.
    #[arg(long)]
    recompute: bool,
    /// Number of processors; each has a copy of the model and its share of the batch.
    #[arg(long, default_value_t = 1)]
    gpus: usize,
    /// Kind of processor: `rtx4090`, `a100`, `h100`, `h200` or `tpuv5p`.
    #[arg(long, default_value = "h100", value_parser = accelerator)]
    gpu: Accelerator,
    /// Clips that a processor takes at once, in place of what the configuration's `accumulate` makes of its share of the batch.
    #[arg(long)]
    micro_batch: Option<usize>,
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
    let mut settings = args.settings;
    settings.extend(args.precision.map(|it| format!("precision={it}")));
    settings.extend(args.recompute.then(|| "recompute=true".to_owned()));
    let config = read_config(&args.source, &settings)?;
    let options = PlanOptions {
        accelerator: args.gpu,
        count: args.gpus,
        micro_batch: args.micro_batch,
        utilisation: args.utilisation,
    };
    let plan = plan(&config, &options)?;
    print_plan(&plan, &config, &options);
    if let Some(path) = &args.json {
        write_json(path, &plan)?;
    }
    Ok(())
}

fn print_plan(plan: &Plan, config: &TrainConfig, options: &PlanOptions) {
    let [tokenizer, actions, dynamics] = plan.parameters.map(|count| count as f64 / 1e6);
    println!(
        "parameters: tokenizer {tokenizer:.1} M, latent action model {actions:.1} M, dynamics {dynamics:.1} M"
    );
    println!(
        "activations: {}, {}",
        config.precision.name(),
        if config.recompute {
            "computed again for gradients"
        } else {
            "kept for gradients"
        }
    );
    println!("tokens of a frame: {}", plan.tokens_per_frame);
    let phases = [
        ("tokenizer", &plan.tokenizer, &config.tokenizer),
        (
            "latent actions and dynamics",
            &plan.dynamics,
            &config.dynamics,
        ),
    ];
    for (name, phase, settings) in phases {
        print_phase(name, phase, options);
        if !phase.fits {
            let remedies = remedies(phase, settings, config.recompute, options);
            println!("    {}", remedies.join("; "));
        }
    }
    let parts = &plan.dynamics_operations;
    let share = |part: f64| 100.0 * part / parts.all();
    println!(
        "\noperations of the second phase: dynamics {:.0} %, latent action model {:.0} %, making tokens {:.0} %",
        share(parts.dynamics),
        share(parts.latent_actions),
        share(parts.tokenizer)
    );
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
    let fits = if phase.fits {
        "which fits"
    } else {
        "which, with room for what is not counted, does not fit"
    };
    println!("    {fits} {has:.0} GB");
    println!("  {:.2} days (an estimate)", phase.days);
}

/// What a training of a phase that does not fit could do, in the settings of `genie train`.
fn remedies(
    phase: &PhasePlan,
    settings: &PhaseConfig,
    recompute: bool,
    options: &PlanOptions,
) -> Vec<String> {
    let mut remedies = Vec::new();
    if phase.micro_batch > 1 {
        let share = settings.batch.div_ceil(options.count);
        let name = phase.name;
        remedies.push(format!(
            "--set {name}.accumulate={share} takes one clip at once"
        ));
    }
    if !recompute {
        remedies.push("--set recompute=true computes activations again".to_owned());
    }
    let memory = &phase.memory;
    if memory.weights + memory.gradients + memory.optimiser > options.accelerator.memory_bytes() {
        remedies.push(
            "weights, gradients and optimiser alone do not fit one processor, and they are not divided among processors"
                .to_owned(),
        );
    }
    if remedies.is_empty() {
        remedies.push("it takes a processor with more memory, or a smaller model".to_owned());
    }
    remedies
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn planned(name: &str, settings: &[&str], gpus: usize) -> (Plan, TrainConfig, PlanOptions) {
        let source = Source {
            config: None,
            preset: Some(name.to_owned()),
        };
        let settings: Vec<String> = settings.iter().map(|&it| it.to_owned()).collect();
        let config = read_config(&source, &settings).unwrap();
        let options = PlanOptions {
            accelerator: Accelerator::H100,
            count: gpus,
            micro_batch: None,
            utilisation: 0.4,
        };
        (plan(&config, &options).unwrap(), config, options)
    }

    #[test]
    fn what_does_not_fit_is_answered_with_settings_that_make_it_fit() {
        let (first, config, options) = planned("paper-404M", &[], 8);
        assert!(!first.dynamics.fits);
        let said = remedies(
            &first.dynamics,
            &config.dynamics,
            config.recompute,
            &options,
        );
        let settings: Vec<&str> = said
            .iter()
            .filter_map(|it| it.strip_prefix("--set ")?.split(' ').next())
            .collect();
        assert_eq!(settings, ["dynamics.accumulate=32", "recompute=true"]);
        let (second, ..) = planned("paper-404M", &settings, 8);
        assert!(second.dynamics.fits, "{:?}", second.dynamics.memory);
        // Nothing of that helps ten billion parameters.
        let (last, config, options) = planned(
            "paper-10.1B",
            &["dynamics.accumulate=512", "recompute=true"],
            1,
        );
        let said = remedies(&last.dynamics, &config.dynamics, config.recompute, &options);
        assert!(
            said.concat().contains("do not fit one processor"),
            "{said:?}"
        );
        assert!(!said.concat().contains("--set"), "{said:?}");
    }
}
