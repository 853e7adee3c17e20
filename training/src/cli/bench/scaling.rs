//! `mpirun -n 2 genie bench --ranks`: how much faster several processes train than one, and what their exchange costs.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use candle_core::Device;
use genie_model::median;
use genie_training::train::{
    MpiRanks, Ranks, StepTime, TimedRanks, TrainConfig, TrainingPhase, time_steps, with_ranks,
};
use serde::Serialize;

use super::error::BenchError;
use super::training::footage;

/// How often the same steps are taken in one process and then in all, and the least number of them.
const ROUNDS: usize = 5;
const LEAST_STEPS: usize = 3;

/// The steps of one phase in one process and in all.
#[derive(Debug, Serialize)]
pub(super) struct PhaseScaling {
    phase: &'static str,
    ranks: usize,
    threads_per_rank: usize,
    /// Clips of a step, which the ranks share, and frames per clip.
    batch: usize,
    clip_frames: usize,
    /// Median of the steps in one process, while the others wait.
    one_milliseconds: f64,
    /// The same steps in all processes.
    all_milliseconds: f64,
    /// How many times as many steps a second all take: the median of [`ROUNDS`], so that a machine that gets slower or faster counts for both.
    speedup: f64,
    /// The same of each round.
    speedups: Vec<f64>,
    /// Share of the steps in which values are exchanged and added up.
    exchanging_share: f64,
    /// Share in which this rank waits for others that are not as far.
    waiting_share: f64,
}

/// Takes about `steps` steps of the phases, in the first process alone and in all by turns; the first one's figures.
pub(super) fn measure(
    config: &TrainConfig,
    phases: impl Iterator<Item = TrainingPhase>,
    steps: usize,
    device: &Device,
) -> Result<Option<Vec<PhaseScaling>>, BenchError> {
    let ranks = Rc::new(MpiRanks::start().ok_or(BenchError::NoMpi)?);
    let result = measured(config, phases, steps, device, &ranks);
    if let (Err(error), true) = (&result, ranks.count() > 1) {
        // The others would wait for this one for ever.
        tracing::error!("{ranks:?}: {error}");
        ranks.abort();
    }
    Ok((ranks.rank() == 0).then_some(result?))
}

fn measured(
    config: &TrainConfig,
    phases: impl Iterator<Item = TrainingPhase>,
    steps: usize,
    device: &Device,
    ranks: &Rc<MpiRanks>,
) -> Result<Vec<PhaseScaling>, BenchError> {
    let folder = footage(config)?;
    let data: PathBuf = folder.path().to_owned();
    let mut found = Vec::new();
    for phase in phases {
        let (mut one, mut all, mut speedups) = (Vec::new(), Vec::new(), Vec::new());
        let each = steps.div_ceil(ROUNDS).max(LEAST_STEPS);
        for _ in 0..ROUNDS {
            let time = || time_steps(config, &data, phase, each, device);
            let mut alone = Vec::new();
            if ranks.rank() == 0 {
                alone = time()?;
            }
            ranks.wait();
            let timed = Rc::new(TimedRanks::new(ranks.clone()));
            let together = with_ranks(timed, time)?;
            ranks.wait();
            speedups.push(seconds(&alone) / seconds(&together).max(1e-9));
            one.extend(alone);
            all.extend(together);
        }
        let milliseconds = |times: &[StepTime]| {
            let times = times.iter().map(|time| 1e3 * time.whole.as_secs_f64());
            median(times).unwrap_or(0.0)
        };
        let share = |part: &dyn Fn(&StepTime) -> Duration| {
            let part: Duration = all.iter().map(part).sum();
            let whole: Duration = all.iter().map(|time| time.whole).sum();
            part.as_secs_f64() / whole.as_secs_f64().max(1e-9)
        };
        let settings = match phase {
            TrainingPhase::Tokenizer => &config.tokenizer,
            TrainingPhase::Dynamics => &config.dynamics,
        };
        let (one_milliseconds, all_milliseconds) = (milliseconds(&one), milliseconds(&all));
        found.push(PhaseScaling {
            phase: phase.name(),
            ranks: ranks.count(),
            threads_per_rank: rayon::current_num_threads(),
            batch: settings.batch,
            clip_frames: settings.clip_frames,
            one_milliseconds,
            all_milliseconds,
            speedup: median(speedups.iter().copied()).unwrap_or(0.0),
            speedups,
            exchanging_share: share(&|time| time.ranks.exchanging),
            waiting_share: share(&|time| time.ranks.waiting),
        });
    }
    Ok(found)
}

fn seconds(steps: &[StepTime]) -> f64 {
    steps.iter().map(|time| time.whole.as_secs_f64()).sum()
}

/// Prints the figures as a table.
pub(super) fn print_table(phases: &[PhaseScaling]) {
    println!(
        "training     ranks x threads   batch    one, ms   all, ms   speedup (rounds)       exchange   waiting"
    );
    for it in phases {
        println!(
            "{:<12} {:<17} {:<7} {:9.1} {:9.1} {:8.2} x ({:.2}-{:.2}) {:8.1} % {:7.1} %",
            it.phase,
            format!("{} x {}", it.ranks, it.threads_per_rank),
            format!("{}x{}", it.batch, it.clip_frames),
            it.one_milliseconds,
            it.all_milliseconds,
            it.speedup,
            it.speedups.iter().copied().fold(f64::INFINITY, f64::min),
            it.speedups.iter().copied().fold(0.0, f64::max),
            100.0 * it.exchanging_share,
            100.0 * it.waiting_share,
        );
    }
}
