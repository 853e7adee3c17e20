//! The operations the models are made of, fused for the CPU.
//!
//! Every function is differentiable unless it says otherwise. On the CPU with `f32` tensors it runs as one node of
//! candle's graph, threaded and vectorised, with a gradient written by hand; elsewhere it is one
//! node too, of few operations of candle. [`composed`] is the definition of what it computes. Results do not depend on the number of
//! threads. [`with_composed`] takes the way of other devices on the CPU too: code for them is tested so.
//!
//! Kernels are compiled for several instruction sets and use the best one of the processor. The environment variable
//! `GENIE_SIMD` chooses another one ([`SimdLevel`]), for tests and comparisons.
//!
//! `genie bench` measures how close the parts of a world come to the machine's fastest matrix product, and
//! `EXPERIMENTS.md` of `genie_training` says where the rest of the time goes. `cargo bench` measures every operation.

pub mod composed;

mod activations;
mod amx;
mod attention;
mod attention_pattern;
mod blocked;
mod buffer;
mod constants;
mod device;
mod frame_pass;
mod fusion;
mod gather;
mod key_value;
mod level;
mod linear;
mod loss;
mod matmul;
mod mean_errors;
mod node;
mod norm;
mod optimiser;
mod packed;
mod recomputation;
mod residual;
mod rotary;
mod simd;
mod slices;
mod softmax;
mod straight_through;
mod sublayer;
mod weight_gradients;

pub(crate) use activations::to_activations;
pub use activations::with_activations;
pub use attention::{
    AttentionPattern, cached_temporal_attention, spatial_attention, temporal_attention,
    two_stream_temporal_attention,
};
pub(crate) use frame_pass::{PackedBlockWeights, PackedStack, PassRow};
pub use fusion::{fused, with_composed};
pub(crate) use gather::table_rows;
pub use gather::{add_rows, gather_row_sums, gather_rows, pick_rows};
pub use key_value::KeyValue;
pub use level::{SimdLevel, simd_level};
pub use linear::{linear, linear_add, linear_bias, norm_linear, relu2_linear_add};
pub use loss::masked_cross_entropy;
pub use matmul::{
    MatmulPrecision, matmul_nn, matmul_nt, matmul_precision, matmul_tn, set_matmul_precision,
    with_matmul_precision,
};
pub use mean_errors::mean_errors;
pub use norm::rms_norm;
pub use optimiser::{AdamWStep, adamw_step, sum_of_squares};
pub(crate) use packed::{PackedLinear, PackedOnce};
pub(crate) use recomputation::recomputes;
pub use recomputation::with_recomputation;
pub(crate) use residual::residual;
pub use residual::{attention_branch, feed_forward_branch};
pub use rotary::{ROTARY_BASE, TokenGrid};
pub(crate) use slices::{hold, with_floats};
pub(crate) use softmax::softmax_weights;
pub use straight_through::straight_through;
pub(crate) use sublayer::Branch;
pub use sublayer::{AttentionWeights, FeedForwardWeights};
