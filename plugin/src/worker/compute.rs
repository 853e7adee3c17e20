//! Where the model's passes run, and how they share it with the game.

use std::thread::available_parallelism;

use bevy::prelude::*;
use candle_core::Device;
use thread_priority::ThreadPriority;
#[cfg(any(target_os = "linux", target_os = "android"))]
use thread_priority::{NormalThreadSchedulePolicy, ThreadPriorityOsValue, ThreadSchedulePolicy};

use crate::worker::frame_gate::FrameGate;

/// The device that the worker computes on.
///
/// The graphics processors need the cargo feature of the same name, and a model that is large enough to be worth their latency. Where the
/// device cannot be opened, worlds fail with [`GenieFailed`](crate::GenieFailed), which says why; the game goes on.
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

/// How the model's threads share the processor's cores with the game and with other programs.
///
/// The default is [`BetweenFrames`](Self::BetweenFrames) where there are no more than two cores, otherwise
/// [`Background`](Self::Background).
///
/// Worlds have a floor, [`GenieSettings::rate_floor`](crate::GenieSettings::rate_floor). When a world falls below it, the
/// model's passes run on threads of ordinary priority until the time that others leave over is enough again; if that does
/// not help, they do not wait for the game's frames either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Reflect)]
#[reflect(Debug, Default, PartialEq, Hash, Clone)]
pub enum GeniePriority {
    /// As [`Background`](Self::Background), and the model stops while the main thread is in a frame, from `First` to `Last`,
    /// for up to 8 ms at a time. Frames then take as long as without worlds, even on two cores, where a thread of the
    /// game that wakes up is not always put on the core that runs only the model.
    ///
    /// Worlds get the time between frames and, of frames that leave little between them, about a fifth: a game that
    /// needs 6 ms for each of its sixty frames a second leaves them 60 % of a core.
    BetweenFrames,
    /// The game goes first: where cores are short, worlds are late before its frames are. On Linux the threads only take
    /// what is left over (`SCHED_IDLE`) and make way at once, elsewhere they have the lowest priority that a thread can have.
    Background,
    /// Threads like any other: worlds keep up beside a game that never pauses, and its frames sometimes wait for them.
    Normal,
}

impl Default for GeniePriority {
    fn default() -> Self {
        match available_parallelism() {
            Ok(cores) if cores.get() > 2 => Self::Background,
            _ => Self::BetweenFrames,
        }
    }
}

impl GeniePriority {
    /// Gives the thread that calls it the priority that the model's threads have with this setting, for other work
    /// that a game does in the background. Where the system does not allow it, nothing changes.
    ///
    /// Waiting for the end of frames is the model's own: here, `BetweenFrames` does what `Background` does.
    pub fn apply_to_current_thread(self) {
        let set = match self {
            Self::Normal => return,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Self::BetweenFrames | Self::Background => {
                thread_priority::set_thread_priority_and_policy(
                    thread_priority::thread_native_id(),
                    ThreadPriority::Min,
                    ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle),
                )
            }
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            Self::BetweenFrames | Self::Background => {
                thread_priority::set_current_thread_priority(ThreadPriority::Min)
            }
        };
        if let Err(error) = set {
            debug!("a thread keeps the priority of the game's: {error}");
        }
    }
}

/// What the worker computes with.
#[derive(Clone, Debug)]
pub(crate) struct ComputeSettings {
    /// Threads of the processor.
    pub(crate) threads: usize,
    pub(crate) device: GenieDevice,
    pub(crate) priority: GeniePriority,
    pub(crate) gate: FrameGate,
}

impl ComputeSettings {
    /// What the worker's own thread does first; threads that it starts inherit it.
    ///
    /// The worker keeps the share of the processor that any thread has, so that a busy machine cannot starve it. But where
    /// the game goes first, a request that wakes it up does not take the core away from the main thread in the middle of
    /// a frame. Linux calls that `SCHED_BATCH`; elsewhere nothing changes.
    pub(crate) fn begin_worker(&self) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if self.priority != GeniePriority::Normal && niceness() == Some(0) {
            let set = thread_priority::set_thread_priority_and_policy(
                thread_priority::thread_native_id(),
                // Sets the niceness too, to 0.
                ThreadPriority::Os(ThreadPriorityOsValue::default()),
                ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch),
            );
            if let Err(error) = set {
                debug!("the worker may preempt the game when it wakes up: {error}");
            }
        }
    }

    /// What each of the model's threads does first.
    pub(crate) fn begin_thread(&self, priority: GeniePriority) {
        priority.apply_to_current_thread();
        if self.priority == GeniePriority::BetweenFrames {
            genie_model::set_preemption_hook(self.gate.waiting());
        }
    }
}

/// Niceness of the calling thread, see `proc(5)`.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn niceness() -> Option<i32> {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").ok()?;
    // The name, in parentheses, may contain anything. The state follows it as the third field; niceness is the 19th.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(16)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_worker_keeps_its_niceness_and_does_not_preempt() {
        let settings = ComputeSettings {
            threads: 1,
            device: GenieDevice::Cpu,
            priority: GeniePriority::BetweenFrames,
            gate: FrameGate::default(),
        };
        let policies = std::thread::spawn(move || {
            let before = niceness();
            settings.begin_worker();
            assert_eq!(niceness(), before);
            let inherited = std::thread::spawn(thread_priority::thread_schedule_policy);
            (before, inherited.join().expect("it only asks"))
        });
        let (niceness, inherited) = policies.join().expect("nothing fails");
        if niceness == Some(0) {
            let batch = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);
            assert_eq!(inherited, Ok(batch));
        }
    }
}
