//! How long training steps take.

use std::path::Path;
use std::time::{Duration, Instant};

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use genie_model::VideoTokenizer;

use super::batches::open_footage;
use super::config::{InitialWeights, TrainConfig};
use super::dynamics_phase::{COMPARE_EVERY, DynamicsPhase, Inherited, TokenFolder};
use super::error::TrainError;
use super::found_actions::FoundActions;
use super::phase::{Phase, Start, step_rng};
use super::precision::with_precision;
use super::ranks::{Spent, current_ranks};
use super::token_cache::{Tokenising, keeps_tokens};
use super::tokenizer_phase::TokenizerPhase;
use crate::dataset::Dataset;

/// One of the two phases of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrainingPhase {
    /// The video tokenizer.
    Tokenizer,
    /// Latent actions together with the dynamics.
    Dynamics,
}

impl TrainingPhase {
    /// Both, in the order in which they are trained.
    pub const ALL: [Self; 2] = [Self::Tokenizer, Self::Dynamics];

    /// Its name in configurations and run folders.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tokenizer => TokenizerPhase::NAME,
            Self::Dynamics => DynamicsPhase::NAME,
        }
    }
}

/// What a step took.
#[derive(Clone, Copy, Debug)]
pub struct StepTime {
    /// All of it.
    pub whole: Duration,
    /// What of that was spent with other ranks, where they are [timed](super::TimedRanks).
    pub ranks: Spent,
    /// What of that was spent waiting for data, which are read ahead.
    pub data: Duration,
}

/// Takes steps of one phase, from random weights and without a run folder, and returns how long each took: the steps that
/// [`train`](super::train) takes with this configuration, with its batch, passes, losses and corruption and with what it freezes,
/// reading footage included.
///
/// What a step does may depend on how far the training is: latent actions are frozen at its beginning, and contexts are sampled from
/// the model more and more often. So the steps are spread evenly over the phase. One step before them is not counted. What a
/// training does between steps (pictures, metrics, saved states) and the comparison of actions in one step of twenty are left out,
/// and so are the tokens of all footage, which a training makes once and its steps read ([`time_tokens`]).
///
/// The weights are discarded.
///
/// # Errors
/// Those of [`train`](super::train) that do not come from a run folder.
pub fn time_steps(
    config: &TrainConfig,
    data: &Path,
    phase: TrainingPhase,
    steps: usize,
    device: &Device,
) -> Result<Vec<StepTime>, TrainError> {
    let dataset = open_footage(config, Path::new("the configuration"), data)?;
    with_precision(config, device, || match phase {
        TrainingPhase::Tokenizer => {
            let mut tokenizer = random_tokenizer(config, &dataset, device)?;
            let numbers = spread(config.tokenizer.steps, steps);
            take(&mut tokenizer, config.seed, &numbers)
        }
        TrainingPhase::Dynamics => {
            let folder = tempfile::tempdir();
            let folder = folder.map_err(|error| TrainError::io(&std::env::temp_dir(), error))?;
            let mut dynamics = random_dynamics(config, &dataset, device, folder.path())?;
            let numbers = spread(config.dynamics.steps, steps);
            take(&mut dynamics, config.seed, &numbers)
        }
    })
}

/// How long it takes to make the tokens of all footage, which a training does once between its phases: by those of some frames under random
/// weights. Nothing where it does not.
///
/// # Errors
/// Those of [`train`](super::train) that do not come from a run folder.
pub fn time_tokens(
    config: &TrainConfig,
    data: &Path,
    device: &Device,
) -> Result<Duration, TrainError> {
    let dataset = open_footage(config, Path::new("the configuration"), data)?;
    let frames = dataset.total_frames();
    if !keeps_tokens(&config.model, &config.dynamics, frames) {
        return Ok(Duration::ZERO);
    }
    with_precision(config, device, || {
        let variables = random_tokenizer(config, &dataset, device)?.into_variables();
        let weights = variables.snapshot()?;
        let vb = VarBuilder::from_tensors(weights.clone(), DType::F32, device);
        let tokenising = Tokenising {
            dataset: &dataset,
            model: &config.model,
            tokenizer: &VideoTokenizer::new(&config.model, vb.pp("tokenizer"))?,
            weights: &weights,
            device,
        };
        let each = tokenising.seconds_per_frame()?;
        Ok(Duration::from_secs_f64(each * frames as f64))
    })
}

