//! Every operation of `genie_model::ops` at the shapes of the `platformer` preset: `cargo bench --profile dev --bench ops`.
//!
//! Training shapes are those of a step of the dynamics model: 4 clips of 16 frames of 64 tokens, in two streams where
//! both go through an operation. Play has one frame of 64 tokens at a time. Forward means on tensors that no gradient is wanted
//! of; backward includes candle's walk over the graph. `ops::composed` defines what is computed and is not measured.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use candle_core::{DType, Device, Result, Tensor, Var};
use criterion::{BenchmarkId, Criterion, Throughput};
use genie_model::ops::{
    self, AdamWStep, AttentionPattern, AttentionWeights, FeedForwardWeights, MatmulPrecision,
    TokenGrid,
};
use genie_model::{GenieConfig, parameter_count};

const CLIPS: usize = 4;
const FRAMES: usize = 16;
const TOKENS: usize = 64;
const GRID: TokenGrid = TokenGrid {
    leading: 0,
    rows: 8,
    columns: 8,
};
/// Tokens of a batch in both streams.
const ROWS: usize = 2 * CLIPS * FRAMES * TOKENS;
const WIDTH: usize = 128;
const HIDDEN: usize = 512;
const HEADS: usize = 4;
const HEAD_WIDTH: usize = 32;
const CODES: usize = 1024;
/// Masked tokens of a batch, about.
const MASKED: usize = 3072;

/// Makes random inputs, with or without a gradient.
#[derive(Clone, Copy)]
struct Inputs {
    tracked: bool,
}

impl Inputs {
    fn tensor(self, shape: &[usize]) -> Tensor {
        let var = Var::randn(0f32, 1f32, shape, &Device::Cpu).unwrap();
        if self.tracked {
            var.as_tensor().clone()
        } else {
            var.as_detached_tensor()
        }
    }

    fn attention(self) -> AttentionWeights {
        AttentionWeights {
            norm: self.tensor(&[WIDTH]),
            qkv: self.tensor(&[3 * WIDTH, WIDTH]),
            q_scale: self.tensor(&[HEAD_WIDTH]),
            k_scale: self.tensor(&[HEAD_WIDTH]),
            out: self.tensor(&[WIDTH, WIDTH]),
        }
    }

    fn feed_forward(self) -> FeedForwardWeights {
        FeedForwardWeights {
            norm: self.tensor(&[WIDTH]),
            up: self.tensor(&[HIDDEN, WIDTH]),
            down: self.tensor(&[WIDTH, HIDDEN]),
        }
    }
}

type Op = Box<dyn Fn() -> Result<Tensor>>;

fn forward(c: &mut Criterion, name: &str, shape: &str, op: &Op) {
    c.bench_function(&format!("{name}/forward/{shape}"), |b| {
        b.iter(|| op().unwrap());
    });
}

/// Forward, and forward with backward.
fn both(c: &mut Criterion, name: &str, shape: &str, make: impl Fn(Inputs) -> Op) {
    forward(c, name, shape, &make(Inputs { tracked: false }));
    let op = make(Inputs { tracked: true });
    c.bench_function(&format!("{name}/forward and backward/{shape}"), |b| {
        b.iter(|| op().unwrap().backward().unwrap());
    });
}

/// At the shape of training with the gradient, at that of play without.
fn of_rows(c: &mut Criterion, name: &str, make: impl Fn(Inputs, usize) -> Op) {
    both(c, name, &format!("training {ROWS}"), |i| make(i, ROWS));
    let play = make(Inputs { tracked: false }, TOKENS);
    forward(c, name, &format!("play {TOKENS}"), &play);
}

