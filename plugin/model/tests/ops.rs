//! Every fused operation against its definition in plain candle operations, values and gradients, over odd shapes.
#![allow(clippy::unwrap_used, clippy::type_complexity)]

mod levels;

use candle_core::{DType, Device, Result, Tensor, Var};
use genie_model::ops::{self, KeyValue, TokenGrid, composed};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn random(rng: &mut ChaCha8Rng, shape: &[usize]) -> Var {
    let data: Vec<f32> = (0..shape.iter().product())
        .map(|_| rng.random_range(-1.5f32..1.5))
        .collect();
    Var::from_vec(data, shape, &Device::Cpu).unwrap()
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

/// Largest difference, relative to the largest value of the reference (at least one).
fn difference(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    let (a, b) = (values(a), values(b));
    let scale = b.iter().fold(1f32, |m, x| m.max(x.abs()));
    a.iter().zip(&b).fold(0f32, |m, (a, b)| {
        assert!(a.is_finite() && b.is_finite());
        m.max((a - b).abs())
    }) / scale
}

/// Holds `op` against `reference`, fused and as on other devices: output, and the gradient for every input under a random
/// direction.
fn same(
    rng: &mut ChaCha8Rng,
    inputs: &[Var],
    op: impl Fn(&[Var]) -> Result<Tensor>,
    reference: impl Fn(&[Var]) -> Result<Tensor>,
) {
    let expected = reference(inputs).unwrap();
    let direction = random(rng, expected.dims());
    let gradients = |out: &Tensor| {
        (out * direction.as_tensor())
            .unwrap()
            .sum_all()
            .unwrap()
            .backward()
            .unwrap()
    };
    let expected_gradients = gradients(&expected);
    for (found, how) in [
        (op(inputs).unwrap(), "fused"),
        (ops::with_composed(|| op(inputs)).unwrap(), "composed"),
    ] {
        let d = difference(&found, &expected);
        assert!(d < 2e-5, "{how} output: {d}");
        let found = gradients(&found);
        for (i, input) in inputs.iter().enumerate() {
            let expected = expected_gradients.get(input).unwrap();
            let d = difference(found.get(input).unwrap(), expected);
            assert!(
                d < 1e-4,
                "{how} gradient of input {i} {:?}: {d}",
                input.dims()
            );
        }
    }
}

/// Holds the gradients of `op` against finite differences along random directions.
fn finite_differences(rng: &mut ChaCha8Rng, inputs: &[Var], op: impl Fn(&[Var]) -> Result<Tensor>) {
    let weights = random(rng, op(inputs).unwrap().dims());
    let value = |inputs: &[Var]| -> f64 {
        let out = op(inputs).unwrap();
        values(&out)
            .iter()
            .zip(values(&weights))
            .map(|(a, b)| f64::from(*a) * f64::from(b))
            .sum()
    };
    let grads = (op(inputs).unwrap() * weights.as_tensor())
        .unwrap()
        .sum_all()
        .unwrap()
        .backward()
        .unwrap();
    for i in 0..inputs.len() {
        let direction = random(rng, inputs[i].dims());
        let moved = |by: f64| {
            let mut moved = inputs.to_vec();
            let t = (inputs[i].as_tensor() + (direction.as_tensor() * by).unwrap()).unwrap();
            moved[i] = Var::from_tensor(&t).unwrap();
            value(&moved)
        };
        let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
        let grad = grads.get(&inputs[i]).unwrap();
        let expected: f64 = values(grad)
            .iter()
            .zip(values(&direction))
            .map(|(a, b)| f64::from(*a) * f64::from(b))
            .sum();
        assert!(
            (slope - expected).abs() < 1e-2 * (1.0 + expected.abs()),
            "input {i}: {slope} against {expected}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mean_errors_match(rows in 1usize..70, width in 1usize..2000, seed in 0u64..1000) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let x = random(rng, &[rows, width]);
        // Equal values are a test of their own: the size of an error has no one gradient there, and candle takes it for 1.
        let errors = values(&random(rng, &[rows, width])).into_iter().map(|error| error + 1e-3f32.copysign(error));
        let errors = Tensor::from_iter(errors, &Device::Cpu).unwrap().reshape((rows, width)).unwrap();
        let target = (x.as_tensor().detach() + errors).unwrap();
        same(
            rng,
            &[x],
            |v| ops::mean_errors(&v[0], &target),
            |v| composed::mean_errors(&v[0], &target),
        );
    }

    #[test]
    fn norms_and_linear_layers_match(rows in 1usize..90, k in 1usize..70, o in 1usize..70, seed in 0u64..1000) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let x = random(rng, &[2, rows, k]);
        let weight = random(rng, &[o, k]);
        let bias = random(rng, &[o]);
        let residual = random(rng, &[2, rows, o]);
        same(rng, &[x.clone(), weight.clone()],
            |v| ops::linear(&v[0], &v[1]), |v| composed::linear(&v[0], &v[1]));
        same(rng, &[x.clone(), weight.clone(), bias],
            |v| ops::linear_bias(&v[0], &v[1], &v[2]), |v| composed::linear_bias(&v[0], &v[1], &v[2]));
        same(rng, &[x.clone(), weight.clone(), residual.clone()],
            |v| ops::linear_add(&v[0], &v[1], &v[2]), |v| composed::linear_add(&v[0], &v[1], &v[2]));
        same(rng, &[x, weight, residual],
            |v| ops::relu2_linear_add(&v[0], &v[1], &v[2]), |v| composed::relu2_linear_add(&v[0], &v[1], &v[2]));
        // The norm of one value is its sign: its gradient is the rounding error of a difference of equals, in the reference too.
        let x = random(rng, &[2, rows, k + 1]);
        let scale = random(rng, &[k + 1]);
        let weight = random(rng, &[o, k + 1]);
        same(rng, &[x.clone(), scale.clone()],
            |v| ops::rms_norm(&v[0], &v[1]), |v| composed::rms_norm(&v[0], &v[1]));
        same(rng, &[x, scale, weight],
            |v| ops::norm_linear(&v[0], &v[1], &v[2]), |v| composed::norm_linear(&v[0], &v[1], &v[2]));
    }

    #[test]
    fn spatial_attention_matches(s in 1usize..6, l in 1usize..70, heads in 1usize..4, d in 1usize..40, seed in 0u64..1000) {
        check_spatial(s, l, heads, d, None, seed);
    }

    #[test]
    fn spatial_attention_on_a_grid_matches(
        s in 1usize..4, leading in 0usize..3, rows in 1usize..8, columns in 1usize..9, heads in 1usize..4, half in 1usize..20, seed in 0u64..1000,
    ) {
        let grid = TokenGrid { leading, rows, columns };
        check_spatial(s, grid.tokens(), heads, 2 * half, Some(grid), seed);
    }

    #[test]
    fn temporal_attention_matches(
        b in 1usize..3, t in 1usize..20, n in 1usize..6, heads in 1usize..4, half in 1usize..20, window in 1usize..22, seed in 0u64..1000,
    ) {
        check_temporal(b, t, n, heads, 2 * half, window, seed);
    }

    #[test]
    fn cross_entropy_matches(rows in 1usize..40, classes in 1usize..300, seed in 0u64..1000) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let logits = random(rng, &[rows, classes]);
        let targets: Vec<u32> = (0..rows).map(|_| rng.random_range(0..classes as u32)).collect();
        let weights: Vec<f32> = (0..rows).map(|_| f32::from(rng.random_range(0u8..3))).collect();
        let targets = Tensor::new(targets, &Device::Cpu).unwrap();
        let weights = Tensor::new(weights, &Device::Cpu).unwrap();
        same(rng, &[logits],
            |v| ops::masked_cross_entropy(&v[0], &targets, &weights),
            |v| composed::masked_cross_entropy(&v[0], &targets, &weights));
    }

    #[test]
    fn gathered_rows_match(rows in 1usize..40, width in 1usize..40, count in 1usize..60, seed in 0u64..1000) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let table = random(rng, &[rows, width]);
        let ids: Vec<u32> = (0..2 * count).map(|_| rng.random_range(0..rows as u32)).collect();
        let ids = Tensor::from_vec(ids, (2, count), &Device::Cpu).unwrap();
        same(rng, &[table], |v| ops::gather_rows(&v[0], &ids), |v| composed::gather_rows(&v[0], &ids));
        let table = random(rng, &[rows, width]);
        same(rng, &[table], |v| ops::gather_row_sums(&v[0], &ids), |v| composed::gather_row_sums(&v[0], &ids));
        // Every other row, backwards.
        let table = random(rng, &[rows, width]);
        let picked: Vec<u32> = (0..rows as u32).step_by(2).rev().collect();
        let ids = Tensor::new(picked.clone(), &Device::Cpu).unwrap();
        same(rng, &[table], |v| ops::pick_rows(&v[0], &picked), |v| composed::gather_rows(&v[0], &ids));
    }

    #[test]
    fn added_rows_match(rows in 1usize..40, width in 1usize..40, count in 1usize..60, seed in 0u64..1000) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let values = random(rng, &[count, width]);
        let ids: Vec<u32> = (0..count).map(|_| rng.random_range(0..rows as u32)).collect();
        let ids = Tensor::new(ids, &Device::Cpu).unwrap();
        let added = ops::add_rows(&values, &ids, rows).unwrap();
        let composed = ops::with_composed(|| ops::add_rows(&values, &ids, rows).unwrap());
        prop_assert!(difference(&added, &composed) < 1e-5);
    }
}

