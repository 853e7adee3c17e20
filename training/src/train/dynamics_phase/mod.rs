//! Phase two: latent actions together with the dynamics.
//!
//! The paper trains the latent action model on pixels and stops the gradient between it and the dynamics model. A small pixel
//! decoder ignores the action long before it can predict motion. Hence the dynamics loss on tokens may reach the latent action
//! encoder (a switch), beside the paper's loss where the model has a pixel decoder.
//!
//! `state` is what the phase holds. A `step` reads its `batch`, infers or looks up the `shown_actions`, makes its random `draws`, and takes
//! the `losses` of each pass; where the configuration asks for it, a `revision` asks the dynamics once what they make of the actions that were found. `comparison` measures how much predictions depend on the action. `saving` writes the state and the world.

mod action_start;
mod adjacency;
mod batch;
mod comparison;
mod data;
mod draws;
mod export;
mod footage_tokens;
mod losses;
mod networks;
mod pictures;
mod relabelling;
mod revision;
mod sampled_context;
mod saving;
mod shown_actions;
mod state;
mod step;

use std::collections::BTreeMap;
use std::time::Duration;

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use genie_model::{DynamicsModel, LatentActionModel, VideoTokenizer, WorldModel};
use rand_chacha::ChaCha8Rng;

use self::action_start::{action_codebook, separate_codes, start_actions};
use self::footage_tokens::FootageTokens;
pub(super) use self::footage_tokens::TokenFolder;
use self::networks::Networks;
use self::pictures::{Clips, action_strips, rollout_strips};
use self::relabelling::ImpossibleActions;
pub(super) use self::state::DynamicsPhase;
pub(super) use self::step::COMPARE_EVERY;
use super::batches::Batches;
use super::config::{InitialWeights, TrainConfig};
use super::error::TrainError;
use super::found_actions::FoundActions;
use super::loss_scale::LossScale;
use super::optimiser::Optimiser;
use super::phase::{Phase, Start};
use super::read_ahead::ReadAhead;
use super::run_folder::RunFolder;
use super::saved_state::Progress;
use super::token_cache::Tokenising;
use super::variables::Variables;
use super::world_start::{codes_in_place, copy_weights};
use crate::dataset::Dataset;

/// What the phase takes over.
pub(super) struct Inherited {
    /// The tokenizer's weights.
    pub(super) tokenizer: Variables,
    /// The actions of the footage, where no encoder infers them.
    pub(super) found: Option<FoundActions>,
    /// A folder for the tokens of the footage; without it they are made again in each step.
    pub(super) tokens: Option<TokenFolder>,
}

impl<'a> DynamicsPhase<'a> {
    /// Makes the networks, and takes their state and how far the phase is from `start`.
    pub(super) fn open(
        config: &TrainConfig,
        dataset: &'a Dataset,
        start: Start,
        inherited: Inherited,
        device: &Device,
    ) -> Result<(Self, Progress), TrainError> {
        let model = &config.model;
        let Inherited {
            tokenizer,
            found,
            tokens,
        } = inherited;
        let frozen = tokenizer.snapshot()?;
        let vb = VarBuilder::from_tensors(frozen.clone(), DType::F32, device);
        let tokenizer = VideoTokenizer::new(model, vb.pp("tokenizer"))?;
        let variables = Variables::new(config.seed, device);
        let latent = LatentActionModel::new(model, variables.builder().pp("latent_actions"))?;
        let dynamics = DynamicsModel::new(model, variables.builder().pp("dynamics"))?;
        // The action codebook follows its points by moving averages, not by gradients.
        let trained: Vec<_> = variables
            .all()
            .into_iter()
            .filter(|(name, _)| name != "latent_actions.codebook")
            .collect();
        let optimiser = Optimiser::new(trained, config.dynamics.optimiser.clone())?;
        let seed = config.seed.wrapping_add(1);
        let batches = Batches::new(dataset, model, &config.dynamics, seed)?;
        if found.is_some() {
            let codes = separate_codes(&model.latent_actions, config.seed, device)?;
            variables.set("latent_actions.codebook", &codes)?;
        }
        if let Start::World(world) = &start {
            copy_weights(&variables, world)?;
            if let Some(places) = found.as_ref().and_then(FoundActions::places) {
                let name = "latent_actions.codebook";
                let codes = variables.get(name)?.as_detached_tensor();
                variables.set(name, &codes_in_place(&codes, places)?)?;
            }
        }
        let codebook = action_codebook(latent.codebook())?;
        let impossible = if config.corruption.impossible_actions > 0.0 {
            Some(ImpossibleActions::new(config, device)?)
        } else {
            None
        };
        let networks = Networks {
            tokenizer,
            latent,
            dynamics,
            device: device.clone(),
        };
        let tokenising = Tokenising {
            dataset,
            model,
            tokenizer: &networks.tokenizer,
            weights: &frozen,
            device,
        };
        let ranks = &*batches.ranks;
        let tokens = FootageTokens::open(tokens, &tokenising, &config.dynamics, ranks)?;
        let mut phase = Self {
            config: config.clone(),
            dataset,
            batches,
            ahead: None,
            frozen,
            variables,
            networks,
            codebook,
            found,
            impossible,
            tokens,
            optimiser,
            scale: LossScale::new(config.precision),
            device: device.clone(),
        };
        let mut progress = Progress::default();
        match start {
            Start::Saved(saved) => {
                phase.restore(&saved.tensors, saved.progress.step)?;
                progress = saved.progress;
            }
            Start::New(InitialWeights::Footage) if phase.found.is_none() => {
                let (latent, variables) = (&phase.networks.latent, &phase.variables);
                phase.codebook = start_actions(config, &phase.batches, latent, variables)?;
                phase.publish_codebook()?;
            }
            Start::New(_) | Start::World(_) => {}
        }
        if let Some(found) = &mut phase.found {
            found.go_back_to(progress.step);
        }
        phase.follow_first()?;
        Ok((phase, progress))
    }
}

