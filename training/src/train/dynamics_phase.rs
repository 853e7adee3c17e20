//! Phase two: latent actions together with the dynamics.
//!
//! The paper trains the latent action model on pixels and stops its gradient on the way into the dynamics. Small models
//! give the action up long before they can move pixels, so that here the dynamics model's loss on tokens may reach the
//! latent action encoder (a switch), beside the paper's own loss where the model has a pixel decoder.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use candle_core::{D, DType, Device, Tensor};
use candle_nn::VarBuilder;
use genie_model::checkpoint::Checkpoint;
use genie_model::{
    ActionLabel, DynamicsModel, Frame, GenieConfig, LatentActionInput, LatentActionModel,
    LatentActions, MOTION_FEATURES, MaskedTokens, MotionSigns, SamplerSettings, TokenNeighbours,
    VideoTokenizer, WorldModel, frames_to_patches, motion_features, motion_signs, ops,
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::masking::Masking;
use super::phase::{Phase, Start, TrainError};
use super::run_folder::RunFolder;
use super::{
    ActionEffects, ActionPrior, EmaCodebook, InitialWeights, Optimiser, TrainConfig, Variables,
    distinguishing_projection, kmeans, motion_start,
};
use crate::dataset::{ClipSampler, Dataset};
use crate::token_pairs::SeenPairs;

/// Weight of the pull of the encoder to its codes.
const COMMITMENT: f64 = 0.25;
/// Weight of the pixel decoder's loss, where there is one.
const PIXELS: f64 = 10.0;
/// Batches whose encoder outputs the action codebook starts from.
const START_BATCHES: u64 = 24;
/// Frames whose tokens are counted in one go.
const FRAMES_AT_ONCE: usize = 64;
/// Steps between revivals of actions that nobody uses.
const REVIVE_EVERY: u64 = 20;
/// Steps between comparisons of the true action with a random one.
const COMPARE_EVERY: u64 = 20;

pub(super) struct DynamicsPhase<'a> {
    config: TrainConfig,
    dataset: &'a Dataset,
    sampler: ClipSampler,
    frozen: HashMap<String, Tensor>,
    tokenizer: VideoTokenizer,
    variables: Variables,
    latent: LatentActionModel,
    dynamics: DynamicsModel,
    codebook: EmaCodebook,
    /// Where the configuration asks for unseen actions.
    unseen: Option<UnseenActions>,
    /// For the checkpoint; counted when the first one is made.
    neighbours: OnceCell<Option<TokenNeighbours>>,
    optimiser: Optimiser,
    device: Device,
}

/// What tells which actions happen where.
struct UnseenActions {
    prior: ActionPrior,
    effects: ActionEffects,
}

/// What a step works on.
struct Batch {
    clips: Vec<u8>,
    /// Tokens of all frames, `[B, T, N]` in order.
    tokens: Vec<u32>,
}

impl<'a> DynamicsPhase<'a> {
    pub(super) fn open(
        config: &TrainConfig,
        dataset: &'a Dataset,
        start: Start,
        tokenizer: Variables,
        device: &Device,
    ) -> Result<(Self, u64), TrainError> {
        let model = &config.model;
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
        let optimiser = Optimiser::new(trained, config.dynamics.optimiser.clone());
        let sampler = ClipSampler::new(
            dataset,
            config.dynamics.clip_frames,
            config.seed.wrapping_add(1),
        )?;
        let codebook = EmaCodebook::new(latent.codebook(), 0.99, true)?;
        let unseen = if config.corruption.unseen_actions > 0.0 {
            Some(UnseenActions {
                prior: ActionPrior::new(model, config.seed, device)?,
                effects: ActionEffects::new(model.latent_actions.actions),
            })
        } else {
            None
        };
        let mut phase = Self {
            config: config.clone(),
            dataset,
            sampler,
            frozen,
            tokenizer,
            variables,
            latent,
            dynamics,
            codebook,
            unseen,
            neighbours: OnceCell::new(),
            optimiser,
            device: device.clone(),
        };
        let mut step = 0;
        match start {
            Start::Saved(saved) => {
                phase.variables.restore(&saved.tensors)?;
                phase.optimiser.restore(&saved.tensors, saved.step)?;
                phase.codebook.restore("actions", &saved.tensors)?;
                if let Some(unseen) = &mut phase.unseen {
                    unseen.prior.restore(&saved.tensors, saved.step)?;
                    unseen.effects.restore(&saved.tensors)?;
                }
                step = saved.step;
            }
            Start::New(InitialWeights::Footage) => phase.start_codebook()?,
            Start::New(InitialWeights::Random) => {}
        }
        Ok((phase, step))
    }

