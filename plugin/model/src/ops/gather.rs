//! Rows of a table by number: embeddings.

use candle_core::{CpuStorage, CustomOp2, DType, Layout, Result, Shape, Storage, Tensor};
use rayon::prelude::*;

use super::buffer::zeros;
use super::composed;
use super::slices::{floats, fused, with_floats, within};

/// Rows `ids [..]` (`u32`) of `table [V, D]`: `[.., D]`. The table gets a gradient.
///
/// # Errors
/// When an id is not below `V`, or is not a `u32`.
pub fn gather_rows(table: &Tensor, ids: &Tensor) -> Result<Tensor> {
    table.dims2()?;
    if !fused(&[table]) || ids.dtype() != DType::U32 || !ids.device().is_cpu() {
        return composed::gather_rows(table, ids);
    }
    table
        .contiguous()?
        .apply_op2(&ids.contiguous()?, GatherRows)
}

struct GatherRows;

impl CustomOp2 for GatherRows {
    fn name(&self) -> &'static str {
        "gather_rows"
    }

    fn cpu_fwd(
        &self,
        table: &CpuStorage,
        table_layout: &Layout,
        ids: &CpuStorage,
        ids_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = table_layout.shape().dims2()?;
        let table = floats(table, table_layout)?;
        let ids = within(ids.as_slice::<u32>()?, ids_layout)?;
        let mut out = Vec::with_capacity(ids.len() * width);
        for id in ids {
            let start = *id as usize;
            if start >= rows {
                candle_core::bail!("gather_rows: row {id} of a table of {rows}");
            }
            out.extend_from_slice(&table[start * width..][..width]);
        }
        let mut shape = ids_layout.dims().to_vec();
        shape.push(width);
        Ok((CpuStorage::F32(out), Shape::from(shape)))
    }

    fn bwd(
        &self,
        table: &Tensor,
        ids: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (rows, width) = table.dims2()?;
        let (storage, layout) = ids.storage_and_layout();
        let Storage::Cpu(storage) = &*storage else {
            candle_core::bail!("expected a tensor on the CPU");
        };
        let ids = within(storage.as_slice::<u32>()?, layout)?;
        let mut dtable = zeros(rows * width);
        with_floats([&grad], |[grad]| {
            if rows > 0 && width > 0 {
                scatter(ids, grad, width, &mut dtable);
            }
            Ok(())
        })?;
        let dtable = Tensor::from_vec(dtable, table.shape(), table.device())?;
        Ok((Some(dtable), None))
    }
}

/// Adds every row of `grad` to its row of `dtable`; each task owns some rows of the table and adds in order.
fn scatter(ids: &[u32], grad: &[f32], width: usize, dtable: &mut [f32]) {
    let rows = dtable.len() / width;
    let per_task = rows.div_ceil(8);
    dtable
        .par_chunks_mut(per_task * width)
        .enumerate()
        .for_each(|(task, out)| {
            let first = task * per_task;
            for (id, grad) in ids.iter().zip(grad.chunks_exact(width)) {
                let row = (*id as usize).wrapping_sub(first);
                if let Some(out) = row
                    .checked_mul(width)
                    .and_then(|start| out.get_mut(start..start.checked_add(width)?))
                {
                    for (o, g) in out.iter_mut().zip(grad) {
                        *o += g;
                    }
                }
            }
        });
}
