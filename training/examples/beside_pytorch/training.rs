//! A training step of each phase on a fixed batch: forward, losses, backward, clipping and AdamW, as `genie train` does
//! them. Not part of it: reading footage, motion features, drawing masks, and the codebooks' moving averages.

use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarBuilder;
use genie_model::checkpoint::Checkpoint;
use genie_model::{
    DynamicsModel, Error, LatentActionModel, MaskedTokens, VideoTokenizer, frames_to_patches, ops,
};
use genie_training::train::{
    BlockMatrices, Optimiser, OptimiserConfig, PhaseConfig, TrainConfig, Variables,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use crate::footage;

/// Weight of the commitment loss, in both phases.
const COMMITMENT: f64 = 0.25;
/// Small, so that a thousand steps on one batch stay in reach of the trained weights.
const LEARNING_RATE: f64 = 1e-5;

/// Which part of the model is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    Tokenizer,
    Dynamics,
}

/// The models of a phase and a batch to train them on.
pub(crate) struct Trainer {
    variables: Vec<(String, Var)>,
    optimiser: Optimiser,
    work: Work,
    batch: Batch,
}

enum Work {
    Tokenizer(Box<VideoTokenizer>),
    Dynamics(Box<DynamicsWork>),
}

struct DynamicsWork {
    tokenizer: VideoTokenizer,
    latent: LatentActionModel,
    dynamics: DynamicsModel,
}

/// The data of a step; the tokenizer's phase needs the patches alone.
struct Batch {
    /// `[B, T, N, P]`.
    patches: Tensor,
    /// What actions come from.
    actions: Actions,
    /// Tokens with some of them wrong, and with some of them masked.
    tokens: MaskedTokens,
    /// Positions of the masked tokens in the flattened batch, and their loss weights.
    rows: Tensor,
    weights: Tensor,
}

enum Actions {
    /// The encoder, which sees features `[B, T - 1, N, F]`.
    Encoded(Tensor),
    /// A world whose actions are found in the footage has no encoder: codes `[B, T - 1, C]`, any of them here.
    Given(Tensor),
}

impl Trainer {
    pub(crate) fn new(
        phase: Phase,
        checkpoint: &Checkpoint,
        config: &TrainConfig,
    ) -> Result<Self, Error> {
        let device = Device::Cpu;
        let model = &checkpoint.config;
        let variables = Variables::new(0, &device);
        let vb = variables.builder();
        let frozen = VarBuilder::from_tensors(checkpoint.tensors.clone(), DType::F32, &device);
        let tokenizer = VideoTokenizer::new(model, frozen.pp("tokenizer"))?;
        let latent = LatentActionModel::new(model, frozen.pp("latent_actions"))?;
        let (settings, work) = match phase {
            Phase::Tokenizer => {
                let trained = VideoTokenizer::new(model, vb.pp("tokenizer"))?;
                (&config.tokenizer, Work::Tokenizer(Box::new(trained)))
            }
            Phase::Dynamics => {
                let work = Work::Dynamics(Box::new(DynamicsWork {
                    tokenizer: tokenizer.clone(),
                    latent: LatentActionModel::new(model, vb.pp("latent_actions"))?,
                    dynamics: DynamicsModel::new(model, vb.pp("dynamics"))?,
                }));
                (&config.dynamics, work)
            }
        };
        variables.restore(&checkpoint.tensors)?;
        // Codebooks follow their points by moving averages, not by gradients.
        let mut variables = variables.all();
        variables.retain(|(name, _)| !name.ends_with("codebook"));
        // As on the other side.
        let optimiser = OptimiserConfig {
            block_matrices: BlockMatrices::AdamW,
            ..settings.optimiser.clone()
        };
        Ok(Self {
            optimiser: Optimiser::new(variables.clone(), optimiser)?,
            batch: Batch::new(checkpoint, settings, config, &tokenizer, &latent)?,
            variables,
            work,
        })
    }

    /// The loss and its gradients.
    fn gradients(&self) -> Result<(Tensor, GradStore), Error> {
        let batch = &self.batch;
        let loss = match &self.work {
            Work::Tokenizer(tokenizer) => {
                let vectors = tokenizer.encode(&batch.patches)?;
                let quantized = tokenizer.quantizer().quantize(&vectors)?;
                let decoded = tokenizer.decode(&quantized.codes)?;
                let errors = ops::mean_errors(&decoded, &batch.patches)?;
                let pixels = (errors.get(0)? + (errors.get(1)? * 0.1)?)?;
                (pixels + (quantized.commitment * COMMITMENT)?)?
            }
            Work::Dynamics(work) => {
                let DynamicsWork {
                    tokenizer,
                    latent,
                    dynamics,
                } = work.as_ref();
                let tokens = tokenizer.tokenize(&batch.patches)?.flatten_all()?;
                let targets = tokens.index_select(&batch.rows, 0)?;
                let (action_codes, commitment) = match &batch.actions {
                    Actions::Encoded(features) => {
                        let actions = latent.quantize(&latent.encode(features)?)?;
                        (actions.codes, Some(actions.commitment))
                    }
                    Actions::Given(codes) => (codes.clone(), None),
                };
                let codebook = tokenizer.quantizer().codebook();
                let embeddings = dynamics.token_embeddings(codebook)?;
                let hidden = dynamics.forward(&batch.tokens, &action_codes, &embeddings)?;
                let hidden = ops::gather_rows(&hidden.flatten_to(2)?, &batch.rows)?;
                let logits = dynamics.logits(&hidden)?;
                let loss = ops::masked_cross_entropy(&logits, &targets, &batch.weights)?;
                match commitment {
                    Some(commitment) => (loss + (commitment * COMMITMENT)?)?,
                    None => loss,
                }
            }
        };
        let gradients = loss.backward()?;
        Ok((loss, gradients))
    }

