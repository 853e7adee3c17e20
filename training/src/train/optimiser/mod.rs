//! AdamW (Loshchilov & Hutter 2019), with [Muon](muon) for the matrices of transformer blocks, clipping of the gradient's
//! norm and a state that can be saved.

mod muon;

use std::collections::HashMap;
use std::sync::Mutex;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, Device, InplaceOp2, Layout, Tensor, Var};
use genie_model::ops::{self, AdamWStep};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::saved_state::{restore_values, saved_values};

/// Settings that stay the same over a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimiserConfig {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the root of the latter.
    pub epsilon: f64,
    /// Pull of matrices towards zero, per step and unit of learning rate. Vectors are spared.
    pub weight_decay: f64,
    /// Largest norm of the whole gradient.
    pub clip_norm: f64,
    /// The optimiser of the matrices within transformer blocks.
    pub block_matrices: BlockMatrices,
}

/// The optimiser of the matrices within transformer blocks; AdamW updates all else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockMatrices {
    /// AdamW too.
    #[default]
    AdamW,
    /// Muon, at the same learning rate.
    Muon,
}

impl Default for OptimiserConfig {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            weight_decay: 0.01,
            clip_norm: 1.0,
            block_matrices: BlockMatrices::default(),
        }
    }
}

/// The optimiser of a set of variables.
#[derive(Debug)]
pub struct Optimiser {
    config: OptimiserConfig,
    vars: Vec<(String, Var)>,
    /// One for each variable.
    rules: Vec<Rule>,
    step: u64,
}

/// How a variable is updated, and the state for that.
#[derive(Debug)]
enum Rule {
    AdamW {
        mean: Vec<f32>,
        square: Vec<f32>,
    },
    /// One or more matrices of `size` below each other.
    Muon {
        momentum: Vec<f32>,
        size: (usize, usize),
    },
}

impl Rule {
    fn new(name: &str, var: &Var, block_matrices: BlockMatrices) -> Self {
        let zeros = vec![0.0; var.elem_count()];
        match (block_matrices, var.dims()) {
            (BlockMatrices::Muon, &[rows, columns]) if name.contains(".blocks.") => {
                // Queries, keys and values have a matrix each.
                let packed = name.rsplit('.').next() == Some("qkv");
                let matrices = if packed { 3 } else { 1 };
                Self::Muon {
                    momentum: zeros,
                    size: (rows / matrices, columns),
                }
            }
            _ => Self::AdamW {
                mean: zeros.clone(),
                square: zeros,
            },
        }
    }

    /// The state by name.
    fn memory(&self) -> Vec<(&'static str, &[f32])> {
        match self {
            Self::AdamW { mean, square } => vec![("mean", mean), ("square", square)],
            Self::Muon { momentum, .. } => vec![("momentum", momentum)],
        }
    }

    fn memory_mut(&mut self) -> Vec<(&'static str, &mut Vec<f32>)> {
        match self {
            Self::AdamW { mean, square } => vec![("mean", mean), ("square", square)],
            Self::Muon { momentum, .. } => vec![("momentum", momentum)],
        }
    }

    /// Updates `param` by its gradient.
    fn step(&mut self, param: &mut [f32], grad: &[f32], settings: &AdamWStep) {
        match self {
            Self::AdamW { mean, square } => ops::adamw_step(param, grad, mean, square, settings),
            Self::Muon { momentum, size } => {
                let pull = 1.0 - settings.lr * settings.weight_decay;
                let pace = (settings.lr, settings.grad_scale, pull);
                muon::step(param, grad, momentum, *size, pace);
            }
        }
    }
}

