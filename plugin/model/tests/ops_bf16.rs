//! The reduced-precision matrix products against a plain loop over rounded factors. The precision is a setting of the
//! whole process, so these tests have a process of their own.

mod levels;

use genie_model::ops::{self, MatmulPrecision};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn matrix_products_match_in_bf16(m in 1usize..200, o in 1usize..80, k in 1usize..80, seed in 0u64..1000) {
        check_bf16(m, o, k, seed);
    }
}

/// Rounds to `bf16` as the matrix unit does.
fn rounded(x: &[f32]) -> Vec<f32> {
    x.iter()
        .map(|x| half::bf16::from_f32(*x).to_f32())
        .collect()
}

fn check_bf16(m: usize, o: usize, k: usize, seed: u64) {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let mut draw =
        |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random_range(-1.5f32..1.5)).collect() };
    let (x, w, g) = (draw(m * k), draw(o * k), draw(m * o));
    let start = [draw(m * o), draw(m * k), draw(o * k)];
    ops::set_matmul_precision(MatmulPrecision::Bf16);
    let mut results = start.clone();
    ops::matmul_nt((m, o, k), &x, &w, &mut results[0], true);
    ops::matmul_nn((m, o, k), &g, &w, &mut results[1], true);
    ops::matmul_tn((m, o, k), &g, &x, &mut results[2], true);
    let precise = ops::matmul_precision() == MatmulPrecision::F32;
    let (x, w, g) = if precise {
        (x, w, g)
    } else {
        (rounded(&x), rounded(&w), rounded(&g))
    };
    let mut expected = start;
    for i in 0..m {
        for j in 0..o {
            for p in 0..k {
                expected[0][i * o + j] += x[i * k + p] * w[j * k + p];
                expected[1][i * k + p] += g[i * o + j] * w[j * k + p];
                expected[2][j * k + p] += g[i * o + j] * x[i * k + p];
            }
        }
    }
    for (which, (result, expected)) in results.iter().zip(&expected).enumerate() {
        for (a, b) in result.iter().zip(expected) {
            // The factors are exact: what is left is the order of the sum.
            let slack = 1e-5 * m.max(o).max(k) as f32;
            assert!(
                (a - b).abs() < slack,
                "product {which} of ({m}, {o}, {k}): {a} against {b}"
            );
        }
    }
}

#[test]
fn long_sums_match_in_bf16() {
    check_bf16(2500, 40, 33, 1);
    check_bf16(1, 1, 1, 2);
    check_bf16(64, 128, 96, 3);
}

#[test]
fn the_same_holds_at_every_instruction_set() {
    levels::run_at_other_levels("the_same_holds_at_every_instruction_set");
}
