//! MaskGIT sampling (Chang et al. 2022; paper section 2.3): all tokens of a frame start masked, and in a few steps the
//! model fills in more and more of them, each step seeing what the last ones chose.
//!
//! # Which steps and order
//! An earlier shipped world, `genie evaluate --clips 24 --horizon 16 --survival 100` with `--steps` and `--order`; standard errors
//! are 1.6 to 2.0 dB and about 0.06:
//!
//! | order | steps | delta-PSNR, dB | inferred PSNR, dB | faithfulness at 1 / 16 | hero visible after 20 / 100 |
//! |---|---|---|---|---|---|
//! | any | 1 | 10.6 | 26.7 | 1.00 / 0.93 | 0.96 / 0.88 |
//! | confidence | 2 | 10.3 | 26.1 | 1.00 / 0.93 | 0.96 / 0.88 |
//! | | 4 | 10.5 | 26.8 | 0.99 / 0.94 | 0.92 / 0.88 |
//! | | 8 | 11.9 | 28.1 | 1.00 / 0.94 | 0.88 / 0.88 |
//! | | 25 | 11.3 | 27.6 | 1.00 / 0.95 | 0.83 / 0.83 |
//! | random | 2 | 10.5 | 26.7 | 0.98 / 0.93 | 0.92 / 0.75 |
//! | | 4 | 10.5 | 26.9 | 0.99 / 0.94 | 0.96 / 0.67 |
//! | | 8 | 9.9 | 25.9 | 1.00 / 0.95 | 0.92 / 0.79 |
//! | | 25 | 10.0 | 26.3 | 0.97 / 0.94 | 0.92 / 0.83 |
//! | sure first | 2 | 11.8 | 28.2 | 1.00 / 0.92 | 0.92 / 1.00 |
//! | | **4** | **13.4** | **29.7** | 1.00 / 0.90 | 0.92 / 0.92 |
//! | | 8 | 13.0 | 29.2 | 1.00 / 0.91 | 0.92 / 0.79 |
//! | | 25 | 12.5 | 28.7 | 1.00 / 0.92 | 1.00 / 0.96 |
//!
//! More steps help little in any order, and neither does keeping no two neighbours in the same step: what a frame shows is
//! nearly certain but for a few tokens. Passes that have nothing left to decide are not made. Keeping the certain ones
//! at once and spending the steps on these few is worth 1 to 3 dB at every number of steps, and costs nothing, hence the
//! default; with two steps a frame takes half the time.
//!
//! # Neighbours
//! What a step decides at once is drawn apart, and what earlier steps decided counts for less than it should: of 40 trees of
//! held-out levels that come into the picture, the shipped world's model believes in the crown with 0.58 when it has seen
//! nothing of the frame, and with 0.75 when it has seen the trunk below. Hence [`TokenAdjacency`]; `genie evaluate --clips 32
//! --horizon 16 --survival 100` with `--neighbours`, at a time when all of the weight of changed tokens was taken back (see
//! [`undo_changed_weight`](crate::DynamicsModel::undo_changed_weight)):
//!
//! | neighbours | delta-PSNR, dB | faithfulness at 1 / 16 | hero visible after 20 / 100, in all frames |
//! |---|---|---|---|
//! | 0 | 13.2 | 0.98 / 0.91 | 0.97 / 0.97, 0.92 |
//! | **0.3** | 13.9 | 0.99 / 0.95 | 0.97 / 0.97, 0.96 |
//! | 0.5 | 13.6 | 0.99 / 0.94 | 0.97 / 0.94, 0.94 |
//! | 1 | 13.6 | 0.99 / 0.92 | 0.91 / 0.94, 0.91 |
//!
//! With all of it, what the model got wrong elsewhere, a hero inside a wall, is made to go together by leaving out the hero.

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::ops::softmax_weights;
use crate::{Error, TokenAdjacency};

