//! MaskGIT sampling (Chang et al. 2022; paper section 2.3): all tokens of a frame start masked; each of a few steps
//! predicts them all and decides some of them, which the next steps see.
//!
//! Two refinements of the paper's sampler are on by default. What they are worth is in `EXPERIMENTS.md` of `genie_training`.
//!
//! - [`UnmaskingOrder::ConfidenceThreshold`] decides all nearly certain tokens at once and spends the steps on the others.
//! - [`TokenAdjacency`] lowers the logits of tokens that the footage never shows beside those that are decided: tokens of one
//!   step are drawn independently, which otherwise gives a tree without its crown.

use std::ops::RangeInclusive;

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::ops::softmax_weights;
use crate::{Error, TokenAdjacency};

/// Which of a step's predictions are kept first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnmaskingOrder {
    /// The most confident ones first; how many is set by the cosine schedule.
    Confidence,
    /// A random choice, as many as in [`Confidence`](Self::Confidence).
    Random,
    /// All predictions with a probability of at least 90 % at once, then the most confident of the rest, an even share of them
    /// in each step: in most frames few tokens are uncertain, and those (a hero of several tokens) should not be decided
    /// together.
    #[default]
    #[serde(alias = "sure_first")]
    ConfidenceThreshold,
}

impl UnmaskingOrder {
    /// Its name in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Confidence => "confidence",
            Self::Random => "random",
            Self::ConfidenceThreshold => "confidence threshold",
        }
    }
}

/// Probability from which a prediction is kept at once under [`UnmaskingOrder::ConfidenceThreshold`].
const THRESHOLD: f32 = 0.9;
/// Added to the priority of predictions above the threshold: more than log-probabilities and noise differ by.
const ABOVE_THRESHOLD: f32 = 1e3;

/// How far frames may be led away from those without a known action.
pub(crate) const GUIDANCE: RangeInclusive<f32> = 0.0..=10.0;

/// A token that was drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawn {
    /// The token.
    pub token: u32,
    /// Its log-probability before temperature and top-p.
    pub confidence: f32,
    /// The log-probability of the likeliest token.
    pub best: f32,
}

/// How a frame is sampled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SamplerSettings {
    /// MaskGIT steps per frame, 1 to 25.
    pub steps: usize,
    /// Softmax temperature, as a multiple of the world's own ([`DynamicsConfig::temperature`](crate::DynamicsConfig::temperature)); 0 takes
    /// the likeliest token.
    pub temperature: f32,
    /// Nucleus sampling: tokens are drawn from the likeliest ones that together have this probability. An unlikely token
    /// stays in a world for long. 1 draws from all tokens.
    pub top_p: f32,
    /// Which predictions are kept first.
    pub order: UnmaskingOrder,
    /// Gumbel noise on the confidence order, in nats; fades out over the steps.
    pub order_noise: f32,
    /// Share, 0 to 1, of the penalty of [`TokenAdjacency`] that a token gets for each neighbour beside which the footage
    /// never shows it.
    #[serde(alias = "neighbours")]
    pub adjacency: f32,
    /// How far frames are led away from those that the model expects without knowing the action, 0 to 10: with more, actions are
    /// obeyed more surely and worlds become less varied (classifier-free guidance, Ho and Salimans 2022). Above 0 a frame takes up to
    /// twice as long. `None` is as the world says ([`DynamicsConfig::action_guidance`](crate::DynamicsConfig::action_guidance)).
    pub action_guidance: Option<f32>,
}

/// Buffers of `V` values each.
struct Scratch {
    logits: Vec<f32>,
    weights: Vec<f32>,
}

impl Scratch {
    fn new(codes: usize) -> Self {
        Self {
            logits: vec![0f32; codes],
            weights: vec![0f32; codes],
        }
    }
}

/// What a step draws for the masked tokens of a frame, before it is decided which of them are kept.
#[derive(Debug, Default)]
pub(crate) struct Draws {
    /// Places of the `M` masked tokens.
    pub(crate) places: Vec<usize>,
    /// Their codes, `M` of each stage that has been drawn.
    pub(crate) codes: Vec<Vec<u32>>,
    chances: Vec<Chances>,
}

