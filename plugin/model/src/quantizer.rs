//! From vectors to tokens: vector quantisation with a learned codebook, or finite scalar quantisation.

use candle_core::{D, DType, Device, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::{Error, QuantizerConfig, ops};

/// A codebook of `V` codes of width `C`.
#[derive(Clone, Debug)]
pub enum Quantizer {
    /// The nearest of `V` learned vectors.
    Vq {
        /// `[V, C]`.
        codebook: Tensor,
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
    /// The codes `[.., C]`; their gradient passes straight through to the vectors.
    pub codes: Tensor,
    /// Tokens `[..]` (u32).
    pub tokens: Tensor,
    /// Mean squared distance of the vectors from their codes, which pulls the encoder to its codebook. Zero for
    /// finite scalar quantisation.
    pub commitment: Tensor,
}

impl Quantizer {
    /// Builds the quantizer; a learned codebook comes from `vb`.
    ///
    /// # Errors
    /// [`Error::Tensor`] if the codebook is missing or has another shape.
    pub fn new(config: &QuantizerConfig, vb: VarBuilder) -> Result<Self, Error> {
        match config {
            QuantizerConfig::Vq { codes, dim } => {
                let init = Init::Randn {
                    mean: 0.0,
                    stdev: 1.0,
                };
                let codebook = vb.get_with_hints((*codes, *dim), "codebook", init)?;
                Ok(Self::Vq { codebook })
            }
            QuantizerConfig::Fsq { levels } => Ok(Self::Fsq {
                levels: levels.clone(),
                codebook: fsq_codebook(levels, vb.device())?,
            }),
        }
    }

    /// All codes `[V, C]`.
    pub fn codebook(&self) -> &Tensor {
        match self {
            Self::Vq { codebook } | Self::Fsq { codebook, .. } => codebook,
        }
    }

    /// Nearest tokens `[..]` (u32) of vectors `[.., C]`.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn tokens(&self, vectors: &Tensor) -> Result<Tensor, Error> {
        let vectors = vectors.detach();
        let dims = vectors.dims();
        let (outer, dim) = (&dims[..dims.len() - 1], dims[dims.len() - 1]);
        let flat = vectors.reshape(((), dim))?;
        let tokens = match self {
            Self::Vq { codebook } => {
                // argmin |x - c|^2 = argmax (x.c - |c|^2 / 2)
                let codebook = codebook.detach();
                let half = (codebook.sqr()?.sum(D::Minus1)? * -0.5)?;
                ops::linear_bias(&flat, &codebook, &half)?.argmax(D::Minus1)?
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
        Ok(tokens.reshape(outer)?)
    }

    /// Codes `[.., C]` of tokens `[..]`.
    ///
    /// # Errors
    /// [`Error::Tensor`] if a token is not in the codebook.
    pub fn codes(&self, tokens: &Tensor) -> Result<Tensor, Error> {
        Ok(ops::gather_rows(self.codebook(), tokens)?)
    }

    /// Quantises vectors `[.., C]` with a straight-through gradient.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn quantize(&self, vectors: &Tensor) -> Result<Quantized, Error> {
        let tokens = self.tokens(vectors)?;
        let codes = self.codes(&tokens)?.detach();
        match self {
            Self::Vq { .. } => Ok(Quantized {
                commitment: (vectors - &codes)?.sqr()?.mean_all()?,
                codes: (vectors + (codes - vectors.detach())?)?,
                tokens,
            }),
            Self::Fsq { .. } => {
                let bounded = bounded(vectors)?;
                Ok(Quantized {
                    codes: (&bounded + (codes - bounded.detach())?)?,
                    tokens,
                    commitment: Tensor::zeros((), DType::F32, vectors.device())?,
                })
            }
        }
    }
}

fn bounded(vectors: &Tensor) -> candle_core::Result<Tensor> {
    vectors.tanh()
}

fn level_index(value: f32, levels: usize) -> u32 {
    let top = (levels - 1) as f32;
    ((value * 0.5 + 0.5) * top).round().clamp(0.0, top) as u32
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
        let quantizer = Quantizer::Vq { codebook };
        let vectors = Tensor::new(
            &[[[0.9f32, 0.2], [0.1, 1.2]], [[0.1, 0.2], [9., 9.]]],
            &device,
        );
        let tokens = quantizer.tokens(&vectors.unwrap()).unwrap();
        assert_eq!(tokens.to_vec2::<u32>().unwrap(), [[1, 2], [0, 2]]);
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
