//! What `genie bench` measures, as JSON and as a table.

use genie_model::SamplerSettings;
use serde::Serialize;

use super::memory::Growth;
use super::parts::{PartShares, PartTimes};
use super::peak::Peak;
use super::training::{self, StepReport};

/// All that is measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Threads that the model may use.
    pub(super) threads: usize,
    /// Parameters of tokenizer, latent actions and dynamics.
    pub(super) parameters: usize,
    /// Frames that the dynamics model sees.
    pub(super) window: usize,
    pub(super) sampler: SamplerSettings,
    /// The fastest matrix product of this machine.
    pub(super) peak: Peak,
    pub(super) batches: Vec<BatchReport>,
    /// Training steps.
    pub(super) training: Vec<StepReport>,
    /// Memory that a world's past takes, in bytes.
    pub(super) world_memory_bytes: usize,
    /// How the process's memory changes while one world is played for long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memory_growth: Option<Growth>,
    /// Most memory that the process had taken when one world had been played with caches; where the system tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peak_memory_play_bytes: Option<u64>,
    /// And when it had been recomputed too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peak_memory_bytes: Option<u64>,
    /// And in the whole run, training steps included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peak_memory_training_bytes: Option<u64>,
}

/// Figures at one number of worlds.
#[derive(Debug, Serialize)]
pub(super) struct BatchReport {
    #[serde(flatten)]
    pub(super) times: BatchTimes,
    /// Share of the peak that each part reaches.
    pub(super) share_of_peak: PartShares,
}

/// Times at one number of worlds.
#[derive(Debug, Serialize)]
pub(super) struct BatchTimes {
    pub(super) batch: usize,
    /// Frames of all worlds per second, cached: median of the rounds.
    pub(super) cached_frames_per_second: f64,
    /// The same, recomputed.
    pub(super) recomputed_frames_per_second: f64,
    /// How many times faster the caches are: median of the rounds' ratios.
    pub(super) speedup: f64,
    /// Where the time goes, per frame of all worlds.
    pub(super) parts: PartTimes,
}

/// Prints the figures as a table.
pub(super) fn print_table(report: &Report) {
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
