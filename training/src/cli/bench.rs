//! `genie bench`: the speed of frame generation, and what the caches save.
//!
//! One run generates frames with caches, as play does, and without: then every `MaskGIT` step runs over the whole window of
//! frames and the decoder over its own. The two alternate, so that other load on the machine affects both, and the speed-up is
//! the median of the rounds' ratios.
//!
//! The parts of a frame and the training steps are compared with the peak of this machine: the fastest matrix product measured
//! before and after them.

pub(super) mod memory;
mod parity;
mod parts;
mod peak;
mod recomputed;
mod training;

use std::path::PathBuf;
use std::time::Instant;

use genie_model::checkpoint::Checkpoint;
use genie_model::{Fit, Frame, GenieConfig, Rollout, SamplerSettings, WorldModel, parameter_count};
use genie_training::evaluate::{untrained_checkpoint, write_json};
use genie_training::gameplay::GameplayError;
use genie_training::plan::count_operations;
use genie_training::train::{TrainConfig, TrainError};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use self::memory::{Growth, peak_memory};
use self::parity::Parity;
use self::parts::{PartShares, PartTimes};
use self::peak::Peak;
use self::recomputed::Recomputed;
use self::training::StepReport;
use super::CliResult;
use super::device_args::DeviceArgs;
use super::sampler_args::SamplerArgs;

