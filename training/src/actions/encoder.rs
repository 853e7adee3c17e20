//! A trained encoder of transitions: a small network that says the code of a transition from what is around it.
//!
//! It learns how likely the chain finds each code, which has seen the whole clip, and sees two transitions to either side only, with
//! pictures of the anchor before and after.

use serde::{Deserialize, Serialize};

use super::AgentSettings;
use super::codes::Describer;
use super::description::TOKEN_COUNTS;
use super::looks::{Crops, to_inputs};
use super::network::{Network, TrainingPlan};
use super::tracking::TrackedFrame;
use crate::dataset::CHANNELS;

/// Transitions whose displacement is seen.
const MOTION_LAGS: [isize; 5] = [-2, -1, 0, 1, 2];
/// Transitions whose looks are seen, and whether the anchor was.
const LOOK_LAGS: [isize; 3] = [-1, 0, 1];
/// Transitions whose tokens are seen.
const TOKEN_LAGS: [isize; 4] = [-1, 0, 1, 2];
/// Values beside pictures and tokens.
const TRACK_VALUES: usize = 2 * MOTION_LAGS.len() + 4 * LOOK_LAGS.len();
/// One for each token of a displacement or of looks.
const TOKEN_VALUES: usize = (TOKEN_COUNTS[0] + TOKEN_COUNTS[2]) * TOKEN_LAGS.len();

/// Says the code of a transition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Encoder {
    network: Network,
    /// Files written before it saw tokens do not say so.
    #[serde(default)]
    sees_tokens: bool,
}

/// What an encoder sees of a clip.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    /// The clip's frames.
    pub(crate) track: &'a [TrackedFrame],
    /// Direction [x, y] read from looks in each transition.
    pub(crate) looks: &'a [[f32; 2]],
    /// Pictures of the anchor in each frame.
    pub(crate) crops: &'a Crops,
}

impl Encoder {
    /// Learns the codes of the transitions of clips, from the probability of each at each transition.
    pub(crate) fn fit(
        clips: &[Seen<'_>],
        posteriors: &[Vec<Vec<f64>>],
        count: usize,
        (describer, reach): (&Describer, usize),
        settings: &AgentSettings,
        seed: u64,
    ) -> Self {
        let places: Vec<(usize, usize)> = (posteriors.iter().enumerate())
            .flat_map(|(clip, posteriors)| (0..posteriors.len()).map(move |at| (clip, at)))
            .collect();
        let sees_tokens = describer.has_tokens();
        let widths = [inputs(reach, sees_tokens), settings.encoder_width, count];
        let mut network = Network::new(&widths, seed);
        let plan = TrainingPlan {
            steps: settings.encoder_steps,
            batch: 128,
            learning_rate: 2e-3,
            weight_decay: 0.05,
            dropout: 0.1,
            noise: 0.1,
            seed,
        };
        let tokens: Vec<Vec<[u8; 2]>> = (clips.iter())
            .map(|clip| clip.tokens(describer, settings))
            .collect();
        network.train_on_shares(
            places.len(),
            &|example, out| {
                let (clip, at) = places[example];
                clips[clip].fill(at, (describer, &tokens[clip]), settings, out);
            },
            &|example, shares| {
                let (clip, at) = places[example];
                for (share, &posterior) in shares.iter_mut().zip(&posteriors[clip][at]) {
                    *share = posterior as f32;
                }
            },
            &plan,
        );
        Self {
            network,
            sees_tokens,
        }
    }

    /// The likeliest code of each transition of a clip.
    pub(crate) fn read(
        &self,
        clip: Seen<'_>,
        describer: &Describer,
        settings: &AgentSettings,
    ) -> Vec<usize> {
        let tokens = if self.sees_tokens {
            clip.tokens(describer, settings)
        } else {
            Vec::new()
        };
        let rows = (self.network).probabilities_of(clip.looks.len(), &|at, out| {
            clip.fill(at, (describer, &tokens), settings, out);
        });
        rows.iter()
            .map(|row| {
                let best = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
                best.map_or(0, |(code, _)| code)
            })
            .collect()
    }

    /// What does not fit together in one that comes from a file.
    pub(crate) fn problem(
        &self,
        reach: usize,
        codes: usize,
        describer: &Describer,
    ) -> Option<String> {
        if self.sees_tokens && !describer.has_tokens() {
            return Some("an encoder of tokens, but nothing that makes them".to_owned());
        }
        let fits = self.network.is_sound()
            && self.network.inputs() == inputs(reach, self.sees_tokens)
            && self.network.classes() == codes;
        (!fits).then(|| {
            let inputs = inputs(reach, self.sees_tokens);
            format!("expected an encoder from {inputs} values to {codes} codes")
        })
    }
}

/// Values that an encoder sees.
const fn inputs(reach: usize, sees_tokens: bool) -> usize {
    let tokens = if sees_tokens { TOKEN_VALUES } else { 0 };
    tokens + TRACK_VALUES + 2 * CHANNELS * 4 * reach * reach
}

impl Seen<'_> {
    /// The tokens of displacement and looks of each transition.
    fn tokens(&self, describer: &Describer, settings: &AgentSettings) -> Vec<[u8; 2]> {
        let motions: Vec<[f32; 2]> = (self.track.iter().take(self.looks.len()))
            .map(|frame| frame.motion)
            .collect();
        let described = describer.describe(&motions, self.looks, settings);
        described
            .iter()
            .map(|description| [description.tokens[0], description.tokens[2]])
            .collect()
    }