impl Optimiser {
    /// An optimiser that has not stepped yet.
    pub fn new(vars: Vec<(String, Var)>, config: OptimiserConfig) -> Self {
        let rules = vars
            .iter()
            .map(|(name, var)| Rule::new(name, var, config.block_matrices))
            .collect();
        Self {
            config,
            vars,
            rules,
            step: 0,
        }
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// One step down the gradients. Returns the gradient's norm before clipping; a norm that is not finite changes
    /// nothing.
    ///
    /// # Errors
    /// If a gradient has another shape than its variable.
    pub fn step(&mut self, grads: &GradStore, learning_rate: f64) -> candle_core::Result<f64> {
        let mut gradients = Vec::with_capacity(self.vars.len());
        let mut total = 0.0;
        for (_, var) in &self.vars {
            let Some(grad) = grads.get(var.as_tensor()) else {
                gradients.push(None);
                continue;
            };
            let grad = grad.to_device(&Device::Cpu)?.contiguous()?;
            total += with_slice(&grad, ops::sum_of_squares)?;
            gradients.push(Some(grad));
        }
        let norm = total.sqrt();
        if !norm.is_finite() {
            return Ok(norm);
        }
        self.step += 1;
        let c = &self.config;
        let power = i32::try_from(self.step).unwrap_or(i32::MAX);
        let settings = AdamWStep {
            lr: learning_rate as f32,
            beta1: c.beta1 as f32,
            beta2: c.beta2 as f32,
            eps: c.epsilon as f32,
            weight_decay: 0.0,
            bias_correction1: (1.0 - c.beta1.powi(power)) as f32,
            bias_correction2: (1.0 - c.beta2.powi(power)) as f32,
            grad_scale: (c.clip_norm / norm.max(1e-12)).min(1.0) as f32,
        };
        let matrix_decay = c.weight_decay as f32;
        let precision = ops::matmul_precision();
        // Many small products, which are not worth sharing among threads each by itself.
        let variables = self.vars.par_iter().zip(self.rules.par_iter_mut());
        variables
            .zip(gradients)
            .try_for_each(|(((_, var), rule), grad)| {
                let Some(grad) = grad else { return Ok(()) };
                let weight_decay = if var.rank() >= 2 { matrix_decay } else { 0.0 };
                let update = Update {
                    settings: AdamWStep {
                        weight_decay,
                        ..settings
                    },
                    rule: Mutex::new(rule),
                };
                ops::with_matmul_precision(precision, || {
                    if var.device().is_cpu() {
                        return var.inplace_op2(&grad, &update);
                    }
                    let copy = var.as_detached_tensor().to_device(&Device::Cpu)?;
                    let copy = Var::from_tensor(&copy)?;
                    copy.inplace_op2(&grad, &update)?;
                    var.set(&copy.to_device(var.device())?)
                })
            })?;
        Ok(norm)
    }

    /// The state between steps as named tensors, for [`restore`](Self::restore).
    ///
    /// # Errors
    /// Never on the CPU.
    pub fn state(&self) -> candle_core::Result<HashMap<String, Tensor>> {
        let mut state = HashMap::new();
        for ((name, _), rule) in self.vars.iter().zip(&self.rules) {
            for (kind, values) in rule.memory() {
                state.extend([saved_values(format!("optimiser.{kind}.{name}"), values)?]);
            }
        }
        Ok(state)
    }

    /// Restores a saved state after `step` steps.
    ///
    /// # Errors
    /// If something is missing or of another size.
    pub fn restore(
        &mut self,
        state: &HashMap<String, Tensor>,
        step: u64,
    ) -> candle_core::Result<()> {
        for ((name, _), rule) in self.vars.iter().zip(&mut self.rules) {
            for (kind, values) in rule.memory_mut() {
                restore_values(state, &format!("optimiser.{kind}.{name}"), values)?;
            }
        }
        self.step = step;
        Ok(())
    }
}

struct Update<'a> {
    settings: AdamWStep,
    rule: Mutex<&'a mut Rule>,
}

impl InplaceOp2 for Update<'_> {
    fn name(&self) -> &'static str {
        "optimiser"
    }

    fn cpu_fwd(
        &self,
        param: &mut CpuStorage,
        param_layout: &Layout,
        grad: &CpuStorage,
        grad_layout: &Layout,
    ) -> candle_core::Result<()> {
        let (CpuStorage::F32(param), CpuStorage::F32(grad)) = (param, grad) else {
            candle_core::bail!("the optimiser wants f32")
        };
        let (Some((p0, p1)), Some((g0, g1))) = (
            param_layout.contiguous_offsets(),
            grad_layout.contiguous_offsets(),
        ) else {
            candle_core::bail!("the optimiser wants contiguous tensors")
        };
        let mut rule = self.rule.lock().expect("no holder of this lock panics");
        rule.step(&mut param[p0..p1], &grad[g0..g1], &self.settings);
        Ok(())
    }
}

