//! The data of a pass.

use candle_core::Tensor;

use super::data::{DataMaker, Tokens};
use super::state::DynamicsPhase;
use crate::train::error::TrainError;
use crate::train::found_actions::FoundActions;
use crate::train::read_ahead::Pass;
use crate::train::token_cache::exact_tokens;

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

impl DynamicsPhase<'_> {
    /// What makes the data of passes.
    pub(super) fn data_maker(&self) -> DataMaker {
        let model = &self.config.model;
        let latent = &self.networks.latent;
        // Not where the actions are known and nothing learns to see them.
        let encodes = (self.found.as_ref()).is_none_or(FoundActions::teach);
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
