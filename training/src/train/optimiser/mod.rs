//! AdamW (Loshchilov & Hutter 2019), with [Muon](muon) for the matrices of transformer blocks, clipping of the gradient's
//! norm and a state that can be saved.

mod config;
mod gradients;
mod muon;
mod on_device;
mod rule;

use std::collections::HashMap;
use std::sync::Mutex;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, Device, InplaceOp2, Layout, Tensor, Var};
use genie_model::ops::{self, AdamWStep};
use rayon::prelude::*;

pub use self::config::{BlockMatrices, OptimiserConfig};
pub use self::gradients::Gradients;
use self::on_device::DeviceRules;
use self::rule::{HostRule, Kind};
use super::saved_state::{Part, SavedTensors, restore_values, saved_values};

/// The optimiser of a set of variables.
#[derive(Debug)]
pub struct Optimiser {
    config: OptimiserConfig,
    vars: Vec<(String, Var)>,
    rules: Rules,
    step: u64,
    /// The gradients of the last step, if they are to be kept.
    kept: Option<Gradients>,
}

/// The rules of all variables with their state.
#[derive(Debug)]
enum Rules {
    /// Fused operations on the CPU, one rule for each variable.
    Host(Vec<HostRule>),
    /// Operations of candle on any device.
    Device(DeviceRules),
}

impl Optimiser {
    /// An optimiser that has not stepped yet.
    ///
    /// # Errors
    /// If the variables' device has no memory left for its state.
    pub fn new(vars: Vec<(String, Var)>, config: OptimiserConfig) -> candle_core::Result<Self> {
        let kinds = vars
            .iter()
            .map(|(name, var)| Kind::new(name, var, config.block_matrices));
        let rules = if vars.iter().all(|(_, var)| ops::fused(&[var])) {
            let rules = kinds.zip(&vars);
            let rules = rules.map(|(kind, (_, var))| HostRule::new(kind, var.elem_count()));
            Rules::Host(rules.collect())
        } else {
            Rules::Device(DeviceRules::new(kinds.collect(), &vars)?)
        };
        Ok(Self {
            config,
            vars,
            rules,
            step: 0,
            kept: None,
        })
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Keeps the gradients of each step, for comparisons.
    pub(super) fn keep_gradients(&mut self) {
        self.kept = Some(Gradients::default());
    }

    /// The gradients of the last step, where they are kept.
    pub(super) fn kept_gradients(&self) -> Option<&Gradients> {
        self.kept.as_ref()
    }

    /// Names of the variables, in the order of their [`Gradients`].
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.vars.iter().map(|(name, _)| name.as_str())
    }

    /// The gradients of the variables among all those of a loss.
    pub fn gradients(&self, grads: &GradStore) -> Gradients {
        Gradients::of(&self.vars, grads)
    }

    /// One step down the gradients. Returns the gradient's norm before clipping; a norm that is not finite changes
    /// nothing.
    ///
    /// # Errors
    /// If a gradient has another shape than its variable.
    pub fn step(&mut self, grads: &GradStore, learning_rate: f64) -> candle_core::Result<f64> {
        self.descend(&self.gradients(grads), learning_rate)
    }

    /// [`step`](Self::step) down gradients that may be sums over several passes.
    ///
    /// # Errors
    /// If a gradient has another shape than its variable.
    pub fn descend(
        &mut self,
        gradients: &Gradients,
        learning_rate: f64,
    ) -> candle_core::Result<f64> {
        if self.kept.is_some() {
            self.kept = Some(gradients.clone());
        }
        let Self {
            config,
            vars,
            rules,
            step,
            kept: _,
        } = self;
        let settings = |norm: f64| {
            if !norm.is_finite() {
                return None;
            }
            *step += 1;
            Some(settings(config, *step, norm, learning_rate))
        };
        let decay = config.weight_decay as f32;
        match rules {
            Rules::Host(rules) => host_step(vars, rules, gradients, decay, settings),
            Rules::Device(rules) => rules.step(vars, gradients, decay, settings),
        }
    }

    /// The state between steps as named tensors, for [`restore`](Self::restore).
    ///
    /// # Errors
    /// Never on the CPU.
    pub fn state(&self) -> candle_core::Result<HashMap<String, Tensor>> {
        let parts = self.parts()?.into_iter().map(|(name, part)| match part {
            Part::Tensor(tensor) => Ok((name, tensor)),
            Part::Values(values, _) => saved_values(name, values),
        });
        parts.collect()
    }

    /// The same where it lies.
    pub(super) fn parts(&self) -> candle_core::Result<Vec<(String, Part<'_>)>> {
        let mut state = Vec::new();
        if let Some(name) = self.steps_name() {
            let (name, steps) = saved_values(name, &[self.step as i64])?;
            state.push((name, Part::Tensor(steps)));
        }
        match &self.rules {
            Rules::Host(rules) => {
                for ((name, _), rule) in self.vars.iter().zip(rules) {
                    for (part, values) in rule.kind.parts().iter().zip(&rule.memory) {
                        state.push((part_name(part, name), Part::values(values)));
                    }
                }
            }
            Rules::Device(rules) => {
                for ((name, _), (kind, memory)) in self
                    .vars
                    .iter()
                    .zip(rules.kinds().iter().zip(rules.memory()?))
                {
                    for (part, values) in kind.parts().iter().zip(memory) {
                        let values = values.to_device(&Device::Cpu)?.contiguous()?;
                        state.push((part_name(part, name), Part::Tensor(values)));
                    }
                }
            }
        }
        Ok(state)
    }

