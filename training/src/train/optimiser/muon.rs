//! Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"): a step is the running sum of a
//! matrix's gradients with all singular values made nearly equal, so that what is rare in the gradients is learned as fast as
//! what is common.

use genie_model::ops;

/// Decay of the running sum of gradients.
pub(super) const MOMENTUM: f32 = 0.95;
/// Rounds of the iteration.
pub(super) const ROUNDS: usize = 5;
/// Coefficients of the odd polynomial of degree five that is iterated: those of the authors, which bring singular values
/// between 0.001 and 1 to within about 0.7 and 1.2.
pub(super) const POLYNOMIAL: [f32; 3] = [3.4445, -4.775, 2.0315];

/// One step of a matrix `param` `[rows, columns]`, which may be several of this shape below each other.
///
/// The gradients are multiplied by `grad_scale`, and the parameters by `pull` first, for the decay of weights.
pub(super) fn step(
    param: &mut [f32],
    grad: &[f32],
    momentum: &mut [f32],
    (rows, columns): (usize, usize),
    (learning_rate, grad_scale, pull): (f32, f32, f32),
) {
    let mut update = vec![0.0; grad.len()];
    for ((update, momentum), grad) in update.iter_mut().zip(&mut *momentum).zip(grad) {
        let grad = grad * grad_scale;
        *momentum = MOMENTUM * *momentum + grad;
        // Nesterov's look ahead.
        *update = MOMENTUM * *momentum + grad;
    }
    let length = learning_rate * step_length((rows, columns));
    for (update, param) in update
        .chunks_exact_mut(rows * columns)
        .zip(param.chunks_exact_mut(rows * columns))
    {
        orthogonalise(update, (rows, columns));
        for (param, update) in param.iter_mut().zip(update) {
            *param = *param * pull - length * *update;
        }
    }
}

/// Length of a step at a learning rate of one. With it the mean square of a step is that of AdamW's first one, so that both can
/// share a learning rate.
pub(super) fn step_length((rows, columns): (usize, usize)) -> f32 {
    (rows.max(columns) as f32).sqrt()
}

/// Makes all singular values of `matrix` `[rows, columns]` nearly one and keeps its singular vectors, by a Newton-Schulz
/// iteration.
fn orthogonalise(matrix: &mut [f32], (rows, columns): (usize, usize)) {
    if rows > columns {
        let mut turned = transposed(matrix, (rows, columns));
        orthogonalise(&mut turned, (columns, rows));
        matrix.copy_from_slice(&transposed(&turned, (columns, rows)));
        return;
    }
    // No singular value is greater than this norm.
    let norm = ops::sum_of_squares(matrix).sqrt() as f32 + 1e-7;
    for value in &mut *matrix {
        *value /= norm;
    }
    let [a, b, c] = POLYNOMIAL;
    let mut gram = vec![0.0; rows * rows];
    let mut squared = vec![0.0; rows * rows];
    let mut product = vec![0.0; rows * columns];
    for _ in 0..ROUNDS {
        ops::matmul_nt((rows, rows, columns), matrix, matrix, &mut gram, false);
        ops::matmul_nn((rows, rows, rows), &gram, &gram, &mut squared, false);
        for (gram, squared) in gram.iter_mut().zip(&squared) {
            *gram = b * *gram + c * squared;
        }
        ops::matmul_nn((rows, rows, columns), &gram, matrix, &mut product, false);
        for (value, product) in matrix.iter_mut().zip(&product) {
            *value = a * *value + product;
        }
    }
}

fn transposed(matrix: &[f32], (rows, columns): (usize, usize)) -> Vec<f32> {
    let column = |column| (0..rows).map(move |row| matrix[row * columns + column]);
    (0..columns).flat_map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::DMatrix;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn random(rows: usize, columns: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let mut draw = || rng.random::<f32>() - 0.5;
        (0..rows * columns).map(|_| draw()).collect()
    }

    #[test]
    fn singular_values_come_near_one_and_vectors_stay() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for (rows, columns) in [(24, 24), (16, 40), (40, 16), (1, 8)] {
            let before = random(rows, columns, &mut rng);
            let mut after = before.clone();
            orthogonalise(&mut after, (rows, columns));
            let svd = DMatrix::from_row_slice(rows, columns, &before).svd(true, true);
            let (u, v) = (svd.u.unwrap(), svd.v_t.unwrap());
            // In the basis of its singular vectors it stays diagonal.
            let turned =
                u.transpose() * DMatrix::from_row_slice(rows, columns, &after) * v.transpose();
            for ((row, column), value) in
                (0..turned.len()).map(|i| (turned.vector_to_matrix_index(i), turned[i]))
            {
                if row != column {
                    assert!(
                        value.abs() < 0.02,
                        "{rows} x {columns}: {value} beside the diagonal"
                    );
                } else if svd.singular_values[row] > 0.02 * svd.singular_values[0] {
                    assert!((0.6..1.3).contains(&value), "{rows} x {columns}: {value}");
                }
            }
        }
    }

    #[test]
    fn matrices_below_each_other_are_moved_each_by_itself() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let (size, hyper) = ((6, 6), (0.1, 1.0, 0.99));
        let grads = [random(6, 6, &mut rng), random(6, 6, &mut rng)];
        let start = random(12, 6, &mut rng);
        let (mut both, mut momentum) = (start.clone(), vec![0.0; 72]);
        step(&mut both, &grads.concat(), &mut momentum, size, hyper);
        for (at, grad) in grads.iter().enumerate() {
            let half = at * 36..(at + 1) * 36;
            let (mut one, mut momentum) = (start[half.clone()].to_vec(), vec![0.0; 36]);
            step(&mut one, grad, &mut momentum, size, hyper);
            assert_eq!(one, both[half]);
        }
    }
}
