//! How a command learns that it should stop, and how it ends then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_shutdown, register_usize};

#[cfg(unix)]
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, signal_hook::consts::SIGHUP];
#[cfg(not(unix))]
const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// Whether the process was asked to stop: by Ctrl-C, `SIGTERM`, or on Unix a terminal that closes. Asked a second time, it
/// ends at once.
#[derive(Debug)]
pub(super) struct Interruption {
    asked: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interruption {
    /// Listens from now on.
    ///
    /// # Errors
    /// What the system says if it refuses.
    pub(super) fn listen() -> std::io::Result<Self> {
        let this = Self {
            asked: Arc::new(AtomicBool::new(false)),
            signal: Arc::new(AtomicUsize::new(SIGINT as usize)),
        };
        for signal in SIGNALS {
            // In this order: the first signal finds the flag down.
            register_conditional_shutdown(signal, 128 + signal, Arc::clone(&this.asked))?;
            register_usize(signal, Arc::clone(&this.signal), signal as usize)?;
            register(signal, Arc::clone(&this.asked))?;
        }
        Ok(this)
    }

    /// Raised once it was.
    pub(super) fn flag(&self) -> &AtomicBool {
        &self.asked
    }

    /// How the command ends when it has stopped and said `what` of it.
    pub(super) fn ended(&self, what: impl Into<String>) -> Interrupted {
        Interrupted {
            status: 128 + self.signal.load(Ordering::Relaxed) as u8,
            what: what.into(),
        }
    }
}

/// A command that stopped because it was asked to. Its status is that of a process that the signal ended, so that nothing
/// behind `&&` goes on with half of the work.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Interrupted {
    /// Exit status: 130 for Ctrl-C.
    pub(crate) status: u8,
    what: String,
}