    /// What the number of steps is called in the state: there may be several optimisers' in one file.
    fn steps_name(&self) -> Option<String> {
        Some(part_name("steps", &self.vars.first()?.0))
    }

    /// Restores a saved state. Earlier versions did not save the number of its steps; theirs are taken to be `step`.
    ///
    /// # Errors
    /// If something is missing or of another size.
    pub fn restore(&mut self, state: &dyn SavedTensors, step: u64) -> candle_core::Result<()> {
        match &mut self.rules {
            Rules::Host(rules) => {
                for ((name, _), rule) in self.vars.iter().zip(rules) {
                    for (part, values) in rule.kind.parts().iter().zip(&mut rule.memory) {
                        restore_values(state, &part_name(part, name), values)?;
                    }
                }
            }
            Rules::Device(rules) => {
                let memory = self
                    .vars
                    .iter()
                    .zip(rules.kinds())
                    .map(|((name, var), kind)| {
                        let parts = kind.parts().iter().map(|part| {
                            let mut values = vec![0f32; var.elem_count()];
                            restore_values(state, &part_name(part, name), &mut values)?;
                            Tensor::new(values, var.device())
                        });
                        parts.collect()
                    });
                let memory = memory.collect::<candle_core::Result<_>>()?;
                rules.set_memory(&self.vars, memory)?;
            }
        }
        let mut taken = vec![i64::try_from(step).unwrap_or(i64::MAX)];
        if let Some(name) = self.steps_name().filter(|name| state.holds(name)) {
            restore_values(state, &name, &mut taken)?;
        }
        self.step = u64::try_from(taken[0]).unwrap_or(step);
        Ok(())
    }
}

/// The name of a part of the state of a variable.
fn part_name(part: &str, variable: &str) -> String {
    format!("optimiser.{part}.{variable}")
}

/// What step number `step` needs to know, for a gradient of this norm.
fn settings(c: &OptimiserConfig, step: u64, norm: f64, learning_rate: f64) -> AdamWStep {
    let power = i32::try_from(step).unwrap_or(i32::MAX);
    AdamWStep {
        lr: learning_rate as f32,
        beta1: c.beta1 as f32,
        beta2: c.beta2 as f32,
        eps: c.epsilon as f32,
        weight_decay: 0.0,
        bias_correction1: (1.0 - c.beta1.powi(power)) as f32,
        bias_correction2: (1.0 - c.beta2.powi(power)) as f32,
        grad_scale: (c.clip_norm / norm.max(1e-12)).min(1.0) as f32,
    }
}

/// A step on the CPU; see [`DeviceRules::step`].
fn host_step(
    vars: &[(String, Var)],
    rules: &mut [HostRule],
    gradients: &Gradients,
    matrix_decay: f32,
    settings: impl FnOnce(f64) -> Option<AdamWStep>,
) -> candle_core::Result<f64> {
    let mut total = 0.0;
    let contiguous = gradients
        .iter()
        .map(|grad| grad.map(Tensor::contiguous).transpose());
    let contiguous = contiguous.collect::<candle_core::Result<Vec<_>>>()?;
    for grad in contiguous.iter().flatten() {
        total += with_slice(grad, ops::sum_of_squares)?;
    }
    let norm = total.sqrt();
    let Some(settings) = settings(norm) else {
        return Ok(norm);
    };
    let precision = ops::matmul_precision();
    // Many small products, which are not worth sharing among threads each by itself.
    let variables = vars.par_iter().zip(rules.par_iter_mut());
    variables
        .zip(contiguous)
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
            ops::with_matmul_precision(precision, || var.inplace_op2(&grad, &update))
        })?;
    Ok(norm)
}

