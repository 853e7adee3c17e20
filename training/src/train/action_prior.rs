//! The action prior: a network that predicts which latent actions follow a frame.

use std::collections::HashMap;

use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::Init;
use candle_nn::ops::softmax;
use genie_model::{GenieConfig, ops};

use super::optimiser::{Optimiser, OptimiserConfig};
use super::ranks::Ranks;
use super::saved_state::SavedTensors;
use super::variables::Variables;

/// Values per token between the layers.
const WIDTH: usize = 32;
/// Layers, each of which sees a token and its eight neighbours.
const LAYERS: usize = 2;
const NEIGHBOURHOOD: usize = 9;
/// Times the phase's learning rate, which is chosen for a deeper network.
const PACE: f64 = 2.0;

/// A small convolutional network that learns from the footage which latent actions are taken after a frame.
///
/// The dynamics model has no example of an action that is impossible after a frame (a jump below a ceiling, a step into a
/// wall): no motion shows it, so that it is never inferred there. The prior finds these actions: an action that is frequent
/// elsewhere has nearly no probability where it is impossible. Its input is the frame and the one before it, which shows what is in motion: a figure that
/// falls cannot jump. More of them would rather show the intention of the player.
#[derive(Debug)]
pub struct ActionPrior {
    variables: Variables,
    optimiser: Optimiser,
    embed: (Tensor, Tensor),
    position: Tensor,
    layers: Vec<(Tensor, Tensor)>,
    out: (Tensor, Tensor),
    /// For each token of a frame its neighbourhood, clamped at the edges: `N * NEIGHBOURHOOD`.
    around: Vec<u32>,
    device: Device,
}

impl ActionPrior {
    /// Untrained: all actions are equally likely.
    ///
    /// # Errors
    /// Never on the CPU.
    pub fn new(config: &GenieConfig, seed: u64, device: &Device) -> Result<Self> {
        let variables = Variables::new(seed, device);
        let vb = variables.builder().pp("action_prior");
        let (tokens, columns) = (config.tokens_per_frame(), config.token_columns());
        let actions = config.latent_actions.actions;
        let linear = |name: &str, inputs: usize, outputs: usize, gain: f64| {
            let vb = vb.pp(name);
            let stdev = (gain / inputs as f64).sqrt();
            let weight = Init::Randn { mean: 0.0, stdev };
            let weight = vb.get_with_hints((outputs, inputs), "weight", weight)?;
            let bias = vb.get_with_hints(outputs, "bias", Init::Const(0.0))?;
            Result::Ok((weight, bias))
        };
        let embed = linear("embed", Self::values(config), WIDTH, 1.0)?;
        let position = vb.get_with_hints((tokens, WIDTH), "position", Init::Const(0.0))?;
        let layers = (0..LAYERS).map(|layer| {
            linear(
                &format!("layers.{layer}"),
                NEIGHBOURHOOD * WIDTH,
                WIDTH,
                2.0,
            )
        });
        let layers = layers.collect::<Result<_>>()?;
        let out = linear("out", tokens * WIDTH, actions, 0.0)?;
        let optimiser = Optimiser::new(variables.all(), OptimiserConfig::default())?;
        Ok(Self {
            variables,
            optimiser,
            embed,
            position,
            layers,
            out,
            around: neighbourhoods(tokens / columns, columns),
            device: device.clone(),
        })
    }

    /// Values of a token: its code, of `C`, and that of the same place in the frame before.
    fn values(config: &GenieConfig) -> usize {
        2 * config.tokenizer.quantizer.dim()
    }

