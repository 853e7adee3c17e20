//! Gradients past what has none.

use candle_core::{Result, Tensor};

use super::node::node;

/// `value` with the gradient of `x` of the same shape: what is chosen for `x` in a way that has no gradient, such as its nearest code, as if nothing had been
/// chosen (van den Oord et al. 2017, section 3.2).
///
/// # Errors
/// When shapes do not match.
pub fn straight_through(x: &Tensor, value: &Tensor) -> Result<Tensor> {
    if x.dims() != value.dims() {
        candle_core::bail!(
            "straight_through: {:?} and {:?} do not go together",
            x.dims(),
            value.dims()
        );
    }
    node(&[x], value.detach(), |grad| Ok(vec![Some(grad.clone())]))
}