    /// Starts projection and codebook from the data: from the signs of motion where the encoder sees motion, else from what
    /// tells transitions apart, by k-means, so that every code starts with transitions of its own.
    fn start_codebook(&mut self) -> Result<(), TrainError> {
        let mut summaries = Vec::new();
        let mut seen = Vec::new();
        for step in 0..START_BATCHES {
            let clips = self.clips(step)?;
            let features = self.latent.features(&clips, self.config.dynamics.batch)?;
            let summary = self.latent.summarise(&features)?.detach();
            summaries.push(summary.flatten_to(1)?);
            seen.push(features.flatten_to(1)?);
        }
        let summaries = Tensor::cat(&summaries, 0)?;
        let latent = &self.config.model.latent_actions;
        if latent.input == LatentActionInput::Motion {
            let seen = Tensor::cat(&seen, 0)?;
            let gravity = self.config.gravity;
            let start = motion_start(&seen, &summaries, latent.actions, latent.dim, gravity)?;
            if let Some(start) = start {
                let ways: Vec<_> = start.ways.iter().map(ToString::to_string).collect();
                tracing::info!("latent actions start from: {}", ways.join("; "));
                let encoder = "latent_actions.encoder";
                let variables = &self.variables;
                variables.set(&format!("{encoder}.project"), &start.projection)?;
                variables.set(&format!("{encoder}.project_bias"), &start.bias)?;
                self.codebook = EmaCodebook::new(&start.codes, 0.99, true)?;
                return self.publish_codebook();
            }
        }
        let projection = distinguishing_projection(&summaries, latent.dim)?;
        let name = "latent_actions.encoder.project";
        self.variables.set(name, &projection)?;
        let points = self.latent.project(&summaries)?.detach();
        let weights = vec![1.0; points.dim(0)?];
        let codes = kmeans(&points, &weights, latent.actions, 20, self.config.seed)?;
        self.codebook = EmaCodebook::new(&codes, 0.99, true)?;
        self.publish_codebook()
    }

    fn publish_codebook(&self) -> Result<(), TrainError> {
        let codes = self.codebook.tensor(&self.device)?;
        Ok(self.variables.set("latent_actions.codebook", &codes)?)
    }

    fn neighbours(&self) -> Result<Option<TokenNeighbours>, TrainError> {
        if let Some(known) = self.neighbours.get() {
            return Ok(known.clone());
        }
        let counted = self.count_neighbours()?;
        Ok(self.neighbours.get_or_init(|| counted).clone())
    }

    /// Which tokens stand next to which in all of the footage.
    fn count_neighbours(&self) -> Result<Option<TokenNeighbours>, TrainError> {
        tracing::info!("looking at which patches stand next to which");
        let c = &self.config.model;
        let (mut seen, mut bytes) = (SeenPairs::default(), Vec::new());
        for clip in 0..self.dataset.clip_count() {
            let frames = self.dataset.clip_len(clip);
            for start in (0..frames).step_by(FRAMES_AT_ONCE) {
                let count = FRAMES_AT_ONCE.min(frames - start);
                self.dataset.read_frames(clip, start, count, &mut bytes)?;
                let (height, width, patch) = (c.frame_height, c.frame_width, c.tokenizer.patch);
                let patches = frames_to_patches(&bytes, height, width, patch, &self.device)?;
                let tokens = self.tokenizer.tokenize(&patches.unsqueeze(0)?)?;
                for frame in tokens.squeeze(0)?.to_vec2::<u32>()? {
                    seen.learn(clip, &frame, c.token_columns());
                }
            }
        }
        let neighbours = seen.neighbours(c.tokenizer.quantizer.codes(), c.token_columns());
        if let Some(it) = &neighbours {
            let pairs = it.pairs().right.len() + it.pairs().below.len();
            tracing::info!(
                "{pairs} pairs; {:.3} % of those in new footage would be others",
                100.0 * seen.alone()
            );
        }
        Ok(neighbours)
    }

