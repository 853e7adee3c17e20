//! A convolutional classifier of whole pictures: three convolutions, two fully connected layers, `ReLU` between them, trained with `AdamW`
//! on the softmax cross-entropy.
//!
//! Nothing is pooled: where something is in the picture says as much as what it is. Each step shares its examples out into parts of a
//! fixed size, so that the result does not depend on the number of threads. Products of matrices by hand take a twentieth of the time of
//! candle's convolutions with their gradients on the CPU.

use genie_model::ops::AdamWStep;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::convolution::Kernels;
use super::linear::{Linear, sums_of};
use super::network::{MOMENTUM, SQUARES, TrainingPlan, nearly_normal, softmax};

/// Edge and stride of the kernels of each convolution, and how many kernels it has.
const CONVOLUTIONS: [(usize, usize, usize); 3] = [(5, 2, 24), (3, 2, 32), (3, 2, 32)];
/// Width of the hidden layer.
const HIDDEN: usize = 128;
/// Examples that are worked on at once.
const PART: usize = 32;

/// Height, width and number of values a pixel of what a [`PictureNetwork`] looks at: [H, W, C].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PictureShape {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
}

/// Writes the values of an example.
type Fill<'a> = dyn Fn(usize, &mut [f32]) + Sync + 'a;

/// The classifier.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PictureNetwork {
    kernels: Vec<Kernels>,
    /// The convolutions, then the two layers to hidden values and to classes.
    layers: Vec<Linear>,
}

impl PictureNetwork {
    /// One with random weights.
    pub(super) fn new(shape: PictureShape, classes: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let PictureShape {
            mut height,
            mut width,
            mut channels,
        } = shape;
        let (mut kernels, mut layers) = (Vec::new(), Vec::new());
        for (edge, stride, outputs) in CONVOLUTIONS {
            let here = Kernels {
                height,
                width,
                channels,
                edge,
                stride,
            };
            layers.push(Linear::random(here.values(), outputs, &mut rng));
            (height, width) = here.output();
            channels = outputs;
            kernels.push(here);
        }
        layers.push(Linear::random(height * width * channels, HIDDEN, &mut rng));
        layers.push(Linear::random(HIDDEN, classes, &mut rng));
        Self { kernels, layers }
    }

    /// Number of values that it takes.
    fn inputs(&self) -> usize {
        self.kernels[0].inputs()
    }

    fn classes(&self) -> usize {
        self.layers[self.layers.len() - 1].outputs
    }

