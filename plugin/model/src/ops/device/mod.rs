//! Operations where they are not fused: on graphics processors, in other types than `f32`, and on the CPU for tests.
//!
//! Each is one node of candle's graph, like its fused sibling. Starting an operation on a graphics processor takes longer than most
//! of their arithmetic, so a node is made of as few of candle's operations as possible, and its gradient is spelled out: candle's own
//! would be three times as many. Intermediate values are computed again for the gradient where that is cheap, not kept. Nothing is read
//! back from the device.

mod attention;
mod heads;
mod linear;
mod norm;
mod rows;
mod tables;

pub(super) use attention::attention;
pub(super) use linear::{linear, linear_add, linear_bias, norm_linear, relu2_linear_add};
pub(super) use norm::rms_norm;
