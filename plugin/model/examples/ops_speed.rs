//! Prints how fast the fused operations run: `cargo run --release -p genie_model --example ops_speed`.
#![allow(clippy::unit_arg)]

use std::time::Instant;

use candle_core::{Device, Result, Tensor, Var};
use genie_model::ops::{self, MatmulPrecision};

/// Least time of a few runs in milliseconds.
fn best(mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut least = f64::INFINITY;
    let start = Instant::now();
    let mut runs = 0;
    while runs < 3 || start.elapsed().as_millis() < 150 {
        let one = Instant::now();
        run()?;
        least = least.min(one.elapsed().as_secs_f64() * 1e3);
        runs += 1;
    }
    Ok(least)
}

fn var(shape: &[usize]) -> Result<Var> {
    Var::randn(0f32, 1f32, shape, &Device::Cpu)
}

fn both(name: &str, op: impl Fn() -> Result<Tensor>) -> Result<()> {
    let forward = best(|| op().map(drop))?;
    let grad = op()?.ones_like()?;
    let whole = best(|| (op()? * &grad)?.sum_all()?.backward().map(drop))?;
    // The product with ones and the sum belong to the measurement, not to the operation.
    let leaf = Var::from_tensor(&grad)?;
    let rest = best(|| (leaf.as_tensor() * &grad)?.sum_all()?.backward().map(drop))?;
    println!(
        "{name:44} forward {forward:7.2} ms, backward {:7.2} ms",
        whole - rest - forward
    );
    Ok(())
}

fn main() -> Result<()> {
    println!("{} threads", rayon::current_num_threads());
    for (m, o, k) in [
        (64, 128, 128),
        (64, 512, 128),
        (8192, 128, 128),
        (8192, 384, 128),
        (8192, 512, 128),
        (8192, 128, 512),
        (8192, 512, 512),
    ] {
        let (x, w, g) = (
            vec![0.5f32; m * k],
            vec![0.25f32; o * k],
            vec![0.1f32; m * o],
        );
        let (mut y, mut dx, mut dw) = (g.clone(), x.clone(), w.clone());
        print!("M {m:4} O {o:3} K {k:3} GFLOP/s");
        for precision in [MatmulPrecision::F32, MatmulPrecision::Bf16] {
            ops::set_matmul_precision(precision);
            let rate = |ms: f64| 2e-6 * (m * o * k) as f64 / ms;
            let nt = best(|| Ok(ops::matmul_nt((m, o, k), &x, &w, &mut y, false)))?;
            let nn = best(|| Ok(ops::matmul_nn((m, o, k), &g, &w, &mut dx, false)))?;
            let tn = best(|| Ok(ops::matmul_tn((m, o, k), &g, &x, &mut dw, false)))?;
            print!(
                "   {:?}: nt {:4.0} nn {:4.0} tn {:4.0}",
                ops::matmul_precision(),
                rate(nt),
                rate(nn),
                rate(tn)
            );
        }
        println!();
    }
    let scales = [var(&[32])?, var(&[32])?];
    for precision in [MatmulPrecision::F32, MatmulPrecision::Bf16] {
        ops::set_matmul_precision(precision);
        println!("{:?}", ops::matmul_precision());
        let (x, scale) = (var(&[8192, 128])?, var(&[128])?);
        let (up, down) = (var(&[512, 128])?, var(&[128, 512])?);
        let wide = var(&[8192, 512])?;
        both("rms_norm 8192 x 128", || ops::rms_norm(&x, &scale))?;
        both("norm_linear 8192 x 128 to 512", || {
            ops::norm_linear(&x, &scale, &up)
        })?;
        both("relu2_linear_add 8192 x 512 to 128", || {
            ops::relu2_linear_add(&wide, &down, &x)
        })?;
    }
    for length in [64, 65] {
        let qkv = var(&[128, length, 384])?;
        both(&format!("spatial 128 x {length}, 4 heads of 32"), || {
            ops::spatial_attention(&qkv, &scales[0], &scales[1], 4)
        })?;
    }
    let qkv = var(&[4, 16, 64, 384])?;
    both("temporal 4 x 16 x 64, 4 heads of 32", || {
        ops::temporal_attention(&qkv, &scales[0], &scales[1], 4, 16)
    })?;
    let qkv = var(&[2, 4, 16, 64, 384])?;
    both("two streams 2 x 4 x 16 x 64, 4 heads of 32", || {
        ops::two_stream_temporal_attention(&qkv, &scales[0], &scales[1], 4, 16)
    })?;
    let logits = var(&[4096, 512])?;
    let targets = Tensor::zeros(4096, candle_core::DType::U32, &Device::Cpu)?;
    let weights = Tensor::ones(4096, candle_core::DType::F32, &Device::Cpu)?;
    both("masked_cross_entropy 4096 x 512", || {
        ops::masked_cross_entropy(&logits, &targets, &weights)
    })?;
    let frame = var(&[1, 64, 384])?.as_detached_tensor();
    let entry = ops::cached_temporal_attention(&frame, &scales[0], &scales[1], 4, &[0], &[vec![]])?
        .1
        .remove(0);
    let past = vec![vec![&entry; 15]];
    let cached = best(|| {
        ops::cached_temporal_attention(&frame, &scales[0], &scales[1], 4, &[15], &past).map(drop)
    })?;
    println!("cached temporal, 1 world, 64 tokens, 15 past    {cached:7.3} ms");
    let n = 1 << 21;
    let (mut p, g, mut m, mut v) = (vec![0f32; n], vec![1f32; n], vec![0f32; n], vec![0f32; n]);
    let settings = ops::AdamWStep {
        lr: 1e-3,
        beta1: 0.9,
        beta2: 0.95,
        eps: 1e-8,
        weight_decay: 0.01,
        bias_correction1: 1.0,
        bias_correction2: 1.0,
        grad_scale: 1.0,
    };
    let step = best(|| Ok(ops::adamw_step(&mut p, &g, &mut m, &mut v, &settings)))?;
    println!("adamw, 2 M parameters                           {step:7.3} ms");
    Ok(())
}