/// Which of a step's predictions are kept first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnmaskingOrder {
    /// Those that the model is surest of, in numbers that grow from step to step (the cosine schedule).
    Confidence,
    /// Any.
    Random,
    /// As by confidence, but all that the model is nearly certain of (90 %) is kept at once, and the steps are spent evenly
    /// on the rest: in most frames little is uncertain, and what is (a hero of several tokens) should not be decided in
    /// one go.
    #[default]
    #[serde(alias = "sure_first")]
    ConfidenceThreshold,
}

/// Probability from which a prediction is kept at once under [`UnmaskingOrder::ConfidenceThreshold`].
const THRESHOLD: f32 = 0.9;
/// Added to the priority of predictions above the threshold: more than log-probabilities and noise differ by.
const ABOVE_THRESHOLD: f32 = 1e3;

/// A token that was drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawn {
    /// The token.
    pub token: u32,
    /// Its log-probability before temperature and top-p.
    pub confidence: f32,
    /// That of the likeliest token.
    pub best: f32,
}

/// How a frame is sampled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SamplerSettings {
    /// MaskGIT steps per frame, 1 to 25.
    pub steps: usize,
    /// Softmax temperature; 0 takes the likeliest token.
    pub temperature: f32,
    /// Share of the probability that tokens are drawn from, likeliest first: what lies beyond is clutter that a world
    /// does not get rid of again. 1 draws from all tokens.
    pub top_p: f32,
    /// Which predictions are kept first.
    pub order: UnmaskingOrder,
    /// Gumbel noise on the confidence order, in nats; fades out over the steps.
    pub order_noise: f32,
    /// How strongly tokens are kept from standing where the footage never shows them: the share, 0 to 1, of the penalty in
    /// [`TokenAdjacency`] that each such neighbour counts.
    #[serde(alias = "neighbours")]
    pub adjacency: f32,
}

/// Memory for a number per code each.
struct Scratch {
    logits: Vec<f32>,
    weights: Vec<f32>,
}

impl Default for SamplerSettings {
    fn default() -> Self {
        Self {
            steps: 4,
            temperature: 1.0,
            top_p: 0.9,
            order: UnmaskingOrder::ConfidenceThreshold,
            order_noise: 1.0,
            adjacency: 0.3,
        }
    }
}

