//! Memory of the process, where the system tells.

use std::sync::atomic::{AtomicU64, Ordering};

use genie_model::{SamplerSettings, WorldModel};
use serde::Serialize;

use super::SteadyPlay;

/// Memory before and after many frames of one world.
#[derive(Debug, Serialize)]
pub(super) struct Growth {
    /// Frames dreamt.
    pub(super) frames: usize,
    /// Memory in use after the first tenth of them, in bytes.
    pub(super) resident_bytes_early: u64,
    /// Memory in use after the last.
    pub(super) resident_bytes_late: u64,
}

impl Growth {
    /// Plays one world at random; `None` for no frames, and where the system does not tell.
    pub(super) fn measure(
        world: &WorldModel,
        frames: usize,
        sampler: &SamplerSettings,
    ) -> Result<Option<Self>, genie_model::Error> {
        if frames == 0 || resident_memory().is_none() {
            return Ok(None);
        }
        tracing::info!("playing one world for {frames} frames");
        let mut play = SteadyPlay::start(world, 1, sampler)?;
        let mut early = None;
        for frame in 0..frames {
            play.step()?;
            if frame == frames / 10 {
                early = resident_memory();
            }
        }
        let growth =
            early
                .zip(resident_memory())
                .map(|(resident_bytes_early, resident_bytes_late)| Self {
                    frames,
                    resident_bytes_early,
                    resident_bytes_late,
                });
        Ok(growth)
    }
}

/// Most memory that this process has had so far, in bytes; never less than an earlier answer.
pub(super) fn peak_memory() -> Option<u64> {
    // The kernel's own count is off by a few pages for each core, so that its peak may seem to sink.
    static SEEN: AtomicU64 = AtomicU64::new(0);
    let now = status_bytes("VmHWM:")?;
    Some(now.max(SEEN.fetch_max(now, Ordering::Relaxed)))
}

/// Memory that this process has now, in bytes.
fn resident_memory() -> Option<u64> {
    status_bytes("VmRSS:")
}

/// A field of the kernel's account of this process.
fn status_bytes(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
