//! Rows of a table by number, and sums of them: embeddings.

use candle_core::{CpuStorage, CustomOp2, D, DType, Layout, Result, Shape, Storage, Tensor};
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
    let op = GatherRows { summed: None };
    table.contiguous()?.apply_op2(&ids.contiguous()?, op)
}

/// Sums of the rows `ids [.., Q]` (`u32`) of `table [V, D]`: `[.., D]`. The table gets a gradient.
///
/// # Errors
/// When an id is not below `V`, or is not a `u32`.
pub fn gather_row_sums(table: &Tensor, ids: &Tensor) -> Result<Tensor> {
    table.dims2()?;
    let summed = ids.dim(D::Minus1)?;
    if summed == 0 || !fused(&[table]) || ids.dtype() != DType::U32 || !ids.device().is_cpu() {
        return composed::gather_row_sums(table, ids);
    }
    let op = GatherRows {
        summed: Some(summed),
    };
    table.contiguous()?.apply_op2(&ids.contiguous()?, op)
}

/// Rows `[.., N, Q]` of a table that holds `height` rows for each of `stages` (`Q`) stages, one stage after the other, by codes
/// `[.., N Q]` (`u32`).
///
/// # Errors
/// When a code is not below `height`, or the codes are no whole number of tokens.
pub(crate) fn table_rows(codes: &Tensor, stages: usize, height: usize) -> Result<Tensor> {
    let mut shape = codes.dims().to_vec();
    let last = shape.pop().unwrap_or(1);
    if stages == 0 || !last.is_multiple_of(stages) {
        candle_core::bail!("{last} codes are no whole number of tokens of {stages}");
    }
    shape.extend([last / stages, stages]);
    let mut rows = codes.flatten_all()?.to_vec1::<u32>()?;
    if let Some(code) = rows.iter().find(|&&code| code as usize >= height) {
        candle_core::bail!("code {code} of a codebook of {height}");
    }
    for token in rows.chunks_exact_mut(stages) {
        for (stage, row) in token.iter_mut().enumerate() {
            *row += (stage * height) as u32;
        }
    }
    Tensor::from_vec(rows, shape, codes.device())
}

struct GatherRows {
    /// How many rows make one of the result, if the last dimension of the ids is summed over.
    summed: Option<usize>,
}

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
        let summed = self.summed.unwrap_or(1);
        let mut out = Vec::with_capacity(ids.len() / summed * width);
        for (i, id) in ids.iter().enumerate() {
            let start = *id as usize;
            if start >= rows {
                candle_core::bail!("gather_rows: row {id} of a table of {rows}");
            }
            let row = &table[start * width..][..width];
            if i.is_multiple_of(summed) {
                out.extend_from_slice(row);
            } else {
                let sum = out.len() - width;
                for (sum, value) in out[sum..].iter_mut().zip(row) {
                    *sum += value;
                }
            }
        }
        let mut shape = ids_layout.dims().to_vec();
        if self.summed.is_some() {
            shape.pop();
        }
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
                scatter(ids, grad, (width, self.summed.unwrap_or(1)), &mut dtable);
            }
            Ok(())
        })?;
        let dtable = Tensor::from_vec(dtable, table.shape(), table.device())?;
        Ok((Some(dtable), None))
    }
}

/// Adds every row of `grad` to its `summed` rows of `dtable`; each task owns some rows of the table and adds in order.
fn scatter(ids: &[u32], grad: &[f32], (width, summed): (usize, usize), dtable: &mut [f32]) {
    let rows = dtable.len() / width;
    let per_task = rows.div_ceil(8);
    dtable
        .par_chunks_mut(per_task * width)
        .enumerate()
        .for_each(|(task, out)| {
            let first = task * per_task;
            let grads = grad.chunks_exact(width);
            let grads = grads.flat_map(|grad| std::iter::repeat_n(grad, summed));
            for (id, grad) in ids.iter().zip(grads) {
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
