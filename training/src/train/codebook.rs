//! Codebooks that follow their vectors: exponential moving averages (van den Oord et al. 2017, appendix A) with revival
//! of unused codes.
//!
//! All is tensors on the device of the training. Only what happens seldom reads them back: revival and saving.

use std::collections::HashMap;

use candle_core::{D, DType, Result, Tensor};
use genie_model::ops;
use rand::Rng;

use super::ranks::Ranks;
use super::saved_state::{SavedTensors, restore_values};

/// Running number of vectors up to which a code keeps its place: its sum and count are mostly rounding.
const LEAST_COUNT: f32 = 1e-3;
/// Share of an even one from which a code counts as used.
const USED: f32 = 0.1;

/// Which vectors a codebook's codes were assigned to in a step.
#[derive(Clone, Debug)]
pub struct CodeStatistics {
    /// For each code the sum of its vectors and their number, `[V, C + 1]`.
    sums: Tensor,
}

impl CodeStatistics {
    /// Those of vectors `[R, C]` assigned to the codes `assigned` `[R]` of `codes`, on the vectors' device.
    ///
    /// # Errors
    /// When shapes do not match.
    pub fn of(vectors: &Tensor, assigned: &Tensor, codes: usize) -> Result<Self> {
        let vectors = vectors.detach().to_dtype(DType::F32)?;
        let sums = ops::add_rows(&with_ones(&vectors)?, assigned, codes)?;
        Ok(Self { sums })
    }

    /// Those of the codes of several stages, one after the other.
    pub(super) fn joined(stages: &[Self]) -> Result<Self> {
        let sums: Vec<&Tensor> = stages.iter().map(|it| &it.sums).collect();
        let sums = Tensor::cat(&sums, 0)?;
        Ok(Self { sums })
    }

    /// Those of these vectors and of other ones.
    pub(super) fn plus(&self, other: &Self) -> Result<Self> {
        let sums = (&self.sums + &other.sums)?;
        Ok(Self { sums })
    }

    /// Their sums over all ranks.
    pub(super) fn summed(&self, ranks: &dyn Ranks) -> Result<Self> {
        let sums = ranks.sum_tensor(&self.sums)?;
        Ok(Self { sums })
    }
}

/// The codebooks of one or several stages, each of `V` codes of width `C`, with their running sums and counts.
#[derive(Clone, Debug)]
pub struct EmaCodebook {
    /// Those of all stages, one after the other: `[Q V, C]`.
    codes: Tensor,
    /// For each code the running sum of its vectors and their number, `[Q V, C + 1]`.
    averages: Tensor,
    /// What the state of each stage is called.
    names: Vec<String>,
    decay: f32,
    on_sphere: bool,
}

impl EmaCodebook {
    /// Starts from the codes `[Q V, C]` of all stages, on whose device it stays; `names` has a name for the saved state of each stage.
    /// Moving averages keep `decay` of an old mean at every step. With `on_sphere`, codes are kept at length one.
    ///
    /// # Errors
    /// When the codes cannot be copied.
    pub fn new<N: Into<String>>(
        codes: &Tensor,
        names: impl IntoIterator<Item = N>,
        decay: f32,
        on_sphere: bool,
    ) -> Result<Self> {
        // They may be a variable's, which is overwritten where it lies.
        let codes = codes.detach().contiguous()?.copy()?;
        let codes = if on_sphere {
            normalised(&codes)?
        } else {
            codes
        };
        Ok(Self {
            averages: with_ones(&codes)?,
            codes,
            names: names.into_iter().map(Into::into).collect(),
            decay,
            on_sphere,
        })
    }

    /// The codes `[Q V, C]` of all stages.
    pub fn codes(&self) -> &Tensor {
        &self.codes
    }

    /// The number `Q` of stages.
    pub(super) fn stages(&self) -> usize {
        self.names.len()
    }

    /// The codes `[V, C]` of a stage.
    pub(super) fn stage(&self, stage: usize) -> Result<Tensor> {
        self.of_stage(&self.codes, stage)
    }

    /// The number `V` of codes of a stage.
    pub(super) fn height(&self) -> usize {
        self.codes.dims()[0] / self.stages().max(1)
    }

    fn of_stage(&self, rows: &Tensor, stage: usize) -> Result<Tensor> {
        rows.narrow(0, stage * self.height(), self.height())
    }

