//! Whole residual branches of a block as one node of candle's graph.
//!
//! candle's backward pass fills and adds a gradient for every node, which costs more than the arithmetic of many of them.
//! A branch as one node keeps what its gradient needs and leaves one gradient to add.

use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::attention::{
    AttentionPattern, attention_gradients, spatial_attention, temporal_attention,
    two_stream_temporal_attention,
};
use super::buffer::copied;
use super::fusion::fused;
use super::linear::{
    linear_add, linear_add_gradients, norm_linear, norm_linear_gradients, relu2_linear_add,
};
use super::slices::with_floats;

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

/// `x` plus attention over its norm: one attention branch of a block.
///
/// # Errors
/// When shapes do not match.
pub fn attention_branch(
    x: &Tensor,
    weights: &AttentionWeights,
    heads: usize,
    pattern: AttentionPattern,
) -> Result<Tensor> {
    let w = weights;
    let all = [&w.norm, &w.qkv, &w.q_scale, &w.k_scale, &w.out];
    let tracked = x.track_op() || all.iter().any(|t| t.track_op());
    if !tracked || !fused(&[x, all[0], all[1], all[2], all[3], all[4]]) {
        let qkv = norm_linear(x, &w.norm, &w.qkv)?;
        let mixed = attend(&qkv, w, heads, pattern)?;
        return linear_add(&mixed, &w.out, x);
    }
    let x = x.contiguous()?;
    let w = AttentionWeights {
        norm: w.norm.detach(),
        qkv: w.qkv.detach(),
        q_scale: w.q_scale.detach(),
        k_scale: w.k_scale.detach(),
        out: w.out.detach(),
    };
    let qkv = norm_linear(&x.detach(), &w.norm, &w.qkv)?;
    let mixed = attend(&qkv, &w, heads, pattern)?;
    let out = linear_add(&mixed, &w.out, &x.detach())?;
    let branch = Branch {
        result: Mutex::new(Some(out)),
        kind: Kind::Attention {
            weights: w,
            heads,
            pattern,
            qkv,
            mixed,
        },
    };
    x.apply_op2(&packed(&all)?, branch)
}

/// `x` plus `relu(norm(x) up)^2 down`: the feed-forward branch of a block.
///
/// # Errors
/// When shapes do not match.
pub fn feed_forward_branch(x: &Tensor, weights: &FeedForwardWeights) -> Result<Tensor> {
    let w = weights;
    let all = [&w.norm, &w.up, &w.down];
    let tracked = x.track_op() || all.iter().any(|t| t.track_op());
    if !tracked || !fused(&[x, all[0], all[1], all[2]]) {
        return relu2_linear_add(&norm_linear(x, &w.norm, &w.up)?, &w.down, x);
    }
    let x = x.contiguous()?;
    let w = FeedForwardWeights {
        norm: w.norm.detach(),
        up: w.up.detach(),
        down: w.down.detach(),
    };
    let hidden = norm_linear(&x.detach(), &w.norm, &w.up)?;
    let out = relu2_linear_add(&hidden, &w.down, &x.detach())?;
    let branch = Branch {
        result: Mutex::new(Some(out)),
        kind: Kind::FeedForward { weights: w, hidden },
    };
    x.apply_op2(&packed(&all)?, branch)
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

/// All weights of a branch as one argument, so that each gets its gradient through candle.
fn packed(weights: &[&Tensor]) -> Result<Tensor> {
    let flat = weights
        .iter()
        .map(|w| w.flatten_all())
        .collect::<Result<Vec<_>>>()?;
    Tensor::cat(&flat, 0)
}

struct Branch {
    /// Taken by the forward pass.
    result: Mutex<Option<Tensor>>,
    kind: Kind,
}

enum Kind {
    Attention {
        weights: AttentionWeights,
        heads: usize,
        pattern: AttentionPattern,
        qkv: Tensor,
        mixed: Tensor,
    },
    FeedForward {
        weights: FeedForwardWeights,
        hidden: Tensor,
    },
}

impl CustomOp2 for Branch {
    fn name(&self) -> &'static str {
        "branch"
    }

    fn cpu_fwd(
        &self,
        _x: &CpuStorage,
        x_layout: &Layout,
        _packed: &CpuStorage,
        _packed_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let result = self.result.lock().ok().and_then(|mut held| held.take());
        let Some(result) = result else {
            candle_core::bail!("a branch is computed once")
        };
        Ok((CpuStorage::F32(flat(&result)?), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        packed: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (x, grad) = (x.detach(), grad.detach().contiguous()?);
        let (dx, parts) = match &self.kind {
            Kind::Attention {
                weights: w,
                heads,
                pattern,
                qkv,
                mixed,
            } => {
                let (dmixed, dout) = linear_add_gradients(mixed, &w.out, &grad, false)?;
                let dmixed = Tensor::from_vec(dmixed, mixed.shape(), mixed.device())?;
                let [dqkv, dq, dk] =
                    attention_gradients(qkv, &w.q_scale, &w.k_scale, *heads, *pattern, &dmixed)?;
                let (dx, dnorm, dweight) = norm_linear_gradients(&x, &w.norm, &w.qkv, &dqkv)?;
                (dx, vec![dnorm, dweight, flat(&dq)?, flat(&dk)?, dout])
            }
            Kind::FeedForward { weights: w, hidden } => {
                let (dhidden, ddown) = linear_add_gradients(hidden, &w.down, &grad, true)?;
                let dhidden = Tensor::from_vec(dhidden, hidden.shape(), hidden.device())?;
                let (dx, dnorm, dup) = norm_linear_gradients(&x, &w.norm, &w.up, &dhidden)?;
                (dx, vec![dnorm, dup, ddown])
            }
        };
        let mut dx = dx;
        with_floats([&grad], |[grad]| {
            dx.par_chunks_mut(16 * 1024)
                .zip(grad.par_chunks(16 * 1024))
                .for_each(|(dx, grad)| {
                    for (dx, grad) in dx.iter_mut().zip(grad) {
                        *dx += grad;
                    }
                });
            Ok(())
        })?;
        Ok((
            Some(Tensor::from_vec(dx, x.shape(), x.device())?),
            Some(Tensor::from_vec(
                parts.concat(),
                packed.shape(),
                packed.device(),
            )?),
        ))
    }
}

fn flat(tensor: &Tensor) -> Result<Vec<f32>> {
    with_floats([tensor], |[values]| Ok(copied(values)))
}
