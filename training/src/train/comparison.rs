//! Whether a training computes the same in two ways: on two devices, with fused operations and with composed ones, in one pass and in
//! several.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use genie_model::ops::with_composed;
use serde::Serialize;

use super::batches::open_footage;
use super::config::{InitialWeights, TrainConfig};
use super::dynamics_phase::{DynamicsPhase, Inherited};
use super::error::TrainError;
use super::found_actions::FoundActions;
use super::loss_scale::OVERFLOW;
use super::phase::{Phase, Start, step_rng};
use super::precision::with_precision;
use super::run_folder::RunFolder;
use super::saved_state::Progress;
use super::timing::TrainingPhase;
use super::tokenizer_phase::TokenizerPhase;
use super::variables::Variables;
use crate::dataset::Dataset;

/// Where a training computes.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where its tensors are.
    pub device: Device,
    /// Whether operations are composed of candle's where they could be fused.
    pub composed: bool,
}

/// How far the same steps of a phase differ between two ways to compute them.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The phase's name.
    pub phase: &'static str,
    /// Losses of successive steps in the first way.
    pub losses: Vec<f64>,
    /// And in the second one.
    pub other_losses: Vec<f64>,
    /// Difference of the losses of the first step, as a share of the loss.
    pub first_loss_difference: f64,
    /// Largest such difference of any step. Later steps move apart by more than rounding: another nearest code is another step.
    pub loss_difference: f64,
    /// Largest such difference of any step that the second way takes from the state in which the first one takes it. Losses are those before a
    /// step's update, so that what a step does to the state shows in [`loss_difference`](Self::loss_difference) alone.
    pub same_state_loss_difference: f64,
    /// Norm of the difference of the first step's gradients, as a share of their norm.
    pub gradient_difference: f64,
    /// The largest such share of a variable, where variables count with a norm of at least a thousandth of the whole gradient's.
    pub variable_difference: f64,
    /// That variable.
    pub variable: String,
}

/// What steps of a phase gave.
struct Taken {
    losses: Vec<f64>,
    /// In the second way, losses of the same steps, each from the state that the first way has before it.
    same_state_losses: Vec<f64>,
    /// Gradients of the first step, on the CPU.
    gradients: BTreeMap<String, Vec<f32>>,
}

/// Takes `steps` steps of a phase in both ways, each a configuration and a place, from the same weights and with the same footage and
/// chance, and compares them. Weights start as [`TrainConfig::initial_weights`] says. The states before all steps but the first are kept in
/// the folder for temporary files meanwhile.
///
/// # Errors
/// Those of [`train`](super::train), of the folders of these states among them.
pub fn compare(
    data: &Path,
    phase: TrainingPhase,
    steps: u64,
    ways: [(&TrainConfig, &Place); 2],
) -> Result<Comparison, TrainError> {
    let folder = tempfile::tempdir().map_err(|e| TrainError::io(&std::env::temp_dir(), e))?;
    let way = |(config, place): (&TrainConfig, &Place), saves| {
        let dataset = open_footage(config, Path::new("the configuration"), data)?;
        let states = States {
            root: folder.path(),
            saves,
        };
        taken_in(config, &dataset, phase, steps, place, &states)
    };
    let (one, other) = (way(ways[0], true)?, way(ways[1], false)?);
    let differences = loss_differences(&one.losses, &other.losses);
    let same_state_differences = loss_differences(&one.losses, &other.same_state_losses);
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let nothing = Vec::new();
    let (mut whole, mut whole_difference) = (0f64, 0f64);
    let mut variables = Vec::new();
    for (name, gradient) in &one.gradients {
        let others = other.gradients.get(name).unwrap_or(&nothing);
        let own = norm(&mut gradient.iter().map(|&v| f64::from(v)));
        let pairs = gradient.iter().zip(others);
        let apart = if gradient.len() == others.len() {
            norm(&mut pairs.map(|(&a, &b)| f64::from(a) - f64::from(b)))
        } else {
            f64::INFINITY
        };
        whole = whole.hypot(own);
        whole_difference = whole_difference.hypot(apart);
        variables.push((name, own, apart));
    }
    let shares = variables.into_iter().map(|(name, own, apart)| {
        let share = apart / own.max(1e-3 * whole).max(1e-30);
        (name.clone(), share)
    });
    let worst = shares.max_by(|a, b| a.1.total_cmp(&b.1));
    let (variable, variable_difference) = worst.unwrap_or_default();
    Ok(Comparison {
        phase: phase.name(),
        first_loss_difference: differences.first().copied().unwrap_or(0.0),
        loss_difference: differences.into_iter().fold(0.0, f64::max),
        same_state_loss_difference: same_state_differences.into_iter().fold(0.0, f64::max),
        gradient_difference: whole_difference / whole.max(1e-30),
        variable_difference,
        variable,
        losses: one.losses,
        other_losses: other.losses,
    })
}

/// Differences of losses as shares of the first ones. One that is no number is as far from all others as can be.
fn loss_differences(losses: &[f64], others: &[f64]) -> Vec<f64> {
    let pairs = losses.iter().zip(others);
    pairs
        .map(|(a, b)| (a - b).abs() / a.abs().max(1e-12))
        .map(|it| if it.is_nan() { f64::INFINITY } else { it })
        .collect()
}

