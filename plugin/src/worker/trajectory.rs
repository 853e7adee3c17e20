//! One world as the worker keeps it: the newest state, the states before it, and the actions that led there.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use genie_model::{ActionConditioning, Frame, GenieConfig, Rollout, SamplerSettings, WorldModel};

use crate::error::GenieError;
use crate::output::frame::GenieTokens;
use crate::timeline::replay::GenieReplay;
use crate::timeline::replay::{GenieReplayError, GenieSamplerChange};
use crate::timeline::save;

/// A world's trajectory through time.
#[derive(Clone, Debug)]
pub(crate) struct Trajectory {
    /// The prompt, fitted to the model's frame.
    prompt: Arc<Frame>,
    seed: u64,
    /// Sampler settings at the prompt, and later changes of them.
    first_sampler: SamplerSettings,
    changes: Vec<GenieSamplerChange>,
    /// One per frame after the prompt.
    actions: Vec<u16>,
    start: Arc<Rollout>,
    now: Rollout,
    /// States just before `now`, without gaps, oldest first.
    past: VecDeque<Arc<Rollout>>,
}

impl Trajectory {
    pub(crate) fn begin(
        model: &WorldModel,
        prompt: Frame,
        seed: u64,
        sampler: SamplerSettings,
    ) -> Result<Self, GenieError> {
        let start = model.prompt_with(&prompt, seed, genie_model::Fit::default(), sampler)?;
        Ok(Self {
            prompt: Arc::new(prompt),
            seed,
            first_sampler: start.sampler().clone(),
            changes: Vec::new(),
            actions: Vec::new(),
            now: start.clone(),
            start: Arc::new(start),
            past: VecDeque::new(),
        })
    }

    /// The beginning of a replay.
    pub(crate) fn replayed(model: &WorldModel, replay: &GenieReplay) -> Result<Self, GenieError> {
        if replay.checkpoint != model.fingerprint() {
            return Err(GenieReplayError::OtherCheckpoint {
                replay: replay.checkpoint,
                world: model.fingerprint(),
            }
            .into());
        }
        let available = model.action_count();
        let actions = replay.actions.iter().map(|&action| usize::from(action));
        if let Some(action) = actions.into_iter().find(|&action| action >= available) {
            return Err(genie_model::Error::Action { action, available }.into());
        }
        for change in &replay.changes {
            change.sampler.validate()?;
        }
        let config = model.config();
        let (width, height) = (config.frame_width, config.frame_height);
        let prompt = replay
            .prompt
            .fitted(width, height, genie_model::Fit::default())?;
        Self::begin(model, prompt, replay.seed, replay.sampler.clone())
    }

    /// A saved world.
    pub(crate) fn load(model: &WorldModel, path: &Path) -> Result<Self, GenieError> {
        let (replay, bytes) = save::read(path)?;
        let now = Rollout::from_bytes(model, &bytes)?;
        let mut trajectory = Self::replayed(model, &replay)?;
        if now.time() != replay.actions.len() as u64 {
            return Err(save::GenieSaveError::Damaged {
                path: path.to_owned(),
                reason: "its actions do not lead to its frame".to_owned(),
            }
            .into());
        }
        trajectory.now = now;
        trajectory.actions = replay.actions;
        trajectory.changes = replay.changes;
        Ok(trajectory)
    }

    pub(crate) fn save(&self, path: &Path) -> Result<(), GenieError> {
        save::write(path, &self.replay(), &self.now.to_bytes()?)?;
        Ok(())
    }

    pub(crate) fn replay(&self) -> GenieReplay {
        GenieReplay {
            checkpoint: self.now.model().fingerprint(),
            prompt: Frame::clone(&self.prompt),
            seed: self.seed,
            sampler: self.first_sampler.clone(),
            changes: self.changes.clone(),
            actions: self.actions.clone(),
        }
    }

