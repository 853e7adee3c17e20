//! What of a pass needs no network: it is made on any thread, ahead of the step.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use genie_model::ActionFeatures;

use crate::train::batches::ClipReader;
use crate::train::error::TrainError;
use crate::train::read_ahead::Pass;
use crate::train::token_cache::TokenCache;

/// What of a batch needs no network, in the memory of the host.
pub(super) struct Data {
    pub(super) clips: Vec<u8>,
    /// Kept tokens, or else the patches that the tokenizer makes them of.
    pub(super) tokens: Tokens,
    pub(super) features: Option<Tensor>,
    pub(super) action_patches: Option<Tensor>,
}

/// Tokens of a pass.
pub(super) enum Tokens {
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
    /// The data of a pass.
    ///
    /// # Errors
    /// Footage or kept tokens that cannot be read.
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
