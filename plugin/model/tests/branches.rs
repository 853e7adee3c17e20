//! Branches as one node against the same operations as nodes of their own.
#![allow(clippy::unwrap_used)]

mod levels;

use candle_core::{Device, Tensor, Var};
use genie_model::ops::{
    self, AttentionPattern, AttentionWeights, FeedForwardWeights, TokenGrid, attention_branch,
    feed_forward_branch,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const WIDTH: usize = 12;
const HEADS: usize = 3;
const HEAD: usize = 4;

struct Source(ChaCha8Rng);

impl Source {
    fn var(&mut self, shape: &[usize]) -> Var {
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| self.0.random::<f32>() - 0.4).collect();
        Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
    }
}

fn assert_close(a: &Tensor, b: &Tensor, what: &str) {
    let off = (a - b)
        .unwrap()
        .abs()
        .unwrap()
        .max_all()
        .unwrap()
        .to_scalar::<f32>()
        .unwrap();
    let size = a
        .abs()
        .unwrap()
        .max_all()
        .unwrap()
        .to_scalar::<f32>()
        .unwrap();
    assert!(
        off <= 1e-5 * size.max(1.0),
        "{what} is {off} off at a size of {size}"
    );
    assert!(size > 0.0, "{what} is zero");
}

/// Outputs and gradients of two ways to compute the same.
fn compare(vars: &[&Var], one: &Tensor, other: &Tensor) {
    assert_close(one, other, "output");
    // A weighted sum, so that gradients differ from place to place.
    let weights = Tensor::arange(0f32, one.elem_count() as f32, &Device::Cpu)
        .unwrap()
        .sin()
        .unwrap()
        .reshape(one.shape())
        .unwrap();
    let grads = |x: &Tensor| {
        (x * &weights)
            .unwrap()
            .sum_all()
            .unwrap()
            .backward()
            .unwrap()
    };
    let (one, other) = (grads(one), grads(other));
    for (index, var) in vars.iter().enumerate() {
        let (a, b) = (one.get(var).unwrap(), other.get(var).unwrap());
        assert_close(a, b, &format!("gradient {index}"));
    }
}

fn attention_case(shape: &[usize], pattern: AttentionPattern) {
    let mut source = Source(ChaCha8Rng::seed_from_u64(1));
    let inner = HEADS * HEAD;
    let x = source.var(shape);
    let norm = source.var(&[WIDTH]);
    let qkv = source.var(&[3 * inner, WIDTH]);
    let (q_scale, k_scale) = (source.var(&[HEAD]), source.var(&[HEAD]));
    let out = source.var(&[WIDTH, inner]);
    let weights = AttentionWeights {
        norm: norm.as_tensor().clone(),
        qkv: qkv.as_tensor().clone(),
        q_scale: q_scale.as_tensor().clone(),
        k_scale: k_scale.as_tensor().clone(),
        out: out.as_tensor().clone(),
    };
    let branch = attention_branch(&x, &weights, HEADS, pattern).unwrap();
    let packed = ops::norm_linear(&x, &norm, &qkv).unwrap();
    let mixed = match pattern {
        AttentionPattern::Spatial { grid } => {
            ops::spatial_attention(&packed, &q_scale, &k_scale, HEADS, grid).unwrap()
        }
        AttentionPattern::Temporal { window } => {
            ops::temporal_attention(&packed, &q_scale, &k_scale, HEADS, window).unwrap()
        }
        AttentionPattern::TwoStreams { window } => {
            ops::two_stream_temporal_attention(&packed, &q_scale, &k_scale, HEADS, window).unwrap()
        }
    };
    let plain = ops::linear_add(&mixed, &out, &x).unwrap();
    compare(
        &[&x, &norm, &qkv, &q_scale, &k_scale, &out],
        &branch,
        &plain,
    );
}

#[test]
fn spatial_attention() {
    let grid = TokenGrid {
        leading: 1,
        rows: 2,
        columns: 2,
    };
    for grid in [None, Some(grid)] {
        attention_case(&[3, 5, WIDTH], AttentionPattern::Spatial { grid });
    }
}

#[test]
fn temporal_attention() {
    attention_case(&[2, 5, 3, WIDTH], AttentionPattern::Temporal { window: 3 });
}

#[test]
fn two_streams() {
    attention_case(
        &[2, 2, 4, 3, WIDTH],
        AttentionPattern::TwoStreams { window: 3 },
    );
}

#[test]
fn feed_forward() {
    let mut source = Source(ChaCha8Rng::seed_from_u64(2));
    let x = source.var(&[7, WIDTH]);
    let norm = source.var(&[WIDTH]);
    let (up, down) = (source.var(&[20, WIDTH]), source.var(&[WIDTH, 20]));
    let weights = FeedForwardWeights {
        norm: norm.as_tensor().clone(),
        up: up.as_tensor().clone(),
        down: down.as_tensor().clone(),
    };
    let branch = feed_forward_branch(&x, &weights).unwrap();
    let hidden = ops::norm_linear(&x, &norm, &up).unwrap();
    let plain = ops::relu2_linear_add(&hidden, &down, &x).unwrap();
    compare(&[&x, &norm, &up, &down], &branch, &plain);
}

#[test]
fn the_same_holds_at_every_instruction_set() {
    levels::run_at_other_levels("the_same_holds_at_every_instruction_set");
}