fn check_spatial(s: usize, l: usize, heads: usize, d: usize, grid: Option<TokenGrid>, seed: u64) {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let inputs = [
        random(rng, &[s, l, 3 * heads * d]),
        random(rng, &[d]),
        random(rng, &[d]),
    ];
    same(
        rng,
        &inputs,
        |v| ops::spatial_attention(&v[0], &v[1], &v[2], heads, grid),
        |v| composed::spatial_attention(&v[0], &v[1], &v[2], heads, grid),
    );
}

fn check_temporal(b: usize, t: usize, n: usize, heads: usize, d: usize, window: usize, seed: u64) {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let scales = [random(rng, &[d]), random(rng, &[d])];
    let with = |x: Var| [x, scales[0].clone(), scales[1].clone()];
    let qkv = random(rng, &[b, t, n, 3 * heads * d]);
    same(
        rng,
        &with(qkv),
        |v| ops::temporal_attention(&v[0], &v[1], &v[2], heads, window),
        |v| composed::temporal_attention(&v[0], &v[1], &v[2], heads, window),
    );
    let qkv = random(rng, &[2, b, t, n, 3 * heads * d]);
    same(
        rng,
        &with(qkv),
        |v| ops::two_stream_temporal_attention(&v[0], &v[1], &v[2], heads, window),
        |v| composed::two_stream_temporal_attention(&v[0], &v[1], &v[2], heads, window),
    );
}

