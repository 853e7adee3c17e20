//! One running world: streaming inference of the dynamics model and the tokenizer's decoder.
//!
//! Keys and values of finished frames are final, because attention is causal over time and stays inside a frame in space.
//! So a new frame costs a few MaskGIT passes over its own tokens against cached keys and values, and one pass over the
//! finished tokens that adds theirs to the cache. That last pass is deferred and shares a batch with the first pass of the next
//! frame.

mod sampling;
mod saved;
mod state;
mod stepping;

pub use state::Rollout;