/// Arguments of `genie bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The checkpoint; without it an untrained world is measured, which is as fast.
    #[arg(long)]
    checkpoint: Option<PathBuf>,
    /// Configuration of the untrained world.
    #[arg(long, default_value = "platformer", conflicts_with = "checkpoint")]
    preset: String,
    /// Numbers of worlds in a batch.
    #[arg(long, value_delimiter = ',', default_value = "1,4,16")]
    batches: Vec<usize>,
    /// Rounds of cached and recomputed frames.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Frames of each kind in a round.
    #[arg(long, default_value_t = 2)]
    frames: usize,
    /// Training steps of each phase that are timed, after one that is not; 0 for none. The batch is that of the shipped
    /// world's training. The steps train the latent actions too, which that training keeps frozen.
    #[arg(long, default_value_t = 5)]
    training_steps: usize,
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
    /// Clips in a training step, in place of those of the shipped world's training.
    #[arg(long, value_name = "CLIPS")]
    training_batch: Option<usize>,
    #[command(flatten)]
    sampler: SamplerArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Why a world cannot be measured.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error("there is no preset `{0}`; there are platformer, coinrun and paper-41M to paper-10.1B")]
    Preset(String),
    #[error("{what} must be 1 to {most}")]
    Count { what: &'static str, most: usize },
    #[error("{0} does not train as the CPU does: see the figures")]
    Parity(String),
    #[error("cannot start that many threads")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    #[error("cannot make a temporary folder")]
    Folder(#[source] std::io::Error),
    #[error(transparent)]
    Gameplay(#[from] GameplayError),
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    Model(#[from] genie_model::Error),
}

/// All that is measured.
#[derive(Debug, Serialize)]
struct Report {
    /// Threads that the model may use.
    threads: usize,
    /// Parameters of tokenizer, latent actions and dynamics.
    parameters: usize,
    /// Frames that the dynamics model sees.
    window: usize,
    sampler: SamplerSettings,
    /// The fastest matrix product of this machine.
    peak: Peak,
    batches: Vec<BatchReport>,
    /// Training steps; none for frames that the built-in footage does not have.
    training: Vec<StepReport>,
    /// Memory that a world's past takes, in bytes.
    world_memory_bytes: usize,
    /// How the process's memory changes while one world is played for long.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_growth: Option<Growth>,
    /// Most memory that the process had taken when one world had been played with caches; where the system tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_play_bytes: Option<u64>,
    /// And when it had been recomputed too.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_bytes: Option<u64>,
    /// And in the whole run, training steps included.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_training_bytes: Option<u64>,
}

/// Figures at one number of worlds.
#[derive(Debug, Serialize)]
struct BatchReport {
    #[serde(flatten)]
    times: BatchTimes,
    /// Share of the peak that each part reaches.
    share_of_peak: PartShares,
}

/// Times at one number of worlds.
#[derive(Debug, Serialize)]
struct BatchTimes {
    batch: usize,
    /// Frames of all worlds per second, cached: median of the rounds.
    cached_frames_per_second: f64,
    /// The same, recomputed.
    recomputed_frames_per_second: f64,
    /// How many times faster the caches are: median of the rounds' ratios.
    speedup: f64,
    /// Where the time goes, per frame of all worlds.
    parts: PartTimes,
}

/// Measures the world and prints the figures.
pub(crate) fn run(args: Args) -> CliResult {
    for (what, found, most) in [
        ("rounds", args.rounds, 1000),
        ("frames", args.frames, 10_000),
        ("threads", args.threads.unwrap_or(1), 1024),
        // An empty list is allowed.
        ("memory-frames", args.memory_frames.max(1), 10_000_000),
        ("training-steps", args.training_steps.max(1), 10_000),
        ("training-batch", args.training_batch.unwrap_or(1), 10_000),
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
    let device = args.device.open()?;
    let checkpoint = if let Some(path) = &args.checkpoint {
        Checkpoint::read(path)?
    } else {
        let config = GenieConfig::preset(&args.preset)
            .ok_or_else(|| BenchError::Preset(args.preset.clone()))?;
        untrained_checkpoint(&config, 0)?
    };
    if args.parity {
        let training = training_config(&checkpoint.config, &args);
        let name = args.device.name();
        let parity = Parity::measure(&training, args.training_steps.max(1), &device, name)?;
        println!("{}", serde_json::to_string_pretty(&parity)?);
        if let Some(path) = args.json.as_ref().filter(|path| path.as_os_str() != "-") {
            write_json(path, &parity)?;
        }
        if !parity.holds() {
            return Err(BenchError::Parity(args.device.name()).into());
        }
        return Ok(());
    }
    let world = WorldModel::new(checkpoint, &device)?;
    let report = match args.threads {
        Some(threads) => rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(BenchError::Threads)?
            .install(|| measure(&world, &args))?,
        None => measure(&world, &args)?,
    };
    match &args.json {
        Some(path) if path.as_os_str() == "-" => {
            println!("{}", serde_json::to_string_pretty(&report)?);
        }
        Some(path) => {
            print_table(&report);
            write_json(path, &report)?;
        }
        None => print_table(&report),
    }
    Ok(())
}

fn measure(world: &WorldModel, args: &Args) -> Result<Report, BenchError> {
    let sampler = args.sampler.settings()?;
    let config = world.config();
    let training = training_config(config, args);
    let operations = count_operations(&training);
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
        batches.push(BatchTimes {
            batch,
            cached_frames_per_second: median(cached),
            recomputed_frames_per_second: median(again),
            speedup: median(ratios),
            parts,
        });
    }
    let peak_memory_bytes = peak_memory();
    tracing::info!("taking training steps");
    let steps = training::measure(&training, args.training_steps, world.device())?;
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
            .map(|step| step.report(&training, &operations, &peak))
            .collect(),
        world_memory_bytes,
        memory_growth,
        peak_memory_play_bytes,
        peak_memory_bytes,
        peak_memory_training_bytes: peak_memory(),
    })
}

/// The training whose steps are timed: that of the shipped world for another model.
fn training_config(model: &GenieConfig, args: &Args) -> TrainConfig {
    let mut config = TrainConfig {
        model: model.clone(),
        ..TrainConfig::platformer()
    };
    if let Some(batch) = args.training_batch {
        config.tokenizer.batch = batch;
        config.dynamics.batch = batch;
    }
    config
}

/// The past of some worlds, which streaming keeps as keys and values and recomputing reads anew.
#[derive(Clone, Debug, Default)]
struct History {
    /// Tokens of each world's frames, oldest first: `[B][T][N]`.
    tokens: Vec<Vec<Vec<u32>>>,
    /// Rows of the action embeddings that led to these frames: `[B][T]`.
    actions: Vec<Vec<u32>>,
}

/// Worlds whose windows are full.
struct SteadyPlay {
    rollouts: Vec<Rollout>,
    rng: ChaCha8Rng,
    history: History,
}

impl SteadyPlay {
    fn start(
        world: &WorldModel,
        batch: usize,
        sampler: &SamplerSettings,
    ) -> Result<Self, genie_model::Error> {
        let config = world.config();
        let prompt = Frame::filled(config.frame_width, config.frame_height, [110, 170, 220]);
        let rollouts = (0..batch)
            .map(|seed| world.prompt_with(&prompt, seed as u64, Fit::default(), sampler.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        let start = world.action_count() as u32;
        let mut play = Self {
            history: History {
                tokens: rollouts.iter().map(|r| vec![r.tokens().to_vec()]).collect(),
                actions: vec![vec![start]; batch],
            },
            rollouts,
            rng: ChaCha8Rng::seed_from_u64(0),
        };
        let window = world
            .dynamics()
            .window()
            .max(world.tokenizer().decoder_window());
        for _ in 0..window {
            let actions = play.step()?;
            for (world, action) in actions.into_iter().enumerate() {
                play.history.tokens[world].push(play.rollouts[world].tokens().to_vec());
                play.history.actions[world].push(action as u32);
            }
        }
        Ok(play)
    }

    fn draw_actions(&mut self) -> Vec<usize> {
        let actions = self.rollouts[0].model().action_count();
        (0..self.rollouts.len())
            .map(|_| self.rng.random_range(0..actions))
            .collect()
    }

    fn step(&mut self) -> Result<Vec<usize>, genie_model::Error> {
        let actions = self.draw_actions();
        let mut rollouts: Vec<&mut Rollout> = self.rollouts.iter_mut().collect();
        Rollout::step_all(&mut rollouts, &actions)?;
        Ok(actions)
    }
}

/// The middle one of some values; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

fn print_table(report: &Report) {
    println!(
        "{:.1} M parameters, window {}, {} MaskGIT steps, {} threads",
        report.parameters as f64 / 1e6,
        report.window,
        report.sampler.steps,
        report.threads
    );
    println!("peak: {}", report.peak.describe());
    println!("\nworlds   cached        recomputed    speedup");
    for batch in &report.batches {
        println!(
            "{:<8} {:8.1} fps  {:8.1} fps  {:6.1} x",
            batch.times.batch,
            batch.times.cached_frames_per_second,
            batch.times.recomputed_frames_per_second,
            batch.times.speedup
        );
    }
    println!("\nmilliseconds   encode   first  further   clean  sampling  decode");
    for batch in &report.batches {
        let parts = &batch.times.parts;
        println!(
            "{:<13} {:7.2} {:7.2}  {:7.2} {:7.2}  {:8.2} {:7.2}",
            batch.times.batch,
            parts.encode_ms,
            parts.first_pass_ms,
            parts.further_pass_ms,
            parts.clean_pass_ms,
            parts.sampling_ms,
            parts.decode_ms
        );
    }
    println!("\nshare of peak  encode   first  further   clean            decode");
    for batch in &report.batches {
        let shares = &batch.share_of_peak;
        println!(
            "{:<12} {:6.0} % {:5.0} %  {:5.0} % {:5.0} %            {:5.0} %",
            batch.times.batch,
            100.0 * shares.encode,
            100.0 * shares.first_pass,
            100.0 * shares.further_pass,
            100.0 * shares.clean_pass,
            100.0 * shares.decode
        );
    }
    training::print_table(&report.training);
    let megabytes = |bytes: u64| bytes as f64 / (1 << 20) as f64;
    println!(
        "\nmemory of one world: {:.2} MiB",
        megabytes(report.world_memory_bytes as u64)
    );
    if let Some(growth) = &report.memory_growth {
        let tenths = growth.resident_bytes.iter();
        let tenths: Vec<_> = tenths.map(|&b| format!("{:.1}", megabytes(b))).collect();
        println!(
            "memory of the process after each tenth of {} frames, MiB: {}",
            growth.frames,
            tenths.join(" ")
        );
    }
    if let (Some(play), Some(again), Some(training)) = (
        report.peak_memory_play_bytes,
        report.peak_memory_bytes,
        report.peak_memory_training_bytes,
    ) {
        println!(
            "peak memory of the process: {:.0} MiB in play, {:.0} MiB with recomputing, {:.0} MiB with training",
            megabytes(play),
            megabytes(again),
            megabytes(training)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn medians() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-12);
        assert!(median(Vec::new()).abs() < 1e-12);
    }

    #[test]
    fn every_figure_is_measured() {
        let config = GenieConfig::tiny();
        let checkpoint = untrained_checkpoint(&config, 1).unwrap();
        let world = WorldModel::new(checkpoint, &Device::Cpu).unwrap();
        let args = Args {
            checkpoint: None,
            preset: "platformer".to_owned(),
            batches: vec![1, 2],
            rounds: 1,
            frames: 1,
            training_steps: 1,
            memory_frames: 20,
            threads: None,
            json: None,
            parity: false,
            training_batch: None,
            sampler: SamplerArgs::default(),
            device: DeviceArgs::default(),
        };
        let report = measure(&world, &args).unwrap();
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
        // Footage has other frames than this.
        let mut wide = TrainConfig::platformer();
        wide.model.frame_width = 128;
        assert!(
            training::measure(&wide, 1, &Device::Cpu)
                .unwrap()
                .is_empty()
        );
        let wrong = Args {
            preset: "no such".to_owned(),
            ..args
        };
        assert!(run(wrong).unwrap_err().to_string().contains("no such"));
    }
}
