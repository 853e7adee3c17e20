//! Sums over ranks by an MPI that reads and writes the memory of Nvidia's graphics processors ("CUDA-aware").

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{DevicePtr, DevicePtrMut};
use candle_core::{CpuStorage, CudaStorage, InplaceOp2, Layout, Result, Tensor, bail};
use mpi::collective::SystemOperation;
use mpi::datatype::{AsDatatype, Buffer, BufferMut, Collection, Pointer, PointerMut};
use mpi::datatype::{Equivalence, SystemDatatype};
use mpi::topology::SimpleCommunicator;
use mpi::traits::CommunicatorCollectives;

/// Values that are summed in one go: MPI counts with 31 bits.
const AT_ONCE: usize = 1 << 24;

/// Whether the MPI libraries of all ranks say that they reach the memory of graphics processors. All ranks ask together.
pub(super) fn supported_by_all(world: &SimpleCommunicator) -> bool {
    let mut least = 0;
    world.all_reduce_into(
        &c_int::from(supported()),
        &mut least,
        SystemOperation::min(),
    );
    least == 1
}

/// Open MPI and MPICH have a function that says so; other libraries may have none.
fn supported() -> bool {
    // SAFETY: the name ends with a zero, and looking it up has no side effects.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"MPIX_Query_cuda_support".as_ptr()) };
    if found.is_null() {
        return false;
    }
    // SAFETY: that is its signature in both libraries.
    let query: extern "C" fn() -> c_int =
        unsafe { std::mem::transmute::<*mut c_void, extern "C" fn() -> c_int>(found) };
    query() == 1
}

/// The sums over all ranks of a tensor of `f32` that a graphics processor keeps.
pub(super) fn sum(world: &SimpleCommunicator, values: &Tensor) -> Result<Tensor> {
    let own = values.contiguous()?;
    // What a rank adds to a sum has to be in another place than the sum.
    let sums = own.copy()?;
    sums.inplace_op2(&own, &AllReduce(world))?;
    Ok(sums)
}

struct AllReduce<'a>(&'a SimpleCommunicator);

impl InplaceOp2 for AllReduce<'_> {
    fn name(&self) -> &'static str {
        "sum over ranks"
    }

    fn cpu_fwd(&self, _: &mut CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<()> {
        bail!("{} is made for graphics processors", self.name())
    }

    fn cuda_fwd(
        &self,
        sums: &mut CudaStorage,
        sums_layout: &Layout,
        own: &CudaStorage,
        own_layout: &Layout,
    ) -> Result<()> {
        let (Some((sums_start, sums_end)), Some((own_start, own_end))) = (
            sums_layout.contiguous_offsets(),
            own_layout.contiguous_offsets(),
        ) else {
            bail!("{} takes contiguous tensors", self.name())
        };
        let stream = sums.device().cuda_stream();
        let mut sums = (sums.as_cuda_slice_mut::<f32>()?).slice_mut(sums_start..sums_end);
        let own = (own.as_cuda_slice::<f32>()?).slice(own_start..own_end);
        let (to, _written) = sums.device_ptr_mut(&stream);
        let (from, _read) = own.device_ptr(&stream);
        // MPI does not know the stream on which the gradients are made.
        stream
            .synchronize()
            .map_err(|error| candle_core::Error::Cuda(error.to_string().into()))?;
        let count = own_end - own_start;
        for start in (0..count).step_by(AT_ONCE) {
            let count = AT_ONCE.min(count - start);
            let part = |base: u64| Part {
                start: (base as usize + start * size_of::<f32>()) as *mut c_void,
                count: count as c_int,
            };
            self.0
                .all_reduce_into(&part(from), &mut part(to), SystemOperation::sum());
        }
        Ok(())
    }
}

/// Values of `f32` in the memory of a graphics processor.
struct Part {
    start: *mut c_void,
    count: c_int,
}

// SAFETY: `start` is the address of `count` values of `f32` of a tensor that outlives the call, which MPI alone follows.
unsafe impl AsDatatype for Part {
    type Out = SystemDatatype;

    fn as_datatype(&self) -> SystemDatatype {
        f32::equivalent_datatype()
    }
}

// SAFETY: see above.
unsafe impl Collection for Part {
    fn count(&self) -> c_int {
        self.count
    }
}

// SAFETY: see above.
unsafe impl Pointer for Part {
    fn pointer(&self) -> *const c_void {
        self.start
    }
}

// SAFETY: see above; the values of a part that is written to are borrowed mutably.
unsafe impl PointerMut for Part {
    fn pointer_mut(&mut self) -> *mut c_void {
        self.start
    }
}

// SAFETY: see above.
unsafe impl Buffer for Part {}

// SAFETY: see above.
unsafe impl BufferMut for Part {}