    fn clips(&self, step: u64) -> Result<Vec<u8>, TrainError> {
        let phase = &self.config.dynamics;
        let mut clips = Vec::new();
        let mut buffer = Vec::new();
        for window in self.sampler.batch(step, phase.batch) {
            self.dataset
                .read_frames(window.clip, window.start, phase.clip_frames, &mut buffer)?;
            clips.extend_from_slice(&buffer);
        }
        Ok(clips)
    }

    fn patches(&self, clips: &[u8], patch: usize) -> Result<Tensor, TrainError> {
        let c = &self.config.model;
        let patches = frames_to_patches(clips, c.frame_height, c.frame_width, patch, &self.device)?;
        let phase = &self.config.dynamics;
        let tokens = patches.dim(1)?;
        Ok(patches.reshape((phase.batch, phase.clip_frames, tokens, ()))?)
    }

    fn batch(&self, step: u64) -> Result<Batch, TrainError> {
        let clips = self.clips(step)?;
        let patches = self.patches(&clips, self.config.model.tokenizer.patch)?;
        let tokens = self.tokenizer.tokenize(&patches)?;
        let tokens = tokens.flatten_all()?.to_vec1()?;
        Ok(Batch { clips, tokens })
    }

    /// A context with the model's own mistakes: every frame but the first is dreamt from the true ones before it, all masked
    /// tokens at once, drawn as in play.
    fn dreamt_context(
        &self,
        tokens: &[u32],
        action_codes: &Tensor,
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<u32>, TrainError> {
        let masking = Masking::draw(tokens, &self.config, rng);
        let logits = self.logits(&masking, &action_codes.detach())?;
        let codes = logits.dim(D::Minus1)?;
        let mut logits = logits.flatten_all()?.to_vec1::<f32>()?;
        let per_frame = self.config.model.tokens_per_frame();
        let before = masking
            .rows
            .iter()
            .map(|&row| tokens[row as usize - per_frame]);
        let before: Vec<u32> = before.collect();
        self.dynamics.undo_changed_weight(&mut logits, &before);
        let (sampler, mut weights) = (SamplerSettings::default(), vec![0.0; codes]);
        let mut context = masking.context;
        for (&row, logits) in masking.rows.iter().zip(logits.chunks_exact(codes)) {
            if let Some(drawn) = sampler.choose(logits, &mut weights, rng) {
                context[row as usize] = drawn.token;
            }
        }
        Ok(context)
    }

    /// For each transition of a batch the actions that never happen where it begins and would have ended like it, which its
    /// model of them learns on the way; nothing where the configuration does not ask for them.
    fn unseen_actions(
        &mut self,
        batch: &Batch,
        features: &Tensor,
        assigned: &[u32],
        step: u64,
        figures: &mut BTreeMap<String, f64>,
    ) -> Result<Option<Vec<Vec<u32>>>, TrainError> {
        let Some(unseen) = &mut self.unseen else {
            return Ok(None);
        };
        let motions = motions(&self.config, &batch.clips, features)?;
        let phase = &self.config.dynamics;
        let shape = (phase.batch, phase.clip_frames, ());
        let tokens = Tensor::from_slice(&batch.tokens, shape, &self.device)?;
        let before = tokens.narrow(1, 0, phase.clip_frames - 1)?;
        let before = before.reshape((assigned.len(), ()))?;
        let before = self.tokenizer.quantizer().codes(&before)?;
        let followed = Tensor::new(assigned, &self.device)?;
        let rate = phase.learning_rate_at(step);
        let (probabilities, loss) = unseen.prior.learn(&before, &followed, rate)?;
        figures.insert("action_prior".to_owned(), f64::from(loss));
        let own = assigned.iter().copied();
        unseen.effects.look_at(own.clone().zip(motions));
        let told = own.zip(&probabilities);
        let told = told.map(|(own, probabilities)| unseen.effects.ending_like(own, probabilities));
        Ok(Some(told.collect()))
    }

    /// What each transition is told instead of its own action; `None` for its own. `unseen` are the actions that never happen
    /// where it begins.
    fn mistaken_actions(
        &self,
        transitions: usize,
        unseen: Option<&[Vec<u32>]>,
        rng: &mut ChaCha8Rng,
    ) -> Vec<Option<u32>> {
        let corruption = &self.config.corruption;
        let actions = self.config.model.latent_actions.actions as u32;
        let mistaken = (0..transitions).map(|transition| {
            // Drawn in any case: what is random in a step does not depend on what has been learned.
            let [any, is_unseen, which] = rng.random::<[f32; 3]>();
            let other = rng.random_range(0..actions);
            if any < corruption.actions {
                Some(other)
            } else if is_unseen < corruption.unseen_actions {
                let unseen = &unseen?[transition];
                unseen.get((which * unseen.len() as f32) as usize).copied()
            } else {
                None
            }
        });
        mistaken.collect()
    }

    /// What the transitions are told: `own` `[B, T - 1, C]`, with rows of `codes` `[A, C]` in their places where others are
    /// told.
    fn replace_codes(
        &self,
        own: Tensor,
        codes: &Tensor,
        others: &[Option<u32>],
    ) -> Result<Tensor, TrainError> {
        if others.iter().all(Option::is_none) {
            return Ok(own);
        }
        let (batch, transitions, dim) = own.dims3()?;
        let kept: Vec<f32> = others
            .iter()
            .map(|o| f32::from(u8::from(o.is_none())))
            .collect();
        let kept = Tensor::from_vec(kept, (batch, transitions, 1), &self.device)?;
        let others: Vec<u32> = others.iter().map(|other| other.unwrap_or(0)).collect();
        let others = Tensor::from_vec(others, (batch, transitions), &self.device)?;
        let others = ops::gather_rows(codes, &others)?;
        let others = others.reshape((batch, transitions, dim))?;
        let replaced = others.broadcast_mul(&kept.affine(-1.0, 1.0)?)?;
        Ok((own.broadcast_mul(&kept)? + replaced)?)
    }

    fn logits(&self, masking: &Masking, action_codes: &Tensor) -> Result<Tensor, TrainError> {
        let phase = &self.config.dynamics;
        let shape = (
            phase.batch,
            phase.clip_frames,
            self.config.model.tokens_per_frame(),
        );
        let tokens = MaskedTokens {
            context: Tensor::from_slice(&masking.context, shape, &self.device)?,
            masked: Tensor::from_slice(&masking.masked, shape, &self.device)?,
        };
        let codebook = self.tokenizer.quantizer().codebook();
        let hidden = self.dynamics.forward(&tokens, action_codes, codebook)?;
        let rows = Tensor::new(masking.rows.as_slice(), &self.device)?;
        let hidden = ops::gather_rows(&hidden.flatten_to(2)?, &rows)?;
        Ok(self.dynamics.logits(&hidden)?)
    }

    /// The paper's own loss of the latent action model: squared error of the next frame's pixels.
    fn pixel_loss(&self, clips: &[u8], actions: &LatentActions) -> Result<Tensor, TrainError> {
        let patches = self.patches(clips, self.config.model.latent_actions.patch)?;
        let frames = patches.dim(1)?;
        let before = patches.narrow(1, 0, frames - 1)?.contiguous()?;
        let after = patches.narrow(1, 1, frames - 1)?.contiguous()?;
        let predicted = self.latent.predict(&before, &actions.codes)?;
        Ok((predicted - after)?.sqr()?.mean_all()?)
    }

    /// The world as it is now, with unnamed actions.
    fn checkpoint(&self, step: u64) -> Result<Checkpoint, TrainError> {
        let mut config: GenieConfig = self.config.model.clone();
        config.latent_actions.decoder = None;
        let mut tensors = self.frozen.clone();
        tensors.extend(self.variables.snapshot()?);
        tensors.retain(|name, _| !name.starts_with("latent_actions.decoder."));
        let actions = (0..config.latent_actions.actions)
            .map(|action| ActionLabel {
                name: format!("action_{action}"),
                keys: Vec::new(),
            })
            .collect();
        let provenance = BTreeMap::from([
            ("frames".to_owned(), self.dataset.total_frames().to_string()),
            ("dynamics_steps".to_owned(), step.to_string()),
            (
                "tokenizer_steps".to_owned(),
                self.config.tokenizer.steps.to_string(),
            ),
            ("seed".to_owned(), self.config.seed.to_string()),
        ]);
        let tensors = tensors
            .into_iter()
            .map(|(name, tensor)| Ok((name, tensor.to_device(&Device::Cpu)?)))
            .collect::<candle_core::Result<_>>()?;
        Ok(Checkpoint {
            config,
            actions,
            provenance,
            tensors,
            neighbours: self.neighbours()?,
        })
    }
}

/// How the picture moves in every transition of some clips, of which the latent action model sees `features`.
fn motions(
    config: &TrainConfig,
    clips: &[u8],
    features: &Tensor,
) -> Result<Vec<MotionSigns>, TrainError> {
    let c = &config.model;
    let (height, width, patch) = (c.frame_height, c.frame_width, c.latent_actions.patch);
    let features = if c.latent_actions.input == LatentActionInput::Motion {
        features.flatten_all()?.to_vec1()?
    } else {
        let clip = config.dynamics.clip_frames * height * width * 3;
        let clips = clips.chunks_exact(clip);
        let features = clips.flat_map(|clip| motion_features(clip, height, width, patch));
        features.collect()
    };
    let patches = (height / patch) * (width / patch);
    let transitions = features.chunks_exact(patches * MOTION_FEATURES);
    Ok(transitions.map(motion_signs).collect())
}

impl Phase for DynamicsPhase<'_> {
    const NAME: &'static str = "dynamics";

