//! Multinomial logistic regression, for few examples, which a network would learn by heart.

use serde::{Deserialize, Serialize};

use super::linear::Linear;
use super::network::softmax;

/// Steps of a fit. The problem is convex.
const STEPS: usize = 200;
/// Rounds of the power iteration that bounds the curvature.
const POWER_ROUNDS: usize = 12;
/// Factor on its estimate, which comes from below.
const POWER_MARGIN: f32 = 1.2;

/// Examples: rows of `width` values, one after the other, and the class of each.
#[derive(Clone, Default)]
pub(super) struct Examples {
    pub(super) width: usize,
    pub(super) rows: Vec<f32>,
    pub(super) classes: Vec<usize>,
}

/// Probabilities of classes as the softmax of a linear map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SoftmaxRegression {
    map: Linear,
}

impl Examples {
    /// Those whose number is wanted.
    fn filter(&self, wanted: impl Fn(usize) -> bool) -> Self {
        let mut some = Self {
            width: self.width,
            ..Self::default()
        };
        let all = self.rows.chunks_exact(self.width).zip(&self.classes);
        for (_, (row, &class)) in all.enumerate().filter(|(number, _)| wanted(*number)) {
            some.rows.extend_from_slice(row);
            some.classes.push(class);
        }
        some
    }
}

impl SoftmaxRegression {
    /// Minimises the cross-entropy summed over the examples, plus `penalty` times the squared weights, by Nesterov's accelerated
    /// gradient. The bias pays nothing.
    pub(super) fn fit(examples: &Examples, classes: usize, penalty: f32) -> Self {
        let count = examples.classes.len();
        let mut map = Linear::zeros(examples.width, classes);
        let mut before = map.clone();
        // The curvature of the softmax is at most a half of that of the inputs; the bias is one more input, of 1.
        let curvature = 0.5 * (largest_moment(examples) + count as f32);
        let rate = 1.0 / (curvature + 2.0 * penalty).max(f32::MIN_POSITIVE);
        let mut errors = vec![0.0; count * classes];
        for step in 0..STEPS {
            map.apply(&examples.rows, &mut errors);
            for (row, &class) in errors.chunks_exact_mut(classes).zip(&examples.classes) {
                softmax(row);
                row[class] -= 1.0;
            }
            let mut slope = Linear::zeros(examples.width, classes);
            map.add_gradient(&examples.rows, &errors, &mut slope);
            let momentum = step as f32 / (step as f32 + 3.0);
            let advance = |at: &mut f32, before: &mut f32, slope: f32| {
                let next = *at - rate * slope;
                *at = next + momentum * (next - *before);
                *before = next;
            };
            for ((at, before), slope) in
                (map.weights.iter_mut().zip(&mut before.weights)).zip(&slope.weights)
            {
                let slope = slope + 2.0 * penalty * *at;
                advance(at, before, slope);
            }
            for ((at, before), slope) in
                (map.bias.iter_mut().zip(&mut before.bias)).zip(&slope.bias)
            {
                advance(at, before, *slope);
            }
        }
        Self { map: before }
    }

    /// Cross-entropy in nats, summed over examples that are each predicted from the other folds.
    pub(super) fn cross_entropy_by_folds(
        examples: &Examples,
        classes: usize,
        penalty: f32,
        folds: usize,
    ) -> f64 {
        (0..folds)
            .map(|fold| {
                let learnt = examples.filter(|number| number % folds != fold);
                let asked = examples.filter(|number| number % folds == fold);
                let predicted = Self::fit(&learnt, classes, penalty).probabilities(&asked.rows);
                (predicted.iter().zip(&asked.classes))
                    .map(|(row, &class)| -f64::from(row[class].max(1e-6)).ln())
                    .sum::<f64>()
            })
            .sum()
    }

    /// Whether it maps so many values to so many classes, in one that comes from a file.
    pub(super) fn maps(&self, inputs: usize, classes: usize) -> bool {
        let Linear { weights, bias, .. } = &self.map;
        (self.map.inputs, self.map.outputs) == (inputs, classes)
            && bias.len() == classes
            && inputs.checked_mul(classes) == Some(weights.len())
            && weights.iter().chain(bias).all(|value| value.is_finite())
    }

    /// Probabilities of the classes for each of some rows.
    pub(super) fn probabilities(&self, rows: &[f32]) -> Vec<Vec<f32>> {
        let mut logits = vec![0.0; rows.len() / self.map.inputs.max(1) * self.map.outputs];
        self.map.apply(rows, &mut logits);
        let predicted = logits.chunks_exact_mut(self.map.outputs).map(|row| {
            softmax(row);
            row.to_vec()
        });
        predicted.collect()
    }
}

