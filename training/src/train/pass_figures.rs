//! Figures of the passes of a step.

use candle_core::{Result, Tensor};

/// The sums over the passes of a step of `K` figures, each a tensor of one number. They stay on the device until the step asks for them, so that no pass
/// waits for the one before.
#[derive(Debug)]
pub(super) struct PassFigures<const K: usize> {
    passes: Vec<Tensor>,
}

impl<const K: usize> Default for PassFigures<K> {
    fn default() -> Self {
        Self { passes: Vec::new() }
    }
}

impl<const K: usize> PassFigures<K> {
    /// Adds those of a pass, without their graphs.
    pub(super) fn add(&mut self, figures: [&Tensor; K]) -> Result<()> {
        self.passes
            .push(Tensor::stack(&figures.map(Tensor::detach), 0)?);
        Ok(())
    }

    /// Reads them back, all at once, and with them one `other` number; zeros without a pass.
    pub(super) fn sums(self, other: Option<&Tensor>) -> Result<([f64; K], Option<f64>)> {
        let passes = K * self.passes.len();
        let mut figures = self.passes;
        figures.extend(other.map(|it| it.reshape(1)).transpose()?);
        let mut sums = [0.0; K];
        if figures.is_empty() {
            return Ok((sums, None));
        }
        let values = Tensor::cat(&figures, 0)?.to_vec1::<f32>()?;
        let (passes, other) = values.split_at(passes);
        for pass in passes.chunks_exact(K) {
            for (sum, value) in sums.iter_mut().zip(pass) {
                *sum += f64::from(*value);
            }
        }
        Ok((sums, other.first().copied().map(f64::from)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn figures_of_passes_are_summed_in_double_precision() {
        let scalar = |value: f32| Tensor::new(value, &Device::Cpu).unwrap();
        let mut figures = PassFigures::default();
        for value in [1e8, 1.0, -1e8] {
            figures.add([&scalar(value), &scalar(0.5)]).unwrap();
        }
        let ([one, other], beside) = figures.sums(Some(&scalar(7.0))).unwrap();
        assert!((one - 1.0).abs() < 1e-9 && (other - 1.5).abs() < 1e-9);
        assert_eq!(beside, Some(7.0));
        let (none, beside) = PassFigures::<2>::default().sums(None).unwrap();
        assert!(none.iter().all(|sum| sum.abs() < 1e-12) && beside.is_none());
    }
}