/// A tokenizer with random weights: its steps take as long as any other's.
fn random_tokenizer(
    config: &TrainConfig,
    dataset: &Dataset,
    device: &Device,
) -> Result<TokenizerPhase, TrainError> {
    let start = Start::New(InitialWeights::Random);
    Ok(TokenizerPhase::open(config, dataset, start, device)?.0)
}

/// Latent actions and dynamics with random weights, with a folder for what a run keeps.
fn random_dynamics<'a>(
    config: &TrainConfig,
    dataset: &'a Dataset,
    device: &Device,
    folder: &Path,
) -> Result<DynamicsPhase<'a>, TrainError> {
    let inherited = Inherited {
        tokenizer: random_tokenizer(config, dataset, device)?.into_variables(),
        found: FoundActions::any(config, dataset),
        tokens: Some(TokenFolder {
            path: folder.to_owned(),
            shared: false,
        }),
    };
    let start = Start::New(InitialWeights::Random);
    Ok(DynamicsPhase::open(config, dataset, start, inherited, device)?.0)
}

/// Numbers of `count` steps, evenly over a phase of `steps`, none of which compares actions.
fn spread(steps: u64, count: usize) -> Vec<u64> {
    let count = count as u64;
    let numbers = (0..count).map(|at| (2 * at + 1) * steps / (2 * count).max(1));
    let quiet = numbers.map(|step| step + u64::from(step.is_multiple_of(COMPARE_EVERY)));
    quiet.collect()
}

fn take<P: Phase>(phase: &mut P, seed: u64, numbers: &[u64]) -> Result<Vec<StepTime>, TrainError> {
    let ranks = current_ranks();
    let mut times = Vec::with_capacity(numbers.len());
    // The first one sets up buffers.
    let first = numbers.first().copied();
    let all: Vec<u64> = first.into_iter().chain(numbers.iter().copied()).collect();
    phase.read_ahead(Box::new(all.clone().into_iter()));
    for (at, step) in all.into_iter().enumerate() {
        let mut rng = step_rng::<P>(seed, step);
        let (begun, before, waited) = (Instant::now(), ranks.spent(), phase.waited_for_data());
        phase.step(step, &mut rng)?;
        let (whole, after) = (begun.elapsed(), ranks.spent());
        if at > 0 {
            let ranks = Spent {
                waiting: after.waiting.saturating_sub(before.waiting),
                exchanging: after.exchanging.saturating_sub(before.exchanging),
            };
            let data = phase.waited_for_data().saturating_sub(waited);
            times.push(StepTime { whole, ranks, data });
        }
    }
    Ok(times)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::train::spoiled::{footage, tiny};

    #[test]
    fn steps_are_spread_over_the_phase() {
        assert_eq!(spread(2400, 3), [401, 1201, 2001]);
        assert_eq!(spread(100, 4), [12, 37, 62, 87]);
        assert_eq!(spread(0, 2), [1, 1]);
        assert!(spread(10, 0).is_empty());
    }

    #[test]
    fn tokens_take_time_where_they_are_kept() {
        let mut config = tiny();
        let (folder, _) = footage(&config);
        config.model.tokenizer.encoder.window = 1;
        let time = |config: &TrainConfig| time_tokens(config, folder.path(), &Device::Cpu).unwrap();
        assert!(time(&config) > Duration::ZERO);
        config.model.tokenizer.encoder.window = 4;
        assert_eq!(time(&config), Duration::ZERO);
    }

    /// What training freezes is not trained in what is timed, and what it trains is.
    #[test]
    fn what_is_timed_freezes_what_training_freezes() {
        let mut config = tiny();
        let (folder, dataset) = footage(&config);
        let tokens = folder.path().join("tokens");
        for (frozen, trained_in) in [
            (0, [true, true]),
            (200, [false, false]),
            (100, [false, true]),
        ] {
            config.actions_frozen = frozen;
            let found = spread(config.dynamics.steps, 2).into_iter().map(|step| {
                let mut phase = random_dynamics(&config, &dataset, &Device::Cpu, &tokens).unwrap();
                phase.optimiser().keep_gradients();
                take(&mut phase, 1, &[step]).unwrap();
                let optimiser = phase.optimiser();
                let gradients = optimiser.kept_gradients().unwrap().iter();
                let mut named = optimiser.names().zip(gradients);
                named.any(|(name, it)| name.starts_with("latent_actions.") && it.is_some())
            });
            assert_eq!(found.collect::<Vec<_>>(), trained_in, "{frozen}");
        }
    }
}
