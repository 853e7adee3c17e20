//! Codebooks that follow their vectors: exponential moving averages (van den Oord et al. 2017, appendix A) with revival
//! of unused codes.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use genie_model::ops;
use rand::Rng;

use super::ranks::Ranks;
use super::saved_state::{SavedTensors, restore_values, saved_values};

/// Which vectors a codebook's codes were assigned to in a step.
#[derive(Clone, Debug, PartialEq)]
pub struct CodeStatistics {
    /// Vectors assigned to each code, `V` numbers.
    pub counts: Vec<f32>,
    /// Their sums, `V` times `C` values.
    pub sums: Vec<f32>,
}

impl CodeStatistics {
    /// Sums over all ranks.
    pub(super) fn sum(&mut self, ranks: &dyn Ranks) {
        ranks.sum(&mut self.counts);
        ranks.sum(&mut self.sums);
    }

    /// Adds those of other vectors.
    pub(super) fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.counts, &other.counts),
            (&mut self.sums, &other.sums),
        ];
        for (own, other) in pairs {
            own.iter_mut().zip(other).for_each(|(a, b)| *a += b);
        }
    }

    /// Those of vectors `[R, C]` assigned to the codes `assigned` `[R]` of `codes`, gathered on the vectors' device.
    ///
    /// # Errors
    /// When shapes do not match.
    pub fn of(vectors: &Tensor, assigned: &Tensor, codes: usize) -> candle_core::Result<Self> {
        let (rows, dim) = vectors.dims2()?;
        let ones = Tensor::ones((rows, 1), vectors.dtype(), vectors.device())?;
        let values = Tensor::cat(&[vectors, &ones], 1)?;
        let sums = ops::add_rows(&values, assigned, codes)?;
        let sums = sums.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        let mut statistics = Self {
            counts: Vec::with_capacity(codes),
            sums: Vec::with_capacity(codes * dim),
        };
        for row in sums.chunks_exact(dim + 1) {
            statistics.sums.extend_from_slice(&row[..dim]);
            statistics.counts.push(row[dim]);
        }
        Ok(statistics)
    }
}

/// A codebook of `V` codes of width `C`, its running counts and sums.
#[derive(Clone, Debug)]
pub struct EmaCodebook {
    codes: Vec<f32>,
    counts: Vec<f32>,
    sums: Vec<f32>,
    dim: usize,
    decay: f32,
    on_sphere: bool,
}

impl EmaCodebook {
    /// Starts from codes `[V, C]`. With `on_sphere`, codes are kept at length one.
    ///
    /// # Errors
    /// If the codes cannot be read.
    pub fn new(codes: &Tensor, decay: f32, on_sphere: bool) -> candle_core::Result<Self> {
        let (count, dim) = codes.dims2()?;
        let mut book = Self {
            codes: codes.flatten_all()?.to_vec1()?,
            counts: vec![1.0; count],
            sums: Vec::new(),
            dim,
            decay,
            on_sphere,
        };
        if on_sphere {
            book.codes.chunks_exact_mut(dim).for_each(normalise);
        }
        book.sums.clone_from(&book.codes);
        Ok(book)
    }

    /// The codes `[V, C]`.
    ///
    /// # Errors
    /// Never on the CPU.
    pub fn tensor(&self, device: &Device) -> candle_core::Result<Tensor> {
        let shape = (self.counts.len(), self.dim);
        Tensor::from_slice(&self.codes, shape, device)
    }

    /// Number `V` of codes.
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    /// One of the codes, of `C` values.
    pub(super) fn code(&self, index: u32) -> &[f32] {
        &self.codes[index as usize * self.dim..][..self.dim]
    }

    /// Running share of each code in the assignments.
    pub fn usage(&self) -> Vec<f32> {
        let total = self.counts.iter().sum::<f32>().max(1e-12);
        self.counts.iter().map(|c| c / total).collect()
    }

    /// Number of codes whose share is at least a tenth of an even one.
    pub fn used(&self) -> usize {
        let least = 0.1 / self.counts.len() as f32;
        self.usage().iter().filter(|&&u| u >= least).count()
    }

    /// Moves every code towards the mean of the vectors assigned to it.
    pub fn update(&mut self, vectors: &[f32], assigned: &[u32]) {
        let statistics = self.count(vectors, assigned);
        self.follow(&statistics);
    }

