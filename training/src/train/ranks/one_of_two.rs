//! One of two ranks, for tests.

use std::fmt::{Debug, Formatter, Result};

use super::Ranks;

/// One of two ranks, of which a test says what a sum over both does.
pub(in crate::train) struct OneOfTwo<F> {
    rank: usize,
    sum: F,
}

impl<F: Fn(&mut [f32])> OneOfTwo<F> {
    pub(in crate::train) fn new(rank: usize, sum: F) -> Self {
        Self { rank, sum }
    }
}

impl<F> Debug for OneOfTwo<F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "rank {} of two", self.rank)
    }
}

impl<F: Fn(&mut [f32])> Ranks for OneOfTwo<F> {
    fn rank(&self) -> usize {
        self.rank
    }

    fn count(&self) -> usize {
        2
    }

    fn sum(&self, values: &mut [f32]) {
        (self.sum)(values);
    }

    fn sum_wide(&self, _: &mut [f64]) {}

    fn gather(&self, own: &[f32]) -> Vec<f32> {
        own.to_vec()
    }

    fn gather_numbers(&self, own: &[u32]) -> Vec<u32> {
        own.to_vec()
    }

    fn wait(&self) {}
}
