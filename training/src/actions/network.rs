//! Small classifiers of a few thousand weights: fully connected layers with `ReLU`, trained with AdamW on the softmax cross-entropy.
//!
//! They are trained many times during a search, for seconds, on the CPU; plain matrices do that faster than a tensor graph.

use nalgebra::{DMatrix, DVector};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// How a [`Network`] is trained.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TrainingPlan {
    pub(crate) steps: usize,
    pub(crate) batch: usize,
    pub(crate) learning_rate: f32,
    pub(crate) weight_decay: f32,
    /// Share of hidden values that are left out in each step.
    pub(crate) dropout: f32,
    /// Deviation of noise that is added to the inputs.
    pub(crate) noise: f32,
    pub(crate) seed: u64,
}

/// Steps over which the learning rate rises.
const WARM_UP: f32 = 20.0;
pub(super) const MOMENTUM: f32 = 0.9;
pub(super) const SQUARES: f32 = 0.999;

impl TrainingPlan {
    /// Learning rate of a step: it rises, then falls in a line.
    pub(super) fn rate(&self, step: usize) -> f32 {
        let progress = step as f32 / self.steps as f32;
        self.learning_rate * ((step + 1) as f32 / WARM_UP).min(1.0) * (1.0 - progress) + 1e-5
    }
}

/// One fully connected layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "StoredLayer", try_from = "StoredLayer")]
struct Layer {
    /// [outputs, inputs].
    weights: DMatrix<f32>,
    bias: DVector<f32>,
}

/// A classifier. Inputs are columns: [inputs, batch].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Network {
    layers: Vec<Layer>,
}

/// A layer in a file; weights column by column.
#[derive(Serialize, Deserialize)]
struct StoredLayer {
    inputs: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl From<Layer> for StoredLayer {
    fn from(layer: Layer) -> Self {
        Self {
            inputs: layer.weights.ncols(),
            weights: layer.weights.as_slice().to_vec(),
            bias: layer.bias.as_slice().to_vec(),
        }
    }
}

impl TryFrom<StoredLayer> for Layer {
    type Error = String;

    fn try_from(stored: StoredLayer) -> Result<Self, String> {
        let outputs = stored.bias.len();
        if outputs == 0 || stored.inputs.checked_mul(outputs) != Some(stored.weights.len()) {
            return Err(format!(
                "expected {} x {outputs} weights, found {}",
                stored.inputs,
                stored.weights.len()
            ));
        }
        Ok(Self {
            weights: DMatrix::from_vec(outputs, stored.inputs, stored.weights),
            bias: DVector::from_vec(stored.bias),
        })
    }
}

/// What AdamW (Loshchilov and Hutter 2019) remembers of a layer.
struct Moments {
    weights: [DMatrix<f32>; 2],
    bias: [DVector<f32>; 2],
}

impl Network {
    /// Layers between the given widths: inputs, hidden ones, classes.
    pub(crate) fn new(widths: &[usize], seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let layers = widths
            .windows(2)
            .map(|pair| {
                let bound = 1.0 / (pair[0].max(1) as f32).sqrt();
                let mut draw = || rng.random_range(-bound..=bound);
                Layer {
                    weights: DMatrix::from_fn(pair[1], pair[0], |_, _| draw()),
                    bias: DVector::from_fn(pair[1], |_, _| draw()),
                }
            })
            .collect();
        Self { layers }
    }

