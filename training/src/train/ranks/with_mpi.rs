//! Ranks that MPI started: `mpirun -n 2 genie train ...`.

#[cfg(all(feature = "cuda", unix))]
use candle_core::{Result, Tensor};
use mpi::Threading;
use mpi::collective::SystemOperation;
use mpi::datatype::PartitionMut;
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Equivalence};

use super::Ranks;

/// Values that are summed in one go.
const AT_ONCE: usize = 1 << 24;

/// The processes of an MPI job. MPI ends with this value.
pub struct MpiRanks {
    world: SimpleCommunicator,
    /// Whether MPI reads and writes the memory of graphics processors, on all ranks.
    #[cfg(all(feature = "cuda", unix))]
    device_memory: bool,
    _universe: Universe,
}

impl std::fmt::Debug for MpiRanks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rank {} of {}", self.world.rank(), self.world.size())
    }
}

impl Drop for MpiRanks {
    /// MPI ends when all processes say so. One that panics ends the job instead, because the others wait for it elsewhere.
    fn drop(&mut self) {
        if std::thread::panicking() && self.count() > 1 {
            self.abort();
        }
    }
}

impl MpiRanks {
    /// Starts MPI; once in a process. `None` if it runs already. A process that no MPI program started is alone.
    pub fn start() -> Option<Self> {
        // Only the thread that trains calls MPI.
        let (universe, _) = mpi::initialize_with_threading(Threading::Funneled)?;
        let world = universe.world();
        Some(Self {
            #[cfg(all(feature = "cuda", unix))]
            device_memory: super::device_memory::supported_by_all(&world),
            world,
            _universe: universe,
        })
    }

    /// Ends all processes of the job: what a rank does that cannot go on, so that the others do not wait for it.
    pub fn abort(&self) -> ! {
        self.world.abort(1)
    }

    /// MPI counts with 31 bits, and what a rank adds to a sum has to be in another place than the sum.
    fn summed<T: Equivalence + Copy>(&self, values: &mut [T]) {
        for values in values.chunks_mut(AT_ONCE) {
            let own = values.to_vec();
            self.world
                .all_reduce_into(&own[..], values, SystemOperation::sum());
        }
    }

    fn gathered<T: Equivalence + Default + Clone>(&self, own: &[T]) -> Vec<T> {
        let mut counts = vec![0i32; self.count()];
        let length = i32::try_from(own.len()).expect("a rank gathers fewer than 2^31 values");
        self.world.all_gather_into(&length, &mut counts[..]);
        let starts: Vec<i32> = (counts.iter())
            .scan(0, |next, count| {
                let start = *next;
                *next += count;
                Some(start)
            })
            .collect();
        let total: i32 = counts.iter().sum();
        let mut all = vec![T::default(); usize::try_from(total).unwrap_or(0)];
        {
            let mut parts = PartitionMut::new(&mut all[..], counts, &starts[..]);
            self.world.all_gather_varcount_into(own, &mut parts);
        }
        all
    }
}

impl Ranks for MpiRanks {
    fn rank(&self) -> usize {
        usize::try_from(self.world.rank()).unwrap_or(0)
    }

    fn count(&self) -> usize {
        usize::try_from(self.world.size()).unwrap_or(1)
    }

    fn sum(&self, values: &mut [f32]) {
        self.summed(values);
    }

    #[cfg(all(feature = "cuda", unix))]
    fn sum_tensor(&self, values: &Tensor) -> Result<Tensor> {
        if self.device_memory && values.device().is_cuda() {
            super::device_memory::sum(&self.world, values)
        } else {
            super::through_host(self, values)
        }
    }

    fn sum_wide(&self, values: &mut [f64]) {
        self.summed(values);
    }

    fn gather(&self, own: &[f32]) -> Vec<f32> {
        self.gathered(own)
    }

    fn gather_numbers(&self, own: &[u32]) -> Vec<u32> {
        self.gathered(own)
    }

    fn wait(&self) {
        self.world.barrier();
    }
}