    /// Probabilities of the actions after each of some frames, computed before the network learns from what did follow.
    ///
    /// `frames [M, N, 2 C]` are the codes of their tokens and of those of the frames before, `followed [M]` the actions (`u32`). Returns `M` lists of `A` and the mean
    /// cross-entropy in nats.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn learn(
        &mut self,
        frames: &Tensor,
        followed: &Tensor,
        learning_rate: f64,
    ) -> Result<(Vec<Vec<f32>>, f32)> {
        let logits = self.logits(&frames.detach())?;
        let weights = Tensor::ones(logits.dim(0)?, DType::F32, &self.device)?;
        let loss = ops::masked_cross_entropy(&logits, followed, &weights)?;
        let probabilities = softmax(&logits.detach(), D::Minus1)?.to_vec2()?;
        self.optimiser
            .step(&loss.backward()?, PACE * learning_rate)?;
        Ok((probabilities, loss.to_scalar()?))
    }

    /// Codes `[M, N, 2 C]` to logits `[M, A]`.
    fn logits(&self, frames: &Tensor) -> Result<Tensor> {
        let (count, tokens, dim) = frames.dims3()?;
        let size = frames.sqr()?.mean_all()?.affine(1.0, 1e-6)?.sqrt()?;
        let codes = frames
            .broadcast_div(&size)?
            .reshape((count * tokens, dim))?;
        let x = ops::linear_bias(&codes, &self.embed.0, &self.embed.1)?;
        let x = x.reshape((count, tokens, WIDTH))?;
        let mut x = x
            .broadcast_add(&self.position)?
            .reshape((count * tokens, WIDTH))?;
        let around = self.around(count, tokens)?;
        for (weight, bias) in &self.layers {
            let seen = around.of(&x)?;
            x = ops::linear_bias(&seen, weight, bias)?.relu()?;
        }
        let x = x.reshape((count, tokens * WIDTH))?;
        ops::linear_bias(&x, &self.out.0, &self.out.1)
    }

    /// The neighbourhoods of the tokens of `count` frames.
    fn around(&self, count: usize, tokens: usize) -> Result<Around> {
        if ops::fused(&[&self.position]) {
            let rows: Vec<u32> = (0..count as u32)
                .flat_map(|frame| self.around.iter().map(move |at| frame * tokens as u32 + at))
                .collect();
            let rows = Tensor::from_vec(rows, (count * tokens, NEIGHBOURHOOD), &self.device)?;
            return Ok(Around::Rows(rows));
        }
        let mut matrix = vec![0f32; self.around.len() * tokens];
        for (place, &at) in self.around.iter().enumerate() {
            matrix[place * tokens + at as usize] = 1.0;
        }
        let matrix = Tensor::from_vec(matrix, (self.around.len(), tokens), &self.device)?;
        Ok(Around::Matrix { matrix, count })
    }

    /// Takes up the weights of the first of the `ranks`.
    pub(super) fn follow_first(&self, ranks: &dyn Ranks) -> Result<()> {
        self.variables.follow_first(ranks)
    }

    /// The state as named tensors.
    ///
    /// # Errors
    /// Never on the CPU.
    pub fn state(&self) -> Result<HashMap<String, Tensor>> {
        let mut state = self.variables.snapshot()?;
        state.extend(self.optimiser.state()?);
        Ok(state)
    }

    /// Restores the state after `step` calls of [`learn`](Self::learn).
    ///
    /// # Errors
    /// If a part is missing or of another size.
    pub fn restore(&mut self, state: &dyn SavedTensors, step: u64) -> Result<()> {
        self.variables.restore(state)?;
        self.optimiser.restore(state, step)
    }
}

/// For each place in a grid the places of its neighbourhood, row by row; beyond the edge the nearest place within.
fn neighbourhoods(rows: usize, columns: usize) -> Vec<u32> {
    let near =
        |at: usize, count: usize| [at.saturating_sub(1), at, (at + 1).min(count - 1)].into_iter();
    let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    places
        .flat_map(|(row, column)| {
            near(row, rows).flat_map(move |r| near(column, columns).map(move |c| r * columns + c))
        })
        .map(|place| place as u32)
        .collect()
}

/// The neighbourhoods of tokens.
enum Around {
    /// Rows `[M N, NEIGHBOURHOOD]` of all tokens of a batch.
    Rows(Tensor),
    /// The same for one frame as a matrix `[N NEIGHBOURHOOD, N]`, for devices on which gathering rows has a slow gradient.
    Matrix { matrix: Tensor, count: usize },
}

