//! How an evaluation is done.

use genie_model::{SamplerSettings, WorldModel};
use serde::{Deserialize, Serialize};

use super::EvaluateError;
use super::footage::MOST_SEGMENTS;

/// Longest play that may be asked for, in frames.
const MOST_STEPS: usize = 100_000;

/// Options of [`evaluate`](super::evaluate).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvaluateOptions {
    /// Number of prompts, and so of worlds.
    pub clips: usize,
    /// How frames are sampled.
    pub sampler: SamplerSettings,
    /// Seed of everything that is random.
    pub seed: u64,
    /// Longest horizon at which faithfulness (at 1, 16, 64 and 256) and obedience (at 1, 4, 16 and 64) are judged.
    pub horizon: usize,
    /// Longest horizon at which heroes are counted; of 20, 100 and 1000 frames those up to it.
    pub survival: usize,
    /// Most real transitions that the judge learns from, where true actions are known; it is tried on half as many, and with 0 there is
    /// no judge.
    pub judged_transitions: usize,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self {
            clips: 64,
            sampler: SamplerSettings::default(),
            seed: 0,
            horizon: 256,
            survival: 100,
            judged_transitions: 8_000,
        }
    }
}

impl EvaluateOptions {
    /// The options with what they leave to the world.
    pub(super) fn as_played(&self, world: &WorldModel) -> Self {
        let mut options = self.clone();
        let own = world.config().dynamics.action_guidance;
        options.sampler.action_guidance.get_or_insert(own);
        options
    }

    /// Whether they can be used, before any work is done.
    ///
    /// # Errors
    /// A count out of range, or a setting of the sampler.
    pub fn check(&self) -> Result<(), EvaluateError> {
        for (what, most, found) in [
            ("clips", MOST_SEGMENTS, self.clips),
            ("horizon", MOST_STEPS, self.horizon),
            ("survival", MOST_STEPS, self.survival),
        ] {
            if !(1..=most).contains(&found) {
                return Err(EvaluateError::Count { what, most, found });
            }
        }
        self.sampler.validate()?;
        Ok(())
    }
}
