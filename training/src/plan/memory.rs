//! Memory of one processor in training, counted from the configuration.

use genie_model::{GenieConfig, TransformerConfig, patch_grid};
use serde::Serialize;

use super::PlanOptions;
use crate::train::{BlockMatrices, Precision, TrainConfig};

/// Bytes of an activation, and of a rounded weight.
fn bytes(precision: Precision) -> f64 {
    match precision {
        Precision::Bf16 | Precision::F16 => 2.0,
        Precision::F32 => 4.0,
    }
}

/// Bytes by part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Memory {
    /// Master weights, their copy in the format of the products, and what is frozen.
    pub weights: f64,
    /// Gradients of all weights; with several passes those of one pass beside their sum.
    pub gradients: f64,
    /// What the optimiser remembers.
    pub optimiser: f64,
    /// What the way forward keeps for the way back.
    pub activations: f64,
    /// Logits of masked tokens with their gradient.
    pub logits: f64,
}

impl Memory {
    /// All parts together.
    pub fn total(&self) -> f64 {
        self.weights + self.gradients + self.optimiser + self.activations + self.logits
    }
}

/// Bytes that belong to weights, where a step takes one pass or several.
fn trained(
    parameters: f64,
    frozen: f64,
    optimiser_values: f64,
    passes: usize,
    precision: Precision,
) -> Memory {
    let copy = if precision == Precision::F32 {
        0.0
    } else {
        2.0
    };
    Memory {
        weights: parameters * (4.0 + copy) + frozen * bytes(precision),
        gradients: parameters * if passes > 1 { 8.0 } else { 4.0 },
        optimiser: parameters * optimiser_values * 4.0,
        activations: 0.0,
        logits: 0.0,
    }
}

/// Values that the optimiser remembers for each parameter: two of `AdamW`, one of Muon, which moves nearly all of them.
fn optimiser_values(block_matrices: BlockMatrices) -> f64 {
    match block_matrices {
        BlockMatrices::AdamW => 2.0,
        BlockMatrices::Muon => 1.0,
    }
}

/// Values that all blocks of a transformer keep of one token.
///
/// A block keeps its input, the sums after both attentions and three normalised inputs (6 D), queries, keys, values and the
/// output of both attentions (8 I), and the hidden layer before and after its activation (2 F). With recomputation only the
/// inputs of blocks stay, and one block at a time has the rest. Attention weights are not kept: they are computed again.
fn kept(t: &TransformerConfig, recompute: bool) -> f64 {
    let (width, inner) = (t.width as f64, t.attention_width() as f64);
    let block = 6.0 * width + 8.0 * inner + 2.0 * (t.feed_forward as f64 * width);
    if t.layers == 0 {
        0.0
    } else if recompute {
        t.layers as f64 * width + block
    } else {
        t.layers as f64 * block
    }
}

/// The passes of a processor in a step of `batch` clips, `clips` of which it takes at once.
fn passes(batch: usize, clips: usize, options: &PlanOptions) -> usize {
    batch.div_ceil(options.count.max(1)).div_ceil(clips.max(1))
}

/// The tokenizer's phase, for `clips` clips at once.
pub(super) fn tokenizer_phase(
    config: &TrainConfig,
    parameters: usize,
    clips: usize,
    options: &PlanOptions,
) -> Memory {
    let model = &config.model;
    let phase = &config.tokenizer;
    let tokens = (clips * phase.clip_frames * model.tokens_per_frame()) as f64;
    let patch = (model.tokenizer.patch * model.tokenizer.patch * 3) as f64;
    let codes =
        (2 + model.tokenizer.quantizer.stages()) as f64 * model.tokenizer.quantizer.dim() as f64;
    let coders = kept(&model.tokenizer.encoder, config.recompute)
        + kept(&model.tokenizer.decoder, config.recompute);
    let values = optimiser_values(phase.optimiser.block_matrices);
    Memory {
        // Patches, what is made of them, and the error.
        activations: tokens * (coders + codes + 3.0 * patch) * bytes(config.precision),
        ..trained(
            parameters as f64,
            0.0,
            values,
            passes(phase.batch, clips, options),
            config.precision,
        )
    }
}

/// The phase of latent actions and dynamics, for `clips` clips at once.
pub(super) fn dynamics_phase(
    config: &TrainConfig,
    parameters: usize,
    frozen: usize,
    clips: usize,
    options: &PlanOptions,
) -> Memory {
    let model = &config.model;
    let phase = &config.dynamics;
    let frames = (clips * phase.clip_frames) as f64;
    let tokens = frames * model.tokens_per_frame() as f64;
    let streams = 2.0 * tokens * kept(&model.dynamics.transformer, config.recompute);
    let actions = frames * latent_actions(model, config.recompute);
    let values = optimiser_values(phase.optimiser.block_matrices);
    let quantizer = &model.tokenizer.quantizer;
    // In the mean three quarters of the tokens are masked; logits and their gradient are float32.
    let fully = f64::from(config.fully_masked);
    let masked = tokens * (fully + (1.0 - fully) * 0.75);
    Memory {
        activations: (streams + actions) * bytes(config.precision),
        logits: 2.0 * masked * (quantizer.stages() * quantizer.codes()) as f64 * 4.0,
        ..trained(
            parameters as f64,
            frozen as f64,
            values,
            passes(phase.batch, clips, options),
            config.precision,
        )
    }
}

/// Values that the latent action model keeps of one frame.
fn latent_actions(model: &GenieConfig, recompute: bool) -> f64 {
    let latent = &model.latent_actions;
    let (rows, columns) = patch_grid(model.frame_height, model.frame_width, latent.patch);
    let patch = (latent.patch * latent.patch * 3) as f64;
    let decoder = latent
        .decoder
        .as_ref()
        .map_or(0.0, |decoder| kept(decoder, recompute) + 3.0 * patch);
    (rows * columns) as f64 * (kept(&latent.encoder, recompute) + 2.0 * patch + decoder)
}
