//! How a command learns that it should stop.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::register;

/// Sets `flag` when the process is asked to stop: Ctrl-C, `SIGTERM`, and on Unix a terminal that closes.
///
/// # Errors
/// What the system says if it refuses.
pub(super) fn on_interruption(flag: &Arc<AtomicBool>) -> std::io::Result<()> {
    register(SIGINT, Arc::clone(flag))?;
    register(SIGTERM, Arc::clone(flag))?;
    #[cfg(unix)]
    register(signal_hook::consts::SIGHUP, Arc::clone(flag))?;
    Ok(())
}
