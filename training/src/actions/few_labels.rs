//! True actions told where only few transitions are labelled, for evaluation only.
//!
//! What is learnt without labels does most of the work: two chains of states over the agent's transitions, one of them finer than its
//! codes, and the principal components of pictures of the agent. A linear classifier of these needs few labels. A network then learns
//! what that classifier says of the transitions without labels, and sees more of the track.

use std::cmp::Reverse;

use nalgebra::{DMatrix, SymmetricEigen};
use rand::seq::index::sample;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::AgentSettings;
use super::agent::ClipActions;
use super::agent_sights::AgentSights;
use super::code_model::CodeModel;
use super::codes::{Describer, find_codes};
use super::description::Description;
use super::footage::WorkingSize;
use super::frame_sights::WORKING_EDGE;
use super::information::PairCounts;
use super::network::{Network, TrainingPlan};
use super::places::{TransitionPlace, known_places};
use super::softmax_regression::{Examples, SoftmaxRegression};
use super::view::mean_of;
use super::visible::Labelled;
use super::visible_score::VisibleActions;
use crate::dataset::DatasetError;

/// One in so many transitions is labelled.
const LABELLED: usize = 100;
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
/// Penalties of the linear classifier that are tried, on folds of what is labelled.
const PENALTIES: [f32; 5] = [0.1, 0.3, 1.0, 3.0, 10.0];
const FOLDS: usize = 4;
/// Values that may be seen together: codes, states of the finer chain, track, pictures.
const SETS: [&[usize]; 5] = [&[0], &[0, 1], &[0, 1, 2], &[0, 1, 3], &[0, 1, 2, 3]];
/// Examples that the network sees of each transition without a label: its class is drawn from what the linear classifier says.
const DRAWS: usize = 4;

/// Transitions without labels that are learnt from.
const UNLABELLED: usize = 24_000;

/// Information about the true action that is found with the labels of one transition in a hundred, in nats.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FewLabels {
    /// By a table from code to the true action that it meets most often among those labelled.
    pub table: f64,
    /// By a classifier of what the agent does and how it looks, which learns from all transitions and from these labels.
    pub head: f64,
    /// Number of labels.
    pub labels: usize,
}

/// Learns true actions from one transition in a hundred of some footage and looks for them in other.
///
/// # Errors
/// Footage that cannot be read, or in which less was found than the transitions whose true action is known.
pub fn few_label_actions(
    learnt: Labelled<'_>,
    scored: Labelled<'_>,
    seed: u64,
) -> Result<FewLabels, DatasetError> {
    let few = Sighted::gather(learnt, usize::MAX, LABELLED)?;
    let unlabelled = Sighted::gather(learnt, UNLABELLED, 1)?;
    let tested = Sighted::gather(scored, usize::MAX, 1)?;
    if few.truth.is_empty() || tested.truth.is_empty() {
        return Ok(FewLabels::default());
    }
    let actions = few.truth.iter().chain(&tested.truth).copied();
    let classes = 1 + actions.max().map_or(0, usize::from);
    let codes = unlabelled.agent.codes().max(tested.agent.codes());
    let size = WorkingSize::new(learnt.source.frame_size(), WORKING_EDGE);
    let chains = Chains::fit(learnt.found, size.factor as f32, codes, seed);
    let components = Components::fit(&unlabelled.agent, seed);
    let see = |sighted: &Sighted, found: &[ClipActions]| Values {
        kinds: {
            let [codes, states] = chains.states(found, &sighted.places);
            [codes, states, sighted.tracks(), components.of(sighted)]
        },
    };
    let (labelled, others) = (see(&few, learnt.found), see(&unlabelled, learnt.found));
    let asked = see(&tested, scored.found);
    let head = Head::fit(&labelled, &few.truth, classes);
    let student = Student::fit(
        (&labelled, &few.truth),
        (&others, &head.read(&others)),
        classes,
        seed,
    );
    let told = mean_of(&[&head.read(&asked), &student.read(&asked)]);
    Ok(FewLabels {
        table: table(&few, &tested, codes, classes),
        head: VisibleActions::of(&told, &tested.truth).information,
        labels: few.truth.len(),
    })
}

/// Transitions of footage with what is seen of the agent there.
struct Sighted {
    places: Vec<TransitionPlace>,
    truth: Vec<u8>,
    agent: AgentSights,
}