impl SamplerSettings {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Sampler`] says which setting is out of range.
    pub fn validate(&self) -> Result<(), Error> {
        if !(1..=25).contains(&self.steps) {
            return Err(Error::Sampler(format!(
                "steps must be 1 to 25, not {}",
                self.steps
            )));
        }
        for (name, value) in [
            ("temperature", self.temperature),
            ("order_noise", self.order_noise),
        ] {
            if !(0.0..=100.0).contains(&value) {
                return Err(Error::Sampler(format!(
                    "{name} must be 0 to 100, not {value}"
                )));
            }
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return Err(Error::Sampler(format!(
                "top_p must be above 0 and at most 1, not {}",
                self.top_p
            )));
        }
        if !(0.0..=1.0).contains(&self.adjacency) {
            return Err(Error::Sampler(format!(
                "adjacency must be 0 to 1, not {}",
                self.adjacency
            )));
        }
        Ok(())
    }

    /// Number of tokens of `tokens` that are still masked after step `step` (from 0): the cosine schedule.
    pub(crate) fn masked_after(&self, step: usize, tokens: usize) -> usize {
        if step + 1 >= self.steps {
            return 0;
        }
        let progress = (step + 1) as f64 / self.steps as f64;
        let masked = (tokens as f64 * (progress * std::f64::consts::FRAC_PI_2).cos()).floor();
        // Every step fixes at least one token.
        (masked as usize).min(tokens.saturating_sub(step + 1))
    }

    /// Fills in masked entries of `tokens` (those equal to `V`) from `logits` `[N, V]`, and leaves the least sure masked until
    /// as many are left as the schedule says for `step`. Where the `adjacency` of tokens is known, it
    /// lowers the logits of tokens that the footage never shows beside those that are decided.
    ///
    /// Returns `false`, with the tokens in no useful state, if a logit is not finite.
    pub fn unmask(
        &self,
        tokens: &mut [u32],
        logits: &[f32],
        step: usize,
        adjacency: Option<&TokenAdjacency>,
        rng: &mut impl Rng,
    ) -> bool {
        let codes = logits.len() / tokens.len().max(1);
        let mask = codes as u32;
        let adjacency = adjacency.filter(|it| self.adjacency > 0.0 && it.codes() == codes);
        let mut keep_masked = self.masked_after(step, tokens.len());
        let mut below_threshold = 0;
        let fade = 1.0 - (step + 1) as f32 / self.steps as f32;
        let mut candidates = Vec::new();
        let mut scratch = Scratch {
            logits: vec![0f32; codes],
            weights: vec![0f32; codes],
        };
        for (place, token) in tokens.iter().enumerate() {
            if *token != mask {
                continue;
            }
            let drawn = self.choose_beside(tokens, logits, place, adjacency, &mut scratch, rng);
            let Some(drawn) = drawn else {
                return false;
            };
            let gumbel = -(-rng.random::<f32>().max(1e-9).ln()).max(1e-9).ln();
            let noise = self.order_noise * fade * gumbel;
            let priority = match self.order {
                UnmaskingOrder::Confidence => drawn.confidence + noise,
                UnmaskingOrder::Random => gumbel,
                // Not by what was drawn, or the unlikely would hardly ever come to pass.
                UnmaskingOrder::ConfidenceThreshold if drawn.best >= THRESHOLD.ln() => {
                    ABOVE_THRESHOLD + drawn.best
                }
                UnmaskingOrder::ConfidenceThreshold => {
                    below_threshold += 1;
                    drawn.best + noise
                }
            };
            candidates.push((priority, place, drawn.token));
        }
        if self.order == UnmaskingOrder::ConfidenceThreshold {
            // An even share of those below the threshold for this step and for each of those to come, at least one.
            let left = self.steps.saturating_sub(step).max(1);
            let decided = usize::div_ceil(below_threshold, left).max(1);
            keep_masked = below_threshold.saturating_sub(decided);
        }
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        candidates.truncate(candidates.len().saturating_sub(keep_masked));
        for (_, place, token) in candidates {
            // Drawn before its neighbours of this step were decided: once more if it does not go with them.
            tokens[place] = if adjacency.is_none_or(|it| it.fits(tokens, place, token)) {
                token
            } else {
                let drawn = self.choose_beside(tokens, logits, place, adjacency, &mut scratch, rng);
                let Some(drawn) = drawn else {
                    return false;
                };
                drawn.token
            };
        }
        true
    }

    /// [`choose`](Self::choose) for a place among `tokens` that are decided, by the `logits` `[N, V]` of the frame.
    fn choose_beside(
        &self,
        tokens: &[u32],
        logits: &[f32],
        place: usize,
        adjacency: Option<&TokenAdjacency>,
        scratch: &mut Scratch,
        rng: &mut impl Rng,
    ) -> Option<Drawn> {
        let codes = scratch.logits.len();
        let own = &logits[place * codes..][..codes];
        let Some(adjacency) = adjacency else {
            return self.choose(own, &mut scratch.weights, rng);
        };
        scratch.logits.copy_from_slice(own);
        adjacency.penalise(tokens, place, self.adjacency, &mut scratch.logits);
        self.choose(&scratch.logits, &mut scratch.weights, rng)
    }

    /// Draws one token by its `logits` `[V]`. `None` if they are not finite. `weights` is memory for one number per logit.
    pub fn choose(&self, logits: &[f32], weights: &mut [f32], rng: &mut impl Rng) -> Option<Drawn> {
        // Drawn even where it is not needed, so that the numbers that follow do not depend on the temperature.
        let draw = rng.random::<f32>();
        let (top, total) = softmax_weights(logits, 1.0, weights);
        if !top.is_finite() || !total.is_finite() {
            return None;
        }
        let best = || logits.iter().position(|&v| v >= top);
        if self.temperature <= 1e-4 {
            return Some(Drawn {
                token: best()? as u32,
                confidence: -total.ln(),
                best: -total.ln(),
            });
        }
        let mut all = total;
        if (self.temperature - 1.0).abs() > f32::EPSILON {
            (_, all) = softmax_weights(logits, 1.0 / self.temperature, weights);
        }
        // Tokens too unlikely to be among the first `top_p`, whatever the others are, need no sorting.
        let least = all * (1.0 - self.top_p) / logits.len() as f32;
        let mut likely: Vec<(usize, f32)> = weights
            .iter()
            .copied()
            .enumerate()
            .filter(|&(_, w)| w >= least)
            .collect();
        likely.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut kept = 0.0;
        let enough = likely.iter().position(|&(_, w)| {
            kept += w;
            kept >= self.top_p * all
        });
        likely.truncate(enough.map_or(likely.len(), |last| last + 1));
        let mut left = draw * likely.iter().map(|&(_, w)| w).sum::<f32>();
        let mut choice = best()?;
        for (index, weight) in likely {
            left -= weight;
            if left < 0.0 {
                choice = index;
                break;
            }
        }
        Some(Drawn {
            token: choice as u32,
            confidence: logits[choice] - top - total.ln(),
            best: -total.ln(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AdjacentPairs;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn schedule_falls_to_zero() {
        for steps in 1..=25 {
            let settings = SamplerSettings {
                steps,
                ..Default::default()
            };
            let left: Vec<_> = (0..steps).map(|s| settings.masked_after(s, 64)).collect();
            assert!(left.windows(2).all(|w| w[1] < w[0]), "{left:?}");
            assert_eq!(left.last(), Some(&0));
        }
    }

    #[test]
    fn sampled_shares_follow_the_softmax() {
        let settings = SamplerSettings {
            steps: 1,
            temperature: 1.0,
            top_p: 1.0,
            ..Default::default()
        };
        let logits = [0.0f32, (2.0f32).ln(), (5.0f32).ln()];
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut counts = [0; 3];
        for _ in 0..8000 {
            let mut token = [3];
            assert!(settings.unmask(&mut token, &logits, 0, None, &mut rng));
            counts[token[0] as usize] += 1;
        }
        for (count, share) in counts.into_iter().zip([1.0, 2.0, 5.0]) {
            assert!(
                (f64::from(count) - share * 1000.0).abs() < 120.0,
                "{counts:?}"
            );
        }
    }

    #[test]
    fn unlikely_tokens_are_never_drawn_below_top_p() {
        let settings = SamplerSettings {
            steps: 1,
            temperature: 1.0,
            top_p: 0.8,
            ..Default::default()
        };
        // Shares of 0.6, 0.3, 0.06 and 0.04: the first two make up 0.8.
        let logits = [0.06f32.ln(), 0.6f32.ln(), 0.04f32.ln(), 0.3f32.ln()];
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut counts = [0; 4];
        for _ in 0..3000 {
            let mut token = [4];
            assert!(settings.unmask(&mut token, &logits, 0, None, &mut rng));
            counts[token[0] as usize] += 1;
        }
        assert_eq!((counts[0], counts[2]), (0, 0), "{counts:?}");
        assert!((f64::from(counts[1]) - 2000.0).abs() < 150.0, "{counts:?}");
    }

    #[test]
    fn sure_tokens_are_kept_at_once_and_unsure_ones_evenly() {
        let settings = SamplerSettings {
            steps: 3,
            order: UnmaskingOrder::ConfidenceThreshold,
            ..Default::default()
        };
        // Ten tokens of two codes, of which six are open questions.
        let logits: Vec<f32> = (0..10)
            .flat_map(|token| if token < 6 { [0.0, 0.5] } else { [9.0, 0.0] })
            .collect();
        let mut tokens = [2; 10];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (step, masked) in [4, 2, 0].into_iter().enumerate() {
            assert!(settings.unmask(&mut tokens, &logits, step, None, &mut rng));
            assert_eq!(tokens.iter().filter(|&&token| token == 2).count(), masked);
            assert_eq!(tokens[6..], [0; 4]);
        }
    }

    #[test]
    fn confident_tokens_come_first_and_fixed_ones_stay() {
        let settings = SamplerSettings {
            steps: 2,
            temperature: 0.0,
            order: UnmaskingOrder::Confidence,
            order_noise: 0.0,
            ..Default::default()
        };
        // Four tokens of two codes: the last is fixed, the second is the least sure.
        let logits = [9.0, 0.0, 0.1, 0.0, 0.0, 8.0, 5.0, 0.0];
        let mut tokens = [2, 2, 2, 1];
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        assert!(settings.unmask(&mut tokens, &logits, 0, None, &mut rng));
        assert_eq!(tokens[3], 1);
        assert_eq!(tokens[1], 2, "the least sure is masked again: {tokens:?}");
        assert!(!settings.unmask(&mut tokens, &[f32::NAN; 8], 1, None, &mut rng));
    }

    /// Two by two: crown 1 above trunk 2, sky 0 everywhere else; half of the chances are a tree in the right column.
    fn tree_or_sky() -> (TokenAdjacency, Vec<f32>) {
        let pairs = AdjacentPairs {
            right: vec![[0, 0], [0, 1], [0, 2]],
            below: vec![[0, 0], [1, 2]],
        };
        let sky = [9.0, -9.0, -9.0];
        let logits = [sky, [0.0, 0.0, -9.0], sky, [0.0, -9.0, 0.0]];
        (
            TokenAdjacency::new(3, 2, pairs, 9.0).unwrap(),
            logits.concat(),
        )
    }

    fn draw_trees(steps: usize, adjacency: Option<&TokenAdjacency>) -> [usize; 4] {
        let settings = SamplerSettings {
            steps,
            adjacency: 1.0,
            ..Default::default()
        };
        let (_, logits) = tree_or_sky();
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut counts = [0; 4];
        for _ in 0..2000 {
            let mut tokens = [3; 4];
            for step in 0..steps {
                assert!(settings.unmask(&mut tokens, &logits, step, adjacency, &mut rng));
            }
            let place = match tokens {
                [0, 0, 0, 0] => 0,
                [0, 1, 0, 2] => 1,
                [0, 1, 0, 0] => 2,
                [0, 0, 0, 2] => 3,
                other => panic!("{other:?}"),
            };
            counts[place] += 1;
        }
        counts
    }

    #[test]
    fn what_is_decided_at_once_goes_together() {
        let (adjacency, _) = tree_or_sky();
        for steps in [1, 2, 4] {
            let [sky, tree, crown, trunk] = draw_trees(steps, Some(&adjacency));
            assert_eq!((crown, trunk), (0, 0), "{steps} steps");
            assert!(sky.abs_diff(tree) < 200, "{sky} skies, {tree} trees");
            let apart = draw_trees(steps, None);
            assert!(apart.iter().all(|&n| n > 300), "{apart:?}");
        }
    }

    #[test]
    fn the_unlikely_comes_to_pass_as_often_as_it_should() {
        // One place in four is something else in 8 % of the cases: sure enough to be decided at once.
        let settings = SamplerSettings {
            top_p: 1.0,
            ..Default::default()
        };
        let logits = [9.0, -9.0, 0.92f32.ln(), 0.08f32.ln(), 9.0, -9.0, 9.0, -9.0];
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let mut unlikely = 0;
        for _ in 0..5000 {
            let mut tokens = [2; 4];
            for step in 0..settings.steps {
                assert!(settings.unmask(&mut tokens, &logits, step, None, &mut rng));
            }
            unlikely += tokens[1];
        }
        assert!((f64::from(unlikely) - 400.0).abs() < 80.0, "{unlikely}");
    }
}
