//! Phase two: latent actions together with the dynamics.
//!
//! The paper trains the latent action model on pixels and stops the gradient between it and the dynamics model. A small pixel
//! decoder ignores the action long before it can predict motion. Hence the dynamics loss on tokens may reach the latent action
//! encoder (a switch), beside the paper's loss where the model has a pixel decoder.

mod action_start;
mod adjacency;
mod export;
mod networks;
mod pictures;
mod relabelling;
mod sampled_context;

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use genie_model::checkpoint::Checkpoint;
use genie_model::{
    DynamicsModel, LatentActionModel, LatentActions, MotionSigns, TokenAdjacency, VideoTokenizer,
    WorldModel, ops,
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use self::action_start::{CODEBOOK_DECAY, separate_codes, start_actions};
use self::adjacency::count_adjacency;
use self::export::checkpoint;
use self::networks::Networks;
use self::pictures::{Clips, action_strips, rollout_strips};
use self::relabelling::{ImpossibleActions, all_motions, draw_labels, motions, relabel};
use self::sampled_context::Sampling;
use super::batches::Batches;
use super::codebook::EmaCodebook;
use super::config::{InitialWeights, TrainConfig};
use super::error::TrainError;
use super::found_actions::FoundActions;
use super::masking::Masking;
use super::optimiser::{Gradients, Optimiser};
use super::phase::{Phase, Start};
use super::ranks::{Alone, Ranks};
use super::run_folder::RunFolder;
use super::saved_state::Progress;
use super::token_cache::{TokenCache, Tokenising, exact_tokens, tokens_are_the_frames_own};
use super::variables::Variables;
use crate::dataset::Dataset;

/// Steps between revivals of unused actions.
const REVIVE_EVERY: u64 = 20;
/// Steps between comparisons of the true action with a random one.
pub(super) const COMPARE_EVERY: u64 = 20;

pub(super) struct DynamicsPhase<'a> {
    config: TrainConfig,
    dataset: &'a Dataset,
    batches: Batches<'a>,
    /// The tokenizer's weights.
    frozen: HashMap<String, Tensor>,
    variables: Variables,
    networks: Networks,
    codebook: EmaCodebook,
    /// The actions of the footage, where no encoder infers them.
    found: Option<FoundActions>,
    /// Where the configuration asks for relabelling with impossible actions.
    impossible: Option<ImpossibleActions>,
    /// For the checkpoint; counted when the first one is made.
    adjacency: OnceCell<Option<TokenAdjacency>>,
    /// Where tokens are kept, if they are.
    tokens_folder: Option<TokenFolder>,
    /// Those that steps read.
    kept_tokens: Option<TokenCache>,
    optimiser: Optimiser,
    device: Device,
}

/// What the phase takes over.
pub(super) struct Inherited {
    /// The tokenizer's weights.
    pub(super) tokenizer: Variables,
    /// The actions of the footage, where no encoder infers them.
    pub(super) found: Option<FoundActions>,
    /// A folder for the tokens of the footage; without it they are made again in each step.
    pub(super) tokens: Option<TokenFolder>,
}

/// Where the tokens of the footage are kept.
#[derive(Debug)]
pub(super) struct TokenFolder {
    pub(super) path: PathBuf,
    /// Whether all ranks see the folder, so that each makes a part of what it holds.
    pub(super) shared: bool,
}

/// The latent actions that the transitions of a batch show.
struct ShownActions {
    /// Codes `[B, T - 1, C]`.
    codes: Tensor,
    /// Their numbers, `B (T - 1)` in order.
    assigned: Vec<u32>,
    /// What the encoder made, where there is one.
    encoded: Option<Encoded>,
}

/// What the encoder of the latent action model made of a batch.
struct Encoded {
    features: Tensor,
    points: Tensor,
    actions: LatentActions,
    /// Whether the encoder stays as it is in this step.
    frozen: bool,
}

