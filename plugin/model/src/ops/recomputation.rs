//! Activations that are computed again for the gradient instead of kept (Chen et al. 2016, "Training deep nets with sublinear memory
//! cost").

use std::cell::Cell;

use candle_core::{Result, Tensor, Var};

use super::node::node;
use super::weight_gradients::WeightGradients;

thread_local! {
    static RECOMPUTES: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` with transformers on this thread that keep only the input of each block for its gradient, if `recompute` is set, and
/// compute what is inside a block again. Gradients stay the same; training takes about a third longer and a fraction of the memory.
pub fn with_recomputation<T>(recompute: bool, work: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            RECOMPUTES.set(self.0);
        }
    }
    // Dropped also when the work panics.
    let _restore = Restore(RECOMPUTES.replace(recompute));
    work()
}

/// Whether blocks on this thread are computed again.
pub(crate) fn recomputes() -> bool {
    RECOMPUTES.get()
}

/// `forward` of `x` and `weights` as one node, of which nothing but these is kept.
///
/// # Errors
/// Those of `forward`.
pub(super) fn recomputed(
    x: &Tensor,
    weights: &[&Tensor],
    forward: impl Fn(&Tensor, &[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
) -> Result<Tensor> {
    let plain: Vec<Tensor> = weights.iter().map(|weight| weight.detach()).collect();
    let out = forward(&x.detach(), &plain)?;
    let handed_in = WeightGradients::default();
    let argument = handed_in.argument(weights, x.device())?;
    let (kept, trained) = (x.detach(), argument.track_op());
    node(&[x, &argument], out, move |grad| {
        let x = Var::from_tensor(&kept)?;
        let weights: Vec<Tensor> = if trained {
            let vars = plain.iter().map(Var::from_tensor);
            let tensors = vars.map(|var| Ok(var?.into_inner()));
            tensors.collect::<Result<_>>()?
        } else {
            plain.clone()
        };
        let out = forward(x.as_tensor(), &weights)?;
        let gradients = (out * grad)?.backward()?;
        let dx = gradients.get(x.as_tensor()).cloned();
        if !trained {
            return Ok(vec![dx, None]);
        }
        let dweights = weights.iter().map(|weight| match gradients.get(weight) {
            Some(gradient) => Ok(gradient.clone()),
            None => weight.zeros_like(),
        });
        let dweights = dweights.collect::<Result<Vec<_>>>()?;
        let dargument = handed_in.hand_in(dweights, kept.device())?;
        Ok(vec![dx, Some(dargument)])
    })
}
