//! Which tokens attend to which.

use crate::ops::rotary::TokenGrid;

/// Which tokens attend to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionPattern {
    /// All tokens of a frame to each other: input `[.., N, D]`. See [`spatial_attention`](crate::ops::spatial_attention).
    Spatial {
        /// Where the tokens stand, if attention depends on it.
        grid: Option<TokenGrid>,
    },
    /// Each token to the past of its own position: input `[B, T, N, D]`. See
    /// [`temporal_attention`](crate::ops::temporal_attention).
    Temporal {
        /// Frames seen, the own included.
        window: usize,
    },
    /// As `Temporal`, for clean and masked copies: input `[2, B, T, N, D]`. See
    /// [`two_stream_temporal_attention`](crate::ops::two_stream_temporal_attention).
    TwoStreams {
        /// Frames seen, the own included.
        window: usize,
    },
}
