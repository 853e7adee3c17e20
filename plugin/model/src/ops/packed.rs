//! Weights laid out once for passes over few rows, which would else spend their time on packing them.
#![allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]

use std::sync::{Arc, OnceLock};

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::amx::Factor;
use super::blocked::{multiply_body, packed};
use super::constants::EPSILON;
use super::fusion::{composed_here, fused};
use super::simd::{Lanes, multiversion};
use super::slices::with_floats;

/// Something packed from weights when it is first used, and shared by clones. Holds `None` where it cannot be packed.
#[derive(Debug)]
pub(crate) struct PackedOnce<T>(Arc<OnceLock<Option<T>>>);

impl<T> Clone for PackedOnce<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for PackedOnce<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> PackedOnce<T> {
    /// What is packed, by `pack` if this is the first use; nothing where operations are composed.
    ///
    /// # Errors
    /// Those of `pack`.
    pub(crate) fn get(&self, pack: impl FnOnce() -> Result<Option<T>>) -> Result<Option<&T>> {
        if composed_here() {
            return Ok(None);
        }
        if self.0.get().is_none() {
            let packed = pack()?;
            // If another thread was faster, its packing is the same.
            return Ok(self.0.get_or_init(|| packed).as_ref());
        }
        Ok(self.0.get().and_then(Option::as_ref))
    }
}

/// A weight `[O, K]` in panels; see [`packed`].
#[derive(Clone, Debug)]
pub(super) struct PackedWeight {
    panels: Vec<f32>,
    pub(super) outputs: usize,
    pub(super) inputs: usize,
}

/// Whether weights can be packed: `f32` on the CPU, and not being trained.
pub(super) fn packable(weights: &[&Tensor]) -> bool {
    fused(weights) && !weights.iter().any(|weight| weight.track_op())
}

impl PackedWeight {
    /// Packs `weight [O, K]`, whose inputs are multiplied by `scale [K]` first.
    pub(super) fn new(weight: &Tensor, scale: Option<&Tensor>) -> Result<Self> {
        let (outputs, inputs) = weight.dims2()?;
        let weight = match scale {
            Some(scale) => weight.broadcast_mul(scale)?,
            None => weight.contiguous()?,
        };
        let panels = with_floats([&weight], |[data]| {
            let turned = Factor {
                data,
                row_stride: 1,
                column_stride: inputs,
            };
            Ok(packed((outputs, inputs), turned))
        })?;
        Ok(Self {
            panels,
            outputs,
            inputs,
        })
    }

    /// `out [M, O] (+)= x [M, K] W^T`; as many rows as `out` has room for.
    #[inline(always)]
    pub(super) unsafe fn multiply<L: Lanes>(&self, x: &[f32], out: &mut [f32], accumulate: bool) {
        let factor = Factor {
            data: x,
            row_stride: self.inputs,
            column_stride: 1,
        };
        let shape = (self.outputs, self.inputs);
        multiply_body::<L>(factor, 0, &self.panels, shape, out, accumulate);
    }
}

/// Divides each of the rows `x [M, D]` by its root mean square.
#[inline(always)]
pub(super) unsafe fn normalise_rows<L: Lanes>(x: &[f32], width: usize, out: &mut [f32]) {
    let whole = width / L::WIDTH * L::WIDTH;
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let mut sums = L::splat(0.0);
        for i in (0..whole).step_by(L::WIDTH) {
            let v = L::load(x.as_ptr().add(i));
            sums = L::fma(v, v, sums);
        }
        let mut sum = L::sum(sums);
        for v in &x[whole..] {
            sum += v * v;
        }
        let inverse = 1.0 / (sum / width as f32 + EPSILON).sqrt();
        let factor = L::splat(inverse);
        for i in (0..whole).step_by(L::WIDTH) {
            let v = L::mul(L::load(x.as_ptr().add(i)), factor);
            L::store(out.as_mut_ptr().add(i), v);
        }
        for i in whole..width {
            out[i] = x[i] * inverse;
        }
    }
}

/// A linear layer for inference, with its norm in front or its bias behind where it has them.
#[derive(Clone, Debug)]
pub(crate) struct PackedLinear {
    weight: PackedWeight,
    normalised: bool,
    bias: Option<Vec<f32>>,
}

impl PackedLinear {
    /// Packs `weight [O, K]`, the scale `[K]` of a norm in front of it and a bias `[O]`. `None` where the weights are trained
    /// or not on the CPU.
    ///
    /// # Errors
    /// When shapes do not match.
    pub(crate) fn new(
        weight: &Tensor,
        norm: Option<&Tensor>,
        bias: Option<&Tensor>,
    ) -> Result<Option<Self>> {
        let all: Vec<&Tensor> = [Some(weight), norm, bias].into_iter().flatten().collect();
        if !packable(&all) {
            return Ok(None);
        }
        Ok(Some(Self {
            weight: PackedWeight::new(weight, norm)?,
            normalised: norm.is_some(),
            bias: bias.map(Tensor::to_vec1).transpose()?,
        }))
    }

    /// `x [.., K]` to `[.., O]`.
    ///
    /// # Errors
    /// When shapes do not match.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut shape = x.dims().to_vec();
        match shape.last_mut() {
            Some(last) if *last == self.weight.inputs => *last = self.weight.outputs,
            _ => candle_core::bail!("expected rows of {}, got {shape:?}", self.weight.inputs),
        }
        let x = x.contiguous()?;
        let out = with_floats([&x], |[x]| Ok(self.rows(x)))?;
        Tensor::from_vec(out, shape, x.device())
    }

    /// Rows `x [M, K]` to `[M, O]`.
    fn rows(&self, x: &[f32]) -> Vec<f32> {
        let (inputs, outputs) = (self.weight.inputs, self.weight.outputs);
        let rows = x.len() / inputs;
        let mut out = vec![0f32; rows * outputs];
        let share = rows
            .div_ceil(rayon::current_num_threads())
            .next_multiple_of(8)
            .min(64);
        out.par_chunks_mut((share * outputs).max(1))
            .zip(x.par_chunks((share * inputs).max(1)))
            // SAFETY: the kernel works on as many rows of both as there are.
            .for_each(|(out, x)| unsafe { rows_of(self, x, out) });
        out
    }
}

multiversion! {
    unsafe fn rows_of(layer: &PackedLinear, x: &[f32], out: &mut [f32]) = rows_body
}

#[inline(always)]
unsafe fn rows_body<L: Lanes>(layer: &PackedLinear, x: &[f32], out: &mut [f32]) {
    let outputs = layer.weight.outputs;
    if let Some(bias) = &layer.bias {
        out.chunks_exact_mut(outputs)
            .for_each(|row| row.copy_from_slice(bias));
    }
    let add = layer.bias.is_some();
    if layer.normalised {
        let mut normed = vec![0f32; x.len()];
        normalise_rows::<L>(x, layer.weight.inputs, &mut normed);
        layer.weight.multiply::<L>(&normed, out, add);
    } else {
        layer.weight.multiply::<L>(x, out, add);
    }
}