    fn step(
        &mut self,
        step: u64,
        rng: &mut ChaCha8Rng,
    ) -> Result<BTreeMap<String, f64>, TrainError> {
        let batch = self.batch(step)?;
        let features = self
            .latent
            .features(&batch.clips, self.config.dynamics.batch)?;
        let frozen = step < self.config.actions_frozen;
        let points = self.latent.encode(&features)?;
        let points = if frozen { points.detach() } else { points };
        let actions = self.latent.quantize(&points)?;
        let mut masking = Masking::draw(&batch.tokens, &self.config, rng);
        let targets: Vec<u32> = masking
            .rows
            .iter()
            .map(|&row| batch.tokens[row as usize])
            .collect();
        let codes = if self.config.dynamics_trains_actions {
            actions.codes.clone()
        } else {
            actions.codes.detach()
        };
        let assigned = actions.actions.flatten_all()?.to_vec1::<u32>()?;
        let mut figures = BTreeMap::new();
        let unseen = self.unseen_actions(&batch, &features, &assigned, step, &mut figures)?;
        let mistaken = self.mistaken_actions(assigned.len(), unseen.as_deref(), rng);
        let book = self.codebook.tensor(&self.device)?;
        let codes = self.replace_codes(codes, &book, &mistaken)?;
        let own_mistakes = self.config.own_mistakes_at(step);
        if own_mistakes > 0.0 && rng.random::<f32>() < own_mistakes {
            masking.context = self.dreamt_context(&batch.tokens, &codes, rng)?;
        }
        let logits = self.logits(&masking, &codes)?;
        let target_tensor = Tensor::new(targets.as_slice(), &self.device)?;
        let weights = Tensor::new(masking.weights.as_slice(), &self.device)?;
        let cross_entropy = ops::masked_cross_entropy(&logits, &target_tensor, &weights)?;
        let mut loss = (&cross_entropy + (&actions.commitment * COMMITMENT)?)?;
        if self.latent.has_decoder() {
            let pixels = self.pixel_loss(&batch.clips, &actions)?;
            figures.insert(
                "pixel_mse".to_owned(),
                f64::from(pixels.to_scalar::<f32>()?),
            );
            loss = (loss + (pixels * PIXELS)?)?;
        }
        let grads = loss.backward()?;
        let rate = self.config.dynamics.learning_rate_at(step);
        let norm = self.optimiser.step(&grads, rate)?;
        drop(grads);

        let dim = self.config.model.latent_actions.dim;
        let points = points.detach().reshape(((), dim))?;
        let points = points.flatten_all()?.to_vec1::<f32>()?;
        if !frozen {
            self.codebook.update(&points, &assigned);
        }
        if !frozen && step % REVIVE_EVERY == REVIVE_EVERY - 1 {
            let revived = self.codebook.revive(&points, 0.1, 0.05, rng);
            figures.insert("revived".to_owned(), revived as f64);
        }
        self.publish_codebook()?;

        figures.insert("loss".to_owned(), f64::from(loss.to_scalar::<f32>()?));
        let ce = f64::from(cross_entropy.to_scalar::<f32>()?);
        figures.insert("cross_entropy".to_owned(), ce);
        figures.insert("gradient_norm".to_owned(), norm);
        figures.insert("actions_used".to_owned(), self.codebook.used() as f64);
        let mistaken = mistaken.iter().flatten().count() as f64 / assigned.len() as f64;
        figures.insert("actions_mistaken".to_owned(), mistaken);
        if step.is_multiple_of(COMPARE_EVERY) {
            let true_accuracy = masking.hard_accuracy(&targets, &logits)?;
            let random: Vec<u32> = (0..assigned.len())
                .map(|_| rng.random_range(0..self.config.model.latent_actions.actions as u32))
                .collect();
            let random = Tensor::from_vec(random, actions.actions.shape(), &self.device)?;
            let book = self.codebook.tensor(&self.device)?;
            let codes = ops::gather_rows(&book, &random)?;
            let logits = self.logits(&masking, &codes)?;
            figures.insert("changed_right".to_owned(), true_accuracy);
            figures.insert(
                "changed_right_random".to_owned(),
                masking.hard_accuracy(&targets, &logits)?,
            );
            for action in 0..self.config.model.latent_actions.actions {
                let count = assigned.iter().filter(|&&a| a as usize == action).count();
                let share = count as f64 / assigned.len() as f64;
                figures.insert(format!("usage_{action}"), share);
            }
        }
        Ok(figures)
    }

