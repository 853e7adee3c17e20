//! The masks of `MaskGIT` training (paper section 2.3), and wrong tokens in the context.

use candle_core::{D, Tensor};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::config::TrainConfig;

/// A batch with wrong tokens in the context and masked ones in the frames themselves.
pub(super) struct Masking {
    /// Tokens of the past, `[B, T, N]` in order, some of them wrong.
    pub(super) context: Vec<u32>,
    /// Tokens of the frames to predict, some of them masked.
    pub(super) masked: Vec<u32>,
    /// Positions of the masked tokens in the flattened batch.
    pub(super) rows: Vec<u32>,
    /// Loss weight of each row.
    pub(super) weights: Vec<f32>,
    /// Rows of changed tokens in fully masked frames: those that depend on the action most.
    hard: Vec<u32>,
}

impl Masking {
    /// Draws which of `tokens`, `[B, T, N]` in order, are wrong in the context and which are masked.
    pub(super) fn draw(tokens: &[u32], config: &TrainConfig, rng: &mut ChaCha8Rng) -> Self {
        let (frames, per_frame) = (config.dynamics.clip_frames, config.model.tokens_per_frame());
        let mask = config.model.tokenizer.quantizer.codes() as u32;
        let mut masking = Self {
            context: tokens.to_vec(),
            masked: tokens.to_vec(),
            rows: Vec::new(),
            weights: Vec::new(),
            hard: Vec::new(),
        };
        for start in (0..tokens.len()).step_by(frames * per_frame) {
            let wrong = rng.random::<f32>() * config.corruption.tokens;
            for frame in 0..frames {
                let first = start + frame * per_frame;
                for token in &mut masking.context[first..first + per_frame] {
                    if rng.random::<f32>() < wrong {
                        // A token from the same batch is a plausible wrong one.
                        *token = tokens[rng.random_range(0..tokens.len())];
                    }
                }
                if frame == 0 {
                    continue;
                }
                let fully = rng.random::<f32>() < config.fully_masked;
                let rate = if fully {
                    1.0
                } else {
                    (rng.random::<f32>() * std::f32::consts::FRAC_PI_2).cos()
                };
                for i in first..first + per_frame {
                    if rng.random::<f32>() >= rate {
                        continue;
                    }
                    let changed = tokens[i] != tokens[i - per_frame];
                    masking.masked[i] = mask;
                    if fully && changed {
                        masking.hard.push(masking.rows.len() as u32);
                    }
                    masking.rows.push(i as u32);
                    let weight = if changed {
                        config.model.dynamics.changed_weight
                    } else {
                        1.0
                    };
                    masking.weights.push(weight);
                }
            }
        }
        masking
    }

    /// Share of the changed tokens of fully masked frames of which the likeliest prediction, by `logits` `[R, V]` of the
    /// masked rows, is that of `targets`.
    pub(super) fn hard_accuracy(
        &self,
        targets: &[u32],
        logits: &Tensor,
    ) -> candle_core::Result<f64> {
        let best = logits.detach().argmax(D::Minus1)?.to_vec1::<u32>()?;
        let right = |&&row: &&u32| best[row as usize] == targets[row as usize];
        let right = self.hard.iter().filter(right).count();
        Ok(right as f64 / self.hard.len().max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn every_masked_row_is_predicted_and_the_first_frame_never() {
        let config = TrainConfig::platformer();
        let per_frame = config.model.tokens_per_frame();
        let codes = config.model.tokenizer.quantizer.codes() as u32;
        let clip = config.dynamics.clip_frames * per_frame;
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        // The first half of every frame changes, the second never does.
        let token = |i: usize| {
            if i % per_frame < per_frame / 2 {
                i as u32 % codes
            } else {
                7
            }
        };
        let tokens: Vec<_> = (0..2 * clip).map(token).collect();
        let masking = Masking::draw(&tokens, &config, &mut rng);
        let masked: Vec<_> = (0..tokens.len())
            .filter(|&i| masking.masked[i] == codes)
            .collect();
        let rows: Vec<_> = masking.rows.iter().map(|&row| row as usize).collect();
        assert_eq!(rows, masked);
        assert!(rows.iter().all(|row| row % clip >= per_frame));
        for (&row, &weight) in rows.iter().zip(&masking.weights) {
            let changes = tokens[row] != tokens[row - per_frame];
            assert_eq!(weight > 1.0, changes);
        }
        let wrong = masking
            .context
            .iter()
            .zip(&tokens)
            .filter(|(a, b)| a != b)
            .count();
        let most = config.corruption.tokens * tokens.len() as f32;
        assert!(wrong > 0 && (wrong as f32) < 1.5 * most, "{wrong}");
    }
}
