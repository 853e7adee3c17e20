//! The operations the models are made of, fused for the CPU.
//!
//! Every function is differentiable unless it says otherwise. On the CPU with `f32` tensors it runs as one node of
//! candle's graph, threaded and vectorised, with a gradient written by hand; elsewhere it falls back to
//! [`composed`], which is the definition of what it computes. Results do not depend on the number of threads.
//!
//! # Roofline
//!
//! The roof is the fastest `f32` matrix product that a machine is seen to do: two square matrices of 1024, by
//! [`matmul_nn`] or by candle's `gemm`, whichever is faster in the same run. The share of a part is the arithmetic of its
//! matrix products and attentions alone, over its time and the roof; norms, exponentials, activations, copies and the
//! optimiser count as no work, so that their time shows as a share that is missing. `genie bench` measures roof and parts;
//! `cargo bench -p genie_model` measures every operation here, `cargo bench -p genie_training` training steps, tokenizer
//! and rollouts.
//!
//! Two virtual cores of a server with AVX-512 and AMX, a world of the `platformer` preset, `genie bench` with its default of 4 `MaskGIT`
//! steps; the roof was 177 GFLOP/s. On a host that others use too, shares fall to a third at bad times:
//!
//! | part | 1 world | 4 worlds | 16 worlds |
//! |---|---|---|---|
//! | encoder | 29 % | 41 % | 47 % |
//! | first pass of a frame, with the clean pass of the last one | 55 % | 56 % | 58 % |
//! | further pass | 50 % | 57 % | 55 % |
//! | decoder | 55 % | 53 % | 52 % |
//!
//! | training step | `f32` | `bf16`, of the `f32` roof |
//! |---|---|---|
//! | tokenizer, 8 clips of 8 frames | 19 % | 27 % |
//! | dynamics, 4 clips of 16 frames | 28 % | 31 % |
//!
//! ## Where the rest goes
//!
//! A pass of play takes 64 tokens of one or two frames through all blocks:
//!
//! - Its products are narrow. Sums run over 128 values (512 in the second half of the feed-forward) before a block of the
//!   output is stored, against 256 at a time in the roof's product, and half of the products add to what is there already.
//! - A token needs 0.57 million operations per block of the `platformer` preset, 93 % of them in products with weights, each of which is
//!   used once per token. The packed weights of its six blocks are 6 MiB, more than a second cache holds: every
//!   pass and every thread reads them from further away, for 32 tokens' worth of arithmetic with two threads. More worlds
//!   in one pass do not help there: a task goes through a block with the tokens of one world.
//! - Temporal attention is 1.4 % of the arithmetic and no matrix product: each token has keys and values of its own. With
//!   a full window it reads 15 frames of them, 1 MiB per block and world, once, and adds up each inner product of
//!   32 values across the lanes of a vector.
//! - Spatial attention multiplies 64 x 64 weights of one head with 32 values; its exponentials, like norms and
//!   the normalised and rotated queries and keys of both attentions, are work that is not counted. Keys are laid out
//!   column by column, one value at a time.
//! - Tasks meet once per block, and the first to come waits for the last.
//!
//! Encoder and decoder have one and two blocks between two linear layers: what is around the blocks (lookups, the search for
//! the nearest code, pixels to patches and back, tensors made on the way) weighs more than in the dynamics model.
//!
//! A training step repeats narrow products on thousands of rows, where memory is the second roof: activations of 8192
//! tokens by 128 to 512 values are 4 to 16 MiB, read and written once per operation. Beside that it pays for what is not counted: attention weights
//! computed again for the gradient, the optimiser, gradients that candle adds up, motion features, drawing masks, and the codebooks.
//! In `bf16` products are several times faster, so that the same rest is most of the step.

pub mod composed;

mod amx;
mod attention;
mod blocked;
mod buffer;
mod constants;
mod frame_pass;
mod gather;
mod key_value;
mod linear;
mod loss;
mod matmul;
mod norm;
mod optimiser;
mod packed;
mod rotary;
mod simd;
mod slices;
mod softmax;
mod sublayer;

pub use attention::{
    AttentionPattern, cached_temporal_attention, spatial_attention, temporal_attention,
    two_stream_temporal_attention,
};
pub(crate) use frame_pass::{PackedBlockWeights, PackedStack, PassRow};
pub use gather::gather_rows;
pub use key_value::KeyValue;
pub use linear::{linear, linear_add, linear_bias, norm_linear, relu2_linear_add};
pub use loss::masked_cross_entropy;
pub use matmul::{
    MatmulPrecision, matmul_nn, matmul_nt, matmul_precision, matmul_tn, set_matmul_precision,
    with_matmul_precision,
};
pub use norm::rms_norm;
pub use optimiser::{AdamWStep, adamw_step, sum_of_squares};
pub(crate) use packed::{PackedLinear, PackedOnce};
pub use rotary::{ROTARY_BASE, TokenGrid};
pub(crate) use slices::{fused, hold, with_floats};
pub(crate) use softmax::softmax_weights;
pub use sublayer::{AttentionWeights, FeedForwardWeights, attention_branch, feed_forward_branch};