fn matrix_products(c: &mut Criterion) {
    for (m, o, k) in [
        (TOKENS, 3 * WIDTH, WIDTH),
        (TOKENS, HIDDEN, WIDTH),
        (TOKENS, WIDTH, HIDDEN),
        (ROWS, 3 * WIDTH, WIDTH),
        (ROWS, WIDTH, WIDTH),
        (ROWS, HIDDEN, WIDTH),
        (ROWS, WIDTH, HIDDEN),
        (1024, 1024, 1024),
    ] {
        let (x, w) = (vec![0.5f32; m * k], vec![0.25f32; o * k]);
        let g = vec![0.1f32; m * o];
        let (mut y, mut dx, mut dw) = (g.clone(), x.clone(), w.clone());
        for precision in [MatmulPrecision::F32, MatmulPrecision::Bf16] {
            ops::set_matmul_precision(precision);
            if ops::matmul_precision() != precision {
                continue;
            }
            let mut group = c.benchmark_group(format!("matmul {precision:?}"));
            // A billion operations per second are shown as a billion elements.
            group.throughput(Throughput::Elements(2 * (m * o * k) as u64));
            let shape = format!("{m}x{o}x{k}");
            group.bench_function(BenchmarkId::new("matmul_nt", &shape), |b| {
                b.iter(|| ops::matmul_nt((m, o, k), &x, &w, &mut y, false));
            });
            group.bench_function(BenchmarkId::new("matmul_nn", &shape), |b| {
                b.iter(|| ops::matmul_nn((m, o, k), &g, &w, &mut dx, false));
            });
            group.bench_function(BenchmarkId::new("matmul_tn", &shape), |b| {
                b.iter(|| ops::matmul_tn((m, o, k), &g, &x, &mut dw, false));
            });
            group.finish();
        }
        ops::set_matmul_precision(MatmulPrecision::F32);
    }
}

fn layers(c: &mut Criterion) {
    of_rows(c, "rms_norm", |i, rows| {
        let (x, scale) = (i.tensor(&[rows, WIDTH]), i.tensor(&[WIDTH]));
        Box::new(move || ops::rms_norm(&x, &scale))
    });
    of_rows(c, "linear", |i, rows| {
        let (x, w) = (i.tensor(&[rows, WIDTH]), i.tensor(&[WIDTH, WIDTH]));
        Box::new(move || ops::linear(&x, &w))
    });
    of_rows(c, "linear_bias", |i, rows| {
        let (x, w) = (i.tensor(&[rows, WIDTH]), i.tensor(&[WIDTH, WIDTH]));
        let bias = i.tensor(&[WIDTH]);
        Box::new(move || ops::linear_bias(&x, &w, &bias))
    });
    of_rows(c, "linear_add", |i, rows| {
        let (x, w) = (i.tensor(&[rows, WIDTH]), i.tensor(&[WIDTH, WIDTH]));
        let residual = i.tensor(&[rows, WIDTH]);
        Box::new(move || ops::linear_add(&x, &w, &residual))
    });
    of_rows(c, "norm_linear", |i, rows| {
        let (x, scale) = (i.tensor(&[rows, WIDTH]), i.tensor(&[WIDTH]));
        let w = i.tensor(&[HIDDEN, WIDTH]);
        Box::new(move || ops::norm_linear(&x, &scale, &w))
    });
    of_rows(c, "relu2_linear_add", |i, rows| {
        let (u, w) = (i.tensor(&[rows, HIDDEN]), i.tensor(&[WIDTH, HIDDEN]));
        let residual = i.tensor(&[rows, WIDTH]);
        Box::new(move || ops::relu2_linear_add(&u, &w, &residual))
    });
    of_rows(c, "gather_rows", |i, rows| {
        let table = i.tensor(&[CODES + 1, WIDTH]);
        let ids: Vec<u32> = (0..rows as u32).map(|id| id * 37 % CODES as u32).collect();
        let ids = Tensor::new(ids, &Device::Cpu).unwrap();
        Box::new(move || ops::gather_rows(&table, &ids))
    });
    let shape = format!("training {MASKED}x{CODES}");
    both(c, "masked_cross_entropy", &shape, |i| {
        let logits = i.tensor(&[MASKED, CODES]);
        let targets = Tensor::zeros(MASKED, DType::U32, &Device::Cpu).unwrap();
        let weights = Tensor::ones(MASKED, DType::F32, &Device::Cpu).unwrap();
        Box::new(move || ops::masked_cross_entropy(&logits, &targets, &weights))
    });
}

