//! Attention within a frame and along time.
//!
//! In two streams a masked frame sees itself in place of its clean copy: both streams share one matrix of logits, in which the logit
//! of a masked frame for itself stands where that of its clean copy would be.

use candle_core::{D, DType, Result, Tensor};
use candle_nn::rotary_emb::rope;

use super::super::attention_pattern::AttentionPattern;
use super::super::node::node;
use super::heads::Heads;
use super::norm::{normalised, normalised_gradients};
use super::tables::Table;

/// See [`super::super::attention`].
pub(in super::super) fn attention(
    qkv: &Tensor,
    q_scale: &Tensor,
    k_scale: &Tensor,
    heads: usize,
    pattern: AttentionPattern,
) -> Result<Tensor> {
    let op = Attention {
        heads: Heads::new(qkv, heads, pattern),
        pattern,
        qkv: qkv.detach(),
        q_scale: q_scale.detach(),
        k_scale: k_scale.detach(),
    };
    let prepared = op.prepared()?;
    let (_, mixed) = op.mixed(&prepared)?;
    let out = op.heads.join_one(&mixed)?;
    node(&[qkv, q_scale, k_scale], out, move |grad| {
        op.gradients(grad)
            .map(|gradients| gradients.map(Some).into())
    })
}

struct Attention {
    heads: Heads,
    pattern: AttentionPattern,
    qkv: Tensor,
    q_scale: Tensor,
    k_scale: Tensor,
}

/// Queries, keys and values, `[S, H, L, d]` each.
struct Prepared {
    /// Before their norms.
    plain: [Tensor; 2],
    /// Normalised, rotated and, queries, scaled for the softmax.
    q: Tensor,
    k: Tensor,
    v: Tensor,
}

impl Attention {
    /// Factor of the queries.
    fn scale(&self) -> f64 {
        1.0 / (self.heads.width() as f64).sqrt()
    }

    /// Cosines and sines of the rotations.
    fn rotation(&self) -> Result<Option<(Tensor, Tensor)>> {
        let d = self.heads.width();
        let frames = self.heads.frames(self.pattern);
        let (cosines, sines) = match self.pattern {
            AttentionPattern::Spatial { grid: None } => return Ok(None),
            AttentionPattern::Spatial { grid: Some(grid) } => {
                (Table::GridCosines(grid, d), Table::GridSines(grid, d))
            }
            _ => (Table::TimeCosines(frames, d), Table::TimeSines(frames, d)),
        };
        let on = |table: Table| table.on(self.qkv.device(), self.qkv.dtype());
        Ok(Some((on(cosines)?, on(sines)?)))
    }

    fn prepared(&self) -> Result<Prepared> {
        let [q, k, v] = self.heads.split(&self.qkv)?;
        let plain = [q.clone(), k.clone()];
        let q = normalised(&q, &(&self.q_scale * self.scale())?)?;
        let k = normalised(&k, &self.k_scale)?;
        let (q, k) = match self.rotation()? {
            None => (q, k),
            Some((cos, sin)) => (rope(&q, &cos, &sin)?, rope(&k, &cos, &sin)?),
        };
        Ok(Prepared { plain, q, k, v })
    }

    /// The clean half of `[S, H, 2 T, d]`.
    fn clean(&self, both: &Tensor) -> Result<Tensor> {
        let length = self.heads.frames(self.pattern).length;
        both.narrow(2, 0, length)?.contiguous()
    }

    fn window(&self) -> Option<usize> {
        match self.pattern {
            AttentionPattern::Spatial { .. } => None,
            AttentionPattern::Temporal { window } | AttentionPattern::TwoStreams { window } => {
                Some(window)
            }
        }
    }

    /// For two streams, where a masked frame meets itself, and everywhere else.
    fn places(&self) -> Result<Option<(Tensor, Tensor)>> {
        if !matches!(self.pattern, AttentionPattern::TwoStreams { .. }) {
            return Ok(None);
        }
        let length = self.heads.frames(self.pattern).length;
        let on = |table: Table| table.on(self.qkv.device(), self.qkv.dtype());
        Ok(Some((on(Table::Own(length))?, on(Table::Others(length))?)))
    }

