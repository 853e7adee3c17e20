//! What the whole-project tests share: checkpoints that take no training, and apps that run without a window.

mod checkpoint;
mod example;
mod headless;

pub use checkpoint::{tiny_checkpoint, tiny_config, untrained_checkpoint};
pub use example::example;
pub use headless::{app, checkered, run_until, wait_for_tick};
