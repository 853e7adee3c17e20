//! The data of a pass.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use genie_model::ActionFeatures;

use super::state::DynamicsPhase;
use crate::train::batches::ClipReader;
use crate::train::error::TrainError;
use crate::train::read_ahead::Pass;
use crate::train::token_cache::{TokenCache, exact_tokens};

/// The data of a pass.
pub(super) struct Batch {
    /// Bytes of all frames; empty where a step looks at tokens only.
    pub(super) clips: Vec<u8>,
    /// Codes of all frames, `[B, T, N Q]` in order.
    pub(super) tokens: Vec<u32>,
    /// What the encoder of the latent action model looks at, where there is one.
    pub(super) features: Option<Tensor>,
    /// Patches of the frames for the pixel decoder of the latent action model, where there is one.
    pub(super) action_patches: Option<Tensor>,
}

impl Batch {
    /// What the encoder of the latent action model looks at.
    pub(super) fn features(&self) -> Result<&Tensor, TrainError> {
        let features = self.features.as_ref();
        features.ok_or_else(|| {
            candle_core::Error::msg("no actions are encoded")
                .bt()
                .into()
        })
    }
}

/// What of a batch needs no network, in the memory of the host.
pub(super) struct Data {
    clips: Vec<u8>,
    /// Kept tokens, or else the patches that the tokenizer makes them of.
    tokens: Tokens,
    features: Option<Tensor>,
    action_patches: Option<Tensor>,
}

enum Tokens {
    Kept(Vec<u32>),
    Of(Tensor),
}

/// Makes such data, on any thread.
#[derive(Clone)]
pub(super) struct DataMaker {
    pub(super) reader: ClipReader,
    pub(super) kept: Option<Arc<TokenCache>>,
    pub(super) features: Option<ActionFeatures>,
    /// Sides of the patches of the tokenizer, and of the pixel decoder where there is one.
    pub(super) patch: usize,
    pub(super) action_patch: Option<usize>,
}

impl DataMaker {
    pub(super) fn make(&self, pass: Pass) -> Result<Data, TrainError> {
        let reader = &self.reader;
        let sees_pixels =
            self.features.is_some() || self.action_patch.is_some() || self.kept.is_none();
        let clips = if sees_pixels {
            reader.clips(pass)?
        } else {
            Vec::new()
        };
        let (count, frames) = reader.shape();
        let tokens = match &self.kept {
            Some(kept) => {
                Tokens::Kept(kept.windows(reader.dataset(), &reader.windows(pass), frames)?)
            }
            None => Tokens::Of(reader.patches(&clips, self.patch)?),
        };
        let features = self.features.map(|it| it.of(&clips, count, &Device::Cpu));
        let action_patches = self.action_patch.map(|patch| reader.patches(&clips, patch));
        Ok(Data {
            tokens,
            features: features.transpose()?,
            action_patches: action_patches.transpose()?,
            clips,
        })
    }
}

impl DynamicsPhase<'_> {
    /// What makes the data of passes.
    pub(super) fn data_maker(&self) -> DataMaker {
        let model = &self.config.model;
        let latent = &self.networks.latent;
        // Not where the actions are known and nothing learns to see them.
        let encodes = (self.found.as_ref()).is_none_or(|found| found.labels().is_some());
        DataMaker {
            reader: self.batches.reader.clone(),
            kept: self.tokens.kept(),
            features: encodes.then(|| latent.action_features()),
            patch: model.tokenizer.patch,
            action_patch: (encodes && latent.has_decoder()).then_some(model.latent_actions.patch),
        }
    }

    /// The data of a pass, which is the next one where data are read ahead.
    pub(super) fn batch(&self, pass: Pass) -> Result<Batch, TrainError> {
        let ahead = self.ahead.as_ref().and_then(|ahead| ahead.take(pass));
        let data = match ahead {
            Some(data) => data?,
            None => self.data_maker().make(pass)?,
        };
        let here = |made: Option<Tensor>| made.map(|it| it.to_device(&self.device)).transpose();
        Ok(Batch {
            clips: data.clips,
            tokens: match data.tokens {
                Tokens::Kept(tokens) => tokens,
                Tokens::Of(patches) => {
                    let patches = patches.to_device(&self.device)?;
                    exact_tokens(&self.networks.tokenizer, &patches)?
                }
            },
            features: here(data.features)?,
            action_patches: here(data.action_patches)?,
        })
    }
}
