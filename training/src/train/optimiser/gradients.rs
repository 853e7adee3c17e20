//! The gradients of an optimiser's variables, which can be summed over several passes before a step.

use candle_core::backprop::GradStore;
use candle_core::{DType, Result, Tensor, Var};

use crate::train::ranks::Ranks;

/// Values of gradients that are summed over all ranks in one go.
const BUCKET: usize = 1 << 23;

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

    /// Sums over all ranks, which have gradients of the same variables, some variables at a time, so that there is no second copy of all.
    pub(in crate::train) fn summed(self, ranks: &dyn Ranks) -> Result<Self> {
        if ranks.count() == 1 {
            return Ok(self);
        }
        self.summed_in_buckets(ranks, BUCKET)
    }

    fn summed_in_buckets(self, ranks: &dyn Ranks, most: usize) -> Result<Self> {
        let mut summed = Vec::with_capacity(self.0.len());
        let (mut bucket, mut size) = (Vec::new(), 0);
        for gradient in self.0 {
            size += gradient.as_ref().map_or(0, Tensor::elem_count);
            bucket.push(gradient);
            if size >= most {
                summed.extend(sum_bucket(std::mem::take(&mut bucket), ranks)?);
                size = 0;
            }
        }
        summed.extend(sum_bucket(bucket, ranks)?);
        Ok(Self(summed))
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

/// The sums of some gradients over all ranks.
fn sum_bucket(bucket: Vec<Option<Tensor>>, ranks: &dyn Ranks) -> Result<Vec<Option<Tensor>>> {
    let values = bucket.iter().flatten();
    let values = values.map(|gradient| gradient.flatten_all()?.to_dtype(DType::F32));
    let values = values.collect::<Result<Vec<_>>>()?;
    if values.is_empty() {
        return Ok(bucket);
    }
    let sums = ranks.sum_tensor(&Tensor::cat(&values, 0)?)?;
    let mut start = 0;
    let summed = bucket.into_iter().map(|gradient| {
        let Some(gradient) = gradient else {
            return Ok(None);
        };
        let sum = sums.narrow(0, start, gradient.elem_count())?;
        start += gradient.elem_count();
        let sum = sum.reshape(gradient.shape())?;
        Ok(Some(sum.to_dtype(gradient.dtype())?))
    });
    summed.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::cell::RefCell;

    use candle_core::Device;

    use super::*;
    use crate::train::ranks::OneOfTwo;

    #[test]
    fn sums_over_ranks_are_the_same_in_buckets_of_any_size() {
        let tensor = |from: f32, shape: &[usize]| {
            let count: usize = shape.iter().product();
            let values: Vec<f32> = (0..count).map(|at| from + at as f32).collect();
            Some(Tensor::from_vec(values, shape, &Device::Cpu).unwrap())
        };
        let gradients = || {
            Gradients(vec![
                tensor(1.0, &[2, 3]),
                None,
                tensor(-4.0, &[5]),
                tensor(0.5, &[1, 2]),
                None,
            ])
        };
        for (most, sums) in [(1, vec![6, 5, 2]), (7, vec![11, 2]), (100, vec![13])] {
            // The other rank has the same values.
            let counts = RefCell::new(Vec::new());
            let ranks = OneOfTwo::new(0, |values: &mut [f32]| {
                counts.borrow_mut().push(values.len());
                for value in values {
                    *value *= 2.0;
                }
            });
            let summed = gradients().summed_in_buckets(&ranks, most).unwrap();
            assert_eq!(*counts.borrow(), sums);
            for (summed, own) in summed.iter().zip(gradients().iter()) {
                assert_eq!(summed.map(Tensor::dims), own.map(Tensor::dims));
                let (Some(summed), Some(own)) = (summed, own) else {
                    continue;
                };
                let [summed, own] =
                    [summed, own].map(|it| it.flatten_all().unwrap().to_vec1::<f32>().unwrap());
                let doubled: Vec<f32> = own.iter().map(|it| it * 2.0).collect();
                assert_eq!(summed, doubled);
            }
        }
    }
}
