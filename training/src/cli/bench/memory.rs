//! Memory of the process, where the system reports it.

use std::sync::atomic::{AtomicU64, Ordering};

use genie_model::{SamplerSettings, WorldModel};
use serde::Serialize;

use super::steady_play::SteadyPlay;

/// Memory while one world is played for long.
#[derive(Debug, Serialize)]
pub(super) struct Growth {
    /// Frames generated.
    pub(super) frames: usize,
    /// Memory in use after each tenth of them, in bytes.
    pub(super) resident_bytes: Vec<u64>,
}

impl Growth {
    /// Plays one world at random; `None` for no frames, and where the system does not report it.
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
        let mut resident_bytes = Vec::with_capacity(10);
        for tenth in 0..10 {
            for _ in tenth * frames / 10..(tenth + 1) * frames / 10 {
                play.step()?;
            }
            resident_bytes.extend(resident_memory());
        }
        Ok(Some(Self {
            frames,
            resident_bytes,
        }))
    }
}

/// Most memory that this process has had so far, in bytes; never less than an earlier answer.
pub(in crate::cli) fn peak_memory() -> Option<u64> {
    // The kernel's own count is off by a few pages for each core, so that its peak may seem to sink.
    static SEEN: AtomicU64 = AtomicU64::new(0);
    let now = status_bytes("VmHWM:")?;
    Some(now.max(SEEN.fetch_max(now, Ordering::Relaxed)))
}

/// Forgets the most memory that this process has had, where the system can.
pub(super) fn forget_peak() {
    // Elsewhere the peak is that of the whole run.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Most memory that this process has had since its peak was forgotten, in bytes.
pub(super) fn peak_since() -> Option<u64> {
    status_bytes("VmHWM:")
}

/// Memory that this process has now, in bytes.
pub(super) fn resident_memory() -> Option<u64> {
    status_bytes("VmRSS:")
}

/// A field of the kernel's account of this process.
fn status_bytes(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
