//! Activations that are computed again have the gradients of those that are kept.
#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{VarBuilder, VarMap};
use genie_model::ops::{TokenGrid, with_composed, with_recomputation};
use genie_model::{GenieConfig, SpatioTemporalTransformer, TransformerConfig};

const GRID: TokenGrid = TokenGrid {
    leading: 0,
    rows: 2,
    columns: 3,
};

fn config() -> TransformerConfig {
    TransformerConfig {
        layers: 3,
        ..GenieConfig::tiny().dynamics.transformer
    }
}

/// A transformer with weights none of which is zero.
fn transformer() -> (VarMap, SpatioTemporalTransformer) {
    let vars = VarMap::new();
    let vb = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
    let transformer = SpatioTemporalTransformer::new(&config(), GRID, vb).unwrap();
    for (at, var) in vars.all_vars().iter().enumerate() {
        let count = var.elem_count();
        let values = (0..count).map(|i| ((i * 7 + at * 13) % 23) as f32 * 0.02 - 0.2);
        let noise = Tensor::from_vec(values.collect::<Vec<_>>(), var.shape(), &Device::Cpu);
        var.set(&(var.as_tensor() + noise.unwrap()).unwrap())
            .unwrap();
    }
    (vars, transformer)
}

fn input(streams: &[usize]) -> Var {
    let mut shape = streams.to_vec();
    shape.extend([2, 5, GRID.tokens(), config().width]);
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count)
        .map(|i| ((i * 31) % 97) as f32 / 48.0 - 1.0)
        .collect();
    Var::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Output, and gradients of the input and of all weights.
fn results(vars: &VarMap, transformer: &SpatioTemporalTransformer, x: &Var) -> Vec<Vec<f32>> {
    let out = if x.rank() == 5 {
        transformer.forward_two_streams(x).unwrap()
    } else {
        transformer.forward(x).unwrap()
    };
    let grads = out.sqr().unwrap().sum_all().unwrap().backward().unwrap();
    let data = vars.data().lock().unwrap();
    let mut names: Vec<_> = data.keys().cloned().collect();
    names.sort();
    let weights = names
        .iter()
        .map(|name| grads.get(data[name].as_tensor()).unwrap());
    let all = [&out, grads.get(x.as_tensor()).unwrap()]
        .into_iter()
        .chain(weights);
    all.map(|it| it.flatten_all().unwrap().to_vec1().unwrap())
        .collect()
}

#[test]
fn recomputed_blocks_have_the_same_gradients() {
    let (vars, transformer) = transformer();
    for x in [input(&[]), input(&[2])] {
        for composed in [false, true] {
            let both = [false, true].map(|recompute| {
                let work = || with_recomputation(recompute, || results(&vars, &transformer, &x));
                if composed {
                    with_composed(work)
                } else {
                    work()
                }
            });
            let [kept, recomputed] = both;
            assert_eq!(kept.len(), recomputed.len());
            for (kept, recomputed) in kept.iter().zip(&recomputed) {
                let largest = kept.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
                for (a, b) in kept.iter().zip(recomputed) {
                    assert!((a - b).abs() <= 1e-6 * largest, "{a} kept, {b} recomputed");
                }
            }
        }
    }
}