#[test]
fn attention_matches_at_the_shapes_that_models_use() {
    check_spatial(5, 64, 4, 32, None, 1);
    check_spatial(3, 65, 4, 32, None, 2);
    check_spatial(3, 1, 2, 2, None, 3);
    check_temporal(2, 16, 9, 4, 32, 16, 4);
    check_temporal(1, 1, 3, 2, 2, 1, 5);
    check_temporal(1, 12, 3, 2, 64, 1, 6);
}

#[test]
fn masked_stream_sees_the_clean_past_and_only_itself_now() {
    let rng = &mut ChaCha8Rng::seed_from_u64(8);
    let (heads, d, t) = (2, 8, 5);
    let scales = [random(rng, &[d]), random(rng, &[d])];
    let run = |x: &Tensor| {
        ops::two_stream_temporal_attention(x, &scales[0], &scales[1], heads, 3).unwrap()
    };
    let qkv = random(rng, &[2, 1, t, 1, 3 * heads * d])
        .as_tensor()
        .clone();
    // Another clean frame 2 must show in masked frames 3 and 4, and nowhere else in that stream.
    let other = random(rng, &[1, 1, 1, 1, 3 * heads * d])
        .as_tensor()
        .clone();
    let changed = qkv
        .slice_assign(&[0..1, 0..1, 2..3, 0..1, 0..3 * heads * d], &other)
        .unwrap();
    let (a, b) = (run(&qkv), run(&changed));
    for frame in 0..t {
        let at = |x: &Tensor| x.get(1).unwrap().narrow(1, frame, 1).unwrap();
        let moved = difference(&at(&a), &at(&b)) > 1e-4;
        assert_eq!(moved, frame > 2, "masked frame {frame}");
    }
}