/// Information in nats of the true action that a table from code to true action predicts.
fn table(few: &Sighted, scored: &Sighted, codes: usize, classes: usize) -> f64 {
    let mut counts = vec![vec![0_u32; classes]; codes];
    for (code, &truth) in few.agent.own_codes().zip(&few.truth) {
        counts[code][usize::from(truth)] += 1;
    }
    let table: Vec<usize> = counts
        .iter()
        .map(|counts| {
            let most = (0..classes).max_by_key(|&class| (counts[class], Reverse(class)));
            most.unwrap_or(0)
        })
        .collect();
    let told = scored.agent.own_codes().map(|code| table[code]);
    PairCounts::new(told.zip(scored.truth.iter().copied())).information()
}

impl Sighted {
    /// Of the first in each `step` of at most so many of the transitions whose true action is known.
    fn gather(footage: Labelled<'_>, most: usize, step: usize) -> Result<Self, DatasetError> {
        let (places, truth) = known_places(footage.source, footage.truth, most);
        let places: Vec<TransitionPlace> = places.into_iter().step_by(step).collect();
        footage.check_found(&places)?;
        Ok(Self {
            agent: AgentSights::gather(footage.source, footage.found, &places)?,
            truth: truth.into_iter().step_by(step).collect(),
            places,
        })
    }

    fn tracks(&self) -> Vec<Vec<f32>> {
        (0..self.places.len())
            .map(|at| self.agent.track(at).to_vec())
            .collect()
    }
}

/// Chains of states over the agent's transitions, learnt without labels.
struct Chains {
    describer: Describer,
    settings: AgentSettings,
    /// Pixels of the footage in a working pixel.
    factor: f32,
    models: Vec<CodeModel>,
}

impl Chains {
    fn fit(found: &[ClipActions], factor: f32, codes: usize, seed: u64) -> Self {
        let settings = AgentSettings::default();
        let mut some = 0;
        let clips: Vec<&ClipActions> = (found.iter().filter(|clip| !clip.is_empty()))
            .take_while(|clip| {
                let wanted = some < CHAIN_TRANSITIONS;
                some += clip.len();
                wanted
            })
            .collect();
        let (motions, looks): (Vec<[f32; 2]>, Vec<[f32; 2]>) = (clips.iter().copied().flatten())
            .map(|step| (step.displacement.map(|part| part / factor), step.look))
            .unzip();
        let mut chains = Self {
            describer: Describer::fit(&motions, &looks, &settings),
            settings,
            factor,
            models: Vec::new(),
        };
        let clips: Vec<Vec<Description>> = clips.iter().map(|clip| chains.describe(clip)).collect();
        chains.models = [(codes, 2), (FINE_STATES, 1)]
            .into_par_iter()
            .map(|(states, starts)| {
                let settings = AgentSettings {
                    actions: Some(states),
                    code_starts: starts,
                    ..chains.settings.clone()
                };
                find_codes(&clips, &settings, seed)
            })
            .collect();
        chains
    }

    fn describe(&self, clip: &ClipActions) -> Vec<Description> {
        let motion = |part| part / self.factor;
        let motions: Vec<[f32; 2]> = (clip.iter())
            .map(|step| step.displacement.map(motion))
            .collect();
        let looks: Vec<[f32; 2]> = clip.iter().map(|step| step.look).collect();
        self.describer.describe(&motions, &looks, &self.settings)
    }

    /// Probabilities of the codes of some transitions, and of the finer states around them.
    fn states(&self, found: &[ClipActions], places: &[TransitionPlace]) -> [Vec<Vec<f32>>; 2] {
        let clips: Vec<Vec<Vec<Vec<f64>>>> = found
            .par_iter()
            .map(|clip| {
                let described = self.describe(clip);
                let chains = self.models.iter();
                chains.map(|chain| chain.posteriors(&described)).collect()
            })
            .collect();
        let single = |shares: &[f64]| shares.iter().map(|&share| share as f32).collect();
        let (codes, fine) = places
            .iter()
            .map(|place| {
                let [codes, fine] = &clips[place.clip][..] else {
                    return (Vec::new(), Vec::new());
                };
                let last = codes.len() - 1;
                let around = STATE_LAGS.map(|lag| place.frame.saturating_add_signed(lag).min(last));
                let fine: Vec<f64> = around.iter().flat_map(|&at| &fine[at]).copied().collect();
                (single(&codes[place.frame]), single(&fine))
            })
            .unzip();
        [codes, fine]
    }
}

/// Principal components of pictures of the agent, before and after a transition.
struct Components {
    mean: Vec<f32>,
    /// Directions, the strongest first, over the deviation along the first.
    directions: Vec<Vec<f32>>,
}

