//! Convolutions as products of matrices: what lies under the kernels at a place becomes a row.

/// Where the kernels of a convolution lie on a picture of [H, W, C]: at every `stride`-th pixel, with zeros beyond the picture's edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kernels {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    /// Edge of a kernel in pixels, an odd number.
    pub(super) edge: usize,
    pub(super) stride: usize,
}

impl Kernels {
    /// Height and width of what comes out.
    pub(super) const fn output(&self) -> (usize, usize) {
        (
            self.height.div_ceil(self.stride),
            self.width.div_ceil(self.stride),
        )
    }

    /// Places at which kernels lie: rows.
    pub(super) const fn places(&self) -> usize {
        let (height, width) = self.output();
        height * width
    }

    /// Values under a kernel, [y, x, channel]: the length of a row.
    pub(super) const fn values(&self) -> usize {
        self.edge * self.edge * self.channels
    }

    /// Values of the picture.
    pub(super) const fn inputs(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Writes what lies under the kernels, [places, values].
    pub(super) fn unfold(&self, picture: &[f32], rows: &mut [f32]) {
        rows.fill(0.0);
        self.each_run(|from, to, length| {
            rows[to..to + length].copy_from_slice(&picture[from..from + length]);
        });
    }

    /// Adds to each pixel what the rows hold of it: the transpose of [`unfold`](Self::unfold), for gradients.
    pub(super) fn fold(&self, rows: &[f32], picture: &mut [f32]) {
        self.each_run(|from, to, length| {
            let pixels = &mut picture[from..from + length];
            for (pixel, value) in pixels.iter_mut().zip(&rows[to..to + length]) {
                *pixel += value;
            }
        });
    }

    /// Calls `with` for each line of a kernel that lies on the picture: where it begins in the picture and in the rows, and its length.
    fn each_run(&self, mut with: impl FnMut(usize, usize, usize)) {
        let (height, width) = self.output();
        let reach = self.edge / 2;
        let line = self.edge * self.channels;
        for top in 0..height {
            for left in 0..width {
                let row = (top * width + left) * self.values();
                let first = (left * self.stride).saturating_sub(reach);
                let past = (left * self.stride + reach + 1).min(self.width);
                let skipped = (first + reach - left * self.stride) * self.channels;
                for y in 0..self.edge {
                    let Some(at) = (top * self.stride + y).checked_sub(reach) else {
                        continue;
                    };
                    if at < self.height {
                        let from = (at * self.width + first) * self.channels;
                        let length = (past - first) * self.channels;
                        with(from, row + y * line + skipped, length);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Tensor};
    use genie_model::ops::matmul_nt;
    use proptest::prelude::*;

    /// Values between -1 and 1 that look random.
    fn scattered(count: usize, seed: usize) -> Vec<f32> {
        (0..count)
            .map(|at| ((at * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0)
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn products_of_rows_are_the_convolution(
            (height, width, channels) in (1_usize..9, 1_usize..12, 1_usize..4),
            edge in prop::sample::select(vec![1_usize, 3, 5]),
            stride in 1_usize..4,
            outputs in 1_usize..5,
        ) {
            let kernels = Kernels { height, width, channels, edge, stride };
            let picture = scattered(kernels.inputs(), 1);
            let weights = scattered(outputs * kernels.values(), 2);
            let mut rows = vec![f32::NAN; kernels.places() * kernels.values()];
            kernels.unfold(&picture, &mut rows);
            let mut found = vec![0.0; kernels.places() * outputs];
            matmul_nt((kernels.places(), outputs, kernels.values()), &rows, &weights, &mut found, false);

            let tensor = |values: Vec<f32>, shape: (usize, usize, usize, usize)| {
                Tensor::from_vec(values, shape, &Device::Cpu).unwrap().permute((0, 3, 1, 2)).unwrap().contiguous().unwrap()
            };
            let picture = tensor(picture, (1, height, width, channels));
            let weights = tensor(weights, (outputs, edge, edge, channels));
            let expected = picture.conv2d(&weights, edge / 2, stride, 1, 1).unwrap();
            let (tall, wide) = kernels.output();
            prop_assert_eq!(expected.dims(), &[1, outputs, tall, wide]);
            let expected: Vec<f32> = expected.permute((0, 2, 3, 1)).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            for (a, b) in found.iter().zip(&expected) {
                prop_assert!((a - b).abs() < 1e-4, "{} is not {}", a, b);
            }
        }

        #[test]
        fn fold_is_the_transpose_of_unfold(
            (height, width, channels) in (1_usize..9, 1_usize..12, 1_usize..4),
            edge in prop::sample::select(vec![1_usize, 3, 5]),
            stride in 1_usize..4,
        ) {
            let kernels = Kernels { height, width, channels, edge, stride };
            let picture = scattered(kernels.inputs(), 3);
            let other = scattered(kernels.places() * kernels.values(), 4);
            let mut rows = vec![0.0; other.len()];
            kernels.unfold(&picture, &mut rows);
            let mut back = vec![0.0; picture.len()];
            kernels.fold(&other, &mut back);
            let product = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
            };
            prop_assert!((product(&rows, &other) - product(&picture, &back)).abs() < 1e-3);
        }
    }
}
