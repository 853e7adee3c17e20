//! Between tensors and the slices that the fused kernels work on.

use std::ops::Deref;

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor};

/// The elements of a contiguous `f32` argument of a custom operation.
pub(super) fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    within(storage.as_slice::<f32>()?, layout)
}

/// The elements of a contiguous argument of a custom operation, already typed.
pub(super) fn within<'a, T>(data: &'a [T], layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&data[start..end]),
        None => candle_core::bail!("expected a contiguous tensor, got {layout:?}"),
    }
}

/// A contiguous CPU `f32` tensor whose elements are being read.
pub(crate) struct HeldFloats<'a, G> {
    storage: G,
    layout: &'a Layout,
}

/// Locks a tensor's elements for reading.
pub(crate) fn hold(tensor: &Tensor) -> HeldFloats<'_, impl Deref<Target = Storage> + '_> {
    let (storage, layout) = tensor.storage_and_layout();
    HeldFloats { storage, layout }
}

impl<G: Deref<Target = Storage>> HeldFloats<'_, G> {
    pub(crate) fn slice(&self) -> Result<&[f32]> {
        match &*self.storage {
            Storage::Cpu(storage) => floats(storage, self.layout),
            _ => candle_core::bail!("expected a tensor on the CPU"),
        }
    }
}

/// Calls `body` with the elements of contiguous CPU `f32` tensors.
pub(crate) fn with_floats<const N: usize, R>(
    tensors: [&Tensor; N],
    body: impl FnOnce([&[f32]; N]) -> Result<R>,
) -> Result<R> {
    let held = tensors.map(hold);
    let mut slices: [&[f32]; N] = [&[]; N];
    for (slice, held) in slices.iter_mut().zip(&held) {
        *slice = held.slice()?;
    }
    body(slices)
}

/// A raw pointer that threads may share because each writes places of its own.
#[derive(Clone, Copy)]
pub(super) struct SharedPointer(*mut f32);

// SAFETY: whoever dereferences it promises, at that place, that no two threads touch the same element.
#[allow(unsafe_code)]
unsafe impl Send for SharedPointer {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for SharedPointer {}

impl SharedPointer {
    pub(super) fn new(slice: &mut [f32]) -> Self {
        Self(slice.as_mut_ptr())
    }

    pub(super) fn get(self) -> *mut f32 {
        self.0
    }
}
