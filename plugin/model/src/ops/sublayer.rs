//! The residual branches that a block is made of, and their gradients written out.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::attention::{
    AttentionPattern, attention_gradients, spatial_attention, temporal_attention,
    two_stream_temporal_attention,
};
use super::linear::{
    linear_add, linear_add_gradients, norm_linear, norm_linear_gradients, relu2_linear_add,
};
use super::slices::with_floats;

/// Elements that one task adds up.
const CHUNK: usize = 16 * 1024;

/// Weights of an attention branch.
#[derive(Clone, Debug)]
pub struct AttentionWeights {
    /// Scale of the norm in front, `[D]`.
    pub norm: Tensor,
    /// Queries, keys and values, `[3I, D]`, where `I` is the width of all heads.
    pub qkv: Tensor,
    /// Scale of the normalised queries, one head wide.
    pub q_scale: Tensor,
    /// Scale of the normalised keys, one head wide.
    pub k_scale: Tensor,
    /// Projection back, `[D, I]`.
    pub out: Tensor,
}

/// Weights of a feed-forward branch.
#[derive(Clone, Debug)]
pub struct FeedForwardWeights {
    /// Scale of the norm in front, `[D]`.
    pub norm: Tensor,
    /// `[F, D]`.
    pub up: Tensor,
    /// `[D, F]`.
    pub down: Tensor,
}

/// A residual branch.
#[derive(Clone, Debug)]
pub(crate) enum Branch {
    Attention {
        weights: AttentionWeights,
        heads: usize,
        pattern: AttentionPattern,
    },
    FeedForward(FeedForwardWeights),
}

/// What a branch keeps for its gradient, beside its input.
pub(super) enum Kept {
    Attention { qkv: Tensor, mixed: Tensor },
    FeedForward { hidden: Tensor },
}

impl Branch {
    /// All weights, in the order of their gradients.
    pub(super) fn weights(&self) -> Vec<&Tensor> {
        match self {
            Self::Attention { weights: w, .. } => {
                vec![&w.norm, &w.qkv, &w.q_scale, &w.k_scale, &w.out]
            }
            Self::FeedForward(w) => vec![&w.norm, &w.up, &w.down],
        }
    }

    /// The same branch with each weight replaced by what `replace` makes of it.
    pub(super) fn map(&self, mut replace: impl FnMut(&Tensor) -> Tensor) -> Self {
        match self {
            Self::Attention {
                weights: w,
                heads,
                pattern,
            } => Self::Attention {
                weights: AttentionWeights {
                    norm: replace(&w.norm),
                    qkv: replace(&w.qkv),
                    q_scale: replace(&w.q_scale),
                    k_scale: replace(&w.k_scale),
                    out: replace(&w.out),
                },
                heads: *heads,
                pattern: *pattern,
            },
            Self::FeedForward(w) => Self::FeedForward(FeedForwardWeights {
                norm: replace(&w.norm),
                up: replace(&w.up),
                down: replace(&w.down),
            }),
        }
    }

    /// `x` plus the branch, and what its gradient needs.
    pub(super) fn forward(&self, x: &Tensor) -> Result<(Tensor, Kept)> {
        match self {
            Self::Attention {
                weights: w,
                heads,
                pattern,
            } => {
                let qkv = norm_linear(x, &w.norm, &w.qkv)?;
                let mixed = attend(&qkv, w, *heads, *pattern)?;
                let out = linear_add(&mixed, &w.out, x)?;
                Ok((out, Kept::Attention { qkv, mixed }))
            }
            Self::FeedForward(w) => {
                let hidden = norm_linear(x, &w.norm, &w.up)?;
                let out = relu2_linear_add(&hidden, &w.down, x)?;
                Ok((out, Kept::FeedForward { hidden }))
            }
        }
    }

    /// Gradients of the input `x` and of all weights by that of the result. On the CPU, for contiguous tensors.
    pub(super) fn backward(
        &self,
        x: &Tensor,
        kept: &Kept,
        grad: &Tensor,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let (mut dx, gradients) = match (self, kept) {
            (
                Self::Attention {
                    weights: w,
                    heads,
                    pattern,
                },
                Kept::Attention { qkv, mixed },
            ) => {
                let (dmixed, dout) = linear_add_gradients(mixed, &w.out, grad, false)?;
                let dmixed = Tensor::from_vec(dmixed, mixed.shape(), mixed.device())?;
                let [dqkv, dq, dk] =
                    attention_gradients(qkv, &w.q_scale, &w.k_scale, *heads, *pattern, &dmixed)?;
                drop(dmixed);
                let (dx, dnorm, dweight) = norm_linear_gradients(x, &w.norm, &w.qkv, &dqkv)?;
                let gradients = vec![
                    like(dnorm, &w.norm)?,
                    like(dweight, &w.qkv)?,
                    dq,
                    dk,
                    like(dout, &w.out)?,
                ];
                (dx, gradients)
            }
            (Self::FeedForward(w), Kept::FeedForward { hidden }) => {
                let (dhidden, ddown) = linear_add_gradients(hidden, &w.down, grad, true)?;
                let dhidden = Tensor::from_vec(dhidden, hidden.shape(), hidden.device())?;
                let (dx, dnorm, dup) = norm_linear_gradients(x, &w.norm, &w.up, &dhidden)?;
                let gradients = vec![
                    like(dnorm, &w.norm)?,
                    like(dup, &w.up)?,
                    like(ddown, &w.down)?,
                ];
                (dx, gradients)
            }
            _ => candle_core::bail!("a branch keeps what it needs itself"),
        };
        with_floats([grad], |[grad]| {
            dx.par_chunks_mut(CHUNK)
                .zip(grad.par_chunks(CHUNK))
                .for_each(|(dx, grad)| {
                    for (dx, grad) in dx.iter_mut().zip(grad) {
                        *dx += grad;
                    }
                });
            Ok(())
        })?;
        Ok((Tensor::from_vec(dx, x.shape(), x.device())?, gradients))
    }
}

fn like(values: Vec<f32>, weight: &Tensor) -> Result<Tensor> {
    Tensor::from_vec(values, weight.shape(), weight.device())
}

/// Attention on packed queries, keys and values `[.., 3I]`.
fn attend(
    qkv: &Tensor,
    weights: &AttentionWeights,
    heads: usize,
    pattern: AttentionPattern,
) -> Result<Tensor> {
    let (q_scale, k_scale) = (&weights.q_scale, &weights.k_scale);
    match pattern {
        AttentionPattern::Spatial { grid } => {
            let mut dims = qkv.dims().to_vec();
            let (n, inner3) = (dims[dims.len() - 2], dims[dims.len() - 1]);
            let frames = qkv.reshape(((), n, inner3))?;
            let mixed = spatial_attention(&frames, q_scale, k_scale, heads, grid)?;
            if let Some(last) = dims.last_mut() {
                *last = inner3 / 3;
            }
            mixed.reshape(dims)
        }
        AttentionPattern::Temporal { window } => {
            temporal_attention(qkv, q_scale, k_scale, heads, window)
        }
        AttentionPattern::TwoStreams { window } => {
            two_stream_temporal_attention(qkv, q_scale, k_scale, heads, window)
        }
    }
}
