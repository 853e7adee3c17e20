//! The gradients of an optimiser's variables, which can be summed over several passes before a step.

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};

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