/// How likely a drawn token is.
#[derive(Debug)]
struct Chances {
    /// Log-probability of its codes: the sum of [`Drawn::confidence`].
    confidence: f32,
    /// The sum of [`Drawn::best`].
    best: f32,
    /// For the noise on the order.
    gumbel: f32,
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
            action_guidance: None,
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
        if let Some(guidance) = self.action_guidance
            && !GUIDANCE.contains(&guidance)
        {
            return Err(Error::Sampler(format!(
                "action_guidance must be 0 to 10, not {guidance}"
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

    /// Fills in masked entries of `tokens` (those equal to `V`) from `logits` `[N, V]`, and leaves the least confident ones
    /// masked, as many as the schedule says for `step`. Where the `adjacency` of tokens is known, it
    /// lowers the logits of tokens that the footage never shows beside those that are decided.
    ///
    /// Tokens have one code each; [`unmask_frames`](crate::unmask_frames) is for those of several.
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
        match self.draw(tokens, 1, logits, adjacency, rng) {
            Some(draws) => self.keep(tokens, &draws, step, (logits, adjacency), rng),
            None => false,
        }
    }

    /// Draws the first code of every masked one of the `tokens` `[N Q]` of `stages` (`Q`) codes by `logits` `[N, V]`. `None` if
    /// one of them is not finite. Only tokens of one code heed the `adjacency`.
    pub(crate) fn draw(
        &self,
        tokens: &[u32],
        stages: usize,
        logits: &[f32],
        adjacency: Option<&TokenAdjacency>,
        rng: &mut impl Rng,
    ) -> Option<Draws> {
        let codes = logits.len() * stages / tokens.len().max(1);
        let adjacency = self.heeded(adjacency, stages, codes);
        let mut scratch = Scratch::new(codes);
        let mut draws = Draws::default();
        let mut first = Vec::new();
        for (place, token) in tokens.chunks_exact(stages).enumerate() {
            if token[0] as usize != codes {
                continue;
            }
            let drawn = self.choose_beside(tokens, logits, place, adjacency, &mut scratch, rng)?;
            let gumbel = -(-rng.random::<f32>().max(1e-9).ln()).max(1e-9).ln();
            draws.places.push(place);
            first.push(drawn.token);
            draws.chances.push(Chances {
                confidence: drawn.confidence,
                best: drawn.best,
                gumbel,
            });
        }
        draws.codes.push(first);
        Some(draws)
    }

    /// Draws the next code of every token in `draws` by `logits` `[M, V]`. `false` if one of them is not finite.
    pub(crate) fn draw_next(&self, draws: &mut Draws, logits: &[f32], rng: &mut impl Rng) -> bool {
        let codes = logits.len() / draws.places.len().max(1);
        let mut weights = vec![0f32; codes];
        let mut next = Vec::with_capacity(draws.places.len());
        for (chances, logits) in draws
            .chances
            .iter_mut()
            .zip(logits.chunks_exact(codes.max(1)))
        {
            let Some(drawn) = self.choose(logits, &mut weights, rng) else {
                return false;
            };
            next.push(drawn.token);
            chances.confidence += drawn.confidence;
            chances.best += drawn.best;
        }
        draws.codes.push(next);
        true
    }

    /// Writes the drawn tokens into `tokens` `[N Q]`, but for the least confident ones, as many as the schedule says for `step`.
    /// The confidence in a token is the mean log-probability of its codes. `logits` `[N, V]` and the adjacency are those of
    /// [`draw`](Self::draw).
    ///
    /// Returns `false` if a logit is not finite.
    pub(crate) fn keep(
        &self,
        tokens: &mut [u32],
        draws: &Draws,
        step: usize,
        (logits, adjacency): (&[f32], Option<&TokenAdjacency>),
        rng: &mut impl Rng,
    ) -> bool {
        let stages = draws.codes.len().max(1);
        let codes = logits.len() * stages / tokens.len().max(1);
        let adjacency = self.heeded(adjacency, stages, codes);
        let mut keep_masked = self.masked_after(step, tokens.len() / stages);
        let mut below_threshold = 0;
        let fade = 1.0 - (step + 1) as f32 / self.steps as f32;
        let mut candidates = Vec::with_capacity(draws.places.len());
        for (index, (&place, chances)) in draws.places.iter().zip(&draws.chances).enumerate() {
            let mean = |sum: f32| sum / stages as f32;
            let (confidence, best) = (mean(chances.confidence), mean(chances.best));
            let noise = self.order_noise * fade * chances.gumbel;
            let priority = match self.order {
                UnmaskingOrder::Confidence => confidence + noise,
                UnmaskingOrder::Random => chances.gumbel,
                // Not by the token that was drawn: unlikely tokens would then hardly ever be kept.
                UnmaskingOrder::ConfidenceThreshold if best >= THRESHOLD.ln() => {
                    ABOVE_THRESHOLD + best
                }
                UnmaskingOrder::ConfidenceThreshold => {
                    below_threshold += 1;
                    best + noise
                }
            };
            candidates.push((priority, place, index));
        }
        if self.order == UnmaskingOrder::ConfidenceThreshold {
            // An even share of those below the threshold for this step and for each of those to come, at least one.
            let left = self.steps.saturating_sub(step).max(1);
            let decided = usize::div_ceil(below_threshold, left).max(1);
            keep_masked = below_threshold.saturating_sub(decided);
        }
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        candidates.truncate(candidates.len().saturating_sub(keep_masked));
        let mut scratch = Scratch::new(codes);
        for (_, place, index) in candidates {
            let mut first = draws.codes[0][index];
            // It was drawn before its neighbours of this step were decided: drawn again if it violates the adjacency.
            if adjacency.is_some_and(|it| !it.fits(tokens, place, first)) {
                let drawn = self.choose_beside(tokens, logits, place, adjacency, &mut scratch, rng);
                let Some(drawn) = drawn else {
                    return false;
                };
                first = drawn.token;
            }
            let token = &mut tokens[place * stages..][..stages];
            token[0] = first;
            for (code, drawn) in token.iter_mut().zip(&draws.codes).skip(1) {
                *code = drawn[index];
            }
        }
        true
    }

    /// The adjacency, if it counts for tokens of `stages` codes out of `codes`.
    fn heeded<'a>(
        &self,
        adjacency: Option<&'a TokenAdjacency>,
        stages: usize,
        codes: usize,
    ) -> Option<&'a TokenAdjacency> {
        adjacency.filter(|it| self.adjacency > 0.0 && stages == 1 && it.codes() == codes)
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
        self.choose_by(rng.random::<f32>(), logits, weights)
    }

    /// [`choose`](Self::choose) by a number that was drawn before, evenly from 0 to 1.
    pub fn choose_by(&self, draw: f32, logits: &[f32], weights: &mut [f32]) -> Option<Drawn> {
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
        // Ten tokens of two codes, six of which are uncertain.
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
        // One place in four is something else in 8 % of the cases: above the threshold, so that it is decided at once.
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