impl Around {
    /// Values `[M N, W]` of tokens to those of their neighbourhoods, `[M N, NEIGHBOURHOOD W]`.
    fn of(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Rows(rows) => ops::gather_rows(x, rows)?.flatten_from(1),
            Self::Matrix { matrix, count } => {
                let (rows, width) = x.dims2()?;
                let tokens = rows / count;
                let x = x.reshape((*count, tokens, width))?.transpose(0, 1)?;
                let seen = matrix.matmul(&x.reshape((tokens, count * width))?)?;
                seen.reshape((tokens, NEIGHBOURHOOD, *count, width))?
                    .permute((2, 0, 1, 3))?
                    .reshape((rows, NEIGHBOURHOOD * width))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const FRAMES: usize = 32;
    const RATE: f64 = 2e-3;

    fn prior(config: &GenieConfig) -> ActionPrior {
        ActionPrior::new(config, 1, &Device::Cpu).unwrap()
    }

    /// Frames of noise with a hero (first value) somewhere, and in every second one a wall (second value) to its right.
    /// Each of four actions follows as often, but the last one never where the wall is.
    fn footage(config: &GenieConfig, rng: &mut ChaCha8Rng) -> (Tensor, Tensor, Vec<bool>) {
        let (tokens, columns) = (config.tokens_per_frame(), config.token_columns());
        let dim = ActionPrior::values(config);
        let mut frames = vec![0f32; FRAMES * tokens * dim];
        for value in &mut frames {
            *value = rng.random_range(-0.1..0.1);
        }
        let (mut followed, mut walls) = (Vec::new(), Vec::new());
        for (index, frame) in frames.chunks_exact_mut(tokens * dim).enumerate() {
            let wall = index % 2 == 0;
            let hero = rng.random_range(0..tokens / columns) * columns;
            let hero = hero + rng.random_range(0..columns - 1);
            frame[hero * dim] += 2.0;
            // A wall elsewhere has no effect.
            let elsewhere = (hero + tokens / 2) % tokens;
            frame[if wall { hero + 1 } else { elsewhere } * dim + 1] += 2.0;
            followed.push(rng.random_range(0..if wall { 3_u32 } else { 4 }));
            walls.push(wall);
        }
        let frames = Tensor::from_vec(frames, (FRAMES, tokens, dim), &Device::Cpu).unwrap();
        let followed = Tensor::from_vec(followed, FRAMES, &Device::Cpu).unwrap();
        (frames, followed, walls)
    }

    fn config() -> GenieConfig {
        let mut config = GenieConfig::platformer();
        config.latent_actions.actions = 4;
        config
    }

    /// Batches whose mean is judged: from one step to the next the probabilities of one waver.
    const BATCHES: usize = 8;

    #[test]
    fn what_cannot_be_done_at_a_wall_is_learned() {
        let config = config();
        let mut prior = prior(&config);
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for _ in 0..400 {
            let (frames, followed, _) = footage(&config, &mut rng);
            prior.learn(&frames, &followed, RATE).unwrap();
        }
        let (mut at_wall, mut free) = (0.0, 0.0);
        for _ in 0..BATCHES {
            let (frames, followed, walls) = footage(&config, &mut rng);
            let (probabilities, _) = prior.learn(&frames, &followed, RATE).unwrap();
            let mean = |wall: bool| {
                let of = probabilities.iter().zip(&walls);
                let of = of.filter(|&(_, w)| *w == wall);
                of.map(|(p, _)| p[3]).sum::<f32>() / (FRAMES / 2) as f32
            };
            at_wall += mean(true) / BATCHES as f32;
            free += mean(false) / BATCHES as f32;
        }
        assert!(at_wall < 0.03 && free > 0.15, "{at_wall} and {free}");
    }

    /// The same hero in the air, who was below in every second frame before: it rises, and the last action never follows.
    #[test]
    fn what_cannot_be_done_in_a_motion_is_learned() {
        let config = config();
        let mut prior = prior(&config);
        let (tokens, columns) = (config.tokens_per_frame(), config.token_columns());
        let dim = ActionPrior::values(&config);
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let mut probabilities = [0.0; 2];
        for step in 0..400 {
            let mut frames = vec![0f32; FRAMES * tokens * dim];
            let mut followed = Vec::new();
            for (index, frame) in frames.chunks_exact_mut(tokens * dim).enumerate() {
                let rises = index % 2 == 0;
                let hero = rng.random_range(columns..tokens - columns);
                let before = if rises {
                    hero + columns
                } else {
                    hero - columns
                };
                frame[hero * dim] = 2.0;
                frame[before * dim + dim / 2] = 2.0;
                followed.push(rng.random_range(0..if rises { 3_u32 } else { 4 }));
            }
            let frames = Tensor::from_vec(frames, (FRAMES, tokens, dim), &Device::Cpu).unwrap();
            let followed = Tensor::from_vec(followed, FRAMES, &Device::Cpu).unwrap();
            let (found, _) = prior.learn(&frames, &followed, RATE).unwrap();
            if step >= 400 - BATCHES {
                for (index, found) in found.iter().enumerate() {
                    probabilities[index % 2] += found[3] / (FRAMES / 2 * BATCHES) as f32;
                }
            }
        }
        let [rises, falls] = probabilities;
        assert!(rises < 0.03 && falls > 0.15, "{rises} and {falls}");
    }

    #[test]
    fn it_starts_undecided_and_every_part_learns() {
        let config = config();
        let mut prior = prior(&config);
        let before = prior.variables.snapshot().unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let (frames, followed, _) = footage(&config, &mut rng);
        let (probabilities, loss) = prior.learn(&frames, &followed, RATE).unwrap();
        assert!(
            probabilities
                .iter()
                .flatten()
                .all(|p| (p - 0.25).abs() < 1e-6)
        );
        assert!((loss - 4f32.ln()).abs() < 1e-5);
        // The first step reaches the last layer alone, which starts at zero.
        prior.learn(&frames, &followed, RATE).unwrap();
        for (name, value) in prior.variables.snapshot().unwrap() {
            let moved = (value - &before[&name]).unwrap().abs().unwrap();
            let moved = moved.max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(moved > 1e-5, "{name} stays");
        }
    }

    #[test]
    fn a_saved_prior_goes_on_as_before() {
        let config = config();
        let (mut first, mut second) = (prior(&config), prior(&config));
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let clips: Vec<_> = (0..4).map(|_| footage(&config, &mut rng)).collect();
        for (frames, followed, _) in &clips[..2] {
            first.learn(frames, followed, RATE).unwrap();
        }
        second.restore(&first.state().unwrap(), 2).unwrap();
        for (frames, followed, _) in &clips[2..] {
            let expected = first.learn(frames, followed, RATE).unwrap();
            assert_eq!(second.learn(frames, followed, RATE).unwrap(), expected);
        }
    }

    #[test]
    fn neighbourhoods_end_at_the_edges() {
        let around = neighbourhoods(2, 3);
        let (first, centre) = (&around[..9], &around[9..18]);
        assert_eq!(first, [0, 0, 1, 0, 0, 1, 3, 3, 4]);
        assert_eq!(centre, [0, 1, 2, 0, 1, 2, 3, 4, 5]);
    }
}