/// The largest eigenvalue of the inputs' second moments, or a little more, by power iteration.
fn largest_moment(examples: &Examples) -> f32 {
    let mut direction = Linear::zeros(examples.width, 1);
    direction.weights.fill(1.0);
    let mut size = 0.0;
    for _ in 0..POWER_ROUNDS {
        let mut through = vec![0.0; examples.classes.len()];
        direction.apply(&examples.rows, &mut through);
        let mut next = Linear::zeros(examples.width, 1);
        direction.add_gradient(&examples.rows, &through, &mut next);
        size = (next.weights.iter().map(|value| value * value))
            .sum::<f32>()
            .sqrt();
        if size <= f32::MIN_POSITIVE {
            return 0.0;
        }
        direction.weights = next.weights.iter().map(|value| value / size).collect();
    }
    POWER_MARGIN * size
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Examples of three classes whose logits are linear in two of five values.
    fn planted(count: usize, seed: u64) -> Examples {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut examples = Examples {
            width: 5,
            ..Examples::default()
        };
        for _ in 0..count {
            let row: Vec<f32> = (0..5).map(|_| rng.random_range(-1.0..1.0)).collect();
            let mut logits = [3.0 * row[0], -3.0 * row[0], 2.0 * row[3]];
            softmax(&mut logits);
            let draw: f32 = rng.random();
            let class = if draw < logits[0] {
                0
            } else {
                1 + usize::from(draw > logits[0] + logits[1])
            };
            examples.rows.extend(row);
            examples.classes.push(class);
        }
        examples
    }

    /// What is minimised, by a naive sum.
    fn cost(map: &Linear, examples: &Examples, penalty: f32) -> f32 {
        let mut sum = penalty
            * map
                .weights
                .iter()
                .map(|weight| weight * weight)
                .sum::<f32>();
        for (row, &class) in examples.rows.chunks(examples.width).zip(&examples.classes) {
            let mut logits: Vec<f32> = (map.weights.chunks(examples.width).zip(&map.bias))
                .map(|(weights, bias)| {
                    bias + weights.iter().zip(row).map(|(a, b)| a * b).sum::<f32>()
                })
                .collect();
            softmax(&mut logits);
            sum -= logits[class].ln();
        }
        sum
    }

    #[test]
    fn no_step_in_any_direction_lowers_the_cost() {
        let examples = planted(300, 1);
        for penalty in [0.1, 10.0] {
            let fitted = SoftmaxRegression::fit(&examples, 3, penalty).map;
            let least = cost(&fitted, &examples, penalty);
            for number in 0..fitted.weights.len() + fitted.bias.len() {
                for step in [-0.05, 0.05] {
                    let mut moved = fitted.clone();
                    let mut values = moved.weights.iter_mut().chain(&mut moved.bias);
                    *values.nth(number).unwrap() += step;
                    assert!(cost(&moved, &examples, penalty) > least - 1e-3);
                }
            }
        }
    }

    #[test]
    fn the_planted_law_is_told_on_other_examples() {
        let (learnt, others) = (planted(2000, 1), planted(2000, 2));
        let predicted = SoftmaxRegression::fit(&learnt, 3, 1.0).probabilities(&others.rows);
        for (row, predicted) in others.rows.chunks(5).zip(predicted) {
            let mut logits = [3.0 * row[0], -3.0 * row[0], 2.0 * row[3]];
            softmax(&mut logits);
            for (predicted, truth) in predicted.iter().zip(logits) {
                assert!((predicted - truth).abs() < 0.15, "{predicted} for {truth}");
            }
        }
    }

    #[test]
    fn folds_prefer_a_penalty_to_learning_noise_by_heart() {
        let mut examples = planted(60, 3);
        examples.classes.rotate_left(7);
        let ask = |penalty| SoftmaxRegression::cross_entropy_by_folds(&examples, 3, penalty, 4);
        assert!(ask(30.0) < ask(0.01));
    }

    #[test]
    fn no_examples_and_values_of_zero_are_survived() {
        for examples in [
            Examples {
                width: 2,
                ..Examples::default()
            },
            Examples {
                width: 2,
                rows: vec![0.0; 4],
                classes: vec![0, 1],
            },
        ] {
            let predicted = SoftmaxRegression::fit(&examples, 2, 1.0).probabilities(&[0.0, 0.0]);
            assert!(predicted[0].iter().all(|share| (share - 0.5).abs() < 1e-6));
        }
    }
}
