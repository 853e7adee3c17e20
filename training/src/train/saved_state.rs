//! What a phase saves, to go on from.

use std::collections::HashMap;

use candle_core::{Tensor, WithDType};

/// A phase's saved state.
pub(super) struct SavedState {
    pub(super) step: u64,
    pub(super) tensors: HashMap<String, Tensor>,
}

/// Puts saved values into `values`.
///
/// # Errors
/// If there is no such tensor, or one of another size or type.
pub(super) fn restore_values<T: WithDType>(
    state: &HashMap<String, Tensor>,
    name: &str,
    values: &mut Vec<T>,
) -> candle_core::Result<()> {
    let Some(saved) = state.get(name) else {
        candle_core::bail!("the saved state has no {name}")
    };
    let saved = saved.to_vec1::<T>()?;
    if saved.len() != values.len() {
        candle_core::bail!("{name} has {} values, not {}", saved.len(), values.len());
    }
    *values = saved;
    Ok(())
}
