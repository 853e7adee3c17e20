//! Which tokens stand next to each other in the footage.

use genie_model::TokenAdjacency;

use crate::token_pairs::SeenPairs;
use crate::train::error::TrainError;
use crate::train::token_cache::{TokenCache, Tokenising};

/// Frames whose kept tokens are counted in one go.
const FRAMES_AT_ONCE: usize = 256;

/// The token adjacency of all of the footage, whose tokens may be kept; none for tokens of several codes.
pub(super) fn count_adjacency(
    tokenising: &Tokenising,
    kept: Option<&TokenCache>,
) -> Result<Option<TokenAdjacency>, TrainError> {
    let (dataset, model) = (tokenising.dataset, tokenising.model);
    if model.tokenizer.quantizer.stages() > 1 {
        // All of its codes together say what a token looks like, and hardly two tokens have the same ones.
        return Ok(None);
    }
    tracing::info!("counting which tokens stand next to each other");
    let (columns, tokens) = (model.token_columns(), model.tokens_per_frame());
    let mut seen = SeenPairs::default();
    for clip in 0..dataset.clip_count() {
        let mut learn = |tokens_of_frames: &[u32]| {
            let frames = tokens_of_frames.chunks_exact(tokens);
            frames.for_each(|frame| seen.learn(clip, frame, columns));
            Ok::<_, TrainError>(())
        };
        match kept {
            Some(kept) => {
                let length = dataset.clip_len(clip);
                for start in (0..length).step_by(FRAMES_AT_ONCE) {
                    let count = FRAMES_AT_ONCE.min(length - start);
                    let mut frames = Vec::new();
                    kept.read(dataset, (clip, start, count), &mut frames)?;
                    learn(&frames)?;
                }
            }
            None => tokenising.clip(clip, learn)?,
        }
    }
    let adjacency = seen.adjacency(model.tokenizer.quantizer.codes(), columns);
    if let Some(it) = &adjacency {
        let pairs = it.pairs().right.len() + it.pairs().below.len();
        tracing::info!(
            "{pairs} pairs; an estimated {:.3} % of the pairs of new footage are others",
            100.0 * seen.violation_rate()
        );
    }
    Ok(adjacency)
}
