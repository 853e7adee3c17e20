//! Where the model's passes run.

use bevy::prelude::*;
use candle_core::Device;

/// The device that the worker computes on.
///
/// The graphics processors need the cargo feature of the same name, and a model that is worth their latency. Where the device is
/// not to be had, worlds fail with [`GenieFailed`](crate::GenieFailed), which says why; the game goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Reflect)]
#[reflect(Debug, Default, PartialEq, Hash, Clone)]
pub enum GenieDevice {
    /// The processor, with the fused operations of `genie_model`.
    #[default]
    Cpu,
    /// An NVIDIA card by its number; needs the feature `cuda`.
    Cuda(usize),
    /// An Apple graphics processor by its number; needs the feature `metal`.
    Metal(usize),
}

impl GenieDevice {
    /// Opens the device.
    pub(crate) fn open(self) -> Result<Device, genie_model::Error> {
        Ok(match self {
            Self::Cpu => Device::Cpu,
            Self::Cuda(number) => Device::new_cuda(number)?,
            Self::Metal(number) => Device::new_metal(number)?,
        })
    }
}
