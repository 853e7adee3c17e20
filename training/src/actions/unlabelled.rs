//! What is learnt of an agent's transitions without labels: chains of states, and principal components of its pictures.

use nalgebra::{DMatrix, SymmetricEigen};
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::AgentSettings;
use super::agent_sights::AgentSights;
use super::code_model::CodeModel;
use super::codes::{Describer, find_codes};
use super::description::Description;
use super::places::TransitionPlace;
use super::transition::ClipActions;

/// States of the finer chain.
const FINE_STATES: usize = 20;
/// Transitions whose states of the finer chain are seen.
const STATE_LAGS: [isize; 4] = [-1, 0, 1, 2];
/// Transitions that a chain is fitted to.
const CHAIN_TRANSITIONS: usize = 24_000;
/// Principal components of pictures of the agent.
const COMPONENTS: usize = 24;
/// Pictures that these are found in.
const PICTURES: usize = 4_000;

/// Chains of states over the agent's transitions, learnt without labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Chains {
    describer: Describer,
    settings: AgentSettings,
    /// Pixels of the footage in a working pixel.
    factor: f32,
    /// One of as many states as there are codes, and a finer one.
    models: [CodeModel; 2],
}

impl Chains {
    pub(super) fn fit(found: &[ClipActions], factor: f32, codes: usize, seed: u64) -> Self {
        let settings = AgentSettings::default();
        let mut some = 0;
        let clips: Vec<&ClipActions> = (found.iter().filter(|clip| !clip.is_empty()))
            .take_while(|clip| {
                let wanted = some < CHAIN_TRANSITIONS;
                some += clip.len();
                wanted
            })
            .collect();
        let (motions, looks): (Vec<_>, Vec<_>) = clips
            .iter()
            .map(|clip| motions_and_looks(clip, factor))
            .unzip();
        let describer = Describer::fit(&motions, &looks, &settings);
        let clips: Vec<Vec<Description>> = (motions.iter().zip(&looks))
            .map(|(motions, looks)| describer.describe(motions, looks, &settings))
            .collect();
        let chain = |states, starts| {
            let settings = AgentSettings {
                actions: Some(states),
                code_starts: starts,
                ..settings.clone()
            };
            find_codes(&clips, &settings, seed)
        };
        let (of_codes, finer) = rayon::join(|| chain(codes, 2), || chain(FINE_STATES, 1));
        Self {
            describer,
            settings,
            factor,
            models: [of_codes, finer],
        }
    }

    /// Numbers of values that [`States::around`] gives of the codes and of the finer states.
    pub(super) fn widths(&self) -> [usize; 2] {
        [
            self.models[0].len(),
            self.models[1].len() * STATE_LAGS.len(),
        ]
    }

    /// What does not fit together in chains that come from a file.
    pub(super) fn problem(&self) -> Option<String> {
        let models = || self.models.iter().find_map(CodeModel::problem);
        let describer = || self.describer.problem();
        let settings = || self.settings.problem();
        let factor = || {
            (!(self.factor >= 1.0 && self.factor.is_finite()))
                .then(|| "expected a factor of 1 or more".to_owned())
        };
        let tokens = || {
            let read = self.models.iter().any(CodeModel::reads_tokens);
            (read && !self.describer.has_tokens())
                .then(|| "expected tokens of descriptions".to_owned())
        };
        models()
            .or_else(describer)
            .or_else(tokens)
            .or_else(settings)
            .or_else(factor)
    }

    /// Probabilities of all states at each transition of some footage.
    pub(super) fn read(&self, found: &[ClipActions]) -> States {
        let clips = found.par_iter().map(|clip| {
            let described = describe(&self.describer, clip, self.factor, &self.settings);
            let models = self.models.each_ref();
            models.map(|model| model.posteriors(&described))
        });
        States {
            clips: clips.collect(),
        }
    }
}