#[test]
fn attention_on_a_grid_knows_relative_places_alone() {
    let rng = &mut ChaCha8Rng::seed_from_u64(12);
    let grid = TokenGrid {
        leading: 0,
        rows: 3,
        columns: 4,
    };
    let (tokens, d) = (grid.tokens(), 12);
    // All tokens ask and answer the same, and each gives a value of its own: the output is the attention weights.
    let asked = random(rng, &[1, 1, 2 * d]);
    let asked = asked.broadcast_as((1, tokens, 2 * d)).unwrap();
    let values = Tensor::eye(tokens, DType::F32, &Device::Cpu).unwrap();
    let qkv = Tensor::cat(&[asked, values.unsqueeze(0).unwrap()], 2).unwrap();
    let scale = random(rng, &[d]);
    let out = ops::spatial_attention(&qkv, &scale, &scale, 1, Some(grid)).unwrap();
    let weights = out.squeeze(0).unwrap().to_vec2::<f32>().unwrap();
    let by_offset = |from: usize, to: usize| weights[from][to] / weights[from][from];
    let mut differ = false;
    for (a, b) in [(0, 1), (0, 4), (0, 6), (6, 1), (5, 2)] {
        for shift in [1, 4, 5] {
            let (here, there) = (by_offset(a, b), by_offset(a + shift, b + shift));
            assert!(
                (here - there).abs() < 1e-4 * here,
                "{a} to {b}, shifted by {shift}"
            );
        }
        differ |= (by_offset(a, b) - by_offset(0, 1)).abs() > 1e-2;
    }
    assert!(differ, "all places are alike");
}

#[test]
fn gradients_match_finite_differences() {
    let rng = &mut ChaCha8Rng::seed_from_u64(11);
    let scales = [random(rng, &[4]), random(rng, &[4])];
    let qkv = random(rng, &[2, 3, 24]);
    finite_differences(rng, &[qkv, scales[0].clone(), scales[1].clone()], |v| {
        ops::spatial_attention(&v[0], &v[1], &v[2], 2, None)
    });
    let grid = TokenGrid {
        leading: 0,
        rows: 1,
        columns: 3,
    };
    let qkv = random(rng, &[2, 3, 24]);
    finite_differences(rng, &[qkv, scales[0].clone(), scales[1].clone()], |v| {
        ops::spatial_attention(&v[0], &v[1], &v[2], 2, Some(grid))
    });
    let qkv = random(rng, &[2, 1, 4, 2, 24]);
    finite_differences(rng, &[qkv, scales[0].clone(), scales[1].clone()], |v| {
        ops::two_stream_temporal_attention(&v[0], &v[1], &v[2], 2, 3)
    });
    let (x, scale, weight) = (
        random(rng, &[3, 5]),
        random(rng, &[5]),
        random(rng, &[4, 5]),
    );
    finite_differences(rng, &[x, scale, weight], |v| {
        ops::norm_linear(&v[0], &v[1], &v[2])
    });
    let logits = random(rng, &[3, 7]);
    let targets = Tensor::new(&[1u32, 6, 0], &Device::Cpu).unwrap();
    let weights = Tensor::new(&[1f32, 0.0, 2.0], &Device::Cpu).unwrap();
    finite_differences(rng, &[logits], |v| {
        ops::masked_cross_entropy(&v[0], &targets, &weights)
    });
}