    /// How many of the vectors are assigned to each code, and their sums.
    pub fn count(&self, vectors: &[f32], assigned: &[u32]) -> CodeStatistics {
        let mut counts = vec![0.0f32; self.counts.len()];
        let mut sums = vec![0.0f32; self.codes.len()];
        for (vector, &code) in vectors.chunks_exact(self.dim).zip(assigned) {
            let code = code as usize;
            counts[code] += 1.0;
            for (sum, v) in sums[code * self.dim..][..self.dim].iter_mut().zip(vector) {
                *sum += v;
            }
        }
        CodeStatistics { counts, sums }
    }

    /// Moves every code towards the mean of the vectors that a step assigned to it.
    pub fn follow(&mut self, statistics: &CodeStatistics) {
        let CodeStatistics { counts, sums } = statistics;
        let (keep, add) = (self.decay, 1.0 - self.decay);
        for (old, new) in self.counts.iter_mut().zip(counts) {
            *old = keep * *old + add * new;
        }
        for (old, new) in self.sums.iter_mut().zip(sums) {
            *old = keep * *old + add * new;
        }
        for (code, (sum, &count)) in self
            .codes
            .chunks_exact_mut(self.dim)
            .zip(self.sums.chunks_exact(self.dim).zip(&self.counts))
        {
            // A code that is hardly used keeps its place: its sum and count are mostly rounding.
            if count > 1e-3 {
                for (value, sum) in code.iter_mut().zip(sum) {
                    *value = sum / count;
                }
                if self.on_sphere {
                    normalise(code);
                }
            }
        }
    }

    /// Moves codes used less than `share` of an even share onto candidates (vectors that are represented badly), each
    /// with a little noise. Returns how many were moved.
    pub fn revive(
        &mut self,
        candidates: &[f32],
        share: f32,
        noise: f32,
        rng: &mut impl Rng,
    ) -> usize {
        let available = candidates.len() / self.dim;
        if available == 0 {
            return 0;
        }
        let even = self.counts.iter().sum::<f32>() / self.counts.len() as f32;
        let mut revived = 0;
        for index in 0..self.counts.len() {
            if self.counts[index] >= share * even {
                continue;
            }
            let pick = rng.random_range(0..available);
            let code = &mut self.codes[index * self.dim..][..self.dim];
            code.copy_from_slice(&candidates[pick * self.dim..][..self.dim]);
            for value in code.iter_mut() {
                *value += noise * (rng.random::<f32>() - 0.5);
            }
            if self.on_sphere {
                normalise(code);
            }
            self.counts[index] = even * 0.5;
            for (sum, value) in self.sums[index * self.dim..][..self.dim]
                .iter_mut()
                .zip(code)
            {
                *sum = *value * even * 0.5;
            }
            revived += 1;
        }
        revived
    }

    /// Takes up the codes, counts and sums of the first of the `ranks`.
    pub(super) fn follow_first(&mut self, ranks: &dyn Ranks) {
        for values in [&mut self.codes, &mut self.counts, &mut self.sums] {
            ranks.follow_first(values);
        }
    }

    /// The state as named tensors.
    ///
    /// # Errors
    /// Never on the CPU.
    pub fn state(&self, name: &str) -> candle_core::Result<HashMap<String, Tensor>> {
        let parts = [
            ("codes", &self.codes),
            ("counts", &self.counts),
            ("sums", &self.sums),
        ];
        parts
            .into_iter()
            .map(|(part, values)| saved_values(format!("codebook.{name}.{part}"), values))
            .collect()
    }

    /// Restores a saved state.
    ///
    /// # Errors
    /// If a part is missing or of another size.
    pub fn restore(&mut self, name: &str, state: &dyn SavedTensors) -> candle_core::Result<()> {
        for (part, values) in [
            ("codes", &mut self.codes),
            ("counts", &mut self.counts),
            ("sums", &mut self.sums),
        ] {
            restore_values(state, &format!("codebook.{name}.{part}"), values)?;
        }
        Ok(())
    }
}

fn normalise(code: &mut [f32]) {
    let length = code.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-12);
    for value in code {
        *value /= length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn codes_move_to_their_vectors_and_dead_ones_come_back() {
        let codes = Tensor::new(&[[0f32, 0.], [10., 10.]], &Device::Cpu).unwrap();
        let mut book = EmaCodebook::new(&codes, 0.5, false).unwrap();
        for _ in 0..20 {
            book.update(&[1.0, 2.0, 1.0, 2.0], &[0, 0]);
        }
        let values = book.tensor(&Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
        assert!((values[0][0] - 1.0).abs() < 1e-3 && (values[0][1] - 2.0).abs() < 1e-3);
        assert_eq!(book.used(), 1);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert_eq!(book.revive(&[5.0, 6.0], 0.1, 0.0, &mut rng), 1);
        let values = book.tensor(&Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(values[1], [5.0, 6.0]);
    }
}
