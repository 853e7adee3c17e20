//! Operations whose gradient is spelled out in candle's operations, on any device.
//!
//! candle's own gradient of an operation is right everywhere but not always fast: that of `index_select`, for one, adds one row
//! after the other on a graphics processor.

use std::sync::Mutex;

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, Layout, MetalStorage, Result, Shape,
    Storage, Tensor,
};

/// Gradients of the arguments of a node, by the gradient of its result.
type Gradient = Box<dyn Fn(&Tensor) -> Result<Vec<Option<Tensor>>> + Send + Sync>;

/// `result`, which was computed from one to three `arguments` outside of candle's graph, as a node of it. `gradient` maps the
/// gradient of the result to one for each argument.
///
/// # Errors
/// If there are other numbers of arguments.
pub(super) fn node(
    arguments: &[&Tensor],
    result: Tensor,
    gradient: impl Fn(&Tensor) -> Result<Vec<Option<Tensor>>> + Send + Sync + 'static,
) -> Result<Tensor> {
    if !arguments.iter().any(|argument| argument.track_op()) {
        return Ok(result);
    }
    // A view into a larger tensor is not what the copy below wants.
    let whole = result.is_contiguous() && result.layout().start_offset() == 0;
    let result = if whole {
        result
    } else {
        result.force_contiguous()?
    };
    let node = Node {
        shape: result.shape().clone(),
        result: Mutex::new(Some(result)),
        gradient: Box::new(gradient),
    };
    match arguments {
        [a] => a.apply_op1(node),
        [a, b] => a.apply_op2(b, node),
        [a, b, c] => a.apply_op3(b, c, node),
        _ => candle_core::bail!("a node of {} arguments", arguments.len()),
    }
}

struct Node {
    shape: Shape,
    /// Taken by the forward pass.
    result: Mutex<Option<Tensor>>,
    gradient: Gradient,
}

impl Node {
    /// The storage of the result, copied by `copy` from its device's storage.
    fn take<S>(
        &self,
        copy: impl FnOnce(&Storage, &Layout) -> Option<Result<S>>,
    ) -> Result<(S, Shape)> {
        let result = self.result.lock().ok().and_then(|mut held| held.take());
        let Some(result) = result else {
            candle_core::bail!("a node is computed once")
        };
        let (storage, layout) = result.storage_and_layout();
        match copy(&storage, layout) {
            Some(copied) => Ok((copied?, self.shape.clone())),
            None => candle_core::bail!("a node's result is on another device than its arguments"),
        }
    }

    fn cpu(&self) -> Result<(CpuStorage, Shape)> {
        self.take(|storage, layout| match storage {
            Storage::Cpu(storage) => Some(storage.try_clone(layout)),
            _ => None,
        })
    }

    fn cuda(&self) -> Result<(CudaStorage, Shape)> {
        self.take(|storage, layout| match storage {
            Storage::Cuda(storage) => Some(storage.try_clone(layout)),
            _ => None,
        })
    }

    fn metal(&self) -> Result<(MetalStorage, Shape)> {
        self.take(|storage, layout| match storage {
            Storage::Metal(storage) => Some(storage.try_clone(layout)),
            _ => None,
        })
    }

    fn gradients<const N: usize>(&self, grad: &Tensor) -> Result<[Option<Tensor>; N]> {
        let gradients = (self.gradient)(&grad.detach().contiguous()?)?;
        match <[Option<Tensor>; N]>::try_from(gradients) {
            Ok(gradients) => Ok(gradients),
            Err(gradients) => candle_core::bail!("{} gradients of {N} arguments", gradients.len()),
        }
    }
}

impl CustomOp1 for Node {
    fn name(&self) -> &'static str {
        "node"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.cpu()
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.cuda()
    }

    fn metal_fwd(&self, _: &MetalStorage, _: &Layout) -> Result<(MetalStorage, Shape)> {
        self.metal()
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let [a] = self.gradients(grad)?;
        Ok(a)
    }
}

impl CustomOp2 for Node {
    fn name(&self) -> &'static str {
        "node"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.cpu()
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.cuda()
    }

    fn metal_fwd(
        &self,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        self.metal()
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [a, b] = self.gradients(grad)?;
        Ok((a, b))
    }
}

impl CustomOp3 for Node {
    fn name(&self) -> &'static str {
        "node"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.cpu()
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.cuda()
    }

    fn metal_fwd(
        &self,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        self.metal()
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [a, b, c] = self.gradients(grad)?;
        Ok((a, b, c))
    }
}
