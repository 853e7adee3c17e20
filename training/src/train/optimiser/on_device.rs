//! The optimiser's steps as operations of candle, which stay on the device of the variables.
//!
//! Variables that are moved alike make a group, and each operation works on all of a group at once: on a graphics processor
//! starting an operation takes longer than the arithmetic of most variables. What an operation makes is as large as its group, so that groups
//! have a limit.

use candle_core::{DType, Result, Tensor, Var};
use genie_model::ops::AdamWStep;

use super::gradients::Gradients;
use super::muon::{MOMENTUM, POLYNOMIAL, ROUNDS, step_length};
use super::rule::Kind;

/// Values of a group from which another one is begun; few in tests, so that they have several groups of a kind.
const GROUP_VALUES: usize = if cfg!(test) { 60 } else { 1 << 25 };
/// Values of all groups up to which their joined gradients are held from the norm to the step; those of more are joined twice.
const HELD_VALUES: usize = if cfg!(test) { 100 } else { 1 << 26 };

/// State of all variables, on their device.
#[derive(Debug)]
pub(super) struct DeviceRules {
    kinds: Vec<Kind>,
    groups: Vec<Group>,
    /// Which variables had a gradient when the groups were made.
    present: Vec<bool>,
}

/// Variables that are moved together.
#[derive(Debug)]
struct Group {
    kind: Kind,
    /// Whether weights decay.
    decays: bool,
    /// Whether they have gradients; those without stay as they are.
    moved: bool,
    members: Vec<usize>,
    /// Numbers of elements of the members.
    lengths: Vec<usize>,
    /// Their sum.
    values: usize,
    /// One flat tensor for each part of the state.
    memory: Vec<Tensor>,
}

impl DeviceRules {
    pub(super) fn new(kinds: Vec<Kind>, vars: &[(String, Var)]) -> Result<Self> {
        let zeros = kinds.iter().zip(vars).map(|(kind, (_, var))| {
            let parts = kind.parts().len();
            let zeros = Tensor::zeros(var.elem_count(), DType::F32, var.device())?;
            Ok(vec![zeros; parts])
        });
        let zeros = zeros.collect::<Result<Vec<_>>>()?;
        let present = vec![true; vars.len()];
        let mut rules = Self {
            kinds,
            groups: Vec::new(),
            present: Vec::new(),
        };
        rules.regroup(present, vars, zeros)?;
        Ok(rules)
    }

    /// Makes groups for the variables that have gradients now, from the `memory` of each variable.
    fn regroup(
        &mut self,
        present: Vec<bool>,
        vars: &[(String, Var)],
        memory: Vec<Vec<Tensor>>,
    ) -> Result<()> {
        let mut groups: Vec<Group> = Vec::new();
        for (at, (_, var)) in vars.iter().enumerate() {
            let (kind, decays, moved) = (&self.kinds[at], var.rank() >= 2, present[at]);
            let joins = |it: &&mut Group| {
                let alike = it.kind == *kind && it.decays == decays && it.moved == moved;
                alike && it.values < GROUP_VALUES
            };
            let group = groups.iter_mut().find(joins);
            if let Some(group) = group {
                group.members.push(at);
                group.lengths.push(var.elem_count());
                group.values += var.elem_count();
            } else {
                groups.push(Group {
                    kind: kind.clone(),
                    decays,
                    moved,
                    members: vec![at],
                    lengths: vec![var.elem_count()],
                    values: var.elem_count(),
                    memory: Vec::new(),
                });
            }
        }
        for group in &mut groups {
            let parts = 0..group.kind.parts().len();
            let joined = parts.map(|part| {
                let members = group.members.iter().map(|&at| &memory[at][part]);
                Tensor::cat(&members.collect::<Vec<_>>(), 0)
            });
            group.memory = joined.collect::<Result<_>>()?;
        }
        (self.groups, self.present) = (groups, present);
        Ok(())
    }

    /// The rule of each variable.
    pub(super) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The parts of the state of each variable, flat.
    pub(super) fn memory(&self) -> Result<Vec<Vec<Tensor>>> {
        let mut memory = vec![Vec::new(); self.kinds.len()];
        for group in &self.groups {
            let mut start = 0;
            for (&at, &length) in group.members.iter().zip(&group.lengths) {
                let parts = group.memory.iter().map(|it| it.narrow(0, start, length));
                memory[at] = parts.collect::<Result<_>>()?;
                start += length;
            }
        }
        Ok(memory)
    }

    /// Replaces the state.
    pub(super) fn set_memory(
        &mut self,
        vars: &[(String, Var)],
        memory: Vec<Vec<Tensor>>,
    ) -> Result<()> {
        self.regroup(self.present.clone(), vars, memory)
    }

