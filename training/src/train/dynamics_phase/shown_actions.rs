//! The latent actions that the transitions of a batch show: inferred by the encoder, or found in the footage beforehand.

use candle_core::Tensor;
use genie_model::{LatentActions, ops};

use super::batch::Batch;
use super::relabelling::motions;
use super::state::DynamicsPhase;
use crate::train::action_effect::TransitionMotion;
use crate::train::error::TrainError;

/// The latent actions that the transitions of a batch show.
pub(super) struct ShownActions {
    /// Codes `[B, T - 1, C]`.
    pub(super) codes: Tensor,
    /// Their numbers, `B (T - 1)` in order.
    pub(super) assigned: Vec<u32>,
    /// What the encoder made, where there is one.
    pub(super) encoded: Option<Encoded>,
}

/// What the encoder of the latent action model made of a batch.
pub(super) struct Encoded {
    features: Tensor,
    pub(super) points: Tensor,
    pub(super) actions: LatentActions,
    /// Whether the encoder stays as it is in this step.
    pub(super) frozen: bool,
}

impl DynamicsPhase<'_> {
    /// The actions that a batch shows, the data of a pass given by the numbers of its step and of the pass.
    pub(super) fn shown_actions(
        &self,
        batch: &Batch,
        at: (u64, usize),
    ) -> Result<ShownActions, TrainError> {
        let (count, frames, _) = self.shape();
        if let Some(found) = &self.found {
            let assigned = found.codes(&self.batches.reader.windows(at), frames);
            let numbers = Tensor::from_slice(&assigned, (count, frames - 1), &self.device)?;
            let codes = ops::gather_rows(self.codebook.codes(), &numbers)?;
            let codes = codes.reshape((count, frames - 1, ()))?;
            let encoded = if found.teach() {
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
        let features = batch.features()?.clone();
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
        let features = batch.features()?.clone();
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
    pub(super) fn motions(
        &self,
        batch: &Batch,
        shown: &ShownActions,
        at: (u64, usize),
    ) -> Result<Vec<TransitionMotion>, TrainError> {
        let frames = self.batches.clip_frames;
        Ok(match (&self.found, &shown.encoded) {
            (Some(found), _) => found.motions(&self.batches.reader.windows(at), frames),
            (None, Some(encoded)) => motions(&self.config, &batch.clips, &encoded.features)?,
            (None, None) => Vec::new(),
        })
    }
}
