//! What each stage of a residual quantizer had to quantise: its codebook follows what the stages before it leave over.

use candle_core::{Result, Tensor};
use genie_model::ops;

use super::codebook::{CodeStatistics, EmaCodebook};

/// What every stage had to quantise of some vectors, on their device.
pub(super) struct Residuals {
    /// `[Q]` tensors `[R, C]`.
    vectors: Vec<Tensor>,
    /// `[Q]` tensors `[R]`.
    tokens: Vec<Tensor>,
}

impl Residuals {
    /// Those of vectors `[.., C]` that became `tokens` `[.., Q]` by the codes of all stages.
    pub(super) fn of(codebook: &EmaCodebook, vectors: &Tensor, tokens: &Tensor) -> Result<Self> {
        let count = codebook.stages();
        let tokens = tokens.reshape(((), count))?;
        let tokens = (0..count).map(|stage| tokens.narrow(1, stage, 1)?.squeeze(1)?.contiguous());
        let tokens = tokens.collect::<Result<Vec<_>>>()?;
        let mut residuals = vec![vectors.detach().reshape(((), codebook.codes().dim(1)?))?];
        for (stage, tokens) in tokens.iter().enumerate().take(count - 1) {
            let codes = ops::gather_rows(&codebook.stage(stage)?, tokens)?;
            residuals.push((&residuals[stage] - codes)?);
        }
        Ok(Self {
            vectors: residuals,
            tokens,
        })
    }

    /// How much was assigned to each of the `height` codes of each stage, and its sum.
    pub(super) fn count(&self, height: usize) -> Result<CodeStatistics> {
        let stages = self.vectors.iter().zip(&self.tokens);
        let stages = stages.map(|(vectors, tokens)| CodeStatistics::of(vectors, tokens, height));
        CodeStatistics::joined(&stages.collect::<Result<Vec<_>>>()?)
    }

    /// For each stage what it had to quantise of the vectors at `rows`.
    pub(super) fn rows(&self, rows: &[usize]) -> Result<Vec<Vec<f32>>> {
        if rows.is_empty() {
            return Ok(vec![Vec::new(); self.vectors.len()]);
        }
        let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
        let stages = self.vectors.iter().map(|vectors| {
            let rows = Tensor::new(rows.as_slice(), vectors.device())?;
            vectors.index_select(&rows, 0)?.flatten_all()?.to_vec1()
        });
        stages.collect()
    }
}

/// What the states of the codebooks of so many stages are called; the first one's name is that of a quantizer without stages.
pub(super) fn stage_names(stages: usize) -> impl Iterator<Item = String> {
    (0..stages).map(|stage| match stage {
        0 => "tokenizer".to_owned(),
        later => format!("tokenizer_{later}"),
    })
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Two stages of two codes.
    fn small() -> EmaCodebook {
        let codes = Tensor::new(&[[0f32, 0.], [8., 0.], [0., 0.], [0., 1.]], &Device::Cpu).unwrap();
        EmaCodebook::new(&codes, stage_names(2), 0.5, false).unwrap()
    }

    /// Runs a test with fused operations, and as on another device.
    fn both_ways(test: impl Fn()) {
        test();
        ops::with_composed(test);
    }

    fn residuals(of: &EmaCodebook, vectors: &[f32], tokens: &[u32]) -> Residuals {
        let vectors = Tensor::from_slice(vectors, (vectors.len() / 2, 2), &Device::Cpu).unwrap();
        let tokens = Tensor::new(tokens, &Device::Cpu).unwrap();
        Residuals::of(of, &vectors, &tokens).unwrap()
    }

    fn followed(codebook: &EmaCodebook, vectors: &[f32], tokens: &[u32]) -> EmaCodebook {
        let residuals = residuals(codebook, vectors, tokens);
        let statistics = residuals.count(codebook.height()).unwrap();
        codebook.followed(&statistics).unwrap()
    }

    fn codes(of: &EmaCodebook) -> Vec<Vec<f32>> {
        of.codes().to_vec2().unwrap()
    }

    #[test]
    fn every_stage_follows_what_is_left_for_it() {
        both_ways(|| {
            let mut codebook = small();
            let (vectors, tokens) = ([8.5f32, 1.0, 8.5, 0.0], [1, 1, 1, 0]);
            let rows = residuals(&codebook, &vectors, &tokens).rows(&[0, 1]);
            assert_eq!(rows.unwrap(), [[8.5, 1.0, 8.5, 0.0], [0.5, 1.0, 0.5, 0.0]]);
            for _ in 0..30 {
                codebook = followed(&codebook, &vectors, &tokens);
            }
            let codes = codes(&codebook);
            let near =
                |code: &[f32], x: f32, y: f32| (code[0] - x).abs() + (code[1] - y).abs() < 0.05;
            assert!(near(&codes[1], 8.5, 0.5), "{codes:?}");
            assert!(
                near(&codes[2], 0.0, -0.5) && near(&codes[3], 0.0, 0.5),
                "{codes:?}"
            );
        });
    }

    #[test]
    fn unused_codes_go_where_their_stage_is_bad() {
        both_ways(|| {
            let mut codebook = small();
            let (vectors, tokens) = ([8f32, 0.0, 8.0, 3.0], [1, 0, 1, 0]);
            for _ in 0..20 {
                codebook = followed(&codebook, &vectors, &tokens);
            }
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let residuals = residuals(&codebook, &vectors, &tokens);
            let candidates = residuals.rows(&[1]).unwrap();
            let revived = codebook.revive(&candidates, 0.1, 0.0, &mut rng);
            assert_eq!(revived.unwrap(), 2);
            let codes = codes(&codebook);
            assert_eq!([&codes[0], &codes[3]], [&candidates[0], &candidates[1]]);
        });
    }

    #[test]
    fn a_saved_state_is_restored() {
        let codebook = followed(&small(), &[8.5, 1.0], &[1, 1]);
        let mut other = small();
        other.restore(&codebook.state().unwrap()).unwrap();
        assert_eq!(codes(&codebook), codes(&other));
    }

    /// Older runs are resumed, too.
    #[test]
    fn the_first_stage_of_a_state_has_the_name_of_a_codebook_without_stages() {
        let state = small().state().unwrap();
        assert_eq!(state.len(), 6);
        for name in ["tokenizer", "tokenizer_1"] {
            for (part, length) in [("codes", 4), ("counts", 2), ("sums", 4)] {
                assert_eq!(state[&format!("codebook.{name}.{part}")].dims(), [length]);
            }
        }
    }
}
