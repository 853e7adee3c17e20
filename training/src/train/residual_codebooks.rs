//! The codebooks of a residual quantizer, each of which follows what the stages before it leave over.

use std::collections::HashMap;

use candle_core::{Device, Result, Tensor};
use genie_model::ops;
use rand::Rng;

use super::codebook::{CodeStatistics, EmaCodebook};
use super::ranks::Ranks;
use super::saved_state::SavedTensors;

/// A codebook of `V` codes of width `C` for each of `Q` stages.
#[derive(Clone, Debug)]
pub(super) struct ResidualCodebooks {
    stages: Vec<EmaCodebook>,
    dim: usize,
}

/// What every stage had to quantise of some vectors.
pub(super) enum Residuals {
    /// `[Q][R * C]`, and the tokens `[R * Q]`.
    Host(Vec<Vec<f32>>, Vec<u32>),
    /// `[Q]` tensors `[R, C]` on a device, and the tokens `[R, Q]`.
    Device(Vec<Tensor>, Tensor),
}

impl Residuals {
    /// What `stage` had to quantise of the vectors at `rows`.
    fn rows(&self, stage: usize, rows: &[usize], dim: usize) -> Result<Vec<f32>> {
        match self {
            Self::Host(residuals, _) => {
                let rows = rows
                    .iter()
                    .flat_map(|&row| &residuals[stage][row * dim..][..dim]);
                Ok(rows.copied().collect())
            }
            Self::Device(..) if rows.is_empty() => Ok(Vec::new()),
            Self::Device(residuals, _) => {
                let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
                let rows = Tensor::new(rows, residuals[stage].device())?;
                residuals[stage]
                    .index_select(&rows, 0)?
                    .flatten_all()?
                    .to_vec1()
            }
        }
    }
}

impl ResidualCodebooks {
    /// Starts from the codes `[Q V, C]` of all stages; moving averages keep `decay` of an old mean at every step.
    pub(super) fn new(codes: &Tensor, stages: usize, decay: f32) -> Result<Self> {
        let (rows, dim) = codes.dims2()?;
        let height = rows / stages.max(1);
        let stages = (0..stages).map(|stage| {
            let codes = codes.narrow(0, stage * height, height)?;
            EmaCodebook::new(&codes, decay, false)
        });
        Ok(Self {
            stages: stages.collect::<Result<_>>()?,
            dim,
        })
    }

    /// What every stage had to quantise of vectors `[.., C]` that became `tokens` `[.., Q]`. Where operations are not fused, nothing
    /// is read back from the vectors' device.
    pub(super) fn residuals(&self, vectors: &Tensor, tokens: &Tensor) -> Result<Residuals> {
        let vectors = vectors.detach().reshape(((), self.dim))?;
        if ops::fused(&[&vectors]) {
            let vectors = vectors.flatten_all()?.to_vec1()?;
            return Ok(self.residuals_on_host(vectors, tokens.flatten_all()?.to_vec1()?));
        }
        let count = self.stages.len();
        let tokens = tokens.reshape(((), count))?;
        let mut residuals = vec![vectors];
        for (stage, codebook) in self.stages.iter().enumerate().take(count - 1) {
            let before = &residuals[stage];
            let chosen = tokens.narrow(1, stage, 1)?.squeeze(1)?.contiguous()?;
            let codes = codebook.tensor(before.device())?;
            residuals.push((before - ops::gather_rows(&codes, &chosen)?)?);
        }
        Ok(Residuals::Device(residuals, tokens))
    }

    fn residuals_on_host(&self, vectors: Vec<f32>, tokens: Vec<u32>) -> Residuals {
        let (count, mut residual) = (self.stages.len(), vectors);
        let mut residuals = Vec::with_capacity(count);
        for (stage, codebook) in self.stages.iter().enumerate() {
            residuals.push(residual.clone());
            if stage + 1 == count {
                break;
            }
            let rows = residual.chunks_exact_mut(self.dim);
            for (row, token) in rows.zip(tokens.chunks_exact(count)) {
                let code = codebook.code(token[stage]);
                row.iter_mut().zip(code).for_each(|(r, c)| *r -= c);
            }
        }
        Residuals::Host(residuals, tokens)
    }

    /// For each stage how much was assigned to each code, and its sum.
    pub(super) fn count(&self, residuals: &Residuals) -> Result<Vec<CodeStatistics>> {
        let count = self.stages.len();
        let stages = self.stages.iter().enumerate();
        let counted = stages.map(|(stage, codebook)| match residuals {
            Residuals::Host(residuals, tokens) => {
                let assigned = tokens.iter().skip(stage).step_by(count).copied();
                let assigned: Vec<u32> = assigned.collect();
                Ok(codebook.count(&residuals[stage], &assigned))
            }
            Residuals::Device(residuals, tokens) => {
                let assigned = tokens.narrow(1, stage, 1)?.squeeze(1)?.contiguous()?;
                CodeStatistics::of(&residuals[stage], &assigned, codebook.len())
            }
        });
        counted.collect()
    }

    /// Takes up the codebooks of the first of the `ranks`.
    pub(super) fn follow_first(&mut self, ranks: &dyn Ranks) {
        for stage in &mut self.stages {
            stage.follow_first(ranks);
        }
    }

    /// Moves every code towards the mean of what was assigned to it.
    pub(super) fn follow(&mut self, statistics: &[CodeStatistics]) {
        for (codebook, statistics) in self.stages.iter_mut().zip(statistics) {
            codebook.follow(statistics);
        }
    }

