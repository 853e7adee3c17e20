//! The data of a pass.

use super::state::DynamicsPhase;
use crate::train::error::TrainError;
use crate::train::token_cache::exact_tokens;

/// The data of a pass.
pub(super) struct Batch {
    /// Bytes of all frames; empty where a step looks at tokens only.
    pub(super) clips: Vec<u8>,
    /// Codes of all frames, `[B, T, N Q]` in order.
    pub(super) tokens: Vec<u32>,
}

impl DynamicsPhase<'_> {
    /// The data of a pass, given by the numbers of its step and of the pass.
    pub(super) fn batch(&self, at: (u64, usize)) -> Result<Batch, TrainError> {
        let clips = if self.sees_pixels() || !self.tokens.are_kept() {
            self.batches.clips(at)?
        } else {
            Vec::new()
        };
        let (windows, frames) = (self.batches.windows(at), self.batches.clip_frames);
        let kept = self.tokens.windows(self.dataset, &windows, frames)?;
        let tokens = if let Some(kept) = kept {
            kept
        } else {
            let patch = self.config.model.tokenizer.patch;
            let patches = self.batches.patches(&clips, patch)?;
            exact_tokens(&self.networks.tokenizer, &patches)?
        };
        Ok(Batch { clips, tokens })
    }

    /// Whether a step looks at pixels: not where the actions are known and nothing learns to see them.
    fn sees_pixels(&self) -> bool {
        (self.found.as_ref()).is_none_or(|found| found.labels().is_some())
    }
}
