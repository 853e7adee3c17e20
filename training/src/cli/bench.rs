//! `genie bench`: the speed of frame generation, and what the caches save.
//!
//! One run generates frames with caches, as play does, and without: then every `MaskGIT` step runs over the whole window of
//! frames and the decoder over its own. The two alternate, so that other load on the machine affects both, and the speed-up is
//! the median of the rounds' ratios.
//!
//! The parts of a frame and the training steps are compared with the peak of this machine: the fastest matrix product measured
//! before and after them.

mod error;
mod importing;
pub(super) mod memory;
mod parity;
mod parts;
mod peak;
mod recomputed;
mod report;
#[cfg(feature = "mpi")]
mod scaling;
mod steady_play;
mod training;
mod training_memory;

use std::path::PathBuf;
use std::time::Instant;

use genie_model::checkpoint::Checkpoint;
use genie_model::{WorldModel, median, parameter_count};
use genie_training::evaluate::{untrained_checkpoint, write_json};
use genie_training::plan::count_operations;
use genie_training::train::TrainConfig;
use serde::Serialize;

use self::error::BenchError;
use self::memory::{Growth, peak_memory};
use self::parity::Parity;
use self::peak::Peak;
use self::recomputed::Recomputed;
use self::report::{BatchReport, BatchTimes, Report, print_table};
use self::steady_play::SteadyPlay;
use self::training::TrainingArgs;
use super::CliResult;
use super::device_args::DeviceArgs;
use super::sampler_args::SamplerArgs;

/// Arguments of `genie bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The checkpoint; without it an untrained world is measured, which is as fast.
    #[arg(long)]
    checkpoint: Option<PathBuf>,
    /// Numbers of worlds in a batch.
    #[arg(long, value_delimiter = ',', default_value = "1,4,16")]
    batches: Vec<usize>,
    /// Rounds of cached and recomputed frames.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Frames of each kind in a round.
    #[arg(long, default_value_t = 2)]
    frames: usize,
    /// Frames of one world over which the process's memory is watched; 0 for none.
    #[arg(long, default_value_t = 0, value_name = "FRAMES")]
    memory_frames: usize,
    /// Threads that the model may use; without it as many as the machine has.
    #[arg(long)]
    threads: Option<usize>,
    /// Print JSON instead of a table, or write it to this file beside the table.
    #[arg(long, num_args = 0..=1, default_missing_value = "-", value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only compare training on the device with training on the CPU: losses and gradients of the same steps, and tokens a second, as
    /// JSON. Fails if they differ by more than a thousandth.
    #[arg(long)]
    parity: bool,
    /// Only measure the import: frames a second that each decoder reads of a film, or of one that is made with the program ffmpeg.
    #[arg(long, num_args = 0..=1, default_missing_value = "-", value_name = "FILM", conflicts_with_all = ["parity", "memory"])]
    import: Option<PathBuf>,
    /// Only measure the most memory that training steps take, on the CPU: two steps of each phase are enough
    /// (`--training-steps 1 --set recompute=true --training-batch 1`).
    #[arg(long, conflicts_with = "parity")]
    memory: bool,
    /// Only compare training in all processes that MPI started (`mpirun -n 2 genie bench --ranks`) with training in one of them: steps
    /// a second, and the share of a step in which they exchange gradients.
    #[cfg(feature = "mpi")]
    #[arg(long, conflicts_with_all = ["parity", "memory"])]
    ranks: bool,
    #[command(flatten)]
    training: TrainingArgs,
    #[command(flatten)]
    sampler: SamplerArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Measures the world and prints the figures.
