//! True actions predicted from few labelled transitions, for evaluation only.
//!
//! What is learnt without labels does most of the work: two chains of states over the agent's transitions, one of them finer than its
//! codes, and the principal components of pictures of the agent. A linear classifier of these needs few labels. A network then learns
//! what that classifier says of the transitions without labels, and sees more of the track.

use std::cmp::Reverse;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::agent_sights::AgentSights;
use super::footage::WorkingSize;
use super::frame_sights::WORKING_EDGE;
use super::information::PairCounts;
use super::network::{Network, TrainingPlan};
use super::places::{TransitionPlace, known_places};
use super::softmax_regression::{Examples, SoftmaxRegression};
use super::unlabelled::{Chains, Components, States};
use super::view::mean_of;
use super::visible::Labelled;
use super::visible_score::VisibleActions;
use crate::dataset::DatasetError;

/// One in so many transitions is labelled.
const LABELLED: usize = 100;
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
    let see = |sighted: &Sighted, states: &States| {
        let [codes, states] = states.around(&sighted.places);
        Values {
            kinds: [
                codes,
                states,
                sighted.tracks(),
                components.of(&sighted.agent),
            ],
        }
    };
    let states = chains.read(learnt.found);
    let (labelled, others) = (see(&few, &states), see(&unlabelled, &states));
    let asked = see(&tested, &chains.read(scored.found));
    let head = Head::fit(&labelled, &few.truth, classes);
    let student = Student::fit(
        (&labelled, &few.truth),
        (&others, &head.read(&others)),
        classes,
        seed,
    );
    let predicted = mean_of(&[&head.read(&asked), &student.read(&asked)]);
    Ok(FewLabels {
        table: table(&few, &tested, codes, classes),
        head: VisibleActions::of(&predicted, &tested.truth).information,
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
    let predicted = scored.agent.own_codes().map(|code| table[code]);
    PairCounts::new(predicted.zip(scored.truth.iter().copied())).information()
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
        let sets = SETS.map(|kinds| {
            let (rows, width) = values.rows(kinds);
            let examples = Examples {
                width,
                rows,
                classes: truth.iter().map(|&class| usize::from(class)).collect(),
            };
            (kinds, examples)
        });
        let tried: Vec<_> = (sets.iter())
            .flat_map(|set| PENALTIES.map(|penalty| (set, penalty)))
            .collect();
        let costs: Vec<f64> = tried
            .par_iter()
            .map(|((_, examples), penalty)| {
                SoftmaxRegression::cross_entropy_by_folds(examples, classes, *penalty, FOLDS)
            })
            .collect();
        let best = (tried.iter().zip(costs)).min_by(|a, b| a.1.total_cmp(&b.1));
        let ((kinds, examples), penalty) = best.map_or((&sets[0], 1.0), |(&tried, _)| tried);
        tracing::debug!(
            ?kinds,
            penalty,
            labels = truth.len(),
            "chose what few labels are read by"
        );
        Self {
            kinds,
            classifier: SoftmaxRegression::fit(examples, classes, penalty),
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
        (others, predicted): (&Values, &[Vec<f32>]),
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
        let drawn: Vec<usize> = (predicted.iter())
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
