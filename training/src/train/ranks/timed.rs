//! Ranks that know how long they took.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use candle_core::{Result, Tensor};

use super::{Ranks, Spent};

/// Other ranks, with the time that they take.
#[derive(Debug)]
pub struct TimedRanks {
    ranks: Rc<dyn Ranks>,
    spent: Cell<Spent>,
}

impl TimedRanks {
    /// Those of `ranks`, which have taken no time so far.
    pub fn new(ranks: Rc<dyn Ranks>) -> Self {
        Self {
            ranks,
            spent: Cell::default(),
        }
    }

    /// Does `work` when all ranks have come here.
    fn timed<T>(&self, work: impl FnOnce(&dyn Ranks) -> T) -> T {
        let begun = Instant::now();
        self.ranks.wait();
        let met = Instant::now();
        let result = work(&*self.ranks);
        let mut spent = self.spent.get();
        spent.waiting += met - begun;
        spent.exchanging += met.elapsed();
        self.spent.set(spent);
        result
    }
}

impl Ranks for TimedRanks {
    fn rank(&self) -> usize {
        self.ranks.rank()
    }

    fn count(&self) -> usize {
        self.ranks.count()
    }

    fn sum(&self, values: &mut [f32]) {
        self.timed(|ranks| ranks.sum(values));
    }

    fn sum_tensor(&self, values: &Tensor) -> Result<Tensor> {
        self.timed(|ranks| ranks.sum_tensor(values))
    }

    fn sum_wide(&self, values: &mut [f64]) {
        self.timed(|ranks| ranks.sum_wide(values));
    }

    fn gather(&self, own: &[f32]) -> Vec<f32> {
        self.timed(|ranks| ranks.gather(own))
    }

    fn gather_numbers(&self, own: &[u32]) -> Vec<u32> {
        self.timed(|ranks| ranks.gather_numbers(own))
    }

    fn wait(&self) {
        self.timed(|_| ());
    }

    fn spent(&self) -> Spent {
        self.spent.get()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use candle_core::Device;

    use super::*;

    /// Two of a kind, of which the other one is late and slow.
    #[derive(Debug)]
    struct Late;

    impl Ranks for Late {
        fn rank(&self) -> usize {
            0
        }

        fn count(&self) -> usize {
            2
        }

        fn sum(&self, values: &mut [f32]) {
            std::thread::sleep(Duration::from_millis(5));
            for value in values {
                *value *= 2.0;
            }
        }

        fn sum_wide(&self, _: &mut [f64]) {}

        fn gather(&self, own: &[f32]) -> Vec<f32> {
            [own, own].concat()
        }

        fn gather_numbers(&self, own: &[u32]) -> Vec<u32> {
            [own, own].concat()
        }

        fn wait(&self) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn waiting_and_exchanging_are_counted_apart_and_results_are_those_of_the_ranks() {
        let (ranks, start) = (TimedRanks::new(Rc::new(Late)), Instant::now());
        let mut values = [1.0, 3.0];
        ranks.sum(&mut values);
        assert_eq!(values.map(f32::to_bits), [2f32, 6.0].map(f32::to_bits));
        let tensor = Tensor::new(&[[0.5f32], [-2.0]], &Device::Cpu).unwrap();
        let sums = ranks.sum_tensor(&tensor).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(sums, [[1.0], [-4.0]]);
        assert_eq!(ranks.gather_numbers(&[7]), [7, 7]);
        let spent = ranks.spent();
        assert!(spent.waiting >= Duration::from_millis(60));
        assert!(spent.exchanging >= Duration::from_millis(10));
        assert!(spent.waiting + spent.exchanging <= start.elapsed());
    }
}