    fn save(&self, folder: &RunFolder, step: u64) -> Result<(), TrainError> {
        let mut tensors = self.variables.snapshot()?;
        tensors.extend(self.optimiser.state()?);
        tensors.extend(self.codebook.state("actions")?);
        if let Some(unseen) = &self.unseen {
            tensors.extend(unseen.prior.state()?);
            tensors.extend(unseen.effects.state()?);
        }
        folder.save_state(Self::NAME, step, &tensors)?;
        Ok(self.checkpoint(step)?.write(folder.world(), DType::F16)?)
    }

    /// One strip per latent action from the same prompts, and a rollout under inferred actions below the real clip.
    fn pictures(&mut self, folder: &RunFolder, step: u64) -> Result<(), TrainError> {
        const FRAMES: usize = 12;
        let c = self.config.model.clone();
        let world = WorldModel::new(self.checkpoint(step)?, &Device::Cpu)?;
        let clips = self.clips(0)?;
        let frame_len = c.frame_height * c.frame_width * 3;
        let clip_len = self.config.dynamics.clip_frames * frame_len;
        let frame = |clip: usize, at: usize| {
            let start = clip * clip_len + at * frame_len;
            Frame::from_rgb(
                c.frame_width,
                c.frame_height,
                clips[start..start + frame_len].to_vec(),
            )
        };
        let shown = self.config.dynamics.batch.min(2);
        let mut strips = Vec::new();
        for clip in 0..shown {
            for action in 0..c.latent_actions.actions {
                let mut rollout = world.prompt(&frame(clip, 0)?, 1)?;
                let mut row = vec![rollout.frame().pixels().to_vec()];
                for _ in 1..FRAMES {
                    row.push(rollout.step(action)?.pixels().to_vec());
                }
                strips.push(row);
            }
        }
        let size = (c.frame_height, c.frame_width);
        folder.save_strips(Self::NAME, "actions", step, &strips, size)?;
        let inferred = self.latent.infer(&clips, self.config.dynamics.batch)?;
        let mut rows = Vec::new();
        for (clip, actions) in inferred.iter().enumerate().take(4) {
            let frames = FRAMES.min(self.config.dynamics.clip_frames);
            let mut rollout = world.prompt(&frame(clip, 0)?, 1)?;
            let mut dreamt = vec![rollout.frame().pixels().to_vec()];
            let mut real = vec![frame(clip, 0)?.into_pixels()];
            for at in 1..frames {
                dreamt.push(rollout.step(actions[at - 1] as usize)?.pixels().to_vec());
                real.push(frame(clip, at)?.into_pixels());
            }
            rows.extend([real, dreamt]);
        }
        folder.save_strips(Self::NAME, "rollout", step, &rows, size)
    }
}
