//! Where the model's passes run, and how they share it with the game.

use bevy::prelude::*;
use candle_core::Device;
use thread_priority::ThreadPriority;
#[cfg(any(target_os = "linux", target_os = "android"))]
use thread_priority::{NormalThreadSchedulePolicy, ThreadSchedulePolicy};

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

/// How the worker's threads share the processor's cores with the game.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Reflect)]
#[reflect(Debug, Default, PartialEq, Hash, Clone)]
pub enum GeniePriority {
    /// The game goes first: where cores are short, worlds are late before its frames are. On Linux the threads only take
    /// what is left over (`SCHED_IDLE`) and make way at once, elsewhere they have the lowest priority that a thread can have.
    ///
    /// A game that keeps all cores busy without a pause, with an uncapped frame rate say, leaves its worlds next to nothing.
    #[default]
    Background,
    /// Like any other thread: worlds keep up beside a game that never pauses, and its frames wait for them now and then.
    Normal,
}

impl GeniePriority {
    /// Gives this thread the priority.
    pub(crate) fn take(self) {
        let set = match self {
            Self::Normal => return,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Self::Background => thread_priority::set_thread_priority_and_policy(
                thread_priority::thread_native_id(),
                ThreadPriority::Min,
                ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle),
            ),
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            Self::Background => thread_priority::set_current_thread_priority(ThreadPriority::Min),
        };
        if let Err(error) = set {
            debug!("the model's threads keep the priority of the game's: {error}");
        }
    }
}

/// What the worker computes with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ComputeSettings {
    /// Threads of the processor.
    pub(crate) threads: usize,
    pub(crate) device: GenieDevice,
    pub(crate) priority: GeniePriority,
}
