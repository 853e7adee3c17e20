//! From vectors to tokens: vector quantisation with learned codebooks, or finite scalar quantisation.
//!
//! A token is `Q` codes, one of each stage. A frame's tokens are given as `N Q` codes, all of a token one after the other;
//! with one stage, as in the paper, token and code are the same.

use candle_core::{D, DType, Device, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::{Error, QuantizerConfig, ops};

/// `Q` codebooks of `V` codes of width `C`.
#[derive(Clone, Debug)]
pub enum Quantizer {
    /// The nearest of `V` learned vectors and, in each further stage, the nearest to what is left (residual vector
    /// quantisation; Lee et al. 2022).
    Vq {
        /// Codebooks of all stages, one after the other: `[Q V, C]`.
        codebook: Tensor,
        /// Number `Q` of stages.
        stages: usize,
    },
    /// Each dimension rounded to one of a few levels between -1 and 1 (Mentzer et al. 2023).
    Fsq {
        /// Levels of each of the `C` dimensions.
        levels: Vec<usize>,
        /// All codes `[V, C]`.
        codebook: Tensor,
    },
}

/// Vectors after quantisation.
#[derive(Clone, Debug)]
pub struct Quantized {
    /// The code vectors `[.., N, C]`, sums over the stages; their gradient passes straight through to the vectors.
    pub codes: Tensor,
    /// Codes of the tokens, `[.., N Q]` (u32).
    pub tokens: Tensor,
    /// Mean squared distance of the vectors from the sum of their codes up to each stage, mean over the stages; it pulls the
    /// encoder to its codebooks. Zero for finite scalar quantisation.
    pub commitment: Tensor,
}

impl Quantizer {
    /// Builds the quantizer; a learned codebook comes from `vb`.
    ///
    /// # Errors
    /// [`Error::Tensor`] if the codebook is missing or has another shape.
    pub fn new(config: &QuantizerConfig, vb: VarBuilder) -> Result<Self, Error> {
        match config {
            QuantizerConfig::Vq { codes, dim, stages } => {
                let init = Init::Randn {
                    mean: 0.0,
                    stdev: 1.0,
                };
                let codebook = vb.get_with_hints((stages * codes, *dim), "codebook", init)?;
                Ok(Self::Vq {
                    codebook,
                    stages: *stages,
                })
            }
            QuantizerConfig::Fsq { levels } => Ok(Self::Fsq {
                levels: levels.clone(),
                codebook: fsq_codebook(levels, vb.device())?,
            }),
        }
    }

    /// The codes of all stages, one stage after the other: `[Q V, C]`.
    pub fn codebook(&self) -> &Tensor {
        match self {
            Self::Vq { codebook, .. } | Self::Fsq { codebook, .. } => codebook,
        }
    }

    /// Number `Q` of codes of a token.
    pub fn stages(&self) -> usize {
        match self {
            Self::Vq { stages, .. } => *stages,
            Self::Fsq { .. } => 1,
        }
    }

    /// Nearest codes `[.., N Q]` (u32) of vectors `[.., N, C]`.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn tokens(&self, vectors: &Tensor) -> Result<Tensor, Error> {
        let vectors = vectors.detach();
        let dims = vectors.dims();
        let (outer, dim) = (&dims[..dims.len() - 1], dims[dims.len() - 1]);
        let flat = vectors.reshape(((), dim))?;
        let tokens = match self {
            Self::Vq { codebook, stages } => residual_codes(&flat, &codebook.detach(), *stages)?,
            Self::Fsq { levels, .. } if !ops::fused(&[&flat]) => {
                level_numbers(&bounded(&flat)?, levels)?
            }
            Self::Fsq { levels, .. } => {
                let values = bounded(&flat)?.flatten_all()?.to_vec1::<f32>()?;
                let tokens: Vec<u32> = values
                    .chunks_exact(levels.len().max(1))
                    .map(|vector| {
                        vector
                            .iter()
                            .zip(levels)
                            .fold(0, |token, (&v, &l)| token * l as u32 + level_index(v, l))
                    })
                    .collect();
                Tensor::from_vec(tokens, flat.dim(0)?, flat.device())?
            }
        };
        let mut shape = outer.to_vec();
        if let Some(last) = shape.last_mut() {
            *last *= self.stages();
        }
        Ok(tokens.reshape(shape)?)
    }

    /// Code vectors `[.., N, C]` of tokens `[.., N Q]`: sums over the stages.
    ///
    /// # Errors
    /// [`Error::Tensor`] if a code is not in the codebook, or the codes are no whole number of tokens.
    pub fn codes(&self, tokens: &Tensor) -> Result<Tensor, Error> {
        let codebook = self.codebook();
        let stages = self.stages();
        if stages == 1 {
            return Ok(ops::gather_rows(codebook, tokens)?);
        }
        let rows = ops::table_rows(tokens, stages, codebook.dim(0)? / stages)?;
        Ok(ops::gather_row_sums(codebook, &rows)?)
    }

    /// Quantises vectors `[.., N, C]` with a straight-through gradient.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn quantize(&self, vectors: &Tensor) -> Result<Quantized, Error> {
        let tokens = self.tokens(vectors)?;
        let codes = self.codes(&tokens)?.detach();
        match self {
            Self::Vq { .. } => Ok(Quantized {
                commitment: self.commitment(vectors, &tokens, &codes)?,
                codes: ops::straight_through(vectors, &codes)?,
                tokens,
            }),
            Self::Fsq { .. } => {
                let bounded = bounded(vectors)?;
                Ok(Quantized {
                    codes: ops::straight_through(&bounded, &codes)?,
                    tokens,
                    commitment: Tensor::zeros((), DType::F32, vectors.device())?,
                })
            }
        }
    }

    /// See [`Quantized::commitment`]; `codes` are the sums over all stages.
    fn commitment(
        &self,
        vectors: &Tensor,
        tokens: &Tensor,
        codes: &Tensor,
    ) -> Result<Tensor, Error> {
        let stages = self.stages();
        let squared = |codes: &Tensor| ops::mean_errors(vectors, codes)?.get(0);
        let mut distance = squared(codes)?;
        if stages > 1 {
            let codebook = self.codebook().detach();
            let rows = ops::table_rows(tokens, stages, codebook.dim(0)? / stages)?;
            let axis = rows.rank() - 1;
            let mut sum = vectors.zeros_like()?.detach();
            for stage in 0..stages - 1 {
                let rows = rows.narrow(axis, stage, 1)?.squeeze(axis)?.contiguous()?;
                sum = (sum + ops::gather_rows(&codebook, &rows)?)?;
                distance = (distance + squared(&sum)?)?;
            }
        }
        Ok((distance / stages as f64)?)
    }
}