    /// The number of codes of a stage, in the mean over all stages, whose share of the assignments is at least a tenth of an even one: a
    /// tensor of one number.
    pub(super) fn used(&self) -> Result<Tensor> {
        let (_, counts) = sums_and_counts(&self.averages)?;
        let counts = counts.reshape((self.stages(), self.height()))?;
        let totals = counts.sum_keepdim(1)?.maximum(1e-12f32)?;
        let shares = counts.broadcast_div(&totals)?;
        let used = shares.ge(USED / self.height() as f32)?;
        used.to_dtype(DType::F32)?.sum_all()? / self.stages() as f64
    }

    /// What it becomes when every code has moved towards the mean of the vectors that a step assigned to it. Nothing waits for
    /// the device.
    ///
    /// # Errors
    /// When shapes do not match.
    pub fn followed(&self, statistics: &CodeStatistics) -> Result<Self> {
        let keep = f64::from(self.decay);
        let add = f64::from(1.0 - self.decay);
        let averages = ((&self.averages * keep)? + (&statistics.sums * add)?)?;
        let (sums, counts) = sums_and_counts(&averages)?;
        let means = sums.broadcast_div(&counts)?;
        let means = if self.on_sphere {
            normalised(&means)?
        } else {
            means
        };
        let moves = counts.gt(LEAST_COUNT)?.broadcast_as(means.shape())?;
        Ok(Self {
            codes: moves.contiguous()?.where_cond(&means, &self.codes)?,
            averages,
            ..self.clone()
        })
    }

    /// Moves codes used less than `share` of an even share onto the candidates of their stage (vectors that are represented badly),
    /// each with a little noise. Returns how many were moved.
    ///
    /// # Errors
    /// If values cannot be copied between the device and the host.
    pub fn revive(
        &mut self,
        candidates: &[Vec<f32>],
        share: f32,
        noise: f32,
        rng: &mut impl Rng,
    ) -> Result<usize> {
        let (height, dim) = (self.height(), self.codes.dim(1)?);
        let mut codes: Vec<f32> = self.codes.flatten_all()?.to_vec1()?;
        let mut averages: Vec<f32> = self.averages.flatten_all()?.to_vec1()?;
        let mut revived = 0;
        let stages = (codes.chunks_exact_mut(height * dim))
            .zip(averages.chunks_exact_mut(height * (dim + 1)))
            .zip(candidates);
        for ((codes, averages), candidates) in stages {
            let available = candidates.len() / dim;
            if available == 0 {
                continue;
            }
            let counts = averages.chunks_exact(dim + 1).map(|row| row[dim]);
            let even = counts.sum::<f32>() / height as f32;
            let rows = codes
                .chunks_exact_mut(dim)
                .zip(averages.chunks_exact_mut(dim + 1));
            for (code, average) in rows {
                let (sum, count) = average.split_at_mut(dim);
                if count[0] >= share * even {
                    continue;
                }
                let pick = rng.random_range(0..available);
                code.copy_from_slice(&candidates[pick * dim..][..dim]);
                for value in code.iter_mut() {
                    *value += noise * (rng.random::<f32>() - 0.5);
                }
                if self.on_sphere {
                    normalise(code);
                }
                count[0] = even * 0.5;
                for (sum, value) in sum.iter_mut().zip(code) {
                    *sum = *value * even * 0.5;
                }
                revived += 1;
            }
        }
        if revived > 0 {
            let device = self.codes.device();
            self.averages = Tensor::from_vec(averages, self.averages.shape(), device)?;
            self.codes = Tensor::from_vec(codes, self.codes.shape(), device)?;
        }
        Ok(revived)
    }

    /// Takes up the codes, sums and counts of the first of the `ranks`.
    pub(super) fn follow_first(&mut self, ranks: &dyn Ranks) -> Result<()> {
        for values in [&mut self.codes, &mut self.averages] {
            *values = ranks.of_first(values)?;
        }
        Ok(())
    }

    /// The state as named tensors.
    ///
    /// # Errors
    /// Never on the CPU.
    pub fn state(&self) -> Result<HashMap<String, Tensor>> {
        let mut state = HashMap::new();
        for (stage, name) in self.names.iter().enumerate() {
            let averages = self.of_stage(&self.averages, stage)?;
            let (sums, counts) = sums_and_counts(&averages)?;
            let codes = self.stage(stage)?;
            for (part, values) in [("codes", codes), ("counts", counts), ("sums", sums)] {
                state.insert(part_name(name, part), values.flatten_all()?);
            }
        }
        Ok(state)
    }

