//! How long training steps take.

use std::path::Path;
use std::time::{Duration, Instant};

use candle_core::Device;

use super::batches::open_footage;
use super::config::{InitialWeights, TrainConfig};
use super::dynamics_phase::DynamicsPhase;
use super::error::TrainError;
use super::found_actions::FoundActions;
use super::phase::{Phase, Start, step_rng};
use super::precision::with_precision;
use super::tokenizer_phase::TokenizerPhase;

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

/// Takes steps of one phase, from random weights and without a run folder, and returns how long each took: all that
/// [`train`](super::train) does in a step, reading footage included. One step before them is not counted.
///
/// The weights are discarded. `config.actions_frozen` is taken as 0, so that a step includes training the latent action model:
/// the longest kind of step. A configuration that keeps the actions frozen, such as the shipped one, has shorter steps.
///
/// # Errors
/// Those of [`train`](super::train) that do not come from a run folder.
pub fn time_steps(
    config: &TrainConfig,
    data: &Path,
    phase: TrainingPhase,
    steps: usize,
    device: &Device,
) -> Result<Vec<Duration>, TrainError> {
    let config = TrainConfig {
        actions_frozen: 0,
        ..config.clone()
    };
    let dataset = open_footage(&config, Path::new("the configuration"), data)?;
    with_precision(&config, device, || {
        // A step from random weights takes as long as any other.
        let random = || Start::New(InitialWeights::Random);
        let (mut tokenizer, _) = TokenizerPhase::open(&config, &dataset, random(), device)?;
        if phase == TrainingPhase::Tokenizer {
            return take(&mut tokenizer, config.seed, steps);
        }
        let tokenizer = tokenizer.into_variables();
        let known = (tokenizer, FoundActions::any(&config, &dataset));
        let (mut dynamics, _) = DynamicsPhase::open(&config, &dataset, random(), known, device)?;
        take(&mut dynamics, config.seed, steps)
    })
}

fn take<P: Phase>(phase: &mut P, seed: u64, steps: usize) -> Result<Vec<Duration>, TrainError> {
    let mut times = Vec::with_capacity(steps);
    for step in 0..=steps as u64 {
        let mut rng = step_rng::<P>(seed, step);
        let begun = Instant::now();
        phase.step(step, &mut rng)?;
        // The first one sets up buffers, and compares actions, as one step in twenty does.
        if step > 0 {
            times.push(begun.elapsed());
        }
    }
    Ok(times)
}
