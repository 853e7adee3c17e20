//! AdamW (Loshchilov & Hutter 2019) with clipping of the gradient's norm and a state that can be saved.

use std::collections::{BTreeMap, HashMap};

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, Device, InplaceOp2, Layout, Tensor, Var};
use genie_model::ops::{self, AdamWStep};
use serde::{Deserialize, Serialize};

use super::saved_state::{restore_values, saved_values};

/// Settings that stay the same over a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamWConfig {
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
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            weight_decay: 0.01,
            clip_norm: 1.0,
        }
    }
}

/// The optimiser of a set of variables.
#[derive(Debug)]
pub struct AdamW {
    config: AdamWConfig,
    vars: Vec<(String, Var)>,
    moments: BTreeMap<String, [Vec<f32>; 2]>,
    step: u64,
}

impl AdamW {
    /// An optimiser that has not stepped yet.
    pub fn new(vars: Vec<(String, Var)>, config: AdamWConfig) -> Self {
        let moments = vars
            .iter()
            .map(|(name, var)| {
                let zeros = vec![0.0; var.elem_count()];
                (name.clone(), [zeros.clone(), zeros])
            })
            .collect();
        Self {
            config,
            vars,
            moments,
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
        for (name, var) in &self.vars {
            let Some(grad) = grads.get(var.as_tensor()) else {
                continue;
            };
            let grad = grad.to_device(&Device::Cpu)?.contiguous()?;
            total += with_slice(&grad, ops::sum_of_squares)?;
            gradients.push((name, var, grad));
        }
        let norm = total.sqrt();
        if !norm.is_finite() {
            return Ok(norm);
        }
        self.step += 1;
        let c = &self.config;
        let scale = (c.clip_norm / norm.max(1e-12)).min(1.0);
        let power = i32::try_from(self.step).unwrap_or(i32::MAX);
        for (name, var, grad) in gradients {
            let settings = AdamWStep {
                lr: learning_rate as f32,
                beta1: c.beta1 as f32,
                beta2: c.beta2 as f32,
                eps: c.epsilon as f32,
                weight_decay: if var.rank() >= 2 {
                    c.weight_decay as f32
                } else {
                    0.0
                },
                bias_correction1: (1.0 - c.beta1.powi(power)) as f32,
                bias_correction2: (1.0 - c.beta2.powi(power)) as f32,
                grad_scale: scale as f32,
            };
            let moments = self
                .moments
                .get_mut(name)
                .expect("every variable got its moments at the start");
            let update = Update {
                settings,
                moments: std::sync::Mutex::new(moments),
            };
            if var.device().is_cpu() {
                var.inplace_op2(&grad, &update)?;
            } else {
                let copy = Var::from_tensor(&var.as_detached_tensor().to_device(&Device::Cpu)?)?;
                copy.inplace_op2(&grad, &update)?;
                var.set(&copy.to_device(var.device())?)?;
            }
        }
        Ok(norm)
    }

    /// The moments as named tensors, for [`restore`](Self::restore).
    ///
    /// # Errors
    /// Never on the CPU.
    pub fn state(&self) -> candle_core::Result<HashMap<String, Tensor>> {
        let mut state = HashMap::new();
        for (name, moments) in &self.moments {
            for (kind, values) in ["mean", "square"].iter().zip(moments) {
                state.extend([saved_values(format!("optimiser.{kind}.{name}"), values)?]);
            }
        }
        Ok(state)
    }

    /// Goes back to a saved state after `step` steps.
    ///
    /// # Errors
    /// If a moment is missing or of another size.
    pub fn restore(
        &mut self,
        state: &HashMap<String, Tensor>,
        step: u64,
    ) -> candle_core::Result<()> {
        for (name, moments) in &mut self.moments {
            for (kind, values) in ["mean", "square"].iter().zip(moments) {
                restore_values(state, &format!("optimiser.{kind}.{name}"), values)?;
            }
        }
        self.step = step;
        Ok(())
    }
}

struct Update<'a> {
    settings: AdamWStep,
    moments: std::sync::Mutex<&'a mut [Vec<f32>; 2]>,
}

impl InplaceOp2 for Update<'_> {
    fn name(&self) -> &'static str {
        "adamw"
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
        let mut moments = self.moments.lock().expect("no holder of this lock panics");
        let [mean, square] = &mut **moments;
        ops::adamw_step(
            &mut param[p0..p1],
            &grad[g0..g1],
            mean,
            square,
            &self.settings,
        );
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
    fn reference(start: f64, grads: &[f64], c: &AdamWConfig, rate: f64) -> f64 {
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
        let config = AdamWConfig::default();
        let factors = [0.3, -2.0, 0.5, 7.0, 0.01];
        let run = |interrupted: bool| {
            let var = Var::new(&[[0.8f32]], &Device::Cpu).unwrap();
            let vars = vec![("p".to_owned(), var.clone())];
            let mut adam = AdamW::new(vars.clone(), config.clone());
            for (i, &f) in factors.iter().enumerate() {
                if interrupted && i == 2 {
                    let state = adam.state().unwrap();
                    adam = AdamW::new(vars.clone(), config.clone());
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
}
