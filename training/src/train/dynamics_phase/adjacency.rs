//! Which tokens stand next to each other in the footage.

use genie_model::TokenAdjacency;

use crate::dataset::Dataset;
use crate::token_pairs::SeenPairs;
use crate::train::error::TrainError;
use crate::train::token_cache::{FRAMES_AT_ONCE, MOST_COUNTED_FRAMES, TokenCache, Tokenising};

/// Parts of clips, some frames each, spread evenly over the footage, with at most about `most` frames: clip, first frame and number of frames.
fn parts(dataset: &Dataset, most: u64) -> impl Iterator<Item = (usize, usize, usize)> {
    let every = dataset.total_frames().div_ceil(most.max(1)).max(1);
    let of_clip = |clip: usize| {
        let length = dataset.clip_len(clip);
        let starts = (0..length).step_by(FRAMES_AT_ONCE);
        starts.map(move |start| (clip, start, FRAMES_AT_ONCE.min(length - start)))
    };
    let all = (0..dataset.clip_count()).flat_map(of_clip);
    all.step_by(usize::try_from(every).unwrap_or(usize::MAX))
}

/// The token adjacency of the footage, whose tokens may be kept; none for tokens of several codes.
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
    let (mut seen, mut bytes) = (SeenPairs::default(), Vec::new());
    for part in parts(dataset, MOST_COUNTED_FRAMES) {
        let codes = match kept {
            Some(kept) => {
                let mut codes = Vec::new();
                kept.read(dataset, part, &mut codes)?;
                codes
            }
            None => tokenising.frames(part, &mut bytes)?,
        };
        for frame in codes.chunks_exact(tokens) {
            seen.learn(part.0, frame, columns);
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dataset::{DatasetWriter, FrameFormat};

    #[test]
    fn of_much_footage_an_even_part_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let format = FrameFormat {
            height: 1,
            width: 1,
            frames_per_second: 10.0,
        };
        let mut writer = DatasetWriter::create(folder.path(), format).unwrap();
        for frames in [1000, 30, 2000] {
            writer.push_clip(&vec![0; 3 * frames], None).unwrap();
        }
        let dataset = writer.finish().unwrap();
        let all: Vec<_> = parts(&dataset, 5000).collect();
        let frames: usize = all.iter().map(|part| part.2).sum();
        assert_eq!((frames, all[0], all[16]), (3030, (0, 0, 64), (1, 0, 30)));
        let some: Vec<_> = parts(&dataset, 1000).collect();
        let frames = |clip| -> usize {
            let of_clip = some.iter().filter(|part| part.0 == clip);
            of_clip.map(|part| part.2).sum()
        };
        // A quarter of each long clip.
        assert!((200..300).contains(&frames(0)) && (450..550).contains(&frames(2)));
        assert!(some.iter().all(|part| all.contains(part)));
    }
}
