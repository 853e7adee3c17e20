//! Frames of running worlds, one after the other.

use candle_core::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::sampling::{Branch, commit_newest, first_pass, sample_frames, token_tensor};
use super::state::Rollout;
use crate::transformer::{StreamRow, TransformerCache, Wanted};
use crate::{Error, Frame, SamplerSettings, WorldModel};

impl Rollout {
    pub(crate) fn start(
        model: WorldModel,
        frame: &Frame,
        seed: u64,
        sampler: SamplerSettings,
    ) -> Result<Self, Error> {
        sampler.validate()?;
        let action = model.action_count() as u32;
        let mut rollout = Self {
            tokens: tokens_of(&model, frame)?,
            rng: ChaCha8Rng::seed_from_u64(seed),
            time: 0,
            action,
            past: TransformerCache::default(),
            decoder_past: TransformerCache::default(),
            frame: frame.clone(),
            sampler,
            model,
        };
        rollout.frame = Self::decode(&mut [&mut rollout])?.swap_remove(0);
        Ok(rollout)
    }

    /// Generates the next frame under a latent action (0 to `A - 1`).
    ///
    /// # Errors
    /// [`Error::Action`] if the world has no such action, [`Error::NonFinite`] if the model breaks down; the world
    /// stays as it was.
    pub fn step(&mut self, action: usize) -> Result<&Frame, Error> {
        Self::step_all(&mut [self], &[action])?;
        Ok(&self.frame)
    }

    /// Generates the next frame of several worlds of one model in one batch; faster than one after the other.
    ///
    /// # Errors
    /// As for [`step`](Self::step); all worlds stay as they were.
    ///
    /// # Panics
    /// If there are not as many actions as worlds.
    pub fn step_all(rollouts: &mut [&mut Self], actions: &[usize]) -> Result<(), Error> {
        assert_eq!(rollouts.len(), actions.len(), "one action for each world");
        let Some(first) = rollouts.first() else {
            return Ok(());
        };
        let model = first.model.clone();
        let available = model.action_count();
        if let Some(&action) = actions.iter().find(|&&action| action >= available) {
            return Err(Error::Action { action, available });
        }
        // Work on copies: they cost little, and a failure leaves the worlds as they were.
        let mut next: Vec<Self> = rollouts.iter().map(|r| (**r).clone()).collect();
        sample_frames(&model, &mut next, actions)?;
        let frames = Self::decode(&mut next.iter_mut().collect::<Vec<_>>())?;
        for ((old, mut new), frame) in rollouts.iter_mut().zip(next).zip(frames) {
            new.frame = frame;
            **old = new;
        }
        Ok(())
    }

    /// Appends a known frame instead of generating one: `action` led from the newest frame to `frame`. With it a
    /// world can be prompted with several frames.
    ///
    /// # Errors
    /// As for [`step`](Self::step), and [`Error::FrameSize`] for a frame of another size than the world's.
    pub fn observe(&mut self, frame: &Frame, action: usize) -> Result<&Frame, Error> {
        let available = self.model.action_count();
        if action >= available {
            return Err(Error::Action { action, available });
        }
        let tokens = tokens_of(&self.model, frame)?;
        let mut next = self.clone();
        commit_newest(&self.model, std::slice::from_mut(&mut next))?;
        next.time += 1;
        next.action = action as u32;
        next.tokens = tokens;
        next.frame = Self::decode(&mut [&mut next])?.swap_remove(0);
        *self = next;
        Ok(&self.frame)
    }

    /// Logits `[N, V]` of the first codes of the next frame's tokens under `action` while all of them are masked; the world stays
    /// at its frame.
    ///
    /// # Errors
    /// [`Error::Action`] if the world has no such action.
    pub fn next_logits(&self, action: usize) -> Result<Tensor, Error> {
        self.model.dynamics().logits(&self.next_hidden(action)?)
    }

    /// Logits `[N, V]` of every stage of the next frame's codes under `action` while all of its tokens are masked, for each stage
    /// given the earlier ones of `codes` `[N Q]`; the world stays at its frame.
    ///
    /// # Errors
    /// [`Error::Action`] if the world has no such action, [`Error::Tensor`] if there are not as many codes.
    pub fn next_logits_given(&self, action: usize, codes: &[u32]) -> Result<Vec<Tensor>, Error> {
        let hidden = self.next_hidden(action)?;
        let model = &self.model;
        let (dynamics, tokens) = (model.dynamics(), hidden.dim(0)?);
        let codes = Tensor::from_slice(codes, (tokens, dynamics.stages()), model.device())?;
        dynamics.logits_given(&hidden, model.token_embeddings(), &codes)
    }

    /// Hidden states `[N, D]` of the next frame while all of its tokens are masked.
    fn next_hidden(&self, action: usize) -> Result<Tensor, Error> {
        let available = self.model.action_count();
        if action >= available {
            return Err(Error::Action { action, available });
        }
        let mut copy = [self.clone()];
        let codes = self.model.config().tokenizer.quantizer.codes() as u32;
        let masked = vec![vec![codes; self.tokens.len()]];
        let branches = [Branch {
            world: 0,
            action: action as u32,
        }];
        let hidden = first_pass(&self.model, &mut copy, &branches, &masked)?;
        Ok(hidden.squeeze(0)?)
    }

    /// Decodes the newest frames of several worlds of one model and appends to their decoders' pasts.
    fn decode(rollouts: &mut [&mut Self]) -> Result<Vec<Frame>, Error> {
        let model = rollouts[0].model.clone();
        let tokens: Vec<_> = rollouts.iter().map(|r| r.tokens.as_slice()).collect();
        let tokens = token_tensor(&tokens, model.device())?;
        let rows: Vec<_> = rollouts
            .iter()
            .map(|r| StreamRow {
                time: r.time,
                cache: &r.decoder_past,
                after: None,
                wanted: Wanted::Both,
            })
            .collect();
        let (patches, states) = model.tokenizer().reconstruct_stream(&tokens, &rows)?;
        let sum = patches.sum_all()?.to_scalar::<f32>()?;
        if !sum.is_finite() {
            return Err(Error::NonFinite {
                part: "tokenizer's decoder",
            });
        }
        let window = model.tokenizer().decoder_window();
        for (rollout, state) in rollouts.iter_mut().zip(states) {
            rollout.decoder_past.push(state, window);
        }
        model.frames(&patches)
    }
}

/// Codes `[N Q]` of the tokens of a frame that stands by itself.
fn tokens_of(model: &WorldModel, frame: &Frame) -> Result<Vec<u32>, Error> {
    let patches = model.patches(frame)?;
    let rows = [StreamRow {
        time: 0,
        cache: &TransformerCache::default(),
        after: None,
        wanted: Wanted::Output,
    }];
    let (tokens, _) = model.tokenizer().tokenize_stream(&patches, &rows)?;
    Ok(tokens.flatten_all()?.to_vec1()?)
}