    /// What every stage had to quantise of the vectors at `rows`.
    pub(super) fn candidates(
        &self,
        residuals: &Residuals,
        rows: &[usize],
    ) -> Result<Vec<Vec<f32>>> {
        let stages = 0..self.stages.len();
        stages
            .map(|stage| residuals.rows(stage, rows, self.dim))
            .collect()
    }

    /// Moves codes that are hardly used onto the `candidates` of their stage; see [`EmaCodebook::revive`]. Returns how many were
    /// moved.
    pub(super) fn revive(
        &mut self,
        candidates: &[Vec<f32>],
        share: f32,
        noise: f32,
        rng: &mut impl Rng,
    ) -> usize {
        let stages = self.stages.iter_mut().zip(candidates);
        stages
            .map(|(codebook, candidates)| codebook.revive(candidates, share, noise, rng))
            .sum()
    }

    /// Codes of a stage that are used at least a tenth as often as all would be evenly; mean over the stages.
    pub(super) fn used(&self) -> f64 {
        let used: usize = self.stages.iter().map(EmaCodebook::used).sum();
        used as f64 / self.stages.len().max(1) as f64
    }

    /// The codes `[Q V, C]` of all stages.
    pub(super) fn tensor(&self, device: &Device) -> Result<Tensor> {
        let stages = self.stages.iter().map(|codebook| codebook.tensor(device));
        Tensor::cat(&stages.collect::<Result<Vec<_>>>()?, 0)
    }

    /// The state as named tensors.
    pub(super) fn state(&self) -> Result<HashMap<String, Tensor>> {
        let mut state = HashMap::new();
        for (stage, codebook) in self.stages.iter().enumerate() {
            state.extend(codebook.state(&name(stage))?);
        }
        Ok(state)
    }

    /// Goes back to a saved state.
    pub(super) fn restore(&mut self, state: &dyn SavedTensors) -> Result<()> {
        for (stage, codebook) in self.stages.iter_mut().enumerate() {
            codebook.restore(&name(stage), state)?;
        }
        Ok(())
    }
}

/// What a stage's state is called; the first one's name is that of a quantizer without stages.
fn name(stage: usize) -> String {
    match stage {
        0 => "tokenizer".to_owned(),
        later => format!("tokenizer_{later}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn codebooks() -> ResidualCodebooks {
        let codes = Tensor::new(&[[0f32, 0.], [8., 0.], [0., 0.], [0., 1.]], &Device::Cpu).unwrap();
        ResidualCodebooks::new(&codes, 2, 0.5).unwrap()
    }

    /// Runs a test on the host, and as on another device.
    fn both_ways(test: impl Fn()) {
        test();
        ops::with_composed(test);
    }

    fn residuals(of: &ResidualCodebooks, vectors: &[f32], tokens: &[u32]) -> Residuals {
        let vectors = Tensor::from_slice(vectors, (vectors.len() / 2, 2), &Device::Cpu).unwrap();
        let tokens = Tensor::new(tokens, &Device::Cpu).unwrap();
        of.residuals(&vectors, &tokens).unwrap()
    }

    fn follow(codebooks: &mut ResidualCodebooks, vectors: &[f32], tokens: &[u32]) {
        let residuals = residuals(codebooks, vectors, tokens);
        let statistics = codebooks.count(&residuals).unwrap();
        codebooks.follow(&statistics);
    }

    fn codes(of: &ResidualCodebooks) -> Vec<Vec<f32>> {
        of.tensor(&Device::Cpu).unwrap().to_vec2().unwrap()
    }

    #[test]
    fn every_stage_follows_what_is_left_for_it() {
        both_ways(|| {
            let mut codebooks = codebooks();
            let (vectors, tokens) = ([8.5f32, 1.0, 8.5, 0.0], [1, 1, 1, 0]);
            let residuals = residuals(&codebooks, &vectors, &tokens);
            let rows = |stage| residuals.rows(stage, &[0, 1], 2).unwrap();
            assert_eq!(rows(0), [8.5, 1.0, 8.5, 0.0]);
            assert_eq!(rows(1), [0.5, 1.0, 0.5, 0.0]);
            for _ in 0..30 {
                follow(&mut codebooks, &vectors, &tokens);
            }
            let codes = codes(&codebooks);
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
            let mut codebooks = codebooks();
            let (vectors, tokens) = ([8f32, 0.0, 8.0, 3.0], [1, 0, 1, 0]);
            for _ in 0..20 {
                follow(&mut codebooks, &vectors, &tokens);
            }
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let residuals = residuals(&codebooks, &vectors, &tokens);
            let candidates = codebooks.candidates(&residuals, &[1]).unwrap();
            assert_eq!(codebooks.revive(&candidates, 0.1, 0.0, &mut rng), 2);
            let codes = codes(&codebooks);
            assert_eq!(codes[0], residuals.rows(0, &[1], 2).unwrap());
            assert_eq!(codes[3], residuals.rows(1, &[1], 2).unwrap());
        });
    }

    #[test]
    fn a_saved_state_is_restored() {
        let mut codebooks = codebooks();
        follow(&mut codebooks, &[8.5, 1.0], &[1, 1]);
        let mut other = self::codebooks();
        other.restore(&codebooks.state().unwrap()).unwrap();
        assert_eq!(codes(&codebooks), codes(&other));
    }
}
