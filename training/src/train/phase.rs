//! What the two phases of a run have in common.

use std::collections::BTreeMap;
use std::time::Duration;

use genie_model::checkpoint::Checkpoint;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::config::InitialWeights;
use super::error::TrainError;
use super::optimiser::Optimiser;
use super::run_folder::RunFolder;
use super::saved_state::{Progress, SavedState};

/// One of the two phases, as a run drives it.
pub(super) trait Phase {
    /// Its name in configurations, messages and run folders.
    const NAME: &'static str;
    /// One optimiser step; named figures for the metrics, `loss` and `gradient_norm` among them. Where one of these two is not
    /// finite, nothing that the step would have moved has moved.
    fn step(
        &mut self,
        step: u64,
        rng: &mut ChaCha8Rng,
    ) -> Result<BTreeMap<String, f64>, TrainError>;
    /// Takes up the weights, codebooks and what else decides about steps from the first rank: kinds of processors differ in the last bits, so that ranks would
    /// drift apart.
    fn follow_first(&mut self) -> Result<(), TrainError>;
    /// Has the data of these steps, which come next, read in a thread of its own ahead of each.
    fn read_ahead(&mut self, steps: Box<dyn Iterator<Item = u64> + Send>);
    /// How long steps have waited for data that are read ahead.
    fn waited_for_data(&self) -> Duration;
    /// The optimiser of its variables.
    fn optimiser(&mut self) -> &mut Optimiser;
    /// Saves the state.
    fn save(&self, folder: &RunFolder, progress: Progress) -> Result<(), TrainError>;
    /// Writes pictures of what has been learned in `step` steps.
    fn pictures(&mut self, folder: &RunFolder, step: u64) -> Result<(), TrainError>;
}

/// What a phase begins with.
pub(super) enum Start {
    /// A state that was saved.
    Saved(SavedState),
    /// The first step.
    New(InitialWeights),
    /// The first step, with the weights of a finished world.
    World(Box<Checkpoint>),
}

/// A random stream of its own for each step, so that a resumed run draws the same numbers.
pub(super) fn step_rng<P: Phase>(seed: u64, step: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream((step << 1) | u64::from(P::NAME == "dynamics"));
    rng
}