    /// Restores a saved state.
    ///
    /// # Errors
    /// If a part is missing or of another size.
    pub fn restore(&mut self, state: &dyn SavedTensors) -> Result<()> {
        let (height, dim, device) = (self.height(), self.codes.dim(1)?, self.codes.device());
        let stages = self.names.iter().map(|name| {
            let part = |part: &str, width: usize| {
                let mut values = vec![0f32; height * width];
                restore_values(state, &part_name(name, part), &mut values)?;
                Tensor::from_vec(values, (height, width), device)
            };
            let averages = Tensor::cat(&[part("sums", dim)?, part("counts", 1)?], 1)?;
            Ok((part("codes", dim)?, averages))
        });
        let (codes, averages): (Vec<_>, Vec<_>) =
            stages.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        let (codes, averages) = (Tensor::cat(&codes, 0)?, Tensor::cat(&averages, 0)?);
        (self.codes, self.averages) = (codes, averages);
        Ok(())
    }
}

/// What a part of the state of a codebook is called.
fn part_name(codebook: &str, part: &str) -> String {
    format!("codebook.{codebook}.{part}")
}

/// Vectors `[R, C]` with a one behind each: `[R, C + 1]`.
fn with_ones(vectors: &Tensor) -> Result<Tensor> {
    let ones = Tensor::ones((vectors.dim(0)?, 1), vectors.dtype(), vectors.device())?;
    Tensor::cat(&[vectors, &ones], 1)
}

/// The sums `[R, C]` and the counts `[R, 1]` of `[R, C + 1]`.
fn sums_and_counts(averages: &Tensor) -> Result<(Tensor, Tensor)> {
    let dim = averages.dim(1)? - 1;
    Ok((averages.narrow(1, 0, dim)?, averages.narrow(1, dim, 1)?))
}

/// Rows at length one.
fn normalised(rows: &Tensor) -> Result<Tensor> {
    let lengths = rows.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
    rows.broadcast_div(&lengths.maximum(1e-12f32)?)
}

