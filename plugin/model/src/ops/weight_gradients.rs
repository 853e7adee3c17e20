//! The weights of a node of candle's graph that has more of them than a custom operation may have arguments.
//!
//! Joining all weights to one argument would copy them, and each gradient several times. Here the argument is a single zero which
//! depends on all of them, and their gradients take a way of their own: the node hands them in before candle asks for them.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Result, Tensor};

use super::node::node;

/// Where a node hands in the gradients of its weights.
#[derive(Clone, Debug, Default)]
pub(super) struct WeightGradients(Arc<Mutex<Vec<Option<Tensor>>>>);

impl WeightGradients {
    /// An argument that stands for all `weights`. It is not tracked if none of them is.
    pub(super) fn argument(&self, weights: &[&Tensor], device: &Device) -> Result<Tensor> {
        let mut argument = zero(device)?;
        for (at, pair) in weights.chunks(2).enumerate() {
            let mut arguments = vec![&argument];
            arguments.extend(pair);
            let (handed_in, first, count) = (self.clone(), 2 * at, pair.len());
            argument = node(&arguments, zero(device)?, move |grad| {
                let mut gradients = vec![Some(grad.clone())];
                gradients.extend((first..first + count).map(|weight| handed_in.take(weight)));
                Ok(gradients)
            })?;
        }
        Ok(argument)
    }

    /// Hands in the gradients of all weights, in their order. Returns that of the argument that stands for them.
    pub(super) fn hand_in(&self, gradients: Vec<Tensor>, device: &Device) -> Result<Tensor> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            gradients.into_iter().map(Some).collect();
        zero(device)
    }

    fn take(&self, weight: usize) -> Option<Tensor> {
        let mut gradients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gradients.get_mut(weight).and_then(Option::take)
    }
}

fn zero(device: &Device) -> Result<Tensor> {
    Tensor::zeros(1, DType::F32, device)
}
