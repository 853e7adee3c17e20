//! Linear maps of rows with their gradients: fully connected layers, and convolutions whose kernels' surroundings are rows.

use genie_model::ops::{AdamWStep, adamw_step, matmul_nn, matmul_nt, matmul_tn};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// A linear map of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Linear {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// [outputs, inputs].
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Linear {
    pub(super) fn zeros(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            weights: vec![0.0; inputs * outputs],
            bias: vec![0.0; outputs],
        }
    }

    pub(super) fn random(inputs: usize, outputs: usize, rng: &mut ChaCha8Rng) -> Self {
        let mut layer = Self::zeros(inputs, outputs);
        let bound = 1.0 / (inputs.max(1) as f32).sqrt();
        for value in layer.weights.iter_mut().chain(&mut layer.bias) {
            *value = rng.random_range(-bound..=bound);
        }
        layer
    }

    /// Maps rows, [rows, inputs] to [rows, outputs].
    pub(super) fn apply(&self, rows: &[f32], out: &mut [f32]) {
        let count = out.len() / self.outputs;
        for row in out.chunks_exact_mut(self.outputs) {
            row.copy_from_slice(&self.bias);
        }
        let shape = (count, self.outputs, self.inputs);
        matmul_nt(shape, rows, &self.weights, out, true);
    }

    /// Adds the gradient at its weights, where `gradient` is that at what came out for `rows`.
    pub(super) fn add_gradient(&self, rows: &[f32], gradient: &[f32], sum: &mut Self) {
        let count = gradient.len() / self.outputs;
        let shape = (count, self.outputs, self.inputs);
        matmul_tn(shape, gradient, rows, &mut sum.weights, true);
        for row in gradient.chunks_exact(self.outputs) {
            sum.bias
                .iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += value);
        }
    }

    /// The gradient at what went in.
    pub(super) fn pass_back(&self, gradient: &[f32], rows: &mut [f32]) {
        let shape = (gradient.len() / self.outputs, self.outputs, self.inputs);
        matmul_nn(shape, gradient, &self.weights, rows, false);
    }

    /// One step of `AdamW` with a gradient and its running mean and square; nothing decays but the weights.
    pub(super) fn update(
        &mut self,
        gradient: &Self,
        (mean, square): (&mut Self, &mut Self),
        settings: &AdamWStep,
    ) {
        adamw_step(
            &mut self.weights,
            &gradient.weights,
            &mut mean.weights,
            &mut square.weights,
            settings,
        );
        let undecayed = AdamWStep {
            weight_decay: 0.0,
            ..*settings
        };
        adamw_step(
            &mut self.bias,
            &gradient.bias,
            &mut mean.bias,
            &mut square.bias,
            &undecayed,
        );
    }
}

/// The sums of some parts' gradients, layer by layer, in the order of the parts.
pub(super) fn sums_of(parts: Vec<Vec<Linear>>) -> Vec<Linear> {
    let add = |mut sums: Vec<Linear>, part: Vec<Linear>| {
        for (sum, part) in sums.iter_mut().zip(part) {
            let values = part.weights.into_iter().chain(part.bias);
            let sums = sum.weights.iter_mut().chain(&mut sum.bias);
            sums.zip(values).for_each(|(sum, value)| *sum += value);
        }
        sums
    };
    parts.into_iter().reduce(add).unwrap_or_default()
}