fn normalise(code: &mut [f32]) {
    let length = code.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-12);
    for value in code {
        *value /= length;
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use candle_core::Device;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::train::ranks::{Alone, OneOfTwo};

    fn tensor<const N: usize>(rows: &[[f32; 2]; N]) -> Tensor {
        Tensor::new(rows, &Device::Cpu).unwrap()
    }

    fn codes(of: &EmaCodebook) -> Vec<Vec<f32>> {
        of.codes().to_vec2().unwrap()
    }

    #[test]
    fn codes_move_to_their_vectors_and_dead_ones_come_back() {
        let start = tensor(&[[0.0, 0.0], [10.0, 10.0]]);
        let mut book = EmaCodebook::new(&start, ["test"], 0.5, false).unwrap();
        let used = |book: &EmaCodebook| book.used().unwrap().to_scalar::<f32>().unwrap();
        for _ in 0..20 {
            let vectors = tensor(&[[1.0, 2.0], [1.0, 2.0]]);
            let assigned = Tensor::new(&[0u32, 0], &Device::Cpu).unwrap();
            let statistics = CodeStatistics::of(&vectors, &assigned, 2).unwrap();
            book = book.followed(&statistics).unwrap();
        }
        let values = codes(&book);
        assert!((values[0][0] - 1.0).abs() < 1e-3 && (values[0][1] - 2.0).abs() < 1e-3);
        assert_eq!(values[1], [10.0, 10.0]);
        assert!((used(&book) - 1.0).abs() < 1e-6);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let candidates = [vec![5.0, 6.0]];
        assert_eq!(book.revive(&candidates, 0.1, 0.0, &mut rng).unwrap(), 1);
        assert_eq!(codes(&book)[1], [5.0, 6.0]);
        assert!((used(&book) - 2.0).abs() < 1e-6);
    }

    /// One of two ranks that sums these values of the other one.
    fn beside(rank: usize, others: Vec<Vec<f32>>) -> impl Ranks {
        OneOfTwo::new(rank, move |values: &mut [f32]| {
            let others = others.iter().find(|it| it.len() == values.len()).unwrap();
            let pairs = values.iter_mut().zip(others);
            pairs.for_each(|(own, other)| *own += other);
        })
    }

    fn flat(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Codes, sums and counts of two stages after some steps, alone or as one of two ranks with half of the vectors each.
    fn after_steps(on_sphere: bool, ranks: usize) -> EmaCodebook {
        const CODES: usize = 12;
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut random = |rows: usize| -> Tensor {
            let values = (0..rows * 3).map(|_| rng.random_range(-2f32..2.0));
            Tensor::from_vec(values.collect::<Vec<_>>(), (rows, 3), &Device::Cpu).unwrap()
        };
        let mut book = EmaCodebook::new(&random(CODES), ["one", "other"], 0.9, on_sphere).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        for step in 0..9 {
            let vectors = random(40);
            // Some codes are never used.
            let assigned = (0..40).map(|_| rng.random_range(0..CODES as u32) / 2 * 2);
            let assigned = Tensor::new(assigned.collect::<Vec<_>>(), &Device::Cpu).unwrap();
            let of = |rows: Range<usize>| {
                let [vectors, assigned] =
                    [&vectors, &assigned].map(|it| it.narrow(0, rows.start, rows.len()).unwrap());
                CodeStatistics::of(&vectors, &assigned, CODES).unwrap()
            };
            let statistics = match ranks {
                1 => of(0..40).summed(&Alone),
                _ => of(0..15).summed(&beside(0, vec![flat(&of(15..40).sums)])),
            };
            book = book.followed(&statistics.unwrap()).unwrap();
            if step == 5 {
                let candidates = [flat(&random(4)), flat(&random(2))];
                let revived = book.revive(&candidates, 0.9, 0.1, &mut rng).unwrap();
                assert!((1..CODES).contains(&revived), "{revived}");
            }
        }
        book
    }

    #[test]
    fn steps_of_composed_operations_and_of_ranks_are_those_of_fused_ones_alone() {
        for on_sphere in [false, true] {
            let expected = after_steps(on_sphere, 1);
            for (ranks, composed) in [(1, true), (2, false), (2, true)] {
                let steps = || after_steps(on_sphere, ranks);
                let found = if composed {
                    ops::with_composed(steps)
                } else {
                    steps()
                };
                let pairs = [
                    (&found.codes, &expected.codes),
                    (&found.averages, &expected.averages),
                ];
                for (found, expected) in pairs {
                    for (a, b) in flat(found).into_iter().zip(flat(expected)) {
                        let near = (a - b).abs() < 1e-5 * b.abs().max(1.0);
                        assert!(near, "{ranks} ranks, composed: {composed}: {a} {b}");
                    }
                }
                let used = |book: &EmaCodebook| book.used().unwrap().to_scalar::<f32>().unwrap();
                assert!((used(&found) - used(&expected)).abs() < 1e-6);
            }
            let lengths = expected.codes.sqr().unwrap().sum(1).unwrap();
            let of_one = flat(&lengths).iter().all(|it| (it - 1.0).abs() < 1e-5);
            assert_eq!(of_one, on_sphere);
        }
    }

    #[test]
    fn a_rank_takes_up_the_codebook_of_the_first_one() {
        let (first, mut second) = (after_steps(false, 1), after_steps(true, 1));
        let ranks = beside(1, vec![flat(&first.codes), flat(&first.averages)]);
        second.follow_first(&ranks).unwrap();
        for (own, of_first) in [
            (&second.codes, &first.codes),
            (&second.averages, &first.averages),
        ] {
            assert_eq!(flat(own), flat(of_first));
        }
    }

    /// The variable that it starts from is overwritten by its codes, where it lies.
    #[test]
    fn it_shares_no_memory_with_the_codes_that_it_starts_from() {
        let start = candle_core::Var::from_tensor(&tensor(&[[1.0, 2.0]])).unwrap();
        let book = EmaCodebook::new(start.as_tensor(), ["test"], 0.5, false).unwrap();
        start.set(&tensor(&[[5.0, 5.0]])).unwrap();
        assert_eq!(codes(&book), [[1.0, 2.0]]);
        start.set(book.codes()).unwrap();
        let start: Vec<Vec<f32>> = start.to_vec2().unwrap();
        assert_eq!(start, codes(&book));
    }
}