pub(crate) fn run(args: Args) -> CliResult {
    for (what, found, most) in [
        ("rounds", args.rounds, 1000),
        ("frames", args.frames, 10_000),
        ("threads", args.threads.unwrap_or(1), 1024),
        // An empty list is allowed.
        ("memory-frames", args.memory_frames.max(1), 10_000_000),
        (
            "training-steps",
            args.training.training_steps.max(1),
            10_000,
        ),
        (
            "training-batch",
            args.training.training_batch.unwrap_or(1),
            10_000,
        ),
        (
            "batches",
            args.batches.iter().copied().max().unwrap_or(0),
            256,
        ),
        (
            "batches",
            args.batches.iter().copied().min().unwrap_or(0),
            256,
        ),
    ] {
        if !(1..=most).contains(&found) {
            return Err(BenchError::Count { what, most }.into());
        }
    }
    if let Some(film) = &args.import {
        let film = (film.as_os_str() != "-").then_some(film.as_path());
        let found = importing::measure(film)?;
        return args.show(&found, importing::print_table);
    }
    let device = args.device.open()?;
    let checkpoint = args.checkpoint.as_ref().map(Checkpoint::read).transpose()?;
    let training = args.training.configuration(checkpoint.as_ref())?;
    if args.parity {
        let name = args.device.name();
        let steps = args.training.training_steps.max(1);
        let parity = Parity::measure(&training, steps, &device, name)?;
        println!("{}", serde_json::to_string_pretty(&parity)?);
        if let Some(path) = args.json_file() {
            write_json(path, &parity)?;
        }
        if !parity.holds() {
            return Err(BenchError::Parity(args.device.name()).into());
        }
        return Ok(());
    }
    let phases = args.training.phases();
    if args.memory {
        let steps = args.training.steps(&training);
        if steps == 0 {
            return Err(BenchError::Steps.into());
        }
        let found = training_memory::measure(&training, phases, steps)?;
        return args.show(&found, |found| training_memory::print_table(found));
    }
    #[cfg(feature = "mpi")]
    if args.ranks {
        let steps = args.training.training_steps.max(1);
        let found = scaling::measure(&training, phases, steps, &device)?;
        return match found {
            Some(found) => args.show(&found, |found| scaling::print_table(found)),
            None => Ok(()),
        };
    }
    let checkpoint = match checkpoint {
        Some(checkpoint) => checkpoint,
        None => untrained_checkpoint(&training.model, 0)?,
    };
    let world = WorldModel::new(checkpoint, &device)?;
    let report = match args.threads {
        Some(threads) => rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(BenchError::Threads)?
            .install(|| measure(&world, &training, &args))?,
        None => measure(&world, &training, &args)?,
    };
    args.show(&report, print_table)
}

impl Args {
    /// The file that JSON is written to beside the table.
    fn json_file(&self) -> Option<&PathBuf> {
        self.json.as_ref().filter(|path| path.as_os_str() != "-")
    }

    /// Shows what was measured, as a table or as JSON.
    fn show<T: Serialize>(&self, found: &T, print: impl FnOnce(&T)) -> CliResult {
        if let (Some(_), None) = (&self.json, self.json_file()) {
            println!("{}", serde_json::to_string_pretty(found)?);
            return Ok(());
        }
        print(found);
        if let Some(path) = self.json_file() {
            write_json(path, found)?;
        }
        Ok(())
    }
}