impl Components {
    fn fit(agent: &AgentSights, seed: u64) -> Self {
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

    fn of(&self, sighted: &Sighted) -> Vec<Vec<f32>> {
        (0..sighted.places.len())
            .into_par_iter()
            .map(|at| {
                let mut picture = vec![0.0; AgentSights::close_values()];
                sighted.agent.fill_close(at, &mut picture);
                (picture.iter_mut().zip(&self.mean)).for_each(|(value, mean)| *value -= mean);
                (self.directions.iter())
                    .map(|direction| direction.iter().zip(&picture).map(|(a, b)| a * b).sum())
                    .collect()
            })
            .collect()
    }
}

/// What is seen of some transitions, one row for each: codes, finer states, track, pictures.
struct Values {
    kinds: [Vec<Vec<f32>>; 4],
}

impl Values {
    fn len(&self) -> usize {
        self.kinds[0].len()
    }

    /// Rows of some kinds of values, one after the other, and the length of a row.
    fn rows(&self, kinds: &[usize]) -> (Vec<f32>, usize) {
        let rows = (0..self.len())
            .flat_map(|at| kinds.iter().flat_map(move |&kind| &self.kinds[kind][at]))
            .copied()
            .collect::<Vec<f32>>();
        let width = rows.len() / self.len().max(1);
        (rows, width)
    }
}

/// A linear classifier of some kinds of values.
struct Head {
    kinds: &'static [usize],
    classifier: SoftmaxRegression,
}

impl Head {
    /// Kinds and penalty are chosen on folds of what is labelled.
    fn fit(values: &Values, truth: &[u8], classes: usize) -> Self {
        let examples = |kinds| {
            let (rows, width) = values.rows(kinds);
            Examples {
                width,
                rows,
                classes: truth.iter().map(|&class| usize::from(class)).collect(),
            }
        };
        let tried: Vec<(&'static [usize], f32)> = (SETS.into_iter())
            .flat_map(|kinds| PENALTIES.map(|penalty| (kinds, penalty)))
            .collect();
        let costs: Vec<f64> = tried
            .par_iter()
            .map(|&(kinds, penalty)| {
                let examples = examples(kinds);
                SoftmaxRegression::cross_entropy_by_folds(&examples, classes, penalty, FOLDS)
            })
            .collect();
        let best = (tried.iter().zip(costs)).min_by(|a, b| a.1.total_cmp(&b.1));
        let (kinds, penalty) = best.map_or((SETS[0], 1.0), |(&tried, _)| tried);
        tracing::debug!(
            ?kinds,
            penalty,
            labels = truth.len(),
            "chose what few labels are read by"
        );
        Self {
            kinds,
            classifier: SoftmaxRegression::fit(&examples(kinds), classes, penalty),
        }
    }

    fn read(&self, values: &Values) -> Vec<Vec<f32>> {
        self.classifier.probabilities(&values.rows(self.kinds).0)
    }
}

/// A network of all values that has learnt what the linear classifier says.
struct Student {
    network: Network,
}

/// Kinds that it sees.
const ALL: &[usize] = &[0, 1, 2, 3];

impl Student {
    fn fit(
        (labelled, truth): (&Values, &[u8]),
        (others, told): (&Values, &[Vec<f32>]),
        classes: usize,
        seed: u64,
    ) -> Self {
        let (labelled_rows, width) = labelled.rows(ALL);
        let (rows, _) = others.rows(ALL);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = |row: &[f32]| {
            let mut left: f32 = rng.random();
            let class = row.iter().position(|share| {
                left -= share;
                left < 0.0
            });
            class.unwrap_or(0)
        };
        let drawn: Vec<usize> = (told.iter())
            .flat_map(|row| [(); DRAWS].map(|()| draw(row)))
            .collect();
        let mut network = Network::new(&[width, 128, classes], seed);
        let plan = TrainingPlan {
            steps: 1000,
            batch: 128,
            learning_rate: 2e-3,
            weight_decay: 0.05,
            dropout: 0.3,
            noise: 0.1,
            seed,
        };
        let row = |rows: &[f32], at: usize, out: &mut [f32]| {
            out.copy_from_slice(&rows[at * width..(at + 1) * width]);
        };
        // Labelled transitions count as often as the others' draws.
        let labels = truth.len() * DRAWS;
        network.train(
            labels + drawn.len(),
            &|example, out| match example.checked_sub(labels) {
                None => row(&labelled_rows, example / DRAWS, out),
                Some(other) => row(&rows, other / DRAWS, out),
            },
            &|example| match example.checked_sub(labels) {
                None => usize::from(truth[example / DRAWS]),
                Some(other) => drawn[other],
            },
            &plan,
        );
        Self { network }
    }

    fn read(&self, values: &Values) -> Vec<Vec<f32>> {
        let (rows, width) = values.rows(ALL);
        self.network.probabilities_of(values.len(), &|at, out| {
            out.copy_from_slice(&rows[at * width..(at + 1) * width]);
        })
    }
}
