//! The processes of a data-parallel training: each takes its share of the clips of a step, and all take the same step.
//!
//! What a step is does not depend on their number: all see the tokens of the whole batch and draw the same masks, gradients and
//! statistics of codebooks are summed, and all weights stay the same everywhere. The first rank writes.

#[cfg(all(feature = "mpi", feature = "cuda", unix))]
mod device_memory;
#[cfg(test)]
mod one_of_two;
mod timed;
#[cfg(feature = "mpi")]
mod with_mpi;

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use candle_core::{Device, Result, Tensor};

#[cfg(test)]
pub(super) use one_of_two::OneOfTwo;
pub use timed::TimedRanks;
#[cfg(feature = "mpi")]
pub use with_mpi::MpiRanks;

/// Time that a rank has spent in collective operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Until the last of the ranks had come.
    pub waiting: Duration,
    /// From then on: exchanging and adding up.
    pub exchanging: Duration,
}

/// Collective operations of the processes of a training. Each is called by all ranks in the same order.
pub trait Ranks: fmt::Debug {
    /// Which of them this is, from 0.
    fn rank(&self) -> usize;

    /// How many there are.
    fn count(&self) -> usize;

    /// Replaces values by their sums over all ranks, which come out the same on each.
    fn sum(&self, values: &mut [f32]);

    /// The sums of the values of tensors of `f32` that have the same shape on all ranks, on the device of this one's. They go through the
    /// memory of the host, unless the ranks reach that of the device.
    ///
    /// # Errors
    /// If the values cannot be copied.
    fn sum_tensor(&self, values: &Tensor) -> Result<Tensor> {
        through_host(self, values)
    }

    /// The same for numbers of double precision.
    fn sum_wide(&self, values: &mut [f64]);

    /// The values of all ranks in their order; ranks may have different numbers of them.
    fn gather(&self, own: &[f32]) -> Vec<f32>;

    /// The same for whole numbers.
    fn gather_numbers(&self, own: &[u32]) -> Vec<u32>;

    /// Waits until all ranks have come here.
    fn wait(&self);

    /// What all this has taken so far, where somebody [looks at the clock](TimedRanks).
    fn spent(&self) -> Spent {
        Spent::default()
    }
}

/// Sums over all ranks in the memory of the host.
fn through_host<R: Ranks + ?Sized>(ranks: &R, values: &Tensor) -> Result<Tensor> {
    if ranks.count() == 1 {
        return Ok(values.clone());
    }
    let host = values.to_device(&Device::Cpu)?.flatten_all()?;
    let mut sums = host.to_vec1()?;
    ranks.sum(&mut sums);
    Tensor::from_vec(sums, values.shape(), values.device())
}

/// A training in one process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Ranks for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn count(&self) -> usize {
        1
    }

    fn sum(&self, _: &mut [f32]) {}

    fn sum_wide(&self, _: &mut [f64]) {}

    fn gather(&self, own: &[f32]) -> Vec<f32> {
        own.to_vec()
    }

    fn gather_numbers(&self, own: &[u32]) -> Vec<u32> {
        own.to_vec()
    }

    fn wait(&self) {}
}

thread_local! {
    static CURRENT: RefCell<Rc<dyn Ranks>> = RefCell::new(Rc::new(Alone));
}

/// Runs `work`, in which this thread trains as one of `ranks`.
pub fn with_ranks<T>(ranks: Rc<dyn Ranks>, work: impl FnOnce() -> T) -> T {
    struct Restore(Rc<dyn Ranks>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0.clone());
        }
    }
    // Dropped also when the work panics.
    let _restore = Restore(CURRENT.replace(ranks));
    work()
}

/// The ranks that this thread trains as one of.
pub(super) fn current_ranks() -> Rc<dyn Ranks> {
    CURRENT.with_borrow(Rc::clone)
}

impl dyn Ranks + '_ {
    /// Whether this rank writes files.
    pub(super) fn writes(&self) -> bool {
        self.rank() == 0
    }

    /// The values of the first rank for a tensor of `f32` that has the same shape on all ranks, so that all go on from the same: what each
    /// computes by itself may differ in the last bits among kinds of processors.
    pub(super) fn of_first(&self, values: &Tensor) -> Result<Tensor> {
        if self.count() == 1 {
            Ok(values.clone())
        } else if self.writes() {
            self.sum_tensor(values)
        } else {
            self.sum_tensor(&values.zeros_like()?)
        }
    }

    /// Whether it is so on any rank.
    pub(super) fn any(&self, own: bool) -> bool {
        let mut found = [f64::from(u8::from(own))];
        self.sum_wide(&mut found);
        found[0] > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of two, the other of which has these values.
    fn beside(rank: usize, others: Vec<f32>) -> impl Ranks {
        OneOfTwo::new(rank, move |values: &mut [f32]| {
            let pairs = values.iter_mut().zip(&others);
            pairs.for_each(|(own, other)| *own += other);
        })
    }

    #[test]
    fn all_ranks_take_up_the_values_of_the_first() {
        let values = [0.1f32, -3.0, f32::MIN_POSITIVE];
        let taken_up = |ranks: &dyn Ranks, own: [f32; 3]| {
            let own = Tensor::new(&own, &Device::Cpu).unwrap();
            let taken_up: Vec<f32> = ranks.of_first(&own).unwrap().to_vec1().unwrap();
            taken_up.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let bits = values.map(f32::to_bits);
        let second: &dyn Ranks = &beside(1, values.to_vec());
        assert_eq!(taken_up(second, [0.10001, 7.0, 0.0]), bits);
        // The other one adds nothing to the first one's.
        let first: &dyn Ranks = &beside(0, vec![0.0; 3]);
        assert_eq!(taken_up(first, values), bits);
        assert_eq!(taken_up(&Alone, values), bits);
    }
}
