//! What the cache keeps of a finished frame.

use candle_core::Tensor;

/// Keys and values of one finished frame of one world, ready to be attended to.
#[derive(Clone, Debug)]
pub struct KeyValue {
    /// `[N, D]`: normalised and rotated by the frame's time.
    pub keys: Tensor,
    /// `[N, D]`.
    pub values: Tensor,
}
