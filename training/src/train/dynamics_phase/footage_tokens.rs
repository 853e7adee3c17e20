//! The tokens of all footage, kept in a folder where steps can read them, and their adjacency.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::Arc;

use genie_model::TokenAdjacency;

use super::adjacency::count_adjacency;
use crate::train::error::TrainError;
use crate::train::phase_config::PhaseConfig;
use crate::train::ranks::{Alone, Ranks};
use crate::train::token_cache::{
    TokenCache, Tokenising, counts_all_frames, keeps_tokens, tokens_are_the_frames_own,
};

/// Where the tokens of the footage are kept.
#[derive(Debug)]
pub(in crate::train) struct TokenFolder {
    pub(in crate::train) path: PathBuf,
    /// Whether all ranks see the folder, so that each makes a part of what it holds.
    pub(in crate::train) shared: bool,
}

/// The tokens of all footage.
pub(super) struct FootageTokens {
    /// Where they are kept, if they are.
    folder: Option<TokenFolder>,
    /// Those that steps read.
    kept: Option<Arc<TokenCache>>,
    /// For the checkpoint; counted when the first one is made.
    adjacency: OnceCell<Option<TokenAdjacency>>,
}

impl FootageTokens {
    /// Makes the tokens of all footage once, if steps can read them: if a frame has the same tokens in every window. Not if the steps
    /// look at fewer frames than there are and nothing else needs all of them.
    pub(super) fn open(
        folder: Option<TokenFolder>,
        tokenising: &Tokenising,
        phase: &PhaseConfig,
        ranks: &dyn Ranks,
    ) -> Result<Self, TrainError> {
        let frames = tokenising.dataset.total_frames();
        let mut kept = None;
        if folder.is_some() && !tokens_are_the_frames_own(tokenising.model) {
            tracing::info!(
                "the tokenizer's encoder looks at several frames, so that a frame's tokens depend on the clip: they are made in every step"
            );
        }
        if let Some(folder) = &folder
            && keeps_tokens(tokenising.model, phase, frames)
        {
            let ranks = if folder.shared { ranks } else { &Alone };
            kept = TokenCache::open(&folder.path, tokenising, ranks)?.map(Arc::new);
        }
        Ok(Self {
            folder,
            kept,
            adjacency: OnceCell::new(),
        })
    }

    /// Those that steps read, if tokens are kept.
    pub(super) fn kept(&self) -> Option<Arc<TokenCache>> {
        self.kept.clone()
    }

    /// The token adjacency of the footage; none for tokens of several codes.
    pub(super) fn adjacency(
        &self,
        tokenising: &Tokenising,
    ) -> Result<Option<TokenAdjacency>, TrainError> {
        if let Some(known) = self.adjacency.get() {
            return Ok(known.clone());
        }
        // Where steps cannot read kept tokens, this can: it reads clips from their beginning. One rank counts.
        let frames = tokenising.dataset.total_frames();
        let opened = match (&self.kept, &self.folder) {
            (None, Some(folder)) if counts_all_frames(tokenising.model, frames) => {
                TokenCache::open(&folder.path, tokenising, &Alone)?
            }
            _ => None,
        };
        let kept = self.kept.as_deref().or(opened.as_ref());
        let counted = count_adjacency(tokenising, kept)?;
        Ok(self.adjacency.get_or_init(|| counted).clone())
    }
}