fn measure(world: &WorldModel, training: &TrainConfig, args: &Args) -> Result<Report, BenchError> {
    let sampler = args.sampler.settings()?;
    let config = world.config();
    let operations = count_operations(training);
    let peak = Peak::measure()?;
    let mut batches = Vec::new();
    let mut world_memory_bytes = 0;
    let mut peak_memory_play_bytes = None;
    let memory_growth = Growth::measure(world, args.memory_frames, &sampler)?;
    for &batch in &args.batches {
        tracing::info!("generating frames of {batch} worlds, with caches and without");
        let mut play = SteadyPlay::start(world, batch, &sampler)?;
        world_memory_bytes = play.rollouts[0].memory_bytes();
        if peak_memory_play_bytes.is_none() {
            peak_memory_play_bytes = peak_memory();
        }
        let parts = parts::measure(world, &play.history, &sampler)?;
        let mut recomputed = Recomputed::new(world, play.history.clone(), sampler.clone());
        let (mut cached, mut again, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        // The first round is for warming up.
        for round in 0..=args.rounds {
            let begun = Instant::now();
            for _ in 0..args.frames {
                play.step()?;
            }
            let with = begun.elapsed().as_secs_f64();
            let begun = Instant::now();
            for _ in 0..args.frames {
                let actions = play.draw_actions();
                recomputed.step(&actions)?;
            }
            let without = begun.elapsed().as_secs_f64();
            if round > 0 {
                let frames = (batch * args.frames) as f64;
                cached.push(frames / with.max(1e-9));
                again.push(frames / without.max(1e-9));
                ratios.push(without / with.max(1e-9));
            }
        }
        let usual = |figures: Vec<f64>| median(figures).unwrap_or(0.0);
        batches.push(BatchTimes {
            batch,
            cached_frames_per_second: usual(cached),
            recomputed_frames_per_second: usual(again),
            speedup: usual(ratios),
            parts,
        });
    }
    let peak_memory_bytes = peak_memory();
    tracing::info!("taking training steps");
    let steps = args.training.steps(training);
    let steps = training::measure(training, args.training.phases(), steps, world.device())?;
    // The machine may have been busy when it was measured first.
    let peak = peak.or(Peak::measure()?);
    Ok(Report {
        threads: rayon::current_num_threads(),
        parameters: parameter_count(config, "")?,
        window: world.dynamics().window(),
        sampler,
        peak,
        batches: batches
            .into_iter()
            .map(|times| BatchReport {
                share_of_peak: times.parts.shares(times.batch, &operations, &peak),
                times,
            })
            .collect(),
        training: steps
            .iter()
            .map(|step| step.report(training, &operations, &peak))
            .collect(),
        world_memory_bytes,
        memory_growth,
        peak_memory_play_bytes,
        peak_memory_bytes,
        peak_memory_training_bytes: peak_memory(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use genie_model::GenieConfig;

    #[test]
    fn every_figure_is_measured() {
        let config = GenieConfig::tiny();
        let checkpoint = untrained_checkpoint(&config, 1).unwrap();
        let world = WorldModel::new(checkpoint, &Device::Cpu).unwrap();
        let args = Args {
            import: None,
            checkpoint: None,
            batches: vec![1, 2],
            rounds: 1,
            frames: 1,
            memory_frames: 20,
            threads: None,
            json: None,
            parity: false,
            memory: false,
            #[cfg(feature = "mpi")]
            ranks: false,
            training: TrainingArgs {
                preset: "platformer".to_owned(),
                config: None,
                settings: vec!["dynamics.clip_frames=4".to_owned()],
                training_steps: 1,
                phase: None,
                training_batch: Some(2),
            },
            sampler: SamplerArgs::default(),
            device: DeviceArgs::default(),
        };
        let mut training = args.training.configuration(None).unwrap();
        assert_eq!(training.dynamics.clip_frames, 4);
        assert_eq!((training.tokenizer.batch, training.dynamics.batch), (2, 2));
        // What the shipped world's training freezes is frozen in what is timed.
        assert_eq!(
            training.actions_frozen,
            TrainConfig::platformer().actions_frozen
        );
        training.model = config;
        let report = measure(&world, &training, &args).unwrap();
        let batches: Vec<usize> = report.batches.iter().map(|b| b.times.batch).collect();
        assert_eq!(batches, [1, 2]);
        for batch in &report.batches {
            assert!(batch.times.cached_frames_per_second > 0.0);
            assert!(batch.times.recomputed_frames_per_second > 0.0);
            assert!(batch.times.speedup > 0.0);
            assert!(batch.times.parts.decode_ms > 0.0 && batch.times.parts.sampling_ms > 0.0);
            assert!(batch.share_of_peak.further_pass > 0.0);
        }
        // Each phase at least in `f32`.
        assert!(report.training.len() >= 2);
        for step in &report.training {
            assert!(step.milliseconds > 0.0 && step.share_of_peak > 0.0);
            assert!(step.data_milliseconds < step.milliseconds);
        }
        assert!(report.world_memory_bytes > 0);
        if cfg!(target_os = "linux") {
            let growth = report.memory_growth.unwrap();
            assert_eq!(growth.frames, 20);
            assert_eq!(growth.resident_bytes.len(), 10);
            assert!(growth.resident_bytes.iter().all(|&bytes| bytes > 1 << 20));
            assert!(report.peak_memory_bytes >= report.peak_memory_play_bytes);
            assert!(report.peak_memory_training_bytes >= report.peak_memory_bytes);
            assert!(report.peak_memory_bytes.unwrap() > 1 << 20);
        }
        // Footage comes in the size of the frames.
        training.model.frame_width = 96;
        let mut one = args.training.clone();
        one.phase = Some("tokenizer".to_owned());
        let times = training::measure(&training, one.phases(), 1, &Device::Cpu).unwrap();
        assert_eq!(times.len(), report.training.len() / 2);
        // Nobody waits for the paper's batches who did not ask for them.
        let mut paper = args.training.clone();
        paper.training_batch = None;
        "coinrun".clone_into(&mut paper.preset);
        let large = paper.configuration(None).unwrap();
        assert_eq!(large.dynamics.batch, 36);
        assert_eq!(paper.steps(&large), 0);
        paper.training_batch = Some(1);
        assert_eq!(paper.steps(&paper.configuration(None).unwrap()), 1);
        let mut wrong = args;
        "no such".clone_into(&mut wrong.training.preset);
        assert!(run(wrong).unwrap_err().to_string().contains("no such"));
    }
}