/// Codes `[R, Q]` of vectors `[R, C]`: in each stage the nearest to what the ones before left over.
fn residual_codes(
    vectors: &Tensor,
    codebook: &Tensor,
    stages: usize,
) -> candle_core::Result<Tensor> {
    let codes = codebook.dim(0)? / stages.max(1);
    let mut residual = vectors.clone();
    let mut chosen = Vec::with_capacity(stages);
    for stage in 0..stages {
        let book = codebook.narrow(0, stage * codes, codes)?;
        // argmin |x - c|^2 = argmax (x.c - |c|^2 / 2)
        let half = (book.sqr()?.sum(D::Minus1)? * -0.5)?;
        let nearest = ops::linear_bias(&residual, &book, &half)?.argmax(D::Minus1)?;
        if stage + 1 < stages {
            residual = (residual - ops::gather_rows(&book, &nearest)?)?;
        }
        chosen.push(nearest);
    }
    Tensor::stack(&chosen, 1)
}

fn bounded(vectors: &Tensor) -> candle_core::Result<Tensor> {
    vectors.tanh()
}

fn level_index(value: f32, levels: usize) -> u32 {
    let top = (levels - 1) as f32;
    ((value * 0.5 + 0.5) * top).round().clamp(0.0, top) as u32
}

/// Tokens `[R]` of bounded vectors `[R, C]`, as [`level_index`] counts them, without reading them back from their device.
fn level_numbers(vectors: &Tensor, levels: &[usize]) -> candle_core::Result<Tensor> {
    let device = vectors.device();
    let tops: Vec<f32> = levels.iter().map(|&l| (l - 1) as f32).collect();
    let mut places = vec![1f32; levels.len()];
    for at in (1..levels.len()).rev() {
        places[at - 1] = places[at] * levels[at] as f32;
    }
    let tops = Tensor::new(tops, device)?;
    let shifted = vectors.affine(0.5, 0.5)?.broadcast_mul(&tops)?.round()?;
    let indices = shifted
        .maximum(0f32)?
        .broadcast_minimum(&tops)?
        .broadcast_mul(&Tensor::new(places, device)?)?;
    // Exact: there are fewer codes than whole numbers that f32 has.
    indices.sum(D::Minus1)?.to_dtype(DType::U32)
}