    /// Writes what is seen of a transition. Without `tokens` of the clip there is no place for them.
    fn fill(
        &self,
        at: usize,
        (describer, tokens): (&Describer, &[[u8; 2]]),
        settings: &AgentSettings,
        out: &mut [f32],
    ) {
        // At the ends of a clip the nearest transition stands in.
        let last = self.looks.len() - 1;
        let near = |lag: isize| at.saturating_add_signed(lag).min(last);
        let of_tokens = if tokens.is_empty() { 0 } else { TOKEN_VALUES };
        let (one_of_each, rest) = out.split_at_mut(of_tokens);
        one_of_each.fill(0.0);
        let kinds = TOKEN_COUNTS[0] + TOKEN_COUNTS[2];
        for (part, lag) in one_of_each.chunks_mut(kinds).zip(TOKEN_LAGS) {
            let [motion, look] = tokens[near(lag)].map(usize::from);
            part[motion] = 1.0;
            part[TOKEN_COUNTS[0] + look] = 1.0;
        }
        let (values, pictures) = rest.split_at_mut(TRACK_VALUES);
        let mut slots = values.iter_mut();
        let mut put = |value: f32| {
            if let Some(slot) = slots.next() {
                *slot = value;
            }
        };
        for lag in MOTION_LAGS {
            let way = describer.way(self.track[near(lag)].motion, settings);
            way.into_iter().for_each(&mut put);
        }
        for lag in LOOK_LAGS {
            let frame = &self.track[near(lag)];
            let look = describer.scaled_look(self.looks[near(lag)]);
            look.into_iter().for_each(&mut put);
            put(f32::from(u8::from(frame.seen)));
            put(f32::from(u8::from(frame.blob.is_some())));
        }
        let (before, after) = pictures.split_at_mut(pictures.len() / 2);
        to_inputs(&self.crops[at], before);
        to_inputs(&self.crops[at + 1], after);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_encoder_of_before_there_were_tokens_is_read_still() {
        let describer = Describer::fit(
            &[vec![[1.0, 0.0]; 60]],
            &[[[0.5, 0.0]; 60]],
            &AgentSettings::default(),
        );
        let old = Encoder {
            network: Network::new(&[inputs(3, false), 8, 5], 0),
            sees_tokens: false,
        };
        let mut stored = serde_json::to_value(&old).unwrap();
        assert!(
            stored
                .as_object_mut()
                .unwrap()
                .remove("sees_tokens")
                .is_some()
        );
        let read: Encoder = serde_json::from_value(stored).unwrap();
        assert!(read == old);
        assert_eq!(read.problem(3, 5, &describer), None);
        let confused = Encoder {
            sees_tokens: true,
            ..old
        };
        assert!(confused.problem(3, 5, &describer).is_some());
    }
}
