//! The masks of `MaskGIT` training (paper section 2.3), and wrong tokens in the context.

use std::ops::Range;

use candle_core::{D, Tensor};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::config::TrainConfig;

/// A batch with wrong tokens in the context and masked ones in the frames themselves.
pub(super) struct Masking {
    /// Codes of the past, `[B, T, N Q]` in order, some of them wrong.
    pub(super) context: Vec<u32>,
    /// Codes of the frames to predict, `V` where a token is masked.
    pub(super) masked: Vec<u32>,
    /// The `R` masked tokens, by their positions in `[B, T, N]` in order.
    pub(super) rows: Vec<u32>,
    /// Their codes, `R` of each of the `Q` stages.
    pub(super) targets: Vec<Vec<u32>>,
    /// Loss weight of each of these.
    pub(super) weights: Vec<Vec<f32>>,
    /// For each stage, this weight as a share of that of the whole batch; one unless this is a part of a batch.
    pub(super) shares: Vec<f64>,
    /// Rows of changed tokens in fully masked frames: those that depend on the action most.
    hard: Vec<u32>,
}

impl Masking {
    /// Draws which of the tokens with these `codes`, `[B, T, N Q]` in order, are wrong in the context and which are masked.
    ///
    /// A code has changed if it, or one of its token's earlier codes, differs from the frame before: what a stage says depends
    /// on those before it.
    pub(super) fn draw(codes: &[u32], config: &TrainConfig, rng: &mut ChaCha8Rng) -> Self {
        let quantizer = &config.model.tokenizer.quantizer;
        let (stages, mask) = (quantizer.stages(), quantizer.codes() as u32);
        let (frames, per_frame) = (config.dynamics.clip_frames, config.model.tokens_per_frame());
        let tokens = codes.len() / stages;
        let token = |at: usize| &codes[at * stages..][..stages];
        let mut masking = Self {
            context: codes.to_vec(),
            masked: codes.to_vec(),
            rows: Vec::new(),
            targets: vec![Vec::new(); stages],
            weights: vec![Vec::new(); stages],
            shares: vec![1.0; stages],
            hard: Vec::new(),
        };
        for start in (0..tokens).step_by(frames * per_frame) {
            let wrong = rng.random::<f32>() * config.corruption.tokens;
            for frame in 0..frames {
                let first = start + frame * per_frame;
                let context = &mut masking.context[first * stages..][..per_frame * stages];
                for context in context.chunks_exact_mut(stages) {
                    if rng.random::<f32>() < wrong {
                        // A token from the same batch is a plausible wrong one.
                        context.copy_from_slice(token(rng.random_range(0..tokens)));
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
                    let (now, before) = (token(i), token(i - per_frame));
                    masking.masked[i * stages..][..stages].fill(mask);
                    if fully && now[0] != before[0] {
                        masking.hard.push(masking.rows.len() as u32);
                    }
                    masking.rows.push(i as u32);
                    for stage in 0..stages {
                        let weight = if now[..=stage] == before[..=stage] {
                            1.0
                        } else {
                            config.model.dynamics.changed_weight
                        };
                        masking.targets[stage].push(now[stage]);
                        masking.weights[stage].push(weight);
                    }
                }
            }
        }
        masking
    }

    /// Part number `part` of as many parts of whole clips, all of the same size, and which of the rows it has.
    pub(super) fn part(&self, part: usize, parts: usize) -> (Self, Range<usize>) {
        let stages = self.targets.len();
        let length = self.context.len() / parts;
        let codes = part * length..(part + 1) * length;
        let tokens = (length / stages) as u32;
        let first = part as u32 * tokens;
        let at = |token: u32| self.rows.partition_point(|&row| row < token);
        let rows = at(first)..at(first + tokens);
        let sum = |weights: &[f32]| weights.iter().map(|&w| f64::from(w)).sum::<f64>();
        let weights: Vec<Vec<f32>> = (self.weights.iter())
            .map(|stage| stage[rows.clone()].to_vec())
            .collect();
        let masking = Self {
            context: self.context[codes.clone()].to_vec(),
            masked: self.masked[codes].to_vec(),
            rows: self.rows[rows.clone()]
                .iter()
                .map(|row| row - first)
                .collect(),
            targets: (self.targets.iter())
                .map(|stage| stage[rows.clone()].to_vec())
                .collect(),
            shares: (weights.iter().zip(&self.weights))
                .map(|(part, whole)| sum(part) / sum(whole).max(1e-12))
                .collect(),
            weights,
            hard: (self.hard.iter())
                .filter(|&&row| rows.contains(&(row as usize)))
                .map(|row| row - rows.start as u32)
                .collect(),
        };
        (masking, rows)
    }

    /// Share of the changed tokens of fully masked frames whose first code is the likeliest by `logits` `[R, V]` of the first
    /// codes of the masked rows.
    pub(super) fn hard_accuracy(&self, logits: &Tensor) -> candle_core::Result<f64> {
        let best = logits.detach().argmax(D::Minus1)?.to_vec1::<u32>()?;
        let right = |&&row: &&u32| best[row as usize] == self.targets[0][row as usize];
        let right = self.hard.iter().filter(right).count();
        Ok(right as f64 / self.hard.len().max(1) as f64)
    }

    /// The codes of all masked rows, `[R, Q]` in order.
    pub(super) fn target_codes(&self) -> Vec<u32> {
        let rows = 0..self.rows.len();
        rows.flat_map(|row| self.targets.iter().map(move |stage| stage[row]))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genie_model::QuantizerConfig;
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
        for (&row, &weight) in rows.iter().zip(&masking.weights[0]) {
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

    #[test]
    fn tokens_of_several_codes_are_masked_whole_and_weighted_from_the_first_change() {
        let mut config = TrainConfig::platformer();
        let (codes, dim, stages) = (1024, 128, 3);
        config.model.tokenizer.quantizer = QuantizerConfig::Vq { codes, dim, stages };
        config.corruption.tokens = 0.0;
        let per_frame = config.model.tokens_per_frame();
        let tokens = config.dynamics.clip_frames * per_frame;
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        // Of every token the second code changes, and with it what the third one means.
        let code = |i: usize| (if i % 3 == 1 { i / 3 / per_frame } else { 5 }) as u32;
        let all: Vec<_> = (0..3 * tokens).map(code).collect();
        let masking = Masking::draw(&all, &config, &mut rng);
        assert_eq!(masking.context, all);
        for (i, token) in masking.masked.chunks_exact(3).enumerate() {
            let masked = masking.rows.contains(&(i as u32));
            let whole = if masked {
                &[1024; 3]
            } else {
                &all[3 * i..][..3]
            };
            assert_eq!(token, whole);
        }
        let heavy = config.model.dynamics.changed_weight;
        for (stage, weight) in [1.0, heavy, heavy].into_iter().enumerate() {
            assert!(
                masking.weights[stage]
                    .iter()
                    .all(|w| (w - weight).abs() < 1e-6)
            );
        }
        let targets = masking
            .rows
            .iter()
            .flat_map(|&row| &all[3 * row as usize..][..3]);
        assert_eq!(masking.target_codes(), targets.copied().collect::<Vec<_>>());
    }
}