    /// Groups for these gradients, and the gradients of each group as one flat tensor, as far as there is room to hold them, with the sum of
    /// all their squares.
    fn gathered(
        &mut self,
        vars: &[(String, Var)],
        gradients: &Gradients,
    ) -> Result<(Vec<Option<Tensor>>, f64)> {
        let present: Vec<bool> = gradients.iter().map(|it| it.is_some()).collect();
        if present != self.present {
            let memory = self.memory()?;
            self.regroup(present, vars, memory)?;
        }
        let mut total: Option<Tensor> = None;
        let mut held = 0;
        let mut flat = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            if !group.moved {
                flat.push(None);
                continue;
            }
            let joined = group.joined(gradients)?;
            let squares = sum_of_squares(&joined)?;
            total = Some(match total {
                Some(total) => (total + squares)?,
                None => squares,
            });
            held += group.values;
            flat.push((held <= HELD_VALUES).then_some(joined));
        }
        let total = total.map_or(Ok(0.0), |it| it.to_scalar::<f32>())?;
        Ok((flat, f64::from(total)))
    }

    /// One step; `settings` gets the norm of all gradients, and returns nothing if no step is to be taken. Returns the norm.
    pub(super) fn step(
        &mut self,
        vars: &[(String, Var)],
        gradients: &Gradients,
        matrix_decay: f32,
        settings: impl FnOnce(f64) -> Option<AdamWStep>,
    ) -> Result<f64> {
        let (flat, squares) = self.gathered(vars, gradients)?;
        let norm = squares.sqrt();
        let Some(settings) = settings(norm) else {
            return Ok(norm);
        };
        for (group, grad) in self.groups.iter_mut().zip(flat) {
            if !group.moved {
                continue;
            }
            let grad = match grad {
                Some(grad) => grad,
                None => group.joined(gradients)?,
            };
            let grad = (grad * f64::from(settings.grad_scale))?;
            let members = group.members.iter().map(|&at| vars[at].1.flatten_all());
            let params = Tensor::cat(&members.collect::<Result<Vec<_>>>()?, 0)?;
            let decay = if group.decays { matrix_decay } else { 0.0 };
            let pull = 1.0 - f64::from(settings.lr) * f64::from(decay);
            let update = group.update(&grad, &settings)?;
            let moved = ((params * pull)? - update)?;
            let mut start = 0;
            for (&at, &length) in group.members.iter().zip(&group.lengths) {
                let var = &vars[at].1;
                var.set(&moved.narrow(0, start, length)?.reshape(var.shape())?)?;
                start += length;
            }
        }
        Ok(norm)
    }
}

impl Group {
    /// The gradients of all members, one after the other.
    fn joined(&self, gradients: &Gradients) -> Result<Tensor> {
        let members = self.members.iter();
        let members = members.filter_map(|&at| gradients.0[at].as_ref());
        let members = members.map(|it| it.flatten_all()?.to_dtype(DType::F32));
        Tensor::cat(&members.collect::<Result<Vec<_>>>()?, 0)
    }

    /// What is taken from the parameters of the group for their gradients, both flat.
    fn update(&mut self, grad: &Tensor, settings: &AdamWStep) -> Result<Tensor> {
        let s = settings;
        let lr = f64::from(s.lr);
        match (&self.kind, self.memory.as_mut_slice()) {
            (Kind::AdamW, [mean, square]) => {
                let mix = |old: &Tensor, new: &Tensor, keep: f32| {
                    let keep = f64::from(keep);
                    (old * keep)? + (new * (1.0 - keep))?
                };
                *mean = mix(mean, grad, s.beta1)?;
                *square = mix(square, &grad.sqr()?, s.beta2)?;
                let root = (&*square / f64::from(s.bias_correction2))?.sqrt()?;
                let factor = lr / f64::from(s.bias_correction1);
                (&*mean * factor)?.div(&(root + f64::from(s.eps))?)
            }
            (Kind::Muon { size }, [momentum]) => {
                let (rows, columns) = *size;
                *momentum = ((&*momentum * f64::from(MOMENTUM))? + grad)?;
                // Nesterov's look ahead.
                let update = ((&*momentum * f64::from(MOMENTUM))? + grad)?;
                let update = orthogonalised(&update.reshape(((), rows, columns))?)?;
                update.flatten_all()? * (lr * f64::from(step_length(*size)))
            }
            _ => candle_core::bail!("the optimiser's state has other parts than its rule"),
        }
    }
}

/// The sum of squares of a flat tensor: a scalar. In two stages, because a device's threads share a sum with difficulty.
fn sum_of_squares(flat: &Tensor) -> Result<Tensor> {
    const ROW: usize = 1024;
    let squares = flat.sqr()?;
    let whole = squares.elem_count() / ROW * ROW;
    if whole < 16 * ROW {
        return squares.sum_all();
    }
    let rows = squares.narrow(0, 0, whole)?.reshape(((), ROW))?.sum(1)?;
    let sum = rows.sum_all()?;
    let rest = squares.elem_count() - whole;
    if rest == 0 {
        return Ok(sum);
    }
    sum + squares.narrow(0, whole, rest)?.sum_all()?
}

/// Matrices `[M, rows, columns]` with nearly all singular values one, as [`super::muon`] makes them.
fn orthogonalised(matrices: &Tensor) -> Result<Tensor> {
    let (_, rows, columns) = matrices.dims3()?;
    if rows > columns {
        let turned = matrices.transpose(1, 2)?.contiguous()?;
        return orthogonalised(&turned)?.transpose(1, 2)?.contiguous();
    }
    let norms = matrices.sqr()?.sum_keepdim((1, 2))?.sqrt()?;
    let mut x = matrices.broadcast_div(&(norms + 1e-7)?)?;
    let [a, b, c] = POLYNOMIAL.map(f64::from);
    for _ in 0..ROUNDS {
        let gram = x.matmul(&x.transpose(1, 2)?)?;
        let squared = gram.matmul(&gram)?;
        let mixed = ((gram * b)? + (squared * c)?)?;
        x = ((&x * a)? + mixed.matmul(&x)?)?;
    }
    Ok(x)
}