#[test]
fn cached_attention_agrees_with_attention_over_all_frames() {
    for (heads, d, t, n, window) in [(4, 32, 12, 9, 5), (1, 2, 4, 3, 16), (2, 6, 3, 1, 1)] {
        let rng = &mut ChaCha8Rng::seed_from_u64(d as u64);
        let scales = [random(rng, &[d]), random(rng, &[d])];
        let qkv = random(rng, &[2, t, n, 3 * heads * d]);
        let whole = ops::temporal_attention(&qkv, &scales[0], &scales[1], heads, window).unwrap();
        let mut cache: [Vec<KeyValue>; 2] = [Vec::new(), Vec::new()];
        for frame in 0..t {
            let past: Vec<Vec<&KeyValue>> = cache
                .iter()
                .map(|c| c[c.len().saturating_sub(window - 1)..].iter().collect())
                .collect();
            let now = qkv.narrow(1, frame, 1).unwrap().squeeze(1).unwrap();
            let times = [frame as u64; 2];
            let call = |f: fn(
                &Tensor,
                &Tensor,
                &Tensor,
                usize,
                &[u64],
                &[Vec<&KeyValue>],
            ) -> Result<(Tensor, Vec<KeyValue>)>| {
                f(&now, &scales[0], &scales[1], heads, &times, &past).unwrap()
            };
            let (out, entries) = call(ops::cached_temporal_attention);
            let (reference, _) = call(composed::cached_temporal_attention);
            let expected = whole.narrow(1, frame, 1).unwrap().squeeze(1).unwrap();
            assert!(difference(&out, &expected) < 1e-5);
            assert!(difference(&reference, &expected) < 1e-5);
            for (cache, entry) in cache.iter_mut().zip(entries) {
                cache.push(entry);
            }
        }
    }
}

#[test]
fn rotation_is_relative_even_after_millions_of_frames() {
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    let (heads, d, n) = (2, 32, 4);
    let scales = [random(rng, &[d]), random(rng, &[d])];
    let frames = [
        random(rng, &[1, n, 3 * heads * d]),
        random(rng, &[1, n, 3 * heads * d]),
    ];
    let second_output = |start: u64| {
        let call = |x: &Tensor, time: u64, past: Vec<&KeyValue>| {
            ops::cached_temporal_attention(x, &scales[0], &scales[1], heads, &[time], &[past])
                .unwrap()
        };
        let (_, first) = call(&frames[0], start, vec![]);
        call(&frames[1], start + 1, vec![&first[0]]).0
    };
    assert!(difference(&second_output(50_000_000), &second_output(0)) < 1e-5);
}

#[test]
fn bad_shapes_and_ids_are_errors() {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let table = random(rng, &[4, 3]);
    let ids = Tensor::new(&[0u32, 4], &Device::Cpu).unwrap();
    assert!(ops::gather_rows(&table, &ids).is_err());
    let values = random(rng, &[2, 3]);
    assert!(ops::add_rows(&values, &ids, 5).is_ok());
    assert!(ops::add_rows(&values, &ids, 4).is_err());
    assert!(ops::add_rows(&table, &ids, 5).is_err());
    let targets = Tensor::new(&[0u32, 3, 9, 9], &Device::Cpu).unwrap();
    let counted = Tensor::new(&[1f32, 1.0, 0.0, 0.0], &Device::Cpu).unwrap();
    assert!(ops::masked_cross_entropy(&table, &targets, &counted).is_err());
    let uncounted = Tensor::new(&[1f32, 0.0, 0.0, 0.0], &Device::Cpu).unwrap();
    assert!(ops::masked_cross_entropy(&table, &targets, &uncounted).is_ok());
    let odd = random(rng, &[3]);
    assert!(ops::temporal_attention(&random(rng, &[1, 2, 1, 9]), &odd, &odd, 1, 2).is_err());
    let even = random(rng, &[2]);
    let qkv = random(rng, &[1, 2, 1, 6]);
    assert!(ops::temporal_attention(&qkv, &even, &even, 1, 0).is_err());
    assert!(ops::temporal_attention(&qkv, &even, &odd, 1, 1).is_err());
    assert!(ops::spatial_attention(&random(rng, &[1, 2, 7]), &odd, &odd, 1, None).is_err());
    let grid = TokenGrid {
        leading: 1,
        rows: 1,
        columns: 1,
    };
    let qkv = random(rng, &[1, 2, 9]);
    assert!(ops::spatial_attention(&qkv, &odd, &odd, 1, None).is_ok());
    assert!(ops::spatial_attention(&qkv, &odd, &odd, 1, Some(grid)).is_err());
    let qkv = random(rng, &[1, 3, 6]);
    assert!(ops::spatial_attention(&qkv, &even, &even, 1, Some(grid)).is_err());
    assert!(ops::linear(&table, &table.t().unwrap()).is_err());
    assert!(ops::rms_norm(&table, &even).is_err());
}

