//! Which tokens stand next to each other in the footage.

use candle_core::Device;
use genie_model::{GenieConfig, TokenAdjacency, VideoTokenizer, frames_to_patches};

use crate::dataset::Dataset;
use crate::token_pairs::SeenPairs;
use crate::train::error::TrainError;

/// Frames whose tokens are counted in one go.
const FRAMES_AT_ONCE: usize = 64;

/// The token adjacency of all of the footage; none for tokens of several codes.
pub(super) fn count_adjacency(
    dataset: &Dataset,
    model: &GenieConfig,
    tokenizer: &VideoTokenizer,
    device: &Device,
) -> Result<Option<TokenAdjacency>, TrainError> {
    if model.tokenizer.quantizer.stages() > 1 {
        // What a token looks like is told by all of its codes, and hardly two tokens have the same ones.
        return Ok(None);
    }
    tracing::info!("counting which tokens stand next to each other");
    let (mut seen, mut bytes) = (SeenPairs::default(), Vec::new());
    let (height, width, patch) = (model.frame_height, model.frame_width, model.tokenizer.patch);
    for clip in 0..dataset.clip_count() {
        let frames = dataset.clip_len(clip);
        for start in (0..frames).step_by(FRAMES_AT_ONCE) {
            let count = FRAMES_AT_ONCE.min(frames - start);
            dataset.read_frames(clip, start, count, &mut bytes)?;
            let patches = frames_to_patches(&bytes, height, width, patch, device)?;
            let tokens = tokenizer.tokenize(&patches.unsqueeze(0)?)?;
            for frame in tokens.squeeze(0)?.to_vec2::<u32>()? {
                seen.learn(clip, &frame, model.token_columns());
            }
        }
    }
    let adjacency = seen.adjacency(model.tokenizer.quantizer.codes(), model.token_columns());
    if let Some(it) = &adjacency {
        let pairs = it.pairs().right.len() + it.pairs().below.len();
        tracing::info!(
            "{pairs} pairs; an estimated {:.3} % of the pairs of new footage are others",
            100.0 * seen.unseen_rate()
        );
    }
    Ok(adjacency)
}