    /// The newest state without those before it.
    pub(crate) fn moment(&self) -> Self {
        Self {
            prompt: Arc::clone(&self.prompt),
            first_sampler: self.first_sampler.clone(),
            changes: self.changes.clone(),
            actions: self.actions.clone(),
            start: Arc::clone(&self.start),
            now: self.now.clone(),
            past: VecDeque::new(),
            seed: self.seed,
        }
    }

    pub(crate) fn model(&self) -> &WorldModel {
        self.now.model()
    }

    pub(crate) fn tick(&self) -> u64 {
        self.now.time()
    }

    pub(crate) fn frame(&self) -> &Frame {
        self.now.frame()
    }

    pub(crate) fn tokens(&self) -> GenieTokens {
        let config = self.model().config();
        GenieTokens {
            columns: config.token_columns(),
            tokens: self.now.first_codes(),
        }
    }

    pub(crate) fn prompt(&self) -> &Frame {
        &self.prompt
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn sampler(&self) -> &SamplerSettings {
        self.now.sampler()
    }

    /// The latent action that led to the newest frame.
    pub(crate) fn action(&self) -> Option<usize> {
        self.actions.last().map(|&action| usize::from(action))
    }

    /// Frames that it can be rewound by.
    pub(crate) fn kept(&self) -> usize {
        self.past.len()
    }

    /// The state to step.
    pub(crate) fn now_mut(&mut self) -> &mut Rollout {
        &mut self.now
    }

    /// A copy of the newest state, to be handed to [`stepped`](Self::stepped).
    pub(crate) fn newest(&self) -> Rollout {
        self.now.clone()
    }

    /// The newest state has been stepped under `action`; `before` is what it was.
    pub(crate) fn stepped(&mut self, before: Rollout, action: usize, capacity: usize) {
        self.actions.push(action as u16);
        self.past.push_back(Arc::new(before));
        while self.past.len() > capacity {
            self.past.pop_front();
        }
    }

    /// The next frames are sampled in another way.
    pub(crate) fn tune(&mut self, sampler: SamplerSettings) -> Result<(), GenieError> {
        if *self.now.sampler() == sampler {
            return Ok(());
        }
        self.now.set_sampler(sampler.clone())?;
        let tick = self.now.time();
        self.changes.retain(|change| change.tick < tick);
        self.changes.push(GenieSamplerChange { tick, sampler });
        Ok(())
    }

    /// Back to the prompt.
    pub(crate) fn reset(&mut self) {
        self.now = Rollout::clone(&self.start);
        self.past.clear();
        self.actions.clear();
        self.changes.clear();
    }

    /// Back to frame `tick`, or as far as the past reaches.
    pub(crate) fn rewind(&mut self, tick: u64) {
        if tick == 0 {
            return self.reset();
        }
        while self.now.time() > tick {
            let Some(before) = self.past.pop_back() else {
                break;
            };
            self.now = Rollout::clone(&before);
        }
        let tick = self.now.time();
        self.actions.truncate(tick as usize);
        // A change at this very frame is part of the state: the next frame was sampled that way.
        self.changes.retain(|change| change.tick <= tick);
    }

    /// Bytes of memory that it takes, up to what it shares with its forks.
    pub(crate) fn memory_bytes(&self) -> usize {
        let kept = self.past.len() * frame_bytes(self.model().config());
        self.now.memory_bytes() + kept + 2 * self.actions.len()
    }
}

/// Bytes that one more frame of the past takes: keys and values of the dynamics model and of the tokenizer's decoder,
/// tokens and pixels.
pub(crate) fn frame_bytes(config: &GenieConfig) -> usize {
    let tokens = config.tokens_per_frame();
    let rows = match config.dynamics.conditioning {
        ActionConditioning::Added => tokens,
        ActionConditioning::Prepended => tokens + 1,
    };
    let values = |transformer: &genie_model::TransformerConfig, rows: usize| {
        2 * transformer.layers * rows * transformer.attention_width()
    };
    let values =
        values(&config.dynamics.transformer, rows) + values(&config.tokenizer.decoder, tokens);
    4 * (values + config.codes_per_frame()) + 3 * config.frame_width * config.frame_height
}