    /// Trains on examples drawn from `count`: `fill` writes the values of an example, `target` gives its class.
    pub(super) fn train(
        &mut self,
        count: usize,
        fill: &Fill<'_>,
        target: &(dyn Fn(usize) -> usize + Sync),
        plan: &TrainingPlan,
    ) {
        if count == 0 {
            return;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
        let zeros = || -> Vec<Linear> {
            (self.layers.iter())
                .map(|layer| Linear::zeros(layer.inputs, layer.outputs))
                .collect()
        };
        let mut moments = [zeros(), zeros()];
        for step in 0..plan.steps {
            let examples: Vec<(usize, u64)> = (0..plan.batch)
                .map(|_| (rng.random_range(0..count), rng.random()))
                .collect();
            let parts: Vec<Vec<Linear>> = examples
                .par_chunks(PART)
                .map(|part| {
                    let mut rng = ChaCha8Rng::seed_from_u64(part[0].1);
                    let mut inputs = vec![0.0; part.len() * self.inputs()];
                    let mut targets = Vec::with_capacity(part.len());
                    for (&(example, _), inputs) in
                        part.iter().zip(inputs.chunks_exact_mut(self.inputs()))
                    {
                        fill(example, inputs);
                        targets.push(target(example));
                    }
                    if plan.noise > 0.0 {
                        for value in &mut inputs {
                            *value += plan.noise * nearly_normal(&mut rng);
                        }
                    }
                    self.gradients(&inputs, &targets, plan.dropout, &mut rng)
                })
                .collect();
            self.update(&sums_of(parts), &mut moments, step, plan);
        }
    }

    /// Gradients at all weights, summed over some examples.
    fn gradients(
        &self,
        inputs: &[f32],
        targets: &[usize],
        dropout: f32,
        rng: &mut ChaCha8Rng,
    ) -> Vec<Linear> {
        let mut sums: Vec<Linear> = (self.layers.iter())
            .map(|layer| Linear::zeros(layer.inputs, layer.outputs))
            .collect();
        let mut pictures = self.pictures(inputs);
        let features = pictures.last_mut().expect("a network has convolutions");
        leave_out(features, dropout, rng);
        let (to_hidden, to_classes) = (self.kernels.len(), self.kernels.len() + 1);
        let mut hidden = self.connect(to_hidden, features);
        relu(&mut hidden);
        leave_out(&mut hidden, dropout, rng);
        // Gradient at the logits: probabilities less the truth.
        let mut gradient = self.connect(to_classes, &hidden);
        for (row, &target) in gradient.chunks_exact_mut(self.classes()).zip(targets) {
            softmax(row);
            row[target] -= 1.0;
        }
        let keep = 1.0 / (1.0 - dropout);
        for (index, below) in [(to_classes, &hidden), (to_hidden, &pictures[to_hidden - 1])] {
            let layer = &self.layers[index];
            layer.add_gradient(below, &gradient, &mut sums[index]);
            let mut next = vec![0.0; below.len()];
            layer.pass_back(&gradient, &mut next);
            where_positive(&mut next, below, keep);
            gradient = next;
        }
        for index in (0..self.kernels.len()).rev() {
            let below = if index == 0 {
                inputs
            } else {
                &pictures[index - 1][..]
            };
            gradient = self.convolve_back(index, below, &gradient, &mut sums[index]);
        }
        sums
    }

    /// What comes out of each convolution, picture by picture, cut off below 0.
    fn pictures(&self, inputs: &[f32]) -> Vec<Vec<f32>> {
        let mut pictures: Vec<Vec<f32>> = Vec::with_capacity(self.kernels.len());
        for (kernels, layer) in self.kernels.iter().zip(&self.layers) {
            let below = pictures.last().map_or(inputs, |below| &below[..]);
            let mut rows = vec![0.0; kernels.places() * kernels.values()];
            let each = kernels.places() * layer.outputs;
            let mut out = vec![0.0; below.len() / kernels.inputs() * each];
            for (picture, out) in below
                .chunks_exact(kernels.inputs())
                .zip(out.chunks_exact_mut(each))
            {
                kernels.unfold(picture, &mut rows);
                layer.apply(&rows, out);
            }
            relu(&mut out);
            pictures.push(out);
        }
        pictures
    }

    /// Adds the gradient at a convolution's weights; the gradient at what went in, nothing for the first convolution.
    fn convolve_back(
        &self,
        index: usize,
        below: &[f32],
        gradient: &[f32],
        sum: &mut Linear,
    ) -> Vec<f32> {
        let (kernels, layer) = (self.kernels[index], &self.layers[index]);
        let mut rows = vec![0.0; kernels.places() * kernels.values()];
        let mut back = vec![0.0; if index == 0 { 0 } else { below.len() }];
        let gradients = gradient.chunks_exact(kernels.places() * layer.outputs);
        for (at, (picture, gradient)) in below
            .chunks_exact(kernels.inputs())
            .zip(gradients)
            .enumerate()
        {
            kernels.unfold(picture, &mut rows);
            layer.add_gradient(&rows, gradient, sum);
            if index > 0 {
                layer.pass_back(gradient, &mut rows);
                let back = &mut back[at * kernels.inputs()..][..kernels.inputs()];
                kernels.fold(&rows, back);
            }
        }
        if index > 0 {
            where_positive(&mut back, below, 1.0);
        }
        back
    }

    /// A fully connected layer.
    fn connect(&self, index: usize, rows: &[f32]) -> Vec<f32> {
        let layer = &self.layers[index];
        let mut out = vec![0.0; rows.len() / layer.inputs * layer.outputs];
        layer.apply(rows, &mut out);
        out
    }

    /// One step of `AdamW` (Loshchilov and Hutter 2019).
    fn update(
        &mut self,
        gradients: &[Linear],
        [means, squares]: &mut [Vec<Linear>; 2],
        step: usize,
        plan: &TrainingPlan,
    ) {
        let power = (step + 1).min(10_000) as i32;
        let settings = AdamWStep {
            lr: plan.rate(step),
            beta1: MOMENTUM,
            beta2: SQUARES,
            eps: 1e-8,
            weight_decay: plan.weight_decay,
            bias_correction1: 1.0 - MOMENTUM.powi(power),
            bias_correction2: 1.0 - SQUARES.powi(power),
            grad_scale: 1.0 / plan.batch as f32,
        };
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let moments = (&mut means[index], &mut squares[index]);
            layer.update(&gradients[index], moments, &settings);
        }
    }

