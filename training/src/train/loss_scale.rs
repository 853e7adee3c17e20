//! Losses are scaled for gradients of half precision, which would vanish among its smallest numbers or be beyond its largest
//! (Micikevicius et al. 2018, "Mixed precision training").

use std::collections::HashMap;

use candle_core::{Result, Tensor};

use super::config::Precision;
use super::optimiser::Gradients;
use super::saved_state::{SavedTensors, restore_values, saved_values};

/// What float16 begins with.
const START: f32 = 65536.0;
/// Steps in a row with finite gradients after which a larger factor is tried.
const PATIENCE: u32 = 1000;
/// The figure of a step that is left out for an overflow alone.
pub(super) const OVERFLOW: &str = "overflow";
/// Its name in saved states.
const NAME: &str = "loss_scale";

/// The factor of the loss: a power of two, so that it changes nothing but what is rounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LossScale {
    factor: f32,
    /// Steps with finite gradients since it changed.
    finite: u32,
    changes: bool,
}

impl LossScale {
    /// float16 is scaled; the others have the range of float32.
    pub(super) fn new(precision: Precision) -> Self {
        let changes = precision == Precision::F16;
        Self {
            factor: if changes { START } else { 1.0 },
            finite: 0,
            changes,
        }
    }

    /// The factor; `None` where losses are not scaled.
    pub(super) fn factor(&self) -> Option<f64> {
        self.changes.then_some(self.factor.into())
    }

    /// Gradients of a loss.
    pub(super) fn gradients(
        &self,
        loss: &Tensor,
        of: impl FnOnce(&candle_core::backprop::GradStore) -> Gradients,
    ) -> Result<Gradients> {
        match self.factor() {
            None => Ok(of(&loss.backward()?)),
            Some(factor) => of(&(loss * factor)?.backward()?).scaled(1.0 / factor),
        }
    }

    /// Follows a step with this loss and norm of its gradients; figures for the metrics, if losses are scaled.
    pub(super) fn figures(&mut self, loss: f64, norm: f64) -> Vec<(String, f64)> {
        let Some(factor) = self.factor() else {
            return Vec::new();
        };
        let mut figures = vec![("loss_scale".to_owned(), factor)];
        if loss.is_finite() && self.overflowed(norm.is_finite()) {
            figures.push((OVERFLOW.to_owned(), 1.0));
        }
        figures
    }

    /// Learns whether the gradients of a step with a finite loss were finite. True if they were beyond the largest number and a smaller
    /// factor may help: the step is left out then.
    fn overflowed(&mut self, finite: bool) -> bool {
        if !self.changes {
            return false;
        }
        if finite {
            self.finite += 1;
            if self.finite >= PATIENCE && self.factor < START * 256.0 {
                (self.factor, self.finite) = (self.factor * 2.0, 0);
            }
            return false;
        }
        self.finite = 0;
        let smaller = self.factor > 1.0;
        if smaller {
            self.factor /= 2.0;
        }
        smaller
    }

    /// For [`restore`](Self::restore); nothing where losses are not scaled.
    pub(super) fn state(&self) -> Result<HashMap<String, Tensor>> {
        if !self.changes {
            return Ok(HashMap::new());
        }
        let values = [self.factor, self.finite as f32];
        Ok([saved_values(NAME.to_owned(), &values)?].into())
    }

    /// Goes on as a saved state says, if that was of a training in float16.
    pub(super) fn restore(&mut self, state: &dyn SavedTensors) -> Result<()> {
        if self.changes && state.holds(NAME) {
            let mut values = vec![0f32; 2];
            restore_values(state, NAME, &mut values)?;
            (self.factor, self.finite) = (values[0], values[1] as u32);
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_falls_at_each_overflow_and_rises_after_many_finite_steps() {
        let mut scale = LossScale::new(Precision::F16);
        assert_eq!(scale.factor(), Some(65536.0));
        assert!(scale.overflowed(false));
        assert_eq!(scale.factor(), Some(32768.0));
        for _ in 0..PATIENCE {
            assert!(!scale.overflowed(true));
        }
        assert_eq!(scale.factor(), Some(65536.0));
        // Sixteen halves bring it to one, which is not to blame any more.
        for _ in 0..16 {
            assert!(scale.overflowed(false));
        }
        assert!(!scale.overflowed(false));
        assert_eq!(scale.factor(), Some(1.0));
        scale.overflowed(true);
        let mut other = LossScale::new(Precision::F16);
        other.restore(&scale.state().unwrap()).unwrap();
        assert_eq!(other, scale);
    }

    #[test]
    fn what_has_the_range_of_float32_is_not_scaled() {
        for precision in [Precision::F32, Precision::Bf16] {
            let mut scale = LossScale::new(precision);
            assert!(!scale.overflowed(false));
            assert_eq!(scale.factor(), None);
            assert!(scale.state().unwrap().is_empty());
        }
    }
}