fn attentions(c: &mut Criterion) {
    let scales = |i: Inputs| (i.tensor(&[HEAD_WIDTH]), i.tensor(&[HEAD_WIDTH]));
    let spatial = |i: Inputs, frames: usize| -> Op {
        let qkv = i.tensor(&[frames, TOKENS, 3 * WIDTH]);
        let (q, k) = scales(i);
        Box::new(move || ops::spatial_attention(&qkv, &q, &k, HEADS, Some(GRID)))
    };
    let frames = ROWS / TOKENS;
    let shape = format!("training {frames} frames");
    both(c, "spatial_attention", &shape, |i| spatial(i, frames));
    let play = spatial(Inputs { tracked: false }, 1);
    forward(c, "spatial_attention", "play 1 frame", &play);
    let shape = format!("training {CLIPS}x{FRAMES}");
    both(c, "temporal_attention", &shape, |i| {
        let qkv = i.tensor(&[CLIPS, FRAMES, TOKENS, 3 * WIDTH]);
        let (q, k) = scales(i);
        Box::new(move || ops::temporal_attention(&qkv, &q, &k, HEADS, FRAMES))
    });
    both(c, "two_stream_temporal_attention", &shape, |i| {
        let qkv = i.tensor(&[2, CLIPS, FRAMES, TOKENS, 3 * WIDTH]);
        let (q, k) = scales(i);
        Box::new(move || ops::two_stream_temporal_attention(&qkv, &q, &k, HEADS, FRAMES))
    });
    let i = Inputs { tracked: false };
    let frame = i.tensor(&[1, TOKENS, 3 * WIDTH]);
    let (q, k) = scales(i);
    let (_, mut states) =
        ops::cached_temporal_attention(&frame, &q, &k, HEADS, &[0], &[vec![]]).unwrap();
    let state = states.remove(0);
    let time = FRAMES - 1;
    let id = format!("cached_temporal_attention/forward/play 1 frame after {time}");
    c.bench_function(&id, |b| {
        let past = vec![vec![&state; time]];
        b.iter(|| {
            ops::cached_temporal_attention(&frame, &q, &k, HEADS, &[time as u64], &past).unwrap()
        });
    });
}

/// Whole residual branches, in training also with products in `bf16`.
fn branches(c: &mut Criterion) {
    let attention = |shape: &'static [usize], pattern: AttentionPattern| {
        move |i: Inputs| -> Op {
            let (x, weights) = (i.tensor(shape), i.attention());
            Box::new(move || ops::attention_branch(&x, &weights, HEADS, pattern))
        }
    };
    let feed_forward = |rows: usize| {
        move |i: Inputs| -> Op {
            let (x, weights) = (i.tensor(&[rows, WIDTH]), i.feed_forward());
            Box::new(move || ops::feed_forward_branch(&x, &weights))
        }
    };
    let window = FRAMES;
    for precision in [MatmulPrecision::F32, MatmulPrecision::Bf16] {
        ops::set_matmul_precision(precision);
        if ops::matmul_precision() != precision {
            continue;
        }
        let shape = format!("training {precision:?}");
        let spatial = attention(
            &[ROWS / TOKENS, TOKENS, WIDTH],
            AttentionPattern::Spatial { grid: Some(GRID) },
        );
        both(c, "attention_branch spatial", &shape, spatial);
        let temporal = AttentionPattern::Temporal { window };
        let temporal = attention(&[CLIPS, FRAMES, TOKENS, WIDTH], temporal);
        both(c, "attention_branch temporal", &shape, temporal);
        let streams = AttentionPattern::TwoStreams { window };
        let streams = attention(&[2, CLIPS, FRAMES, TOKENS, WIDTH], streams);
        both(c, "attention_branch two streams", &shape, streams);
        both(c, "feed_forward_branch", &shape, feed_forward(ROWS));
    }
    ops::set_matmul_precision(MatmulPrecision::F32);
    let i = Inputs { tracked: false };
    let play = attention(
        &[1, TOKENS, WIDTH],
        AttentionPattern::Spatial { grid: Some(GRID) },
    )(i);
    forward(c, "attention_branch spatial", "play 1 frame", &play);
    let play = feed_forward(TOKENS)(i);
    forward(c, "feed_forward_branch", "play 1 frame", &play);
}

fn optimiser(c: &mut Criterion) {
    let len = parameter_count(&GenieConfig::platformer(), "dynamics").unwrap();
    let (mut p, g) = (vec![0f32; len], vec![1f32; len]);
    let (mut m, mut v) = (p.clone(), p.clone());
    let settings = AdamWStep {
        lr: 1e-3,
        beta1: 0.9,
        beta2: 0.95,
        eps: 1e-8,
        weight_decay: 0.01,
        bias_correction1: 1.0,
        bias_correction2: 1.0,
        grad_scale: 1.0,
    };
    c.bench_function(&format!("adamw_step/{len}"), |b| {
        b.iter(|| ops::adamw_step(&mut p, &g, &mut m, &mut v, &settings));
    });
    c.bench_function(&format!("sum_of_squares/{len}"), |b| {
        b.iter(|| ops::sum_of_squares(&g));
    });
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400))
        .configure_from_args();
    matrix_products(&mut criterion);
    layers(&mut criterion);
    attentions(&mut criterion);
    branches(&mut criterion);
    optimiser(&mut criterion);
    criterion.final_summary();
}
