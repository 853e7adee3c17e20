//! What the second phase holds while it runs.

use std::collections::HashMap;

use candle_core::{Device, Tensor};

use super::data::Data;
use super::footage_tokens::FootageTokens;
use super::networks::Networks;
use super::relabelling::ImpossibleActions;
use crate::dataset::Dataset;
use crate::train::batches::Batches;
use crate::train::codebook::EmaCodebook;
use crate::train::config::TrainConfig;
use crate::train::error::TrainError;
use crate::train::found_actions::FoundActions;
use crate::train::loss_scale::LossScale;
use crate::train::optimiser::Optimiser;
use crate::train::read_ahead::ReadAhead;
use crate::train::token_cache::Tokenising;
use crate::train::variables::Variables;

/// The second phase of a training.
pub(in crate::train) struct DynamicsPhase<'a> {
    pub(super) config: TrainConfig,
    pub(super) dataset: &'a Dataset,
    pub(super) batches: Batches,
    /// Data of coming passes.
    pub(super) ahead: Option<ReadAhead<Data>>,
    /// The tokenizer's weights.
    pub(super) frozen: HashMap<String, Tensor>,
    pub(super) variables: Variables,
    pub(super) networks: Networks,
    pub(super) codebook: EmaCodebook,
    /// The actions of the footage, where no encoder infers them.
    pub(super) found: Option<FoundActions>,
    /// Where the configuration asks for relabelling with impossible actions.
    pub(super) impossible: Option<ImpossibleActions>,
    pub(super) tokens: FootageTokens,
    pub(super) optimiser: Optimiser,
    pub(super) scale: LossScale,
    pub(super) device: Device,
}

impl DynamicsPhase<'_> {
    /// Clips, frames per clip and codes per frame of a pass.
    pub(super) fn shape(&self) -> (usize, usize, usize) {
        let codes = self.config.model.codes_per_frame();
        (self.batches.batch, self.batches.clip_frames, codes)
    }

    /// Sets the weights of the action codebook to what the moving averages say.
    pub(super) fn publish_codebook(&self) -> Result<(), TrainError> {
        let codes = self.codebook.codes();
        Ok(self.variables.set("latent_actions.codebook", codes)?)
    }

    /// What makes tokens of the footage.
    pub(super) fn tokenising(&self) -> Tokenising<'_> {
        Tokenising {
            dataset: self.dataset,
            model: &self.config.model,
            tokenizer: &self.networks.tokenizer,
            weights: &self.frozen,
            device: &self.device,
        }
    }
}