fn with_slice<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> candle_core::Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    let candle_core::Storage::Cpu(CpuStorage::F32(values)) = &*storage else {
        candle_core::bail!("the optimiser wants f32 gradients on the CPU")
    };
    let Some((start, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("the optimiser wants contiguous gradients")
    };
    Ok(f(&values[start..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published algorithm, value by value in f64.
    fn reference(start: f64, grads: &[f64], c: &OptimiserConfig, rate: f64) -> f64 {
        let (mut p, mut m, mut v) = (start, 0.0, 0.0);
        for (t, &g) in grads.iter().enumerate() {
            let g = g * (c.clip_norm / g.abs()).min(1.0);
            m = c.beta1 * m + (1.0 - c.beta1) * g;
            v = c.beta2 * v + (1.0 - c.beta2) * g * g;
            let t = t as i32 + 1;
            let (mh, vh) = (m / (1.0 - c.beta1.powi(t)), v / (1.0 - c.beta2.powi(t)));
            p -= rate * (mh / (vh.sqrt() + c.epsilon) + c.weight_decay * p);
        }
        p
    }

    #[test]
    fn follows_the_published_algorithm_and_resumes_exactly() {
        let config = OptimiserConfig::default();
        let factors = [0.3, -2.0, 0.5, 7.0, 0.01];
        let run = |interrupted: bool| {
            let var = Var::new(&[[0.8f32]], &Device::Cpu).unwrap();
            let vars = vec![("p".to_owned(), var.clone())];
            let mut adam = Optimiser::new(vars.clone(), config.clone());
            for (i, &f) in factors.iter().enumerate() {
                if interrupted && i == 2 {
                    let state = adam.state().unwrap();
                    adam = Optimiser::new(vars.clone(), config.clone());
                    adam.restore(&state, 2).unwrap();
                }
                let loss = (var.as_tensor() * f).unwrap().sum_all().unwrap();
                adam.step(&loss.backward().unwrap(), 0.1).unwrap();
            }
            var.to_vec2::<f32>().unwrap()[0][0]
        };
        let expected = reference(0.8, &factors, &config, 0.1);
        assert!((f64::from(run(false)) - expected).abs() < 1e-5);
        assert_eq!(run(false).to_bits(), run(true).to_bits());
    }

    #[test]
    fn block_matrices_are_moved_by_muon_and_resume_exactly() {
        let config = OptimiserConfig {
            block_matrices: BlockMatrices::Muon,
            weight_decay: 0.0,
            ..OptimiserConfig::default()
        };
        let run = |interrupted: bool| {
            let zeros = || Var::zeros((4, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
            let (block, head) = (zeros(), zeros());
            let vars = vec![
                ("dynamics.blocks.0.out".to_owned(), block.clone()),
                ("dynamics.head".to_owned(), head.clone()),
            ];
            let mut optimiser = Optimiser::new(vars.clone(), config.clone());
            for i in 0..4 {
                if interrupted && i == 2 {
                    let state = optimiser.state().unwrap();
                    optimiser = Optimiser::new(vars.clone(), config.clone());
                    optimiser.restore(&state, 2).unwrap();
                }
                // A gradient of which one direction is a hundred times as strong as the others.
                let factors = [
                    [100f32, 0., 0., 0.],
                    [0., 1., 0., 0.],
                    [0., 0., 1., 0.],
                    [0., 0., 0., 1.],
                ];
                let factors = Tensor::new(&factors, &Device::Cpu).unwrap();
                let both = (block.as_tensor() + head.as_tensor()).unwrap();
                let loss = (both * factors).unwrap().sum_all().unwrap();
                optimiser.step(&loss.backward().unwrap(), 0.1).unwrap();
            }
            [block, head].map(|var| var.to_vec2::<f32>().unwrap())
        };
        let [block, head] = run(false);
        assert_eq!([block.clone(), head.clone()], run(true));
        let moved =
            |matrix: &[Vec<f32>]| -> Vec<f32> { (0..4).map(|i| -matrix[i][i] / 0.4).collect() };
        // Muon: all directions alike, by the root of the mean square of AdamW's step, which moves only what has a gradient.
        assert!(
            moved(&block).iter().all(|d| (1.3..2.5).contains(d)),
            "{block:?}"
        );
        assert!(
            moved(&head).iter().all(|d| (0.9..1.1).contains(d)),
            "{head:?}"
        );
    }
}