impl Phase for DynamicsPhase<'_> {
    const NAME: &'static str = "dynamics";

    fn step(
        &mut self,
        step: u64,
        rng: &mut ChaCha8Rng,
    ) -> Result<BTreeMap<String, f64>, TrainError> {
        self.take_step(step, rng)
    }

    fn follow_first(&mut self) -> Result<(), TrainError> {
        let ranks = &*self.batches.ranks;
        self.variables.follow_first(ranks)?;
        self.codebook.follow_first(ranks)?;
        if let Some(impossible) = &self.impossible {
            impossible.follow_first(ranks)?;
        }
        Ok(())
    }

    fn read_ahead(&mut self, steps: Box<dyn Iterator<Item = u64> + Send>) {
        let maker = self.data_maker();
        self.ahead = ReadAhead::start(self.batches.own(steps), move |pass| maker.make(pass));
    }

    fn waited_for_data(&self) -> Duration {
        let ahead = self.ahead.as_ref();
        ahead.map_or(Duration::ZERO, ReadAhead::waited)
    }

    fn optimiser(&mut self) -> &mut Optimiser {
        &mut self.optimiser
    }

    fn save(&self, folder: &RunFolder, progress: Progress) -> Result<(), TrainError> {
        folder.save_state(Self::NAME, progress, self.parts()?)?;
        self.save_world(folder, progress.step)
    }

    /// One strip per latent action from the same prompts, and a rollout under inferred actions below the real clip.
    fn pictures(&mut self, folder: &RunFolder, step: u64) -> Result<(), TrainError> {
        let world = WorldModel::new(self.checkpoint(step)?, &self.device)?;
        let bytes = self.batches.reader.clips((0, 0))?;
        let (count, frames, _) = self.shape();
        let clips = Clips {
            bytes: &bytes,
            count,
            frames,
        };
        let model = &self.config.model;
        let size = (model.frame_height, model.frame_width);
        let strips = action_strips(&world, &clips)?;
        folder.save_strips(Self::NAME, "actions", step, &strips, size)?;
        let inferred = match &self.found {
            Some(found) => {
                let codes = found.codes(&self.batches.reader.windows((0, 0)), frames);
                codes
                    .chunks_exact(frames - 1)
                    .map(<[u32]>::to_vec)
                    .collect()
            }
            None => self.networks.latent.infer(&bytes, count)?,
        };
        let strips = rollout_strips(&world, &clips, &inferred)?;
        folder.save_strips(Self::NAME, "rollout", step, &strips, size)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::train::spoiled::{assert_spoiled_steps_change_nothing, copies, footage, tiny};
    use crate::train::tokenizer_phase::TokenizerPhase;

    #[test]
    fn a_step_that_is_not_finite_changes_nothing() {
        let config = tiny();
        let (_folder, dataset) = footage(&config);
        let (start, cpu) = (|| Start::New(InitialWeights::Random), &Device::Cpu);
        let (tokenizer, _) = TokenizerPhase::open(&config, &dataset, start(), cpu).unwrap();
        let inherited = Inherited {
            tokenizer: tokenizer.into_variables(),
            found: None,
            tokens: None,
        };
        let opened = DynamicsPhase::open(&config, &dataset, start(), inherited, cpu);
        let mut phase = opened.unwrap().0;
        let variables = phase.variables.clone();
        let weight = (&variables, "dynamics.head");
        assert_spoiled_steps_change_nothing(&mut phase, weight, |it| copies(it.parts().unwrap()));
    }
}