/// The data of a pass.
struct Batch {
    clips: Vec<u8>,
    /// Codes of all frames, `[B, T, N Q]` in order.
    tokens: Vec<u32>,
}

impl<'a> DynamicsPhase<'a> {
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
        let batches = Batches::new(dataset, model, &config.dynamics, seed, device)?;
        if found.is_some() {
            let codes = separate_codes(&model.latent_actions, config.seed, device)?;
            variables.set("latent_actions.codebook", &codes)?;
        }
        let codebook = EmaCodebook::new(latent.codebook(), CODEBOOK_DECAY, true)?;
        let impossible = if config.corruption.impossible_actions > 0.0 {
            Some(ImpossibleActions::new(config, device)?)
        } else {
            None
        };
        let mut phase = Self {
            config: config.clone(),
            dataset,
            batches,
            frozen,
            variables,
            networks: Networks {
                tokenizer,
                latent,
                dynamics,
                device: device.clone(),
            },
            codebook,
            found,
            impossible,
            adjacency: OnceCell::new(),
            tokens_folder: tokens,
            kept_tokens: None,
            optimiser,
            device: device.clone(),
        };
        phase.keep_tokens()?;
        let mut progress = Progress::default();
        match start {
            Start::Saved(saved) => {
                phase.variables.restore(&saved.tensors)?;
                let step = saved.progress.step;
                phase.optimiser.restore(&saved.tensors, step)?;
                phase.codebook.restore("actions", &saved.tensors)?;
                if let Some(impossible) = &mut phase.impossible {
                    impossible.restore(&saved.tensors, step)?;
                }
                progress = saved.progress;
            }
            Start::New(InitialWeights::Footage) if phase.found.is_none() => {
                let (latent, variables) = (&phase.networks.latent, &phase.variables);
                phase.codebook = start_actions(config, &phase.batches, latent, variables)?;
                phase.publish_codebook()?;
            }
            Start::New(_) => {}
        }
        Ok((phase, progress))
    }

    fn publish_codebook(&self) -> Result<(), TrainError> {
        let codes = self.codebook.tensor(&self.device)?;
        Ok(self.variables.set("latent_actions.codebook", &codes)?)
    }

    /// Clips, frames per clip and codes per frame of a pass.
    fn shape(&self) -> (usize, usize, usize) {
        let codes = self.config.model.codes_per_frame();
        (self.batches.batch, self.batches.clip_frames, codes)
    }

    /// Makes the tokens of all footage once, if steps can read them: if a frame has the same tokens in every window. Not if the steps
    /// look at fewer frames than there are and nothing else needs all of them.
    fn keep_tokens(&mut self) -> Result<(), TrainError> {
        let (model, phase) = (&self.config.model, &self.config.dynamics);
        let seen = phase
            .steps
            .saturating_mul((phase.batch * phase.clip_frames) as u64);
        let adjacency = model.tokenizer.quantizer.stages() == 1;
        let worth_it = adjacency || seen >= self.dataset.total_frames();
        if let Some(folder) = &self.tokens_folder
            && worth_it
            && tokens_are_the_frames_own(model)
        {
            let ranks: &dyn Ranks = if folder.shared {
                &*self.batches.ranks
            } else {
                &Alone
            };
            self.kept_tokens = TokenCache::open(&folder.path, &self.tokenising(), ranks)?;
        }
        Ok(())
    }

    fn tokenising(&self) -> Tokenising<'_> {
        Tokenising {
            dataset: self.dataset,
            model: &self.config.model,
            tokenizer: &self.networks.tokenizer,
            weights: &self.frozen,
            device: &self.device,
        }
    }

    /// Whether a step looks at pixels: not where the actions are known and nothing learns to see them.
    fn sees_pixels(&self) -> bool {
        (self.found.as_ref()).is_none_or(|found| found.labels().is_some())
    }

    fn batch(&self, at: (u64, usize)) -> Result<Batch, TrainError> {
        let clips = if self.sees_pixels() || self.kept_tokens.is_none() {
            self.batches.clips(at)?
        } else {
            Vec::new()
        };
        let tokens = if let Some(kept) = &self.kept_tokens {
            let (windows, frames) = (self.batches.windows(at), self.batches.clip_frames);
            kept.windows(self.dataset, &windows, frames)?
        } else {
            let patch = self.config.model.tokenizer.patch;
            let patches = self.batches.patches(&clips, patch)?;
            exact_tokens(&self.networks.tokenizer, &patches)?
        };
        Ok(Batch { clips, tokens })
    }

    fn shown_actions(&self, batch: &Batch, at: (u64, usize)) -> Result<ShownActions, TrainError> {
        let (count, frames, _) = self.shape();
        if let Some(found) = &self.found {
            let assigned = found.codes(&self.batches.windows(at), frames);
            let numbers = Tensor::from_slice(&assigned, (count, frames - 1), &self.device)?;
            let codes = ops::gather_rows(&self.codebook.tensor(&self.device)?, &numbers)?;
            let codes = codes.reshape((count, frames - 1, ()))?;
            let encoded = if found.labels().is_some() {
                Some(self.taught(batch, &codes, &numbers)?)
            } else {
                None
            };
            return Ok(ShownActions {
                codes,
                assigned,
                encoded,
            });
        }
        let latent = &self.networks.latent;
        let features = latent.features(&batch.clips, count)?;
        let frozen = at.0 < self.config.actions_frozen;
        let points = latent.encode(&features)?;
        let points = if frozen { points.detach() } else { points };
        let actions = latent.quantize(&points)?;
        Ok(ShownActions {
            codes: if self.config.dynamics_trains_actions {
                actions.codes.clone()
            } else {
                actions.codes.detach()
            },
            assigned: actions.actions.flatten_all()?.to_vec1()?,
            encoded: Some(Encoded {
                features,
                points,
                actions,
                frozen,
            }),
        })
    }

    /// What the encoder makes of a batch whose actions are given: it learns to see them, for the evaluation.
    fn taught(
        &self,
        batch: &Batch,
        codes: &Tensor,
        numbers: &Tensor,
    ) -> Result<Encoded, TrainError> {
        let latent = &self.networks.latent;
        let features = latent.features(&batch.clips, self.shape().0)?;
        let points = latent.encode(&features)?;
        let commitment = (&points - codes)?.sqr()?.mean_all()?;
        Ok(Encoded {
            features,
            points,
            actions: LatentActions {
                codes: codes.clone(),
                actions: numbers.clone(),
                commitment,
            },
            // The codes stay what they are.
            frozen: true,
        })
    }

    /// How the picture moves in each transition of a pass; nothing if that is not known.
    fn motions(
        &self,
        batch: &Batch,
        shown: &ShownActions,
        at: (u64, usize),
    ) -> Result<Vec<MotionSigns>, TrainError> {
        let frames = self.batches.clip_frames;
        Ok(match (&self.found, &shown.encoded) {
            (Some(found), _) => found.motions(&self.batches.windows(at), frames),
            (None, Some(encoded)) => motions(&self.config, &batch.clips, &encoded.features)?,
            (None, None) => Vec::new(),
        })
    }

    /// The impossible actions with which the transitions of a step, with these `tokens`, may be relabelled; nothing if the
    /// configuration does not ask for relabelling.
    fn impossible_actions(
        &mut self,
        step: u64,
        tokens: &[u32],
        assigned: &[u32],
        motions: Vec<MotionSigns>,
        figures: &mut BTreeMap<String, f64>,
    ) -> Result<Option<Vec<Vec<u32>>>, TrainError> {
        let (_, frames, codes) = self.shape();
        let Some(impossible) = &mut self.impossible else {
            return Ok(None);
        };
        if motions.len() != assigned.len() {
            return Ok(None);
        }
        let clips = tokens.len() / (frames * codes);
        let tokens = Tensor::from_slice(tokens, (clips, frames, codes), &self.device)?;
        let before = tokens.narrow(1, 0, frames - 1)?;
        let before = before.reshape((assigned.len(), ()))?;
        let before = self.networks.tokenizer.quantizer().codes(&before)?;
        let rate = self.config.dynamics.learning_rate_at(step);
        let (alike, loss) = impossible.learn(&before, assigned, motions, rate)?;
        figures.insert("action_prior".to_owned(), f64::from(loss));
        Ok(Some(alike))
    }

    /// How well changed tokens are predicted under their own actions and under random ones, and how often each action is
    /// used.
    fn compare_actions(
        &self,
        (masking, context): (&Masking, Option<&Tensor>),
        logits: &Tensor,
        assigned: &[u32],
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<(String, f64)>, TrainError> {
        let (batch, frames, _) = self.shape();
        let own = masking.hard_accuracy(logits)?;
        let actions = self.config.model.latent_actions.actions;
        let random: Vec<u32> = (0..assigned.len())
            .map(|_| rng.random_range(0..actions as u32))
            .collect();
        let random = Tensor::from_vec(random, (batch, frames - 1), &self.device)?;
        let codes = ops::gather_rows(&self.codebook.tensor(&self.device)?, &random)?;
        let networks = &self.networks;
        let predicted = networks.predict(masking, context, self.shape(), &codes)?;
        let random = masking.hard_accuracy(&networks.first_logits(&predicted)?)?;
        let mut figures = vec![
            ("changed_right".to_owned(), own),
            ("changed_right_random".to_owned(), random),
        ];
        for action in 0..actions {
            let count = assigned.iter().filter(|&&a| a as usize == action).count();
            let share = count as f64 / assigned.len() as f64;
            figures.push((format!("usage_{action}"), share));
        }
        Ok(figures)
    }

    /// All that a run needs to go on from here.
    fn state(&self) -> Result<HashMap<String, Tensor>, TrainError> {
        let mut tensors = self.variables.snapshot()?;
        tensors.extend(self.optimiser.state()?);
        tensors.extend(self.codebook.state("actions")?);
        if let Some(impossible) = &self.impossible {
            tensors.extend(impossible.state()?);
        }
        Ok(tensors)
    }

    /// The world as it is now, with unnamed actions.
    fn checkpoint(&self, step: u64) -> Result<Checkpoint, TrainError> {
        let mut tensors = self.frozen.clone();
        tensors.extend(self.variables.snapshot()?);
        let frames = self.dataset.total_frames();
        let adjacency = self.adjacency()?;
        let agent = self.found.as_ref().and_then(FoundActions::agent);
        let agent = agent.map(<[u8]>::to_vec);
        let config = &self.config;
        Ok(checkpoint(config, tensors, adjacency, agent, frames, step)?)
    }

    fn adjacency(&self) -> Result<Option<TokenAdjacency>, TrainError> {
        if let Some(known) = self.adjacency.get() {
            return Ok(known.clone());
        }
        let tokenising = self.tokenising();
        // Where steps cannot read kept tokens, this can: it reads whole clips. One rank counts.
        let opened = match (&self.kept_tokens, &self.tokens_folder) {
            (None, Some(folder)) if self.config.model.tokenizer.quantizer.stages() == 1 => {
                TokenCache::open(&folder.path, &tokenising, &Alone)?
            }
            _ => None,
        };
        let kept = self.kept_tokens.as_ref().or(opened.as_ref());
        let counted = count_adjacency(&tokenising, kept)?;
        Ok(self.adjacency.get_or_init(|| counted).clone())
    }
}

