//! How far what the dynamics tell of actions is trusted: as far as it agrees with what is seen of the player.
//!
//! Dynamics that have not learnt what actions do yet, or never will, tell of everything else that changes, and are sure of it: each of many tokens
//! adds to the likelihood as if it stood alone. So what is told is made less sharp, and mixed with not knowing, as the codes that
//! the player shows are predicted best by it (a temperature, as in Guo and others 2017, and a share of outliers).

use super::action_evidence::Told;

/// What is tried: by how much log-likelihoods are multiplied, and how often what is told is taken to say nothing.
const SHARPNESS: [f64; 9] = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0];
const DOUBT: [f64; 9] = [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0];
/// Of so many clips one is asked about every action: what is told is trusted by these.
const ASKED_EVERY: usize = 8;
/// Count that each action starts with.
const PRIOR_COUNT: f64 = 1.0;

/// How what is told counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Trust {
    sharpness: f64,
    doubt: f64,
}

impl Trust {
    /// Whether the dynamics are asked about every action of the clip with this number, so that it says how far to trust them: where the player leaves
    /// hardly a doubt they should not have one either.
    pub(crate) fn goes_by(clip: usize) -> bool {
        clip.is_multiple_of(ASKED_EVERY)
    }

    /// That which predicts the codes of transitions, of so many `actions`, best: for each clip its codes, and what is told of them. `sum` adds up numbers over all who
    /// read parts of the footage.
    pub(crate) fn fit(
        clips: &[(Vec<usize>, &Told)],
        actions: usize,
        sum: &dyn Fn(&mut [f64]),
    ) -> Self {
        let pairs = || {
            let clips = clips.iter();
            clips.flat_map(|(codes, told)| codes.iter().zip(told.iter()))
        };
        let mut usage = vec![PRIOR_COUNT; actions];
        for (&code, _) in pairs() {
            usage[code] += 1.0;
        }
        sum(&mut usage);
        let whole: f64 = usage.iter().sum();
        for count in &mut usage {
            *count /= whole.max(1.0);
        }
        let tried: Vec<Self> = SHARPNESS
            .into_iter()
            .flat_map(|sharpness| DOUBT.map(|doubt| Self { sharpness, doubt }))
            .collect();
        let mut losses = vec![0.0; tried.len()];
        for (&code, row) in pairs() {
            for (loss, trust) in losses.iter_mut().zip(&tried) {
                *loss += trust.loss(code, row, &usage);
            }
        }
        sum(&mut losses);
        // Of equals the last, which trusts none.
        let best = tried
            .iter()
            .zip(&losses)
            .rev()
            .min_by(|a, b| a.1.total_cmp(b.1));
        best.map_or(
            Self {
                sharpness: 0.0,
                doubt: 1.0,
            },
            |(trust, _)| *trust,
        )
    }

    /// What is told of a clip, as far as it is trusted, in nats.
    pub(crate) fn weigh(self, told: &Told) -> Told {
        let weighed = told.iter().map(|row| {
            if !row.iter().any(|value| value.is_finite()) {
                // A broken model tells nothing.
                return vec![0.0; row.len()];
            }
            let shares = self.shares(row);
            shares.map(|share| share.ln() as f32).collect()
        });
        weighed.collect()
    }

    /// Share of each action by what is told of a transition; 0 of what is no candidate.
    fn shares(self, row: &[f32]) -> impl Iterator<Item = f64> {
        let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sharp = move |value: f32| (self.sharpness * f64::from(value - most)).exp();
        let candidates = row.iter().filter(|value| value.is_finite());
        let (count, whole) = candidates.fold((0.0, 0.0), |(count, whole), &value| {
            (count + 1.0, whole + sharp(value))
        });
        let rest = self.doubt / f64::max(count, 1.0);
        row.iter().map(move |&value| {
            if value.is_finite() {
                (1.0 - self.doubt) * sharp(value) / whole + rest
            } else {
                0.0
            }
        })
    }

    /// How surprising a code is by what is told and by how often each is used, in nats.
    fn loss(self, code: usize, row: &[f32], usage: &[f64]) -> f64 {
        let (mut own, mut whole) = (0.0, 0.0);
        for (action, share) in self.shares(row).enumerate() {
            let joint = share * usage[action];
            whole += joint;
            if action == code {
                own = joint;
            }
        }
        // A code that is no candidate is told nothing about, whatever the trust.
        if own > 0.0 { (whole / own).ln() } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Codes, and what is told of them: of a share of the transitions the truth, of the others anything, always too loudly.
    fn told(share: f64) -> (Vec<usize>, Told) {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        (0..3000)
            .map(|_| {
                let code = rng.random_range(0..4);
                let said = if rng.random::<f64>() < share {
                    code
                } else {
                    rng.random_range(0..4)
                };
                let row = (0..4).map(|action| if action == said { 0.0 } else { -40.0 });
                (code, row.collect::<Vec<f32>>())
            })
            .unzip()
    }

    #[test]
    fn what_agrees_is_trusted_and_noise_is_not() {
        let alone = |_: &mut [f64]| ();
        let fitted = |share: f64| {
            let (codes, told) = told(share);
            let trust = Trust::fit(&[(codes, &told)], 4, &alone);
            let weighed = trust.weigh(&told);
            let spread = |row: &[f32]| {
                row.iter().copied().fold(f32::NEG_INFINITY, f32::max) - row[0].min(row[1])
            };
            (
                trust,
                weighed.iter().map(|row| spread(row)).fold(0.0, f32::max),
            )
        };
        let (noise, says) = fitted(0.0);
        assert!(says < 0.2, "{noise:?} {says}");
        let (half, says) = fitted(0.6);
        assert!((1.0..3.5).contains(&says), "{half:?} {says}");
        let (sure, says) = fitted(1.0);
        assert!(says > 4.0, "{sure:?} {says}");
        // Parts that are read by others count.
        let (codes, told) = told(0.6);
        let twice = |values: &mut [f64]| {
            for value in values {
                *value *= 2.0;
            }
        };
        assert_eq!(Trust::fit(&[(codes, &told)], 4, &twice), half);
        // Nothing to go by, nothing trusted; what is no candidate stays none.
        let nothing = Trust::fit(&[], 3, &alone);
        let weighed = nothing.weigh(&vec![vec![0.0, f32::NEG_INFINITY, -3.0]]);
        assert!((weighed[0][0] - weighed[0][2]).abs() < 1e-6);
        assert!(weighed[0][1].is_infinite());
        assert_eq!(nothing.weigh(&vec![vec![f32::NAN; 2]]), [[0.0; 2]]);
    }
}