    /// Probabilities of the classes for many examples, as rows of classes.
    pub(super) fn probabilities_of(&self, count: usize, fill: &Fill<'_>) -> Vec<Vec<f32>> {
        let starts: Vec<usize> = (0..count).step_by(PART).collect();
        let parts: Vec<Vec<Vec<f32>>> = starts
            .par_iter()
            .map(|&start| {
                let size = PART.min(count - start);
                let mut inputs = vec![0.0; size * self.inputs()];
                for (at, inputs) in inputs.chunks_exact_mut(self.inputs()).enumerate() {
                    fill(start + at, inputs);
                }
                let mut pictures = self.pictures(&inputs);
                let features = pictures.pop().expect("a network has convolutions");
                let mut hidden = self.connect(self.kernels.len(), &features);
                relu(&mut hidden);
                let mut rows = self.connect(self.kernels.len() + 1, &hidden);
                rows.chunks_exact_mut(self.classes())
                    .map(|row| {
                        softmax(row);
                        row.to_vec()
                    })
                    .collect()
            })
            .collect();
        parts.into_iter().flatten().collect()
    }
}

fn relu(values: &mut [f32]) {
    for value in values {
        *value = value.max(0.0);
    }
}

/// Leaves out a share of the values, and enlarges the others to make up for it.
fn leave_out(values: &mut [f32], share: f32, rng: &mut ChaCha8Rng) {
    if share > 0.0 {
        let keep = 1.0 / (1.0 - share);
        let limit = (f64::from(share) * f64::from(u32::MAX)) as u32;
        for value in values {
            *value *= if rng.random::<u32>() < limit {
                0.0
            } else {
                keep
            };
        }
    }
}

/// Gradients times `factor` where what they belong to was neither cut off nor left out.
fn where_positive(gradient: &mut [f32], values: &[f32], factor: f32) {
    for (gradient, &value) in gradient.iter_mut().zip(values) {
        *gradient = if value > 0.0 { *gradient * factor } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: PictureShape = PictureShape {
        height: 6,
        width: 9,
        channels: 2,
    };

    #[test]
    fn gradients_are_slopes_of_the_cross_entropy() {
        let mut network = PictureNetwork::new(SHAPE, 3, 1);
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let targets = [0, 2, 1];
        let inputs: Vec<f32> = (0..targets.len() * network.inputs())
            .map(|_| rng.random_range(-1.0..1.0))
            .collect();
        let gradients = network.gradients(&inputs, &targets, 0.0, &mut rng);
        let loss = |network: &PictureNetwork| -> f64 {
            let each = network.inputs();
            let rows = network.probabilities_of(targets.len(), &|at, out| {
                out.copy_from_slice(&inputs[at * each..][..each]);
            });
            let surprise = |(row, &target): (&Vec<f32>, &usize)| -f64::from(row[target]).ln();
            rows.iter().zip(&targets).map(surprise).sum()
        };
        for (index, gradient) in gradients.iter().enumerate() {
            // Along the gradient itself, where the slope is its length; steps are short of most kinks of `ReLU`.
            let length = (gradient.weights.iter().chain(&gradient.bias))
                .map(|&part| f64::from(part).powi(2))
                .sum::<f64>()
                .sqrt();
            assert!(length > 1e-3, "layer {index} learns nothing");
            let mut moved = |by: f64| {
                let before = network.layers[index].clone();
                let factor = (by / length) as f32;
                let layer = &mut network.layers[index];
                let weights = layer.weights.iter_mut().zip(&gradient.weights);
                let bias = layer.bias.iter_mut().zip(&gradient.bias);
                weights
                    .chain(bias)
                    .for_each(|(value, slope)| *value += factor * slope);
                let found = loss(&network);
                network.layers[index] = before;
                found
            };
            let step = 4e-4;
            let slope = (moved(step) - moved(-step)) / (2.0 * step);
            assert!(
                (slope / length - 1.0).abs() < 0.03,
                "layer {index}: {slope} is not {length}"
            );
        }
    }
}
