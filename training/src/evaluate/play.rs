//! Many worlds stepped together.

use genie_model::{Fit, Frame, Rollout, SamplerSettings};
use rayon::prelude::*;

use super::{EvaluateError, WorldParts};

/// Worlds in one forward pass: more would not be faster on a CPU, and would take more memory.
const BATCH: usize = 16;

/// Running worlds, stepped in batches.
#[derive(Clone, Debug)]
pub struct Worlds {
    rollouts: Vec<Rollout>,
}

impl Worlds {
    /// Starts a world from every prompt; world `i` draws from a random stream of its own, so that what one world does
    /// never depends on the others.
    ///
    /// # Errors
    /// [`EvaluateError::Model`] for a prompt of another size or a model that breaks down.
    pub fn start(
        parts: &WorldParts,
        prompts: &[&[u8]],
        seed: u64,
        sampler: &SamplerSettings,
    ) -> Result<Self, EvaluateError> {
        let rollouts = prompts
            .iter()
            .enumerate()
            .map(|(index, prompt)| {
                let seed = seed
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                    .wrapping_add(index as u64);
                let frame = parts.frame(prompt)?;
                Ok(parts
                    .world
                    .prompt_with(&frame, seed, Fit::default(), sampler.clone())?)
            })
            .collect::<Result<_, EvaluateError>>()?;
        Ok(Self { rollouts })
    }

    /// Appends a known frame to every world: `actions[i]` led world `i` to `frames[i]`.
    ///
    /// # Errors
    /// [`EvaluateError::Model`] as for [`Rollout::observe`].
    pub fn observe(
        &mut self,
        parts: &WorldParts,
        frames: &[&[u8]],
        actions: &[usize],
    ) -> Result<(), EvaluateError> {
        for ((rollout, frame), &action) in self.rollouts.iter_mut().zip(frames).zip(actions) {
            rollout.observe(&parts.frame(frame)?, action)?;
        }
        Ok(())
    }

    /// Generates the next frame of every world.
    ///
    /// # Errors
    /// [`EvaluateError::Model`] if the model breaks down.
    ///
    /// # Panics
    /// If there are not as many actions as worlds.
    pub fn step(&mut self, actions: &[usize]) -> Result<(), EvaluateError> {
        assert_eq!(
            self.rollouts.len(),
            actions.len(),
            "one action for each world"
        );
        for (rollouts, actions) in self.rollouts.chunks_mut(BATCH).zip(actions.chunks(BATCH)) {
            let mut rollouts: Vec<&mut Rollout> = rollouts.iter_mut().collect();
            Rollout::step_all(&mut rollouts, actions)?;
        }
        Ok(())
    }

    /// The newest frame of every world.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = &Frame> {
        self.rollouts.iter().map(Rollout::frame)
    }

    /// The first codes of the tokens of the newest frame of every world, `N` of each.
    pub fn tokens(&self) -> impl ExactSizeIterator<Item = Vec<u32>> {
        self.rollouts.iter().map(Rollout::first_codes)
    }

    /// `measure` of every world's newest frame.
    pub fn map_frames<R: Send>(&self, measure: impl Fn(&[u8]) -> R + Sync) -> Vec<R> {
        let frames: Vec<&Frame> = self.frames().collect();
        frames
            .par_iter()
            .map(|frame| measure(frame.pixels()))
            .collect()
    }
}