    /// Number of values that it takes.
    pub(crate) fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.weights.ncols())
    }

    /// Number of classes.
    pub(crate) fn classes(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.weights.nrows())
    }

    /// Whether its layers fit each other, which one from a file may not.
    pub(crate) fn is_sound(&self) -> bool {
        let fits = |pair: &[Layer]| pair[0].weights.nrows() == pair[1].weights.ncols();
        !self.layers.is_empty() && self.layers.windows(2).all(fits)
    }

    /// Trains on examples drawn from `count`: `fill` writes the inputs of an example, `target` gives its class.
    pub(crate) fn train(
        &mut self,
        count: usize,
        fill: &dyn Fn(usize, &mut [f32]),
        target: &dyn Fn(usize) -> usize,
        plan: &TrainingPlan,
    ) {
        let shares = |example: usize, shares: &mut [f32]| shares[target(example)] = 1.0;
        self.train_on_shares(count, fill, &shares, plan);
    }

    /// The same, but `target` writes the probability that each class should have; it is given zeros.
    pub(crate) fn train_on_shares(
        &mut self,
        count: usize,
        fill: &dyn Fn(usize, &mut [f32]),
        target: &dyn Fn(usize, &mut [f32]),
        plan: &TrainingPlan,
    ) {
        if count == 0 {
            return;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
        let mut moments: Vec<Moments> = self.layers.iter().map(Moments::new).collect();
        let mut inputs = DMatrix::zeros(self.inputs(), plan.batch);
        let mut targets = DMatrix::zeros(self.classes(), plan.batch);
        for step in 0..plan.steps {
            targets.fill(0.0);
            for (column, mut shares) in targets.column_iter_mut().enumerate() {
                let example = rng.random_range(0..count);
                let mut values = inputs.column_mut(column);
                fill(example, values.as_mut_slice());
                if plan.noise > 0.0 {
                    values
                        .iter_mut()
                        .for_each(|value| *value += plan.noise * nearly_normal(&mut rng));
                }
                target(example, shares.as_mut_slice());
            }
            self.step(
                &inputs,
                &targets,
                &mut moments,
                (plan.rate(step), step + 1),
                plan,
                &mut rng,
            );
        }
    }

    /// One step of AdamW.
    fn step(
        &mut self,
        inputs: &DMatrix<f32>,
        targets: &DMatrix<f32>,
        moments: &mut [Moments],
        (rate, number): (f32, usize),
        plan: &TrainingPlan,
        rng: &mut ChaCha8Rng,
    ) {
        let last = self.layers.len() - 1;
        let mut activations: Vec<DMatrix<f32>> = Vec::with_capacity(last + 1);
        for (index, layer) in self.layers.iter().enumerate() {
            let mut out = layer.forward(activations.last().unwrap_or(inputs));
            if index < last {
                out.apply(|value| *value = value.max(0.0));
                if plan.dropout > 0.0 {
                    let keep = 1.0 / (1.0 - plan.dropout);
                    let limit = (f64::from(plan.dropout) * f64::from(u32::MAX)) as u32;
                    out.apply(|value| {
                        *value *= if rng.random::<u32>() < limit {
                            0.0
                        } else {
                            keep
                        }
                    });
                }
            }
            activations.push(out);
        }
        // Gradient at the logits: probabilities less the truth.
        let mut gradient = activations.pop().expect("a network has a layer");
        for mut column in gradient.column_iter_mut() {
            softmax(column.as_mut_slice());
        }
        gradient -= targets;
        gradient *= 1.0 / targets.ncols() as f32;
        for index in (0..=last).rev() {
            let below = if index == 0 {
                inputs
            } else {
                &activations[index - 1]
            };
            let weight_gradient = &gradient * below.transpose();
            let bias_gradient = gradient.column_sum();
            if index > 0 {
                let mut next = self.layers[index].weights.transpose() * &gradient;
                // What was cut off or left out passes nothing back.
                let keep = 1.0 / (1.0 - plan.dropout);
                next.zip_apply(below, |value, activation| {
                    *value = if activation > 0.0 { *value * keep } else { 0.0 };
                });
                gradient = next;
            }
            let layer = &mut self.layers[index];
            let memory = &mut moments[index];
            let [first, second] = &mut memory.weights;
            adam(
                layer.weights.as_mut_slice(),
                weight_gradient.as_slice(),
                (first.as_mut_slice(), second.as_mut_slice()),
                (rate, plan.weight_decay, number),
            );
            let [first, second] = &mut memory.bias;
            adam(
                layer.bias.as_mut_slice(),
                bias_gradient.as_slice(),
                (first.as_mut_slice(), second.as_mut_slice()),
                (rate, 0.0, number),
            );
        }
    }

    /// Probabilities of the classes: [classes, batch].
    pub(crate) fn probabilities(&self, inputs: &DMatrix<f32>) -> DMatrix<f32> {
        let mut out = self.layers[0].forward(inputs);
        for layer in &self.layers[1..] {
            out.apply(|value| *value = value.max(0.0));
            out = layer.forward(&out);
        }
        for mut column in out.column_iter_mut() {
            softmax(column.as_mut_slice());
        }
        out
    }

    /// Probabilities of many examples, worked on in batches, as rows of classes.
    pub(crate) fn probabilities_of(
        &self,
        count: usize,
        fill: &dyn Fn(usize, &mut [f32]),
    ) -> Vec<Vec<f32>> {
        const BATCH: usize = 512;
        let mut rows = Vec::with_capacity(count);
        for start in (0..count).step_by(BATCH) {
            let size = BATCH.min(count - start);
            let mut inputs = DMatrix::zeros(self.inputs(), size);
            for column in 0..size {
                fill(start + column, inputs.column_mut(column).as_mut_slice());
            }
            let found = self.probabilities(&inputs);
            rows.extend(
                found
                    .column_iter()
                    .map(|column| column.iter().copied().collect()),
            );
        }
        rows
    }
}

impl Layer {
    fn forward(&self, inputs: &DMatrix<f32>) -> DMatrix<f32> {
        let mut out = &self.weights * inputs;
        for mut column in out.column_iter_mut() {
            column += &self.bias;
        }
        out
    }
}

impl Moments {
    fn new(layer: &Layer) -> Self {
        let (rows, columns) = layer.weights.shape();
        Self {
            weights: [DMatrix::zeros(rows, columns), DMatrix::zeros(rows, columns)],
            bias: [DVector::zeros(rows), DVector::zeros(rows)],
        }
    }
}

fn adam(
    values: &mut [f32],
    gradient: &[f32],
    (first, second): (&mut [f32], &mut [f32]),
    (rate, decay, number): (f32, f32, usize),
) {
    let power = number.min(10_000) as i32;
    let (first_scale, second_scale) = (
        1.0 / (1.0 - MOMENTUM.powi(power)),
        1.0 / (1.0 - SQUARES.powi(power)),
    );
    for (((value, &slope), mean), square) in values.iter_mut().zip(gradient).zip(first).zip(second)
    {
        *mean = MOMENTUM * *mean + (1.0 - MOMENTUM) * slope;
        *square = SQUARES * *square + (1.0 - SQUARES) * slope * slope;
        let step = (*mean * first_scale) / ((*square * second_scale).sqrt() + 1e-8);
        *value -= rate * (step + decay * *value);
    }
}

pub(super) fn softmax(values: &mut [f32]) {
    let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for value in values.iter_mut() {
        *value = (*value - most).exp();
        sum += *value;
    }
    for value in values {
        *value /= sum;
    }
}

/// A draw with mean 0 and deviation 1 from four even ones: near enough to normal for noise on inputs.
pub(super) fn nearly_normal(rng: &mut ChaCha8Rng) -> f32 {
    let bytes = rng.random::<u32>().to_le_bytes();
    let sum: u16 = bytes.iter().map(|&byte| u16::from(byte)).sum();
    (f32::from(sum) - 510.0) / 147.8
}
