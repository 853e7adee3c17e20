//! A trained encoder of transitions: a small network that says the code of a transition from what is around it.
//!
//! It learns from the codes that the chain finds, which have seen the whole clip, and sees two transitions to either side only, with
//! pictures of the anchor before and after.

use serde::{Deserialize, Serialize};

use super::AgentSettings;
use super::codes::Describer;
use super::looks::{Crops, to_inputs};
use super::network::{Network, TrainingPlan};
use super::tracking::TrackedFrame;
use crate::dataset::CHANNELS;

/// Transitions whose displacement is seen.
const MOTION_LAGS: [isize; 5] = [-2, -1, 0, 1, 2];
/// Transitions whose looks are seen, and whether the anchor was.
const LOOK_LAGS: [isize; 3] = [-1, 0, 1];
/// Values beside the pictures.
const TRACK_VALUES: usize = 2 * MOTION_LAGS.len() + 4 * LOOK_LAGS.len();

/// Says the code of a transition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Encoder {
    network: Network,
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
    /// Learns the codes of the transitions of clips.
    pub(crate) fn fit(
        clips: &[Seen<'_>],
        codes: &[Vec<usize>],
        count: usize,
        (describer, reach): (&Describer, usize),
        settings: &AgentSettings,
        seed: u64,
    ) -> Self {
        let places: Vec<(usize, usize)> = (codes.iter().enumerate())
            .flat_map(|(clip, codes)| (0..codes.len()).map(move |at| (clip, at)))
            .collect();
        let mut network = Network::new(&[inputs(reach), settings.encoder_width, count], seed);
        let plan = TrainingPlan {
            steps: settings.encoder_steps,
            batch: 128,
            learning_rate: 2e-3,
            weight_decay: 0.05,
            dropout: 0.1,
            noise: 0.1,
            seed,
        };
        network.train(
            places.len(),
            &|example, out| {
                let (clip, at) = places[example];
                clips[clip].fill(at, describer, settings, out);
            },
            &|example| {
                let (clip, at) = places[example];
                codes[clip][at]
            },
            &plan,
        );
        Self { network }
    }

    /// The likeliest code of each transition of a clip.
    pub(crate) fn read(
        &self,
        clip: Seen<'_>,
        describer: &Describer,
        settings: &AgentSettings,
    ) -> Vec<usize> {
        let rows = (self.network).probabilities_of(clip.looks.len(), &|at, out| {
            clip.fill(at, describer, settings, out);
        });
        rows.iter()
            .map(|row| {
                let best = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
                best.map_or(0, |(code, _)| code)
            })
            .collect()
    }

    /// What does not fit together in one that comes from a file.
    pub(crate) fn problem(&self, reach: usize, codes: usize) -> Option<String> {
        let fits = self.network.is_sound()
            && self.network.inputs() == inputs(reach)
            && self.network.classes() == codes;
        (!fits).then(|| {
            let inputs = inputs(reach);
            format!("expected an encoder from {inputs} values to {codes} codes")
        })
    }
}

/// Values that an encoder sees.
const fn inputs(reach: usize) -> usize {
    TRACK_VALUES + 2 * CHANNELS * 4 * reach * reach
}

impl Seen<'_> {
    fn fill(&self, at: usize, describer: &Describer, settings: &AgentSettings, out: &mut [f32]) {
        // At the ends of a clip the nearest transition stands in.
        let last = self.looks.len() - 1;
        let near = |lag: isize| at.saturating_add_signed(lag).min(last);
        let (values, pictures) = out.split_at_mut(TRACK_VALUES);
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