fn describe(
    describer: &Describer,
    clip: &ClipActions,
    factor: f32,
    settings: &AgentSettings,
) -> Vec<Description> {
    let (motions, looks) = motions_and_looks(clip, factor);
    describer.describe(&motions, &looks, settings)
}

/// Displacements in working pixels, and directions read from looks.
fn motions_and_looks(clip: &ClipActions, factor: f32) -> (Vec<[f32; 2]>, Vec<[f32; 2]>) {
    (clip.iter())
        .map(|step| (step.displacement.map(|part| part / factor), step.look))
        .unzip()
}

/// Probabilities of states at the transitions of footage.
pub(super) struct States {
    /// Of each clip: of the codes and of the finer states, [transitions, states].
    clips: Vec<[Vec<Vec<f64>>; 2]>,
}

impl States {
    /// Those of the codes at some transitions, and of the finer states around them.
    pub(super) fn around(&self, places: &[TransitionPlace]) -> [Vec<Vec<f32>>; 2] {
        let (codes, fine) = places
            .iter()
            .map(|place| {
                let [codes, fine] = &self.clips[place.clip];
                let last = codes.len() - 1;
                let around = STATE_LAGS.map(|lag| place.frame.saturating_add_signed(lag).min(last));
                let single = |&share: &f64| share as f32;
                let codes: Vec<f32> = codes[place.frame].iter().map(single).collect();
                let fine: Vec<f32> =
                    (around.iter().flat_map(|&at| &fine[at]).map(single)).collect();
                (codes, fine)
            })
            .unzip();
        [codes, fine]
    }
}

/// Principal components of pictures of the agent, before and after a transition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Components {
    mean: Vec<f32>,
    /// Directions, the strongest first, over the deviation along the first.
    directions: Vec<Vec<f32>>,
}

impl Components {
    pub(super) fn fit(agent: &AgentSights, seed: u64) -> Self {
        let width = AgentSights::close_values();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let count = agent.len().min(PICTURES);
        let mut pictures = DMatrix::<f32>::zeros(width, count);
        for (column, at) in sample(&mut rng, agent.len(), count).into_iter().enumerate() {
            agent.fill_close(at, pictures.column_mut(column).as_mut_slice());
        }
        let mean = pictures.column_mean();
        for mut column in pictures.column_iter_mut() {
            column -= &mean;
        }
        let covariance = &pictures * pictures.transpose() / count.max(1) as f32;
        let found = SymmetricEigen::new(covariance);
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|&a, &b| found.eigenvalues[b].total_cmp(&found.eigenvalues[a]));
        let deviation = (found.eigenvalues[order[0]].max(0.0).sqrt()).max(1e-3);
        let directions = (order.iter().take(COMPONENTS))
            .map(|&at| {
                let direction = found.eigenvectors.column(at);
                direction.iter().map(|value| value / deviation).collect()
            })
            .collect();
        Self {
            mean: mean.as_slice().to_vec(),
            directions,
        }
    }

    /// Number of components.
    pub(super) fn len(&self) -> usize {
        self.directions.len()
    }

    /// What does not fit together in some that come from a file.
    pub(super) fn problem(&self) -> Option<String> {
        let width = AgentSights::close_values();
        let rows = || self.directions.iter().chain([&self.mean]);
        let fits =
            rows().all(|row| row.len() == width) && rows().flatten().all(|value| value.is_finite());
        (!fits).then(|| format!("expected components of {width} finite values"))
    }

    /// What each transition has of them.
    pub(super) fn of(&self, agent: &AgentSights) -> Vec<Vec<f32>> {
        (0..agent.len())
            .into_par_iter()
            .map(|at| {
                let mut picture = vec![0.0; AgentSights::close_values()];
                agent.fill_close(at, &mut picture);
                (picture.iter_mut().zip(&self.mean)).for_each(|(value, mean)| *value -= mean);
                (self.directions.iter())
                    .map(|direction| direction.iter().zip(&picture).map(|(a, b)| a * b).sum())
                    .collect()
            })
            .collect()
    }
}