fn taken_in(
    config: &TrainConfig,
    dataset: &Dataset,
    phase: TrainingPhase,
    steps: u64,
    place: &Place,
    states: &States<'_>,
) -> Result<Taken, TrainError> {
    let work = || {
        with_precision(config, &place.device, || {
            taken(config, dataset, phase, steps, &place.device, states)
        })
    };
    if place.composed {
        with_composed(work)
    } else {
        work()
    }
}

fn taken(
    config: &TrainConfig,
    dataset: &Dataset,
    phase: TrainingPhase,
    steps: u64,
    device: &Device,
    states: &States<'_>,
) -> Result<Taken, TrainError> {
    match phase {
        TrainingPhase::Tokenizer => {
            let open = |start| {
                let (tokenizer, _) = TokenizerPhase::open(config, dataset, start, device)?;
                Ok(tokenizer)
            };
            take(&open, config, steps, states)
        }
        TrainingPhase::Dynamics => {
            let tokenizer = started_tokenizer(config, dataset)?;
            // The same weights in both places.
            let variables = Variables::new(config.seed, device);
            genie_model::VideoTokenizer::new(&config.model, variables.builder().pp("tokenizer"))?;
            variables.restore(&tokenizer.snapshot()?)?;
            let open = |start| {
                let inherited = Inherited {
                    tokenizer: variables.clone(),
                    found: FoundActions::any(config, dataset),
                    // Each way makes its own.
                    tokens: None,
                };
                let (dynamics, _) = DynamicsPhase::open(config, dataset, start, inherited, device)?;
                Ok(dynamics)
            };
            take(&open, config, steps, states)
        }
    }
}

/// An untrained tokenizer, on the CPU.
fn started_tokenizer(config: &TrainConfig, dataset: &Dataset) -> Result<Variables, TrainError> {
    let start = Start::New(InitialWeights::Footage);
    let (tokenizer, _) = TokenizerPhase::open(config, dataset, start, &Device::Cpu)?;
    Ok(tokenizer.into_variables())
}

/// The states before each step of the first way, in folders of their own.
struct States<'a> {
    root: &'a Path,
    /// The first way saves them, the second one reads them.
    saves: bool,
}

impl States<'_> {
    fn folder(&self, step: u64, config: &TrainConfig) -> Result<RunFolder, TrainError> {
        let root = self.root.join(step.to_string());
        if self.saves {
            RunFolder::open(&root, config, false)
        } else {
            Ok(RunFolder::opened_by_another(&root)?.0)
        }
    }
}

fn take<P: Phase>(
    open: &dyn Fn(Start) -> Result<P, TrainError>,
    config: &TrainConfig,
    steps: u64,
    states: &States<'_>,
) -> Result<Taken, TrainError> {
    let mut phase = open(Start::New(config.initial_weights))?;
    phase.optimiser().keep_gradients();
    let mut losses = Vec::new();
    let mut gradients = BTreeMap::new();
    for step in 0..steps {
        if states.saves && step > 0 {
            let progress = Progress { step, skipped: 0 };
            phase.save(&states.folder(step, config)?, progress)?;
        }
        losses.push(loss_of(&mut phase, config, step)?);
        if step == 0 {
            let optimiser = phase.optimiser();
            let kept = optimiser.kept_gradients().into_iter();
            let kept = kept.flat_map(super::Gradients::iter);
            for (name, gradient) in optimiser.names().zip(kept) {
                if let Some(gradient) = gradient {
                    gradients.insert(name.to_owned(), values(gradient)?);
                }
            }
        }
    }
    let mut same_state_losses = Vec::new();
    if !states.saves {
        // The first step is taken from the start.
        same_state_losses.extend(losses.first());
        for step in 1..steps {
            let folder = states.folder(step, config)?;
            let saved = folder
                .saved_state(P::NAME)?
                .ok_or_else(|| TrainError::NoRun {
                    path: states.root.join(step.to_string()),
                    beside: String::new(),
                })?;
            let mut phase = open(Start::Saved(saved))?;
            same_state_losses.push(loss_of(&mut phase, config, step)?);
        }
    }
    Ok(Taken {
        losses,
        same_state_losses,
        gradients,
    })
}

/// Takes a step, and says its loss.
fn loss_of<P: Phase>(phase: &mut P, config: &TrainConfig, step: u64) -> Result<f64, TrainError> {
    let rng = || step_rng::<P>(config.seed, step);
    let mut figures = phase.step(step, &mut rng())?;
    // A step that is left out for an overflow has a smaller factor the next time, down to 1.
    while figures.contains_key(OVERFLOW) {
        figures = phase.step(step, &mut rng())?;
    }
    Ok(figures.get("loss").copied().unwrap_or(f64::NAN))
}

fn values(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor
        .to_device(&Device::Cpu)?
        .to_dtype(DType::F32)?
        .flatten_all()?
        .to_vec1()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_that_is_no_number_is_far_from_all_others() {
        let found = loss_differences(&[1.0, 2.0, f64::NAN, 4.0], &[1.0, f64::NAN, 3.0, 5.0]);
        assert_eq!(found, [0.0, f64::INFINITY, f64::INFINITY, 0.25]);
    }
}
