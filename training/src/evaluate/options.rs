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
    /// The options as a world is played with them: with what they leave to it, and at its own temperature.
    pub(super) fn as_played(&self, world: &WorldModel) -> Self {
        let mut options = self.clone();
        let own = &world.config().dynamics;
        let sampler = &mut options.sampler;
        sampler.action_guidance.get_or_insert(own.action_guidance);
        sampler.temperature *= own.temperature;
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::Device;
    use genie_model::GenieConfig;

    use super::*;
    use crate::evaluate::untrained_checkpoint;

    #[test]
    fn an_evaluation_says_what_the_world_was_played_with() {
        let mut config = GenieConfig::tiny();
        config.dynamics.temperature = 0.5;
        config.dynamics.action_guidance = 2.0;
        let checkpoint = untrained_checkpoint(&config, 1).unwrap();
        let world = WorldModel::new(checkpoint, &Device::Cpu).unwrap();
        let mut options = EvaluateOptions::default();
        options.sampler.temperature = 0.8;
        let played = options.as_played(&world).sampler;
        assert!((played.temperature - 0.4).abs() < 1e-6);
        assert_eq!(played.action_guidance, Some(2.0));
        options.sampler.action_guidance = Some(0.0);
        assert_eq!(options.as_played(&world).sampler.action_guidance, Some(0.0));
    }
}