struct Update<'a> {
    settings: AdamWStep,
    rule: Mutex<&'a mut HostRule>,
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
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

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

    /// Both kinds of variables over some steps, in which one of them has no gradient in the middle ones.
    #[test]
    fn steps_on_a_device_are_those_on_the_host_and_resume_exactly() {
        let config = OptimiserConfig {
            block_matrices: BlockMatrices::Muon,
            clip_norm: 0.7,
            ..OptimiserConfig::default()
        };
        let shapes: [(&str, &[usize]); 6] = [
            ("a.blocks.0.qkv", &[18, 5]),
            ("a.blocks.0.up", &[9, 5]),
            ("a.blocks.1.up", &[9, 5]),
            ("a.embed", &[40, 600]),
            ("a.norm", &[7]),
            ("frozen.weight", &[3, 2]),
        ];
        let run = |interrupted: bool| {
            let mut rng = ChaCha8Rng::seed_from_u64(5);
            let mut random = |shape: &[usize]| {
                let values = (0..shape.iter().product()).map(|_| rng.random::<f32>() - 0.5);
                Tensor::from_vec(values.collect::<Vec<_>>(), shape, &Device::Cpu).unwrap()
            };
            let vars = shapes
                .map(|(name, shape)| (name.to_owned(), Var::from_tensor(&random(shape)).unwrap()));
            let mut optimiser = Optimiser::new(vars.to_vec(), config.clone()).unwrap();
            for step in 0..5 {
                if interrupted && step == 3 {
                    let state = optimiser.state().unwrap();
                    optimiser = Optimiser::new(vars.to_vec(), config.clone()).unwrap();
                    optimiser.restore(&state, 3).unwrap();
                }
                let mut loss = Tensor::new(0f32, &Device::Cpu).unwrap();
                for (name, var) in &vars {
                    let factors = random(var.dims());
                    if name.starts_with("frozen") && (1..4).contains(&step) {
                        continue;
                    }
                    let product = (var.as_tensor() * factors).unwrap().sum_all().unwrap();
                    loss = (loss + product).unwrap();
                }
                optimiser.step(&loss.backward().unwrap(), 0.02).unwrap();
            }
            vars.map(|(_, var)| var.flatten_all().unwrap().to_vec1::<f32>().unwrap())
        };
        let host = run(false);
        let device = ops::with_composed(|| run(false));
        for (a, b) in host.iter().flatten().zip(device.iter().flatten()) {
            assert!((a - b).abs() < 2e-5, "{a} on the host, {b} on the device");
        }
        assert_eq!(device, ops::with_composed(|| run(true)));
    }

    #[test]
    fn gradients_of_several_passes_add_up() {
        let var = Var::new(&[1f32, 2.0], &Device::Cpu).unwrap();
        let other = Var::new(&[3f32], &Device::Cpu).unwrap();
        let vars = vec![("a".to_owned(), var.clone()), ("b".to_owned(), other)];
        let optimiser = Optimiser::new(vars, OptimiserConfig::default()).unwrap();
        let gradients = |factor: f64| {
            let loss = (var.as_tensor() * factor).unwrap().sum_all().unwrap();
            optimiser.gradients(&loss.backward().unwrap())
        };
        let sum = Gradients::default().plus(gradients(2.0)).unwrap();
        let sum = sum.plus(gradients(0.5)).unwrap();
        let found: Vec<_> = sum
            .iter()
            .map(|it| it.map(|it| it.to_vec1().unwrap()))
            .collect();
        assert_eq!(found, [Some(vec![2.5f32, 2.5]), None]);
    }

    #[test]
    fn follows_the_published_algorithm_and_resumes_exactly() {
        let config = OptimiserConfig::default();
        let factors = [0.3, -2.0, 0.5, 7.0, 0.01];
        let run = |interrupted: bool| {
            let var = Var::new(&[[0.8f32]], &Device::Cpu).unwrap();
            let vars = vec![("p".to_owned(), var.clone())];
            let mut adam = Optimiser::new(vars.clone(), config.clone()).unwrap();
            for (i, &f) in factors.iter().enumerate() {
                if interrupted && i == 2 {
                    let state = adam.state().unwrap();
                    adam = Optimiser::new(vars.clone(), config.clone()).unwrap();
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
    fn a_gradient_without_end_moves_nothing_and_counts_for_nothing() {
        let config = OptimiserConfig::default();
        let run = |factors: &[f32], interrupted: bool| {
            let var = Var::new(&[[0.8f32]], &Device::Cpu).unwrap();
            let vars = vec![("p".to_owned(), var.clone())];
            let mut adam = Optimiser::new(vars.clone(), config.clone()).unwrap();
            for (i, &factor) in factors.iter().enumerate() {
                if interrupted && i == 3 {
                    let state = adam.state().unwrap();
                    adam = Optimiser::new(vars.clone(), config.clone()).unwrap();
                    // The steps of the run, skipped ones among them.
                    adam.restore(&state, 3).unwrap();
                }
                let loss = (var.as_tensor() * f64::from(factor)).unwrap();
                let norm = adam.step(&loss.backward().unwrap(), 0.1).unwrap();
                assert_eq!(norm.is_finite(), factor.is_finite());
            }
            var.to_vec2::<f32>().unwrap()[0][0].to_bits()
        };
        let both = || {
            let taken = run(&[0.3, -2.0, 0.5], false);
            let spoiled = [0.3, f32::INFINITY, -2.0, 0.5];
            assert_eq!(taken, run(&spoiled, false));
            assert_eq!(taken, run(&spoiled, true));
        };
        both();
        ops::with_composed(both);
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
            let mut optimiser = Optimiser::new(vars.clone(), config.clone()).unwrap();
            for i in 0..4 {
                if interrupted && i == 2 {
                    let state = optimiser.state().unwrap();
                    optimiser = Optimiser::new(vars.clone(), config.clone()).unwrap();
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
