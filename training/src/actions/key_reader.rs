//! What was pressed, read from the pictures after few transitions were labelled with it.
//!
//! What is learnt without labels does most of the work: two chains of states over the agent's transitions, one of them finer than its
//! codes, and the principal components of pictures of the agent. A linear classifier of these needs few labels. A network then learns
//! what that classifier says of the transitions without labels, and sees more of the track.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::agent_sights::AgentSights;
use super::footage::{FrameSource, WorkingSize};
use super::frame_sights::WORKING_EDGE;
use super::network::{Network, TrainingPlan};
use super::places::TransitionPlace;
use super::softmax_regression::{Examples, SoftmaxRegression};
use super::transition::ClipActions;
use super::unlabelled::{Chains, Components, States};
use super::view::mean_of;
use crate::dataset::DatasetError;

/// Penalties of the linear classifier that are tried, on folds of what is labelled.
const PENALTIES: [f32; 5] = [0.1, 0.3, 1.0, 3.0, 10.0];
const FOLDS: usize = 4;
/// Values that may be seen together: codes, states of the finer chain, track, pictures.
const SETS: [&[usize]; 5] = [&[0], &[0, 1], &[0, 1, 2], &[0, 1, 3], &[0, 1, 2, 3]];
const KINDS: usize = 4;
/// Kinds that the network sees.
const ALL: &[usize] = &[0, 1, 2, 3];
/// Examples that the network sees of each transition without a label: its class is drawn from what the linear classifier says.
const DRAWS: usize = 4;
/// Transitions without labels that are learnt from.
const UNLABELLED: usize = 24_000;
/// Transitions whose pictures are in memory at a time.
const AT_ONCE: usize = 8_192;

/// Transitions that are labelled.
#[derive(Clone, Copy)]
pub(crate) struct LabelledPlaces<'a> {
    /// Where they are, in ascending order.
    pub(crate) places: &'a [TransitionPlace],
    /// The action of each, below `kinds`.
    pub(crate) actions: &'a [u8],
    /// Number of different actions.
    pub(crate) kinds: usize,
}

/// Reads actions that people name by what an agent does and how it looks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeyReader {
    chains: Chains,
    components: Components,
    head: Head,
    student: Network,
}

impl KeyReader {
    /// Learns from labelled transitions of footage in which an agent with so many codes was found, and from all the others.
    pub(crate) fn fit(
        source: &dyn FrameSource,
        found: &[ClipActions],
        codes: usize,
        labelled: LabelledPlaces<'_>,
        seed: u64,
    ) -> Result<Self, DatasetError> {
        let unlabelled = spread_places(found, UNLABELLED);
        let size = WorkingSize::new(source.frame_size(), WORKING_EDGE);
        let chains = Chains::fit(found, size.factor as f32, codes, seed);
        let others = AgentSights::gather(source, found, &unlabelled)?;
        let components = Components::fit(&others, seed);
        let few = AgentSights::gather(source, found, labelled.places)?;
        let states = chains.read(found);
        let see = |agent: &AgentSights, places: &[TransitionPlace]| {
            Values::of(agent, places, &states, &components)
        };
        let (few, others) = (see(&few, labelled.places), see(&others, &unlabelled));
        let truth = labelled.actions;
        let head = Head::fit(&few, truth, labelled.kinds);
        let said = head.read(&others);
        let student = learn((&few, truth), (&others, &said), labelled.kinds, seed);
        Ok(Self {
            chains,
            components,
            head,
            student,
        })
    }

    /// Number of different actions.
    pub(crate) fn kinds(&self) -> usize {
        self.student.classes()
    }

    /// Probabilities of the actions at some places, in ascending order, of footage in which the same agent was found.
    pub(crate) fn read(
        &self,
        source: &dyn FrameSource,
        found: &[ClipActions],
        places: &[TransitionPlace],
    ) -> Result<Vec<Vec<f32>>, DatasetError> {
        let states = self.chains.read(found);
        let mut all = Vec::with_capacity(places.len());
        for places in places.chunks(AT_ONCE) {
            let agent = AgentSights::gather(source, found, places)?;
            let seen = Values::of(&agent, places, &states, &self.components);
            let (rows, width) = seen.rows(ALL);
            let student = (self.student).probabilities_of(seen.len(), &|at, out| {
                out.copy_from_slice(&rows[at * width..(at + 1) * width]);
            });
            all.extend(mean_of(&[&self.head.read(&seen), &student]));
        }
        Ok(all)
    }

    /// Puts the likeliest action of each transition in the place of its code.
    pub(crate) fn name(
        &self,
        source: &dyn FrameSource,
        found: &mut [ClipActions],
    ) -> Result<(), DatasetError> {
        let places = all_places(found);
        let read = self.read(source, found, &places)?;
        for (place, row) in places.iter().zip(read) {
            let likeliest = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            found[place.clip][place.frame].code = likeliest.map_or(0, |(action, _)| action);
        }
        Ok(())
    }

    /// What does not fit together in one that comes from a file.
    pub(crate) fn problem(&self) -> Option<String> {
        let problem = self.chains.problem().or_else(|| self.components.problem());
        if problem.is_some() {
            return problem;
        }
        let [codes, states] = self.chains.widths();
        let widths = [
            codes,
            states,
            AgentSights::track_width(),
            self.components.len(),
        ];
        let kinds = self.kinds();
        let head = &self.head;
        let fits = kinds >= 2
            && self.student.is_sound()
            && self.student.inputs() == widths.iter().sum::<usize>()
            && head.kinds.iter().all(|&kind| kind < KINDS)
            && head
                .classifier
                .maps(head.kinds.iter().map(|&kind| widths[kind]).sum(), kinds);
        (!fits).then(|| "expected a reader of labelled actions that fits together".to_owned())
    }
}

/// All transitions of some clips.
fn all_places(found: &[ClipActions]) -> Vec<TransitionPlace> {
    let clips = found.iter().enumerate();
    let places = clips.flat_map(|(clip, steps)| {
        (0..steps.len()).map(move |frame| TransitionPlace { clip, frame })
    });
    places.collect()
}

/// At most so many of them, spread evenly.
fn spread_places(found: &[ClipActions], most: usize) -> Vec<TransitionPlace> {
    let all = all_places(found);
    let count = all.len().min(most);
    (0..count).map(|at| all[at * all.len() / count]).collect()
}

/// What is seen of some transitions, one row for each: codes, finer states, track, pictures.
struct Values {
    kinds: [Vec<Vec<f32>>; KINDS],
}

impl Values {
    fn of(
        agent: &AgentSights,
        places: &[TransitionPlace],
        states: &States,
        components: &Components,
    ) -> Self {
        let [codes, states] = states.around(places);
        let tracks = (0..agent.len()).map(|at| agent.track(at).to_vec());
        Self {
            kinds: [codes, states, tracks.collect(), components.of(agent)],
        }
    }

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Head {
    kinds: Vec<usize>,
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
            kinds: kinds.to_vec(),
            classifier: SoftmaxRegression::fit(examples, classes, penalty),
        }
    }

    fn read(&self, values: &Values) -> Vec<Vec<f32>> {
        self.classifier.probabilities(&values.rows(&self.kinds).0)
    }
}

/// A network of all values that learns what is labelled, and what the linear classifier says of the others.
fn learn(
    (labelled, truth): (&Values, &[u8]),
    (others, predicted): (&Values, &[Vec<f32>]),
    classes: usize,
    seed: u64,
) -> Network {
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
    network
}
