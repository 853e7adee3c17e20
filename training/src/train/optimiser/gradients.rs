//! The gradients of an optimiser's variables, which can be summed over several passes before a step.

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Result, Tensor, Var};

use crate::train::ranks::Ranks;

/// One gradient for each variable of an optimiser, in its order; none for variables that the loss does not depend on.
#[derive(Clone, Debug, Default)]
pub struct Gradients(pub(super) Vec<Option<Tensor>>);

impl Gradients {
    pub(super) fn of(vars: &[(String, Var)], grads: &GradStore) -> Self {
        let gradients = vars.iter().map(|(_, var)| grads.get(var.as_tensor()));
        Self(gradients.map(|it| it.map(Tensor::detach)).collect())
    }

    /// The gradient of each variable in the order of the optimiser.
    pub fn iter(&self) -> impl Iterator<Item = Option<&Tensor>> {
        self.0.iter().map(Option::as_ref)
    }

    /// All of them times a factor.
    pub(in crate::train) fn scaled(self, factor: f64) -> Result<Self> {
        let scaled = self.0.into_iter().map(|it| it.map(|it| it * factor));
        Ok(Self(scaled.map(Option::transpose).collect::<Result<_>>()?))
    }

    /// Sums over all ranks, which have gradients of the same variables. They go through the memory of the host.
    pub(in crate::train) fn summed(self, ranks: &dyn Ranks) -> Result<Self> {
        if ranks.count() == 1 {
            return Ok(self);
        }
        let mut values = Vec::new();
        for gradient in self.0.iter().flatten() {
            let gradient = gradient.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
            values.extend(gradient.flatten_all()?.to_vec1::<f32>()?);
        }
        ranks.sum(&mut values);
        let mut rest = values.as_slice();
        let summed = self.0.into_iter().map(|gradient| {
            let Some(gradient) = gradient else {
                return Ok(None);
            };
            let (own, others) = rest.split_at(gradient.elem_count());
            rest = others;
            let sum = Tensor::from_slice(own, gradient.shape(), gradient.device())?;
            Ok(Some(sum.to_dtype(gradient.dtype())?))
        });
        Ok(Self(summed.collect::<Result<_>>()?))
    }

    /// The sums of these gradients and of other ones of the same variables.
    ///
    /// # Errors
    /// If a gradient has another shape.
    pub fn plus(self, other: Self) -> Result<Self> {
        if self.0.is_empty() {
            return Ok(other);
        }
        let sums = self.0.into_iter().zip(other.0).map(|pair| match pair {
            (Some(a), Some(b)) => Ok(Some((a + b)?)),
            (one, None) | (None, one) => Ok(one),
        });
        Ok(Self(sums.collect::<Result<_>>()?))
    }
}
