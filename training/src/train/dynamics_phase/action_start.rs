//! Data-driven initialisation of the latent actions.

use candle_core::{DType, Device, Tensor};
use genie_model::{LatentActionConfig, LatentActionInput, LatentActionModel};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::train::batches::Batches;
use crate::train::codebook::EmaCodebook;
use crate::train::config::TrainConfig;
use crate::train::data_driven::distinguishing_projection;
use crate::train::error::TrainError;
use crate::train::kmeans::kmeans;
use crate::train::motion_start::motion_start;
use crate::train::variables::Variables;

/// Batches whose encoder outputs the action codebook starts from.
const START_BATCHES: u64 = 24;
/// Share of an old mean that the codebook's moving averages keep at every step.
const CODEBOOK_DECAY: f32 = 0.99;

/// A codebook of latent actions that starts from these codes `[A, C]`.
pub(super) fn action_codebook(codes: &Tensor) -> candle_core::Result<EmaCodebook> {
    EmaCodebook::new(codes, ["actions"], CODEBOOK_DECAY, true)
}

/// Codes `[A, C]` on the unit sphere for actions that are known beforehand: at right angles while there is room for that, and
/// otherwise in random directions. The dynamics model learns what each of them does.
pub(super) fn separate_codes(
    config: &LatentActionConfig,
    seed: u64,
    device: &Device,
) -> Result<Tensor, TrainError> {
    let (actions, dim) = (config.actions, config.dim);
    if actions <= dim {
        let rows = Tensor::eye(dim, DType::F32, device)?;
        return Ok(rows.narrow(0, 0, actions)?.contiguous()?);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut codes = Vec::with_capacity(actions * dim);
    for _ in 0..actions {
        // The direction of a normal sample is uniform on the sphere.
        let mut normal = || {
            let [a, b]: [f32; 2] = [rng.random_range(1e-7..1.0), rng.random()];
            (-2.0 * a.ln()).sqrt() * (std::f32::consts::TAU * b).cos()
        };
        let code: Vec<f32> = (0..dim).map(|_| normal()).collect();
        let length = code.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-6);
        codes.extend(code.iter().map(|v| v / length));
    }
    Ok(Tensor::from_vec(codes, (actions, dim), device)?)
}

/// Sets the encoder's projection, and returns the codebook. Where the encoder's input is motion, both come from signs of motion;
/// otherwise from principal components and k-means, so that every code starts with transitions of its own.
pub(super) fn start_actions(
    config: &TrainConfig,
    batches: &Batches,
    model: &LatentActionModel,
    variables: &Variables,
) -> Result<EmaCodebook, TrainError> {
    let device = model.codebook().device();
    let mut summaries = Vec::new();
    let mut seen = Vec::new();
    for step in 0..START_BATCHES {
        for pass in 0..batches.passes {
            let clips = batches.reader.clips((step, pass))?;
            let features = model.features(&clips, batches.batch)?;
            let summary = model.summarise(&features)?.detach();
            // What follows is statistics, once in a training.
            summaries.push(summary.flatten_to(1)?.to_device(&Device::Cpu)?);
            seen.push(features.flatten_to(1)?.to_device(&Device::Cpu)?);
        }
    }
    let summaries = Tensor::cat(&summaries, 0)?;
    let latent = &config.model.latent_actions;
    let project = "latent_actions.encoder.project";
    if latent.input == LatentActionInput::Motion {
        let seen = Tensor::cat(&seen, 0)?;
        let gravity = config.gravity;
        let start = motion_start(&seen, &summaries, latent.actions, latent.dim, gravity)?;
        if let Some(start) = start {
            let ways: Vec<_> = start.ways.iter().map(ToString::to_string).collect();
            tracing::info!("latent actions start from: {}", ways.join("; "));
            variables.set(project, &start.projection)?;
            variables.set(&format!("{project}_bias"), &start.bias)?;
            return Ok(action_codebook(&start.codes.to_device(device)?)?);
        }
    }
    let projection = distinguishing_projection(&summaries, latent.dim)?;
    variables.set(project, &projection)?;
    let summaries = summaries.to_device(device)?;
    let points = model.project(&summaries)?.detach();
    let points = points.to_device(&Device::Cpu)?;
    let weights = vec![1.0; points.dim(0)?];
    let codes = kmeans(&points, &weights, latent.actions, 20, config.seed)?;
    Ok(action_codebook(&codes.to_device(device)?)?)
}
