//! The saved state of a phase.

use std::collections::HashMap;

use candle_core::{Device, Tensor, WithDType};

/// How far a phase is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Steps behind it, skipped ones among them.
    pub(super) step: u64,
    /// Those that were skipped, because something in them was not finite.
    pub(super) skipped: u64,
}

/// A phase's saved state.
pub(super) struct SavedState {
    pub(super) progress: Progress,
    pub(super) tensors: HashMap<String, Tensor>,
}

/// A list of values as a named tensor of a saved state.
///
/// # Errors
/// Never on the CPU.
pub(super) fn saved_values<T: WithDType>(
    name: String,
    values: &[T],
) -> candle_core::Result<(String, Tensor)> {
    let tensor = Tensor::from_slice(values, values.len(), &Device::Cpu)?;
    Ok((name, tensor))
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
    let saved = saved.to_vec1()?;
    if saved.len() != values.len() {
        candle_core::bail!("{name} has {} values, not {}", saved.len(), values.len());
    }
    *values = saved;
    Ok(())
}