    /// Attention weights, and what they mix `[S, H, L, d]`.
    fn mixed(&self, p: &Prepared) -> Result<(Tensor, Tensor)> {
        let places = self.places()?;
        let mut logits = match &places {
            None => p.q.matmul(&p.k.t()?)?,
            Some((own, others)) => {
                let past = p.q.matmul(&self.clean(&p.k)?.t()?)?.broadcast_mul(others)?;
                past.broadcast_add(&dots(&p.q, &p.k)?.broadcast_mul(own)?)?
            }
        };
        if let Some(window) = self.window() {
            let frames = self.heads.frames(self.pattern);
            let mask = Table::Window(frames, window).on(logits.device(), logits.dtype())?;
            logits = logits.broadcast_add(&mask)?;
        }
        let weights = softmax(&logits)?;
        let mixed = match &places {
            None => weights.matmul(&p.v)?,
            Some((own, others)) => {
                let past = weights.broadcast_mul(others)?.matmul(&self.clean(&p.v)?)?;
                let own = weights.broadcast_mul(own)?.sum_keepdim(D::Minus1)?;
                (past + p.v.broadcast_mul(&own)?)?
            }
        };
        Ok((weights, mixed))
    }

    /// Gradients of the packed queries, keys and values and of both scales.
    fn gradients(&self, grad: &Tensor) -> Result<[Tensor; 3]> {
        let p = self.prepared()?;
        let (weights, _) = self.mixed(&p)?;
        let grad = self.heads.split_one(grad)?;
        let [dq, dk, dv] = match self.places()? {
            None => {
                let dlogits = softmax_gradient(&weights, &grad.matmul(&p.v.t()?)?)?;
                [
                    dlogits.matmul(&p.k)?,
                    dlogits.t()?.matmul(&p.q)?,
                    weights.t()?.matmul(&grad)?,
                ]
            }
            Some((own, others)) => {
                let (k, v) = (self.clean(&p.k)?, self.clean(&p.v)?);
                let dweights = grad.matmul(&v.t()?)?.broadcast_mul(&others)?;
                let dweights = (dweights + dots(&grad, &p.v)?.broadcast_mul(&own)?)?;
                let dlogits = softmax_gradient(&weights, &dweights)?;
                let own_of = |x: &Tensor| x.broadcast_mul(&own)?.sum_keepdim(D::Minus1);
                let (own_logits, own_weights) = (own_of(&dlogits)?, own_of(&weights)?);
                let dlogits = dlogits.broadcast_mul(&others)?;
                let weights = weights.broadcast_mul(&others)?;
                let length = k.dim(2)?;
                // Clean frames get theirs as the past, masked ones as themselves.
                let both = |clean: Tensor, own: Tensor| {
                    let masked = own.narrow(2, length, length)?;
                    Tensor::cat(&[clean, masked], 2)
                };
                [
                    (dlogits.matmul(&k)? + p.k.broadcast_mul(&own_logits)?)?,
                    both(dlogits.t()?.matmul(&p.q)?, p.q.broadcast_mul(&own_logits)?)?,
                    both(
                        weights.t()?.matmul(&grad)?,
                        grad.broadcast_mul(&own_weights)?,
                    )?,
                ]
            }
        };
        let (dq, dk) = match self.rotation()? {
            None => (dq, dk),
            Some((cos, sin)) => {
                let back = sin.neg()?;
                (rope(&dq, &cos, &back)?, rope(&dk, &cos, &back)?)
            }
        };
        let [q, k] = &p.plain;
        let scaled = (&self.q_scale * self.scale())?;
        let (dq, dq_scale) = normalised_gradients(q, &scaled, &dq)?;
        let (dk, dk_scale) = normalised_gradients(k, &self.k_scale, &dk)?;
        Ok([
            self.heads.join([dq, dk, dv])?,
            (dq_scale * self.scale())?,
            dk_scale,
        ])
    }
}

/// Products `[.., L, 1]` of the rows of `[.., L, d]`, added up in `f32`.
fn dots(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let products = (a * b)?.to_dtype(DType::F32)?;
    products.sum_keepdim(D::Minus1)?.to_dtype(a.dtype())
}

/// The softmax of the last dimension, in `f32`.
fn softmax(logits: &Tensor) -> Result<Tensor> {
    let weights = candle_nn::ops::softmax_last_dim(&logits.to_dtype(DType::F32)?)?;
    weights.to_dtype(logits.dtype())
}

/// The gradient of a softmax's logits.
fn softmax_gradient(weights: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let along = dots(weights, grad)?;
    weights * grad.broadcast_sub(&along)?
}
