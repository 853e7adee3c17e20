//! Play without caches: what each frame costs when the whole window is computed again for every `MaskGIT` step.

use candle_core::Tensor;
use genie_model::{
    Error, SamplerSettings, UnmaskedFrame, WorldModel, patches_to_frames, unmask_frames,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::steady_play::History;

/// Worlds that remember tokens alone.
pub(super) struct Recomputed<'a> {
    world: &'a WorldModel,
    history: History,
    sampler: SamplerSettings,
    /// One for each world.
    rngs: Vec<ChaCha8Rng>,
}

/// The last `count` of some values.
fn last<T>(values: &[T], count: usize) -> &[T] {
    &values[values.len().saturating_sub(count)..]
}

impl<'a> Recomputed<'a> {
    pub(super) fn new(world: &'a WorldModel, history: History, sampler: SamplerSettings) -> Self {
        Self {
            world,
            rngs: (0..history.tokens.len() as u64)
                .map(ChaCha8Rng::seed_from_u64)
                .collect(),
            history,
            sampler,
        }
    }

    /// The next frame of every world, as RGB bytes one after the other.
    pub(super) fn step(&mut self, actions: &[usize]) -> Result<Vec<u8>, Error> {
        let world = self.world;
        let config = world.config();
        let codes = config.tokenizer.quantizer.codes() as u32;
        let (worlds, tokens) = (actions.len(), config.codes_per_frame());
        let seen = self.history.tokens[0]
            .len()
            .min(world.dynamics().window() - 1);
        let frames = seen + 1;
        let rows: Vec<u32> = self
            .history
            .actions
            .iter()
            .zip(actions)
            .flat_map(|(past, &now)| last(past, seen).iter().copied().chain([now as u32]))
            .collect();
        let rows = Tensor::new(rows.as_slice(), world.device())?;
        let embedded =
            world
                .action_embeddings()
                .index_select(&rows, 0)?
                .reshape((worlds, frames, ()))?;
        let newest = self.history.tokens.iter().filter_map(|past| past.last());
        let before: Vec<_> = newest.cloned().collect();
        let mut next = vec![vec![codes; tokens]; worlds];
        for step in 0..self.sampler.steps {
            if !next.iter().flatten().any(|&token| token == codes) {
                break;
            }
            let ids: Vec<u32> = self
                .history
                .tokens
                .iter()
                .zip(&next)
                .flat_map(|(past, now)| last(past, seen).iter().chain([now]).flatten().copied())
                .collect();
            let ids = Tensor::from_vec(ids, (worlds, frames, tokens), world.device())?;
            let hidden =
                world
                    .dynamics()
                    .forward_window(world.token_embeddings(), &ids, &embedded)?;
            let newest = hidden.narrow(1, frames - 1, 1)?.squeeze(1)?.contiguous()?;
            sample(
                world,
                &self.sampler,
                &newest,
                &before,
                &mut next,
                step,
                &mut self.rngs,
            )?;
        }
        for ((past, led), (now, &action)) in self
            .history
            .tokens
            .iter_mut()
            .zip(&mut self.history.actions)
            .zip(next.into_iter().zip(actions))
        {
            past.push(now);
            led.push(action as u32);
            past.remove(0);
            led.remove(0);
        }
        self.decode(worlds, tokens)
    }

    /// The newest frame of every world, decoded from all frames that the decoder sees.
    fn decode(&self, worlds: usize, tokens: usize) -> Result<Vec<u8>, Error> {
        let config = self.world.config();
        let tokenizer = self.world.tokenizer();
        let frames = self.history.tokens[0].len().min(tokenizer.decoder_window());
        let ids: Vec<u32> = self
            .history
            .tokens
            .iter()
            .flat_map(|past| last(past, frames).iter().flatten().copied())
            .collect();
        let ids = Tensor::from_vec(ids, (worlds, frames, tokens), self.world.device())?;
        let patches = tokenizer.reconstruct(&ids)?;
        let newest = patches.narrow(1, frames - 1, 1)?.squeeze(1)?.contiguous()?;
        let (height, width) = (config.frame_height, config.frame_width);
        patches_to_frames(&newest, height, width, config.tokenizer.patch)
    }
}

/// One step of `MaskGIT` sampling: hidden states `[B, N, D]` to logits, and logits to tokens. The work that play does, with
/// random numbers of its own.
pub(super) fn sample(
    world: &WorldModel,
    sampler: &SamplerSettings,
    hidden: &Tensor,
    before: &[Vec<u32>],
    next: &mut [Vec<u32>],
    step: usize,
    rngs: &mut [ChaCha8Rng],
) -> Result<(), Error> {
    let frames = next.iter_mut().zip(before).zip(rngs);
    let frames = frames.map(|((tokens, before), rng)| UnmaskedFrame {
        sampler,
        before,
        tokens,
        rng,
    });
    unmask_frames(world, hidden, &mut frames.collect::<Vec<_>>(), step)
}

#[cfg(test)]
mod tests {
    use super::super::steady_play::SteadyPlay;
    use super::*;
    use candle_core::Device;
    use genie_model::GenieConfig;
    use genie_training::evaluate::untrained_checkpoint;

    /// Both ways compute the same thing, or the comparison of their speed would mean nothing: a decoder over the whole
    /// window gives the frame that the streaming one gave.
    #[test]
    fn recomputing_gives_the_frame_that_streaming_gave() {
        let mut config = GenieConfig::tiny();
        // With one layer a window of four frames sees exactly what the cache of the same window holds.
        config.tokenizer.decoder.window = 4;
        let checkpoint = untrained_checkpoint(&config, 1).unwrap();
        let world = WorldModel::new(checkpoint, &Device::Cpu).unwrap();
        let play = SteadyPlay::start(&world, 2, &SamplerSettings::default()).unwrap();
        let recomputed = Recomputed::new(&world, play.history.clone(), SamplerSettings::default());
        let bytes = recomputed.decode(2, config.codes_per_frame()).unwrap();
        let streamed: Vec<u8> = play
            .rollouts
            .iter()
            .flat_map(|r| r.frame().pixels().to_vec())
            .collect();
        let off = bytes
            .iter()
            .zip(&streamed)
            .map(|(a, b)| a.abs_diff(*b))
            .max()
            .unwrap();
        assert!(off <= 1, "{off}");
    }

    #[test]
    fn all_tokens_are_filled_in() {
        let checkpoint = untrained_checkpoint(&GenieConfig::tiny(), 1).unwrap();
        let world = WorldModel::new(checkpoint, &Device::Cpu).unwrap();
        let sampler = SamplerSettings {
            steps: 3,
            ..SamplerSettings::default()
        };
        let play = SteadyPlay::start(&world, 2, &sampler).unwrap();
        let mut recomputed = Recomputed::new(&world, play.history, sampler);
        let frames = recomputed.step(&[0, 1]).unwrap();
        assert_eq!(frames.len(), 2 * 64 * 64 * 3);
        let newest = recomputed
            .history
            .tokens
            .iter()
            .map(|past| past.last().unwrap());
        for tokens in newest {
            assert!(tokens.iter().all(|&token| token < 64));
        }
    }
}