#[test]
fn nothing_masked_in_costs_nothing_and_extreme_logits_stay_finite() {
    let logits = Var::new(&[[1e4f32, -1e4, 0.0]], &Device::Cpu).unwrap();
    let targets = Tensor::new(&[1u32], &Device::Cpu).unwrap();
    let loss = |w: f32| {
        ops::masked_cross_entropy(&logits, &targets, &Tensor::new(&[w], &Device::Cpu).unwrap())
            .unwrap()
    };
    assert_eq!(loss(0.0).to_scalar::<f32>().unwrap().to_bits(), 0);
    assert!((loss(1.0).to_scalar::<f32>().unwrap() - 2e4).abs() < 1.0);
    let nan = Var::new(&[[0f32, f32::NAN, 0.0]], &Device::Cpu).unwrap();
    let weight = Tensor::new(&[1f32], &Device::Cpu).unwrap();
    let loss = ops::masked_cross_entropy(&nan, &targets, &weight).unwrap();
    assert!(
        loss.to_scalar::<f32>().unwrap().is_nan(),
        "a NaN must not be hidden"
    );
}

#[test]
fn adamw_follows_its_definition_and_sums_do_not_depend_on_threads() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let n = 40_003;
    let mut draw = || values(&random(rng, &[n]));
    let (mut param, grad, mut m) = (draw(), draw(), draw());
    let mut v: Vec<f32> = draw().iter().map(|x| x * x).collect();
    let s = ops::AdamWStep {
        lr: 1e-2,
        beta1: 0.9,
        beta2: 0.95,
        eps: 1e-8,
        weight_decay: 0.1,
        bias_correction1: 0.3,
        bias_correction2: 0.2,
        grad_scale: 0.5,
    };
    let before = (param.clone(), m.clone(), v.clone());
    ops::adamw_step(&mut param, &grad, &mut m, &mut v, &s);
    for i in 0..n {
        let g = f64::from(grad[i]) * 0.5;
        let mean = 0.9 * f64::from(before.1[i]) + 0.1 * g;
        let square = 0.95 * f64::from(before.2[i]) + 0.05 * g * g;
        let change = mean / 0.3 / ((square / 0.2).sqrt() + 1e-8) + 0.1 * f64::from(before.0[i]);
        let expected = f64::from(before.0[i]) - 1e-2 * change;
        assert!((f64::from(param[i]) - expected).abs() < 1e-5 * (1.0 + change.abs()));
        assert!((f64::from(m[i]) - mean).abs() < 1e-6 && (f64::from(v[i]) - square).abs() < 1e-6);
    }
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let three = rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .build()
        .unwrap();
    let sum = || ops::sum_of_squares(&grad);
    assert_eq!(one.install(sum).to_bits(), three.install(sum).to_bits());
    let expected: f64 = grad.iter().map(|x| f64::from(*x).powi(2)).sum();
    assert!((sum() - expected).abs() < 1e-9 * expected);
}

