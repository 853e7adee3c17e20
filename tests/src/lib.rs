//! What the whole-project tests share: checkpoints that take no training, and apps that run without a window.

mod checkpoint;
mod example;
mod headless;
mod measuring;
mod patience;
#[cfg(target_os = "linux")]
pub mod screen;
mod threads;

pub use checkpoint::{tiny_checkpoint, tiny_config, untrained_checkpoint};
pub use example::example;
pub use headless::{app, app_with, checkered, run_until, unfinished_app, wait_for_tick};
pub use measuring::{percentile_of, stolen_ticks};
pub use patience::{PATIENCE, Patience};
pub use threads::{genie_thread_policies, wait_for_no_genie_threads};
