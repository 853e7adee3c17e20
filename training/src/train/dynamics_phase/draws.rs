//! What is drawn at random for a step.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::relabelling::{Impossible, draw_labels};
use super::sampled_context::Sampling;
use crate::train::config::TrainConfig;
use crate::train::masking::Masking;

/// What is drawn at random for a step, for the passes of all ranks together.
pub(super) struct StepDraws {
    /// Which tokens are masked, and which are wrong in the context.
    masking: Masking,
    /// The new label of each transition; `None` where it keeps its own.
    pub(super) labels: Vec<Option<u32>>,
    /// Which tokens of the context the model samples itself, if it does in this step, and a number from 0 to 1 for each of them at each
    /// stage.
    sampled: Option<(Masking, Vec<Vec<f32>>)>,
}

impl StepDraws {
    /// Draws for the codes `tokens`, `[B, T, N Q]` in order, of a step with so many `transitions`. `impossible` lists, where it is
    /// known, the impossible actions that each of them may be relabelled with.
    pub(super) fn new(
        config: &TrainConfig,
        step: u64,
        tokens: &[u32],
        (transitions, impossible): (usize, Option<&[Impossible]>),
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let masking = Masking::draw(tokens, config, rng);
        let labels = draw_labels(config, transitions, impossible, rng);
        let rate = config.scheduled_sampling_at(step);
        let sampled = if rate > 0.0 && rng.random::<f32>() < rate {
            let other = Masking::draw(tokens, config, rng);
            let stages = 0..other.targets.len();
            let chance = stages.map(|_| other.rows.iter().map(|_| rng.random()).collect());
            let chance: Vec<Vec<f32>> = chance.collect();
            Some((other, chance))
        } else {
            None
        };
        Self {
            masking,
            labels,
            sampled,
        }
    }

    /// The masking of a pass out of so many.
    pub(super) fn masking(&self, pass: usize, passes: usize) -> Masking {
        self.masking.part(pass, passes).0
    }

    /// The new labels of the transitions of a pass out of so many.
    pub(super) fn labels(&self, pass: usize, passes: usize) -> &[Option<u32>] {
        let transitions = self.labels.len() / passes;
        &self.labels[pass * transitions..][..transitions]
    }

    /// What the model samples in the context of a pass out of so many, whose true codes are `tokens`.
    pub(super) fn sampling<'a>(
        &self,
        pass: usize,
        passes: usize,
        tokens: &'a [u32],
    ) -> Option<Sampling<'a>> {
        let (other, chance) = self.sampled.as_ref()?;
        let (masking, rows) = other.part(pass, passes);
        let of_part = |stage: &Vec<f32>| stage[rows.clone()].to_vec();
        Some(Sampling {
            masking,
            codes: tokens,
            chance: chance.iter().map(of_part).collect(),
        })
    }
}
