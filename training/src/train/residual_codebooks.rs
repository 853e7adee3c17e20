//! The codebooks of a residual quantizer, each of which follows what the stages before it leave over.

use std::collections::HashMap;

use candle_core::{Device, Result, Tensor};
use rand::Rng;

use super::codebook::EmaCodebook;

/// A codebook of `V` codes of width `C` for each of `Q` stages.
#[derive(Clone, Debug)]
pub(super) struct ResidualCodebooks {
    stages: Vec<EmaCodebook>,
    dim: usize,
}

/// What every stage had to quantise of some vectors: `[Q][R * C]`.
pub(super) struct Residuals(Vec<Vec<f32>>);

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

    /// What every stage had to quantise of `vectors` `[R, C]` that became `tokens` `[R, Q]`.
    pub(super) fn residuals(&self, vectors: &[f32], tokens: &[u32]) -> Residuals {
        let (count, mut residual) = (self.stages.len(), vectors.to_vec());
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
        Residuals(residuals)
    }

    /// Moves every code towards the mean of what was assigned to it.
    pub(super) fn update(&mut self, residuals: &Residuals, tokens: &[u32]) {
        let count = self.stages.len();
        for (stage, codebook) in self.stages.iter_mut().enumerate() {
            let assigned: Vec<u32> = tokens.iter().skip(stage).step_by(count).copied().collect();
            codebook.update(&residuals.0[stage], &assigned);
        }
    }

    /// Moves codes that are hardly used onto what their stage had to quantise of the vectors at `rows`; see
    /// [`EmaCodebook::revive`]. Returns how many were moved.
    pub(super) fn revive(
        &mut self,
        residuals: &Residuals,
        rows: &[usize],
        share: f32,
        noise: f32,
        rng: &mut impl Rng,
    ) -> usize {
        let dim = self.dim;
        let stages = self.stages.iter_mut().zip(&residuals.0);
        let revived = stages.map(|(codebook, residual)| {
            let candidates = rows.iter().flat_map(|&row| &residual[row * dim..][..dim]);
            let candidates: Vec<f32> = candidates.copied().collect();
            codebook.revive(&candidates, share, noise, rng)
        });
        revived.sum()
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
    pub(super) fn restore(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
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

    #[test]
    fn every_stage_follows_what_is_left_for_it() {
        let mut codebooks = codebooks();
        let (vectors, tokens) = ([8.5f32, 1.0, 8.5, 0.0], [1, 1, 1, 0]);
        let residuals = codebooks.residuals(&vectors, &tokens);
        assert_eq!(
            residuals.0,
            [vec![8.5, 1.0, 8.5, 0.0], vec![0.5, 1.0, 0.5, 0.0]]
        );
        for _ in 0..30 {
            let residuals = codebooks.residuals(&vectors, &tokens);
            codebooks.update(&residuals, &tokens);
        }
        let codes = codebooks
            .tensor(&Device::Cpu)
            .unwrap()
            .to_vec2::<f32>()
            .unwrap();
        let near = |code: &[f32], x: f32, y: f32| (code[0] - x).abs() + (code[1] - y).abs() < 0.05;
        assert!(near(&codes[1], 8.5, 0.5), "{codes:?}");
        assert!(
            near(&codes[2], 0.0, -0.5) && near(&codes[3], 0.0, 0.5),
            "{codes:?}"
        );
    }

    #[test]
    fn unused_codes_go_where_their_stage_is_bad() {
        let mut codebooks = codebooks();
        let (vectors, tokens) = ([8f32, 0.0, 8.0, 3.0], [1, 0, 1, 0]);
        for _ in 0..20 {
            let residuals = codebooks.residuals(&vectors, &tokens);
            codebooks.update(&residuals, &tokens);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let residuals = codebooks.residuals(&vectors, &tokens);
        assert_eq!(codebooks.revive(&residuals, &[1], 0.1, 0.0, &mut rng), 2);
        let codes = codebooks
            .tensor(&Device::Cpu)
            .unwrap()
            .to_vec2::<f32>()
            .unwrap();
        assert_eq!(codes[0], residuals.0[0][2..]);
        assert_eq!(codes[3], residuals.0[1][2..]);
    }

    #[test]
    fn a_saved_state_is_restored() {
        let mut codebooks = codebooks();
        let residuals = codebooks.residuals(&[8.5, 1.0], &[1, 1]);
        codebooks.update(&residuals, &[1, 1]);
        let mut other = self::codebooks();
        other.restore(&codebooks.state().unwrap()).unwrap();
        let codes =
            |it: &ResidualCodebooks| it.tensor(&Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(codes(&codebooks), codes(&other));
    }
}
