//! Residual branches, one after the other, as one node of candle's graph.
//!
//! candle's backward pass fills and adds a gradient for every node, which costs more than the arithmetic of many of them. A whole stack
//! as one node keeps what its gradients need, or only the inputs of its blocks, and leaves one gradient to add.

use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::attention::AttentionPattern;
use super::buffer::copied;
use super::fusion::fused;
use super::recomputation::recomputed;
use super::slices::with_floats;
use super::sublayer::{AttentionWeights, Branch, FeedForwardWeights, Kept};
use super::weight_gradients::WeightGradients;

/// `x` plus attention over its norm: one attention branch of a block. `x` has the shape that `pattern` takes, ending with the width `D` of the residual stream,
/// which `heads` need not divide: the weights have a width of their own for all heads together.
///
/// # Errors
/// When shapes do not match.
pub fn attention_branch(
    x: &Tensor,
    weights: &AttentionWeights,
    heads: usize,
    pattern: AttentionPattern,
) -> Result<Tensor> {
    let branch = Branch::Attention {
        weights: weights.clone(),
        heads,
        pattern,
    };
    residual(x, vec![vec![branch]], false)
}

/// `x` `[.., D]` plus `relu(norm(x) up)^2 down`: the feed-forward branch of a block, with `up` `[F, D]` and `down` `[D, F]`.
///
/// # Errors
/// When shapes do not match.
pub fn feed_forward_branch(x: &Tensor, weights: &FeedForwardWeights) -> Result<Tensor> {
    residual(x, vec![vec![Branch::FeedForward(weights.clone())]], false)
}

/// All branches of `blocks` on `x`, one after the other. With `recompute` only the input of each block is kept for the gradient, and what
/// is inside the block is computed again.
///
/// # Errors
/// When shapes do not match.
pub(crate) fn residual(x: &Tensor, blocks: Vec<Vec<Branch>>, recompute: bool) -> Result<Tensor> {
    let weights: Vec<&Tensor> = blocks.iter().flatten().flat_map(Branch::weights).collect();
    let tracked = x.track_op() || weights.iter().any(|weight| weight.track_op());
    if tracked && !blocks.is_empty() && fused(&weights) && fused(&[x]) {
        return as_one_node(x, &blocks, &weights, recompute);
    }
    let mut x = x.clone();
    for block in blocks {
        x = if tracked && recompute {
            let weights: Vec<&Tensor> = block.iter().flat_map(Branch::weights).collect();
            let shape = block.clone();
            recomputed(&x, &weights, move |x, weights| {
                let mut weights = weights.iter();
                let block = shape.iter().map(|branch| {
                    // There are as many as the branches had.
                    branch.map(|weight| weights.next().unwrap_or(weight).clone())
                });
                forward(x, &block.collect::<Vec<_>>())
            })?
        } else {
            forward(&x, &block)?
        };
    }
    Ok(x)
}

fn forward(x: &Tensor, block: &[Branch]) -> Result<Tensor> {
    let mut x = x.clone();
    for branch in block {
        x = branch.forward(&x)?.0;
    }
    Ok(x)
}

/// A branch with its input and what it keeps for its gradient.
struct Step {
    branch: Branch,
    x: Tensor,
    kept: Kept,
}

/// A block as its gradient needs it.
enum Block {
    Whole(Vec<Step>),
    Recomputed { x: Tensor, branches: Vec<Branch> },
}

impl Block {
    /// The steps of a block, and its result.
    fn steps(x: &Tensor, branches: &[Branch]) -> Result<(Vec<Step>, Tensor)> {
        let (mut steps, mut x) = (Vec::with_capacity(branches.len()), x.clone());
        for branch in branches {
            let (next, kept) = branch.forward(&x)?;
            steps.push(Step {
                branch: branch.clone(),
                x: std::mem::replace(&mut x, next),
                kept,
            });
        }
        Ok((steps, x))
    }

    /// Gradients of the input and of all weights.
    fn backward(&self, grad: &Tensor) -> Result<(Tensor, Vec<Tensor>)> {
        let again;
        let steps = match self {
            Self::Whole(steps) => steps,
            Self::Recomputed { x, branches } => {
                again = Self::steps(x, branches)?.0;
                &again
            }
        };
        let (mut grad, mut gradients) = (grad.clone(), Vec::with_capacity(steps.len()));
        for step in steps.iter().rev() {
            let (dx, of_weights) = step.branch.backward(&step.x, &step.kept, &grad)?;
            grad = dx;
            gradients.push(of_weights);
        }
        gradients.reverse();
        Ok((grad, gradients.concat()))
    }
}

fn as_one_node(
    x: &Tensor,
    blocks: &[Vec<Branch>],
    weights: &[&Tensor],
    recompute: bool,
) -> Result<Tensor> {
    let x = x.contiguous()?;
    let handed_in = WeightGradients::default();
    let argument = handed_in.argument(weights, x.device())?;
    let mut out = x.detach();
    let mut kept = Vec::with_capacity(blocks.len());
    for branches in blocks {
        let branches = branches.iter().map(|it| it.map(Tensor::detach));
        let branches: Vec<Branch> = branches.collect();
        if recompute {
            let x = out.clone();
            out = forward(&x, &branches)?;
            kept.push(Block::Recomputed { x, branches });
        } else {
            let (steps, next) = Block::steps(&out, &branches)?;
            out = next;
            kept.push(Block::Whole(steps));
        }
    }
    let node = Residual {
        result: Mutex::new(Some(out)),
        blocks: kept,
        handed_in,
    };
    x.apply_op2(&argument, node)
}

struct Residual {
    /// Taken by the forward pass.
    result: Mutex<Option<Tensor>>,
    blocks: Vec<Block>,
    handed_in: WeightGradients,
}

impl CustomOp2 for Residual {
    fn name(&self) -> &'static str {
        "residual"
    }

    fn cpu_fwd(
        &self,
        _x: &CpuStorage,
        x_layout: &Layout,
        _weights: &CpuStorage,
        _weights_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let result = self.result.lock().ok().and_then(|mut held| held.take());
        let Some(result) = result else {
            candle_core::bail!("a node is computed once")
        };
        let values = with_floats([&result], |[values]| Ok(copied(values)))?;
        Ok((CpuStorage::F32(values), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        _x: &Tensor,
        _weights: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let mut grad = grad.detach().contiguous()?;
        let mut gradients = Vec::with_capacity(self.blocks.len());
        for block in self.blocks.iter().rev() {
            let (dx, of_weights) = block.backward(&grad)?;
            grad = dx;
            gradients.push(of_weights);
        }
        gradients.reverse();
        let handed_in = self.handed_in.hand_in(gradients.concat(), grad.device())?;
        Ok((Some(grad), Some(handed_in)))
    }
}
