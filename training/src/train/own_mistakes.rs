//! Tokens as the model in training would dream them.

use candle_core::{Result, Tensor};
use rand::Rng;
use rayon::prelude::*;

/// Draws a token for every row of `logits` `[R, V]`, each with its probability.
///
/// # Errors
/// When the shape is another.
pub(super) fn draw_tokens(logits: &Tensor, rng: &mut impl Rng) -> Result<Vec<u32>> {
    let (rows, codes) = logits.dims2()?;
    let logits = logits.flatten_all()?.to_vec1::<f32>()?;
    let draws: Vec<f32> = (0..rows).map(|_| rng.random()).collect();
    let rows = logits.par_chunks_exact(codes).zip(draws);
    let tokens = rows.map(|(row, draw)| {
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f32 = row.iter().map(|logit| (logit - top).exp()).sum();
        let mut left = draw * total;
        let drawn = row.iter().position(|logit| {
            left -= (logit - top).exp();
            left < 0.0
        });
        // Rounding may leave a little after the last one.
        drawn.unwrap_or(codes - 1) as u32
    });
    Ok(tokens.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn tokens_come_as_often_as_they_are_likely() {
        const ROWS: usize = 20_000;
        let probabilities = [0.5f32, 0.0, 0.2, 0.3];
        // Any constant may be added to logits.
        let row: Vec<f32> = probabilities.iter().map(|p| p.ln() + 7.0).collect();
        let logits = Tensor::from_vec(row.repeat(ROWS), (ROWS, 4), &Device::Cpu).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let tokens = draw_tokens(&logits, &mut rng).unwrap();
        for (token, probability) in probabilities.iter().enumerate() {
            let count = tokens.iter().filter(|&&t| t as usize == token).count();
            let off = count as f32 / ROWS as f32 - probability;
            assert!(off.abs() < 0.02, "token {token} is off by {off}");
        }
        assert!(!tokens.contains(&1));
    }
}
