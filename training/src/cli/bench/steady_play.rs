//! Worlds in steady play, and their past.

use genie_model::{Fit, Frame, Rollout, SamplerSettings, WorldModel};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The past of some worlds, which streaming keeps as keys and values and recomputing reads anew.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// Tokens of each world's frames, oldest first: `[B][T][N]`.
    pub(super) tokens: Vec<Vec<Vec<u32>>>,
    /// Rows of the action embeddings that led to these frames: `[B][T]`.
    pub(super) actions: Vec<Vec<u32>>,
}

/// Worlds whose windows are full.
pub(super) struct SteadyPlay {
    pub(super) rollouts: Vec<Rollout>,
    pub(super) rng: ChaCha8Rng,
    pub(super) history: History,
}

impl SteadyPlay {
    /// Starts so many worlds and plays until their windows are full.
    pub(super) fn start(
        world: &WorldModel,
        batch: usize,
        sampler: &SamplerSettings,
    ) -> Result<Self, genie_model::Error> {
        let config = world.config();
        let prompt = Frame::filled(config.frame_width, config.frame_height, [110, 170, 220]);
        let rollouts = (0..batch)
            .map(|seed| world.prompt_with(&prompt, seed as u64, Fit::default(), sampler.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        let start = world.action_count() as u32;
        let mut play = Self {
            history: History {
                tokens: rollouts.iter().map(|r| vec![r.tokens().to_vec()]).collect(),
                actions: vec![vec![start]; batch],
            },
            rollouts,
            rng: ChaCha8Rng::seed_from_u64(0),
        };
        let window = world
            .dynamics()
            .window()
            .max(world.tokenizer().decoder_window());
        for _ in 0..window {
            let actions = play.step()?;
            for (world, action) in actions.into_iter().enumerate() {
                play.history.tokens[world].push(play.rollouts[world].tokens().to_vec());
                play.history.actions[world].push(action as u32);
            }
        }
        Ok(play)
    }

    /// A random action for each world.
    pub(super) fn draw_actions(&mut self) -> Vec<usize> {
        let actions = self.rollouts[0].model().action_count();
        (0..self.rollouts.len())
            .map(|_| self.rng.random_range(0..actions))
            .collect()
    }

    /// One frame of all worlds under random actions, which are returned.
    pub(super) fn step(&mut self) -> Result<Vec<usize>, genie_model::Error> {
        let actions = self.draw_actions();
        let mut rollouts: Vec<&mut Rollout> = self.rollouts.iter_mut().collect();
        Rollout::step_all(&mut rollouts, &actions)?;
        Ok(actions)
    }
}