impl Phase for DynamicsPhase<'_> {
    const NAME: &'static str = "dynamics";

    fn step(
        &mut self,
        step: u64,
        rng: &mut ChaCha8Rng,
    ) -> Result<BTreeMap<String, f64>, TrainError> {
        let (passes, shape) = (self.batches.passes, self.shape());
        let (own, ranks) = (self.batches.own_passes.clone(), self.batches.ranks.clone());
        let batches = own.clone().map(|pass| self.batch((step, pass)));
        let batches = batches.collect::<Result<Vec<_>, _>>()?;
        let tokens = batches.iter().map(|batch| batch.tokens.as_slice());
        let tokens = ranks.gather_numbers(&tokens.collect::<Vec<_>>().concat());
        // What the whole step shows. With several passes it is computed again in each: a graph of all has no room.
        let (mut assigned, mut motions, mut held) = (Vec::new(), Vec::new(), None);
        for (pass, batch) in own.clone().zip(&batches) {
            let shown = self.shown_actions(batch, (step, pass))?;
            assigned.extend_from_slice(&shown.assigned);
            if self.impossible.is_some() {
                motions.extend(self.motions(batch, &shown, (step, pass))?);
            }
            held = (passes == 1).then_some(shown);
        }
        let assigned = ranks.gather_numbers(&assigned);
        let motions = all_motions(&*ranks, &motions);
        let masking = Masking::draw(&tokens, &self.config, rng);
        let mut figures = BTreeMap::new();
        let impossible =
            self.impossible_actions(step, &tokens, &assigned, motions, &mut figures)?;
        let labels = draw_labels(&self.config, assigned.len(), impossible.as_deref(), rng);
        let sampled = self.config.scheduled_sampling_at(step);
        let sampling = if sampled > 0.0 && rng.random::<f32>() < sampled {
            let other = Masking::draw(&tokens, &self.config, rng);
            let stages = 0..other.targets.len();
            let chance = stages.map(|_| other.rows.iter().map(|_| rng.random()).collect());
            let chance: Vec<Vec<f32>> = chance.collect();
            Some((other, chance))
        } else {
            None
        };
        let codebook = self.codebook.tensor(&self.device)?;
        let transitions = assigned.len() / passes;
        let mut gradients = Gradients::default();
        let (mut whole_loss, mut whole_cross_entropy, mut whole_pixels) = (0.0, 0.0, 0.0);
        let (mut points, mut last) = (Vec::new(), None);
        for (pass, batch) in own.clone().zip(&batches) {
            let shown = match held.take() {
                Some(shown) => shown,
                None => self.shown_actions(batch, (step, pass))?,
            };
            let (masking, _) = masking.part(pass, passes);
            let labels = &labels[pass * transitions..][..transitions];
            let codes = relabel(shown.codes.clone(), &codebook, labels)?;
            let context = if let Some((other, chance)) = &sampling {
                let (masking, rows) = other.part(pass, passes);
                let of_part = |stage: &Vec<f32>| stage[rows.clone()].to_vec();
                let sampling = Sampling {
                    masking,
                    codes: &batch.tokens,
                    chance: chance.iter().map(of_part).collect(),
                };
                Some(self.networks.sampled_context(sampling, shape, &codes)?)
            } else {
                None
            };
            let networks = &self.networks;
            let predicted = networks.predict(&masking, context.as_ref(), shape, &codes)?;
            let (cross_entropy, logits) = self.networks.cross_entropy(&masking, &predicted)?;
            let (weights, share) = (self.config.losses, 1.0 / passes as f64);
            let mut loss = cross_entropy.clone();
            if let Some(encoded) = &shown.encoded {
                loss = (loss + (&encoded.actions.commitment * (weights.commitment * share))?)?;
            }
            if let (Some(encoded), true) = (&shown.encoded, self.networks.latent.has_decoder()) {
                let patch = self.config.model.latent_actions.patch;
                let patches = self.batches.patches(&batch.clips, patch)?;
                let pixels = self.networks.pixel_loss(&patches, &encoded.actions)?;
                whole_pixels += f64::from(pixels.to_scalar::<f32>()?) * share;
                loss = (loss + (pixels * (weights.action_pixels * share))?)?;
            }
            gradients = gradients.plus(self.optimiser.gradients(&loss.backward()?))?;
            whole_loss += f64::from(loss.to_scalar::<f32>()?);
            whole_cross_entropy += f64::from(cross_entropy.to_scalar::<f32>()?);
            if let Some(encoded) = shown.encoded.as_ref().filter(|it| !it.frozen) {
                let seen = encoded.points.detach().flatten_all()?.to_vec1::<f32>()?;
                points.extend_from_slice(&seen);
            }
            let encoded = shown.encoded.is_some();
            last = Some((masking, context, logits.detach(), encoded));
        }
        let mut wholes = [whole_loss, whole_cross_entropy, whole_pixels];
        ranks.sum_wide(&mut wholes);
        let [whole_loss, whole_cross_entropy, whole_pixels] = wholes;
        let gradients = gradients.summed(&*ranks)?;
        let rate = self.config.dynamics.learning_rate_at(step);
        let norm = if whole_loss.is_finite() {
            self.optimiser.descend(&gradients, rate)?
        } else {
            f64::NAN
        };
        drop(gradients);

        let points = ranks.gather(&points);
        if !points.is_empty() && norm.is_finite() {
            self.codebook.update(&points, &assigned);
            if step % REVIVE_EVERY == REVIVE_EVERY - 1 {
                let revived = self.codebook.revive(&points, 0.1, 0.05, rng);
                figures.insert("revived".to_owned(), revived as f64);
            }
            self.publish_codebook()?;
        }

        figures.insert("loss".to_owned(), whole_loss);
        figures.insert("cross_entropy".to_owned(), whole_cross_entropy);
        figures.insert("gradient_norm".to_owned(), norm);
        let relabelled = labels.iter().flatten().count() as f64 / assigned.len() as f64;
        figures.insert("actions_relabelled".to_owned(), relabelled);
        if let Some((masking, context, logits, encoded)) = last {
            if encoded {
                figures.insert("actions_used".to_owned(), self.codebook.used() as f64);
            }
            if encoded && self.networks.latent.has_decoder() {
                figures.insert("pixel_mse".to_owned(), whole_pixels);
            }
            if step.is_multiple_of(COMPARE_EVERY) && norm.is_finite() {
                let assigned = &assigned[(own.end - 1) * transitions..][..transitions];
                let tokens = (&masking, context.as_ref());
                figures.extend(self.compare_actions(tokens, &logits, assigned, rng)?);
            }
        }
        Ok(figures)
    }

    fn optimiser(&mut self) -> &mut Optimiser {
        &mut self.optimiser
    }

    fn save(&self, folder: &RunFolder, progress: Progress) -> Result<(), TrainError> {
        folder.save_state(Self::NAME, progress, &self.state()?)?;
        let mut world = self.checkpoint(progress.step)?;
        if let Some(labels) = folder.labels()
            && labels.len() == world.actions.len()
        {
            world.actions = labels;
        } else if let Some(labels) = self.found.as_ref().and_then(FoundActions::labels) {
            world.actions = labels.to_vec();
        }
        Ok(world.write(folder.world(), DType::F16)?)
    }

    /// One strip per latent action from the same prompts, and a rollout under inferred actions below the real clip.
    fn pictures(&mut self, folder: &RunFolder, step: u64) -> Result<(), TrainError> {
        let world = WorldModel::new(self.checkpoint(step)?, &Device::Cpu)?;
        let bytes = self.batches.clips((0, 0))?;
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
                let codes = found.codes(&self.batches.windows((0, 0)), frames);
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
    use crate::train::spoiled::{assert_spoiled_steps_change_nothing, footage, tiny};
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
        assert_spoiled_steps_change_nothing(&mut phase, weight, |it| it.state().unwrap());
    }
}