fn fsq_codebook(levels: &[usize], device: &Device) -> candle_core::Result<Tensor> {
    let codes: usize = levels.iter().product();
    let mut values = Vec::with_capacity(codes * levels.len());
    for token in 0..codes {
        let mut rest = token;
        let mut vector: Vec<f32> = levels
            .iter()
            .rev()
            .map(|&l| {
                let index = rest % l;
                rest /= l;
                index as f32 / (l - 1) as f32 * 2.0 - 1.0
            })
            .collect();
        vector.reverse();
        values.extend(vector);
    }
    Tensor::from_vec(values, (codes, levels.len()), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vq_finds_the_nearest_code() {
        let device = Device::Cpu;
        let codebook = Tensor::new(&[[0f32, 0.], [1., 0.], [0., 2.]], &device).unwrap();
        let quantizer = Quantizer::Vq {
            codebook,
            stages: 1,
        };
        let vectors = Tensor::new(
            &[[[0.9f32, 0.2], [0.1, 1.2]], [[0.1, 0.2], [9., 9.]]],
            &device,
        );
        let tokens = quantizer.tokens(&vectors.unwrap()).unwrap();
        assert_eq!(tokens.to_vec2::<u32>().unwrap(), [[1, 2], [0, 2]]);
    }

    #[test]
    fn later_stages_quantise_what_is_left() {
        let device = Device::Cpu;
        let codebook = Tensor::new(&[[0f32, 0.], [4., 0.], [1., 0.], [0., 1.]], &device).unwrap();
        let quantizer = Quantizer::Vq {
            codebook,
            stages: 2,
        };
        let vectors = Tensor::new(&[[[4.1f32, 0.9], [0.8, 0.1], [5.0, 0.1]]], &device).unwrap();
        let quantized = quantizer.quantize(&vectors).unwrap();
        let tokens = quantized.tokens.to_vec2::<u32>().unwrap();
        assert_eq!(tokens, [[1, 1, 0, 0, 1, 0]]);
        let codes = quantized.codes.to_vec3::<f32>().unwrap();
        let expected = [[4f32, 1.], [1., 0.], [5., 0.]];
        for (code, expected) in codes[0].iter().zip(expected) {
            assert!(code.iter().zip(expected).all(|(c, e)| (c - e).abs() < 1e-6));
        }
        // Squared distances after one stage and after both, over six values each.
        let one = (0.1f32.powi(2) + 0.9f32.powi(2))
            + (0.8f32.powi(2) + 0.1f32.powi(2))
            + (1.0 + 0.1f32.powi(2));
        let both = 2.0 * 0.1f32.powi(2) + (0.2f32.powi(2) + 0.1f32.powi(2)) + 0.1f32.powi(2);
        let commitment = quantized.commitment.to_scalar::<f32>().unwrap();
        assert!((commitment - (one + both) / 12.0).abs() < 1e-5);
    }

    #[test]
    fn fsq_tokens_and_codes_are_inverse() {
        let config = QuantizerConfig::Fsq {
            levels: vec![3, 4, 2],
        };
        let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
        let quantizer = Quantizer::new(&config, vb).unwrap();
        let all = Tensor::arange(0u32, 24, &Device::Cpu).unwrap();
        let codes = quantizer.codes(&all).unwrap();
        let values: Vec<f32> = codes.flatten_all().unwrap().to_vec1().unwrap();
        let vectors = values.iter().map(|v| (v * 0.99).atanh()).collect();
        let vectors = Tensor::from_vec(vectors, codes.shape(), &Device::Cpu).unwrap();
        let tokens = quantizer.tokens(&vectors).unwrap();
        assert_eq!(
            tokens.to_vec1::<u32>().unwrap(),
            (0..24).collect::<Vec<_>>()
        );
    }
}