    /// One step of the optimiser; the loss before it.
    pub(crate) fn step(&mut self) -> Result<f32, Error> {
        let (loss, gradients) = self.gradients()?;
        self.optimiser.step(&gradients, LEARNING_RATE)?;
        Ok(loss.to_scalar()?)
    }

    /// The batch, the gradients before any step and the losses of the first steps, by name.
    pub(crate) fn reference(&mut self, steps: usize) -> Result<HashMap<String, Tensor>, Error> {
        let batch = &self.batch;
        let mut tensors = HashMap::from([
            ("patches".to_owned(), batch.patches.clone()),
            ("context".to_owned(), batch.tokens.context.clone()),
            ("masked".to_owned(), batch.tokens.masked.clone()),
            ("rows".to_owned(), batch.rows.clone()),
            ("weights".to_owned(), batch.weights.clone()),
        ]);
        let (name, actions) = match &batch.actions {
            Actions::Encoded(features) => ("features", features),
            Actions::Given(codes) => ("action_codes", codes),
        };
        tensors.insert(name.to_owned(), actions.clone());
        let (_, gradients) = self.gradients()?;
        for (name, var) in &self.variables {
            if let Some(gradient) = gradients.get(var.as_tensor()) {
                tensors.insert(format!("gradient.{name}"), gradient.contiguous()?);
            }
        }
        let losses = (0..steps)
            .map(|_| self.step())
            .collect::<Result<Vec<_>, _>>()?;
        tensors.insert("losses".to_owned(), Tensor::new(losses, &Device::Cpu)?);
        Ok(tensors)
    }
}

impl Batch {
    fn new(
        checkpoint: &Checkpoint,
        phase: &PhaseConfig,
        config: &TrainConfig,
        tokenizer: &VideoTokenizer,
        latent: &LatentActionModel,
    ) -> Result<Self, Error> {
        let model = &checkpoint.config;
        let (batch, frames) = (phase.batch, phase.clip_frames);
        let device = &Device::Cpu;
        let clips = footage::clips(batch, frames);
        let (height, width) = (model.frame_height, model.frame_width);
        let patches = frames_to_patches(&clips, height, width, model.tokenizer.patch, device)?;
        let per_frame = model.tokens_per_frame();
        let patches = patches.reshape((batch, frames, per_frame, ()))?;
        let tokens: Vec<u32> = tokenizer.tokenize(&patches)?.flatten_all()?.to_vec1()?;
        let codes = model.tokenizer.quantizer.codes() as u32;
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let (mut context, mut masked) = (tokens.clone(), tokens.clone());
        let (mut rows, mut weights) = (Vec::new(), Vec::new());
        for token in &mut context {
            if rng.random::<f32>() < config.corruption.tokens / 2.0 {
                *token = tokens[rng.random_range(0..tokens.len())];
            }
        }
        for frame in (0..batch * frames).filter(|frame| frame % frames > 0) {
            let rate = if rng.random::<f32>() < config.fully_masked {
                1.0
            } else {
                (rng.random::<f32>() * std::f32::consts::FRAC_PI_2).cos()
            };
            for i in frame * per_frame..(frame + 1) * per_frame {
                if rng.random::<f32>() < rate {
                    masked[i] = codes;
                    rows.push(i as u32);
                    let changed = tokens[i] != tokens[i - per_frame];
                    weights.push(if changed {
                        config.model.dynamics.changed_weight
                    } else {
                        1.0
                    });
                }
            }
        }
        let actions = if latent.has_encoder() {
            Actions::Encoded(latent.features(&clips, batch)?)
        } else {
            let shape = (batch, frames - 1, ());
            let drawn = (0..batch * (frames - 1))
                .map(|_| rng.random_range(0..model.latent_actions.actions as u32));
            let drawn = Tensor::new(drawn.collect::<Vec<_>>(), device)?;
            Actions::Given(latent.codebook().index_select(&drawn, 0)?.reshape(shape)?)
        };
        let shape = (batch, frames, per_frame);
        Ok(Self {
            actions,
            tokens: MaskedTokens {
                context: Tensor::from_vec(context, shape, device)?,
                masked: Tensor::from_vec(masked, shape, device)?,
            },
            rows: Tensor::new(rows, device)?,
            weights: Tensor::new(weights, device)?,
            patches,
        })
    }
}