#[test]
fn gradients_do_not_depend_on_threads() {
    let rng = &mut ChaCha8Rng::seed_from_u64(21);
    let qkv = random(rng, &[2, 2, 7, 11, 3 * 2 * 16]);
    let scales = [random(rng, &[16]), random(rng, &[16])];
    let weight = random(rng, &[48, 32]);
    let run = || {
        let out = ops::two_stream_temporal_attention(&qkv, &scales[0], &scales[1], 2, 4).unwrap();
        let out = ops::linear(&out, &weight).unwrap();
        let grads = out.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        [&qkv, &scales[0], &scales[1], &weight].map(|v| {
            values(grads.get(v).unwrap())
                .iter()
                .map(|x| x.to_bits())
                .collect::<Vec<_>>()
        })
    };
    let pool = |n| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(n)
            .build()
            .unwrap()
    };
    assert!(pool(1).install(run) == pool(3).install(run));
}

#[test]
fn matrix_products_match_a_plain_loop() {
    for (m, o, k) in [
        (1, 1, 1),
        (7, 33, 65),
        (70, 40, 17),
        (600, 64, 32),
        (130, 31, 300),
        (9, 300, 2),
    ] {
        let rng = &mut ChaCha8Rng::seed_from_u64(m as u64);
        let mut draw = |n: usize| values(&random(rng, &[n]));
        let (x, w, g) = (draw(m * k), draw(o * k), draw(m * o));
        for accumulate in [false, true] {
            let start = if accumulate { 0.5f32 } else { f32::NAN };
            let base = if accumulate { 0.5f64 } else { 0.0 };
            let mut results = [vec![start; m * o], vec![start; m * k], vec![start; o * k]];
            ops::matmul_nt((m, o, k), &x, &w, &mut results[0], accumulate);
            ops::matmul_nn((m, o, k), &g, &w, &mut results[1], accumulate);
            ops::matmul_tn((m, o, k), &g, &x, &mut results[2], accumulate);
            let mut expected = [vec![base; m * o], vec![base; m * k], vec![base; o * k]];
            for i in 0..m {
                for j in 0..o {
                    for p in 0..k {
                        let (x, w, g) = (
                            f64::from(x[i * k + p]),
                            f64::from(w[j * k + p]),
                            f64::from(g[i * o + j]),
                        );
                        expected[0][i * o + j] += x * w;
                        expected[1][i * k + p] += g * w;
                        expected[2][j * k + p] += g * x;
                    }
                }
            }
            for (result, expected) in results.iter().zip(&expected) {
                for (a, b) in result.iter().zip(expected) {
                    assert!(
                        (f64::from(*a) - b).abs() < 1e-3,
                        "({m}, {o}, {k}): {a} against {b}"
                    );
                }
            }
        }
    }
}

/// What is chosen for a value has its gradient, here and on other devices.
#[test]
fn gradients_pass_straight_through_a_choice() {
    let rng = &mut ChaCha8Rng::seed_from_u64(4);
    let [x, chosen, direction] = [0; 3].map(|_| random(rng, &[3, 5]));
    let through = || {
        let out = ops::straight_through(&x, &chosen).unwrap();
        assert_eq!(values(&out), values(&chosen));
        let sum = (out * direction.as_tensor()).unwrap().sum_all().unwrap();
        let gradients = sum.backward().unwrap();
        assert!(gradients.get(&chosen).is_none());
        assert_eq!(values(gradients.get(&x).unwrap()), values(&direction));
    };
    through();
    ops::with_composed(through);
    assert!(ops::straight_through(&x, &random(rng, &[5, 3])).is_err());
}

#[test]
fn equal_values_have_no_error_and_no_gradient() {
    let x = random(&mut ChaCha8Rng::seed_from_u64(5), &[3, 50]);
    let target = x.as_tensor().detach();
    for errors in [
        ops::mean_errors(&x, &target).unwrap(),
        ops::with_composed(|| ops::mean_errors(&x, &target)).unwrap(),
    ] {
        assert_eq!(values(&errors), [0.0, 0.0]);
        let gradients = errors.sum_all().unwrap().backward().unwrap();
        assert!(
            values(gradients.get(&x).unwrap())
                .iter()
                .all(|slope| *slope == 0.0)
        );
    }
}

#[test]
fn the_same_holds_at_every_instruction_set() {
    levels::run_at_other_levels("the_same_holds_at_every_instruction_set");
}
