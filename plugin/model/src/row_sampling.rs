//! Sampling from many rows of logits at once, on the device that has them: nothing is read back.

use candle_core::{D, DType, Tensor};

use crate::{Error, SamplerSettings};

impl SamplerSettings {
    /// [`choose_by`](Self::choose_by) for each row of `logits` `[R, V]` by the numbers `chance` `[R]`, drawn evenly from 0 to 1: tokens
    /// `[R]` (u32). Rows that are not finite give some token.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn choose_rows(&self, logits: &Tensor, chance: &Tensor) -> Result<Tensor, Error> {
        let logits = logits.detach().to_dtype(DType::F32)?.contiguous()?;
        if self.temperature <= 1e-4 {
            return Ok(logits.argmax(D::Minus1)?);
        }
        let scaled = (logits / f64::from(self.temperature))?;
        let weights = candle_nn::ops::softmax_last_dim(&scaled)?;
        let (sorted, tokens) = weights.sort_last_dim(false)?;
        let sums = running_sums(&sorted)?;
        // The likeliest tokens that together have a probability of `top_p`.
        let kept = (&sums - &sorted)?.lt(self.top_p)?.to_dtype(DType::F32)?;
        let drawn = (&sorted * &kept)?.sum_keepdim(D::Minus1)?;
        let drawn = drawn.mul(&chance.to_dtype(DType::F32)?.unsqueeze(1)?)?;
        let passed = sums.broadcast_le(&drawn)?.to_dtype(DType::F32)?;
        let last = (kept.sum_keepdim(D::Minus1)? - 1.0)?;
        let place = passed.sum_keepdim(D::Minus1)?.minimum(&last)?.relu()?;
        let place = place.to_dtype(DType::U32)?;
        Ok(tokens.gather(&place, D::Minus1)?.squeeze(1)?)
    }
}

/// Sums of each row `[R, V]` up to each of its values. By doubling: exact in `f32`, which a product with a triangle of ones is not where
/// products are computed in less.
fn running_sums(rows: &Tensor) -> candle_core::Result<Tensor> {
    let (_, width) = rows.dims2()?;
    let mut sums = rows.clone();
    let mut reach = 1;
    while reach < width {
        let moved = sums.narrow(1, 0, width - reach)?;
        sums = (&sums + moved.pad_with_zeros(1, reach, 0)?)?;
        reach *= 2;
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn sums_run() {
        let rows = Tensor::new(
            &[[1f32, 2., 3., 4., 5.], [0., 1., 0., -1., 2.]],
            &Device::Cpu,
        );
        let sums = running_sums(&rows.unwrap()).unwrap();
        let expected = [[1f32, 3., 6., 10., 15.], [0., 1., 1., 0., 2.]];
        assert_eq!(sums.to_vec2::<f32>().unwrap(), expected);
    }

    /// Rows are drawn as one by one, but for a number that falls within rounding of the border between two tokens.
    #[test]
    fn rows_are_drawn_as_one_by_one() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let (rows, codes) = (500, 77);
        for (temperature, top_p, sharpness) in [
            (1.0, 0.9, 4.0),
            (1.0, 1.0, 1.0),
            (0.5, 0.4, 2.0),
            (0.0, 0.9, 3.0),
        ] {
            let settings = SamplerSettings {
                temperature,
                top_p,
                ..SamplerSettings::default()
            };
            let logits = (0..rows * codes).map(|_| sharpness * (rng.random::<f32>() - 0.5) * 4.0);
            let logits: Vec<f32> = logits.collect();
            let chance: Vec<f32> = (0..rows).map(|_| rng.random()).collect();
            let mut weights = vec![0.0; codes];
            let one_by_one = logits
                .chunks_exact(codes)
                .zip(&chance)
                .map(|(row, &chance)| settings.choose_by(chance, row, &mut weights).unwrap().token);
            let one_by_one: Vec<u32> = one_by_one.collect();
            let logits = Tensor::from_vec(logits, (rows, codes), &Device::Cpu).unwrap();
            let chance = Tensor::new(chance, &Device::Cpu).unwrap();
            let all = settings.choose_rows(&logits, &chance).unwrap();
            let all = all.to_vec1::<u32>().unwrap();
            let other = all.iter().zip(&one_by_one).filter(|(a, b)| a != b).count();
            assert!(other <= 1, "{temperature} {top_p}: {other} of {rows}");
        }
    }

    #[test]
    fn rows_that_are_not_finite_give_tokens_that_there_are() {
        let logits = Tensor::new(
            &[
                [f32::NAN, 0.0, 1.0],
                [f32::INFINITY, 0.0, 1.0],
                [0.0, 0.0, 0.0],
            ],
            &Device::Cpu,
        );
        let chance = Tensor::new(&[0.5f32, 0.999_999_9, 0.999_999_9], &Device::Cpu).unwrap();
        let settings = SamplerSettings::default();
        let tokens = settings.choose_rows(&logits.unwrap(), &chance).unwrap();
        assert!(
            tokens
                .to_vec1::<u32>()
                .unwrap()
                .iter()
                .all(|&token| token < 3)
        );
    }
}
