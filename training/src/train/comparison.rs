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
    /// Gradients of the first step, on the CPU.
    gradients: BTreeMap<String, Vec<f32>>,
}

/// Takes `steps` steps of a phase in both ways, each a configuration and a place, from the same weights and with the same footage and
/// chance, and compares them. Weights start as [`TrainConfig::initial_weights`] says.
///
/// # Errors
/// Those of [`train`](super::train) that do not come from a run folder.
pub fn compare(
    data: &Path,
    phase: TrainingPhase,
    steps: u64,
    ways: [(&TrainConfig, &Place); 2],
) -> Result<Comparison, TrainError> {
    let [one, other] = ways.map(|(config, place)| {
        let dataset = open_footage(config, Path::new("the configuration"), data)?;
        taken_in(config, &dataset, phase, steps, place)
    });
    let (one, other) = (one?, other?);
    let differences = one.losses.iter().zip(&other.losses);
    let differences = differences.map(|(a, b)| (a - b).abs() / a.abs().max(1e-12));
    let differences: Vec<f64> = differences.collect();
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
        gradient_difference: whole_difference / whole.max(1e-30),
        variable_difference,
        variable,
        losses: one.losses,
        other_losses: other.losses,
    })
}

fn taken_in(
    config: &TrainConfig,
    dataset: &Dataset,
    phase: TrainingPhase,
    steps: u64,
    place: &Place,
) -> Result<Taken, TrainError> {
    let work = || {
        with_precision(config, &place.device, || {
            taken(config, dataset, phase, steps, &place.device)
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
) -> Result<Taken, TrainError> {
    let start = || Start::New(config.initial_weights);
    match phase {
        TrainingPhase::Tokenizer => {
            let (mut tokenizer, _) = TokenizerPhase::open(config, dataset, start(), device)?;
            take(&mut tokenizer, config.seed, steps)
        }
        TrainingPhase::Dynamics => {
            let tokenizer = started_tokenizer(config, dataset)?;
            // The same weights in both places.
            let variables = Variables::new(config.seed, device);
            genie_model::VideoTokenizer::new(&config.model, variables.builder().pp("tokenizer"))?;
            variables.restore(&tokenizer.snapshot()?)?;
            let inherited = Inherited {
                tokenizer: variables,
                found: FoundActions::any(config, dataset),
                // Each way makes its own.
                tokens: None,
            };
            let opened = DynamicsPhase::open(config, dataset, start(), inherited, device)?;
            let (mut dynamics, _) = opened;
            take(&mut dynamics, config.seed, steps)
        }
    }
}

/// An untrained tokenizer, on the CPU.
fn started_tokenizer(config: &TrainConfig, dataset: &Dataset) -> Result<Variables, TrainError> {
    let start = Start::New(InitialWeights::Footage);
    let (tokenizer, _) = TokenizerPhase::open(config, dataset, start, &Device::Cpu)?;
    Ok(tokenizer.into_variables())
}

fn take<P: Phase>(phase: &mut P, seed: u64, steps: u64) -> Result<Taken, TrainError> {
    phase.optimiser().keep_gradients();
    let mut losses = Vec::new();
    let mut gradients = BTreeMap::new();
    for step in 0..steps {
        let mut figures = phase.step(step, &mut step_rng::<P>(seed, step))?;
        // A step that is left out for an overflow has a smaller factor the next time, down to 1.
        while figures.contains_key(OVERFLOW) {
            figures = phase.step(step, &mut step_rng::<P>(seed, step))?;
        }
        losses.push(figures.get("loss").copied().unwrap_or(f64::NAN));
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
    Ok(Taken { losses, gradients })
}

fn values(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor
        .to_device(&Device::Cpu)?
        .to_dtype(DType::F32)?
        .flatten_all()?
        .to_vec1()
}
