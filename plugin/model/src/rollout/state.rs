//! What a running world is between two frames.

use rand_chacha::ChaCha8Rng;

use crate::transformer::TransformerCache;
use crate::{Error, Frame, SamplerSettings, WorldModel};

/// One running world.
///
/// It is a value: clone it to fork the world, keep old clones to rewind, save it with [`to_bytes`](Self::to_bytes). Clones
/// share their caches, so that they cost little. The same checkpoint, prompt, actions and seed give the same
/// frames.
#[derive(Clone, Debug)]
pub struct Rollout {
    pub(super) model: WorldModel,
    pub(super) sampler: SamplerSettings,
    pub(super) rng: ChaCha8Rng,
    /// Index of the newest frame; the prompt is frame 0.
    pub(super) time: u64,
    /// Codes of the newest frame, `[N Q]`, whose keys and values are not in `past` yet.
    pub(super) tokens: Vec<u32>,
    /// Row of the action embeddings that led to the newest frame.
    pub(super) action: u32,
    pub(super) past: TransformerCache,
    pub(super) decoder_past: TransformerCache,
    pub(super) frame: Frame,
}

impl Rollout {
    /// The model of this world.
    pub fn model(&self) -> &WorldModel {
        &self.model
    }

    /// The newest frame.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// Codes of the tokens of the newest frame, `N Q` of them: the `Q` codes of one token after those of another.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The first code of each of the `N` tokens of the newest frame, which says most about what is there.
    pub fn first_codes(&self) -> Vec<u32> {
        let stages = self.model.dynamics().stages();
        self.tokens.iter().step_by(stages).copied().collect()
    }

    /// Index of the newest frame; the prompt is frame 0.
    pub fn time(&self) -> u64 {
        self.time
    }

    /// How frames are sampled.
    pub fn sampler(&self) -> &SamplerSettings {
        &self.sampler
    }

    /// Changes how the next frames are sampled.
    ///
    /// # Errors
    /// [`Error::Sampler`] for settings out of range; the old ones stay.
    pub fn set_sampler(&mut self, sampler: SamplerSettings) -> Result<(), Error> {
        sampler.validate()?;
        self.sampler = sampler;
        Ok(())
    }

    /// How far frames are led away from those without a known action: as the sampler says, else as the world does.
    pub(super) fn guidance(&self) -> f32 {
        let own = self.model.config().dynamics.action_guidance;
        self.sampler.action_guidance.unwrap_or(own)
    }

    /// The sampler's settings as this world takes them.
    pub(super) fn own_sampler(&self) -> SamplerSettings {
        let mut sampler = self.sampler.clone();
        sampler.temperature *= self.model.config().dynamics.temperature;
        sampler
    }

    /// Bytes of memory that this world's caches take, shared or not.
    pub fn memory_bytes(&self) -> usize {
        let values = |cache: &TransformerCache| -> usize {
            let blocks = cache.frames.iter().flat_map(|frame| &frame.blocks);
            blocks
                .map(|kv| kv.keys.elem_count() + kv.values.elem_count())
                .sum()
        };
        4 * (values(&self.past) + values(&self.decoder_past))
            + 4 * self.tokens.len()
            + self.frame.pixels().len()
    }
}
