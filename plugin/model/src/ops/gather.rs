//! Rows of a table by number, and sums of them: embeddings.

use candle_core::{CpuStorage, CustomOp2, D, DType, Layout, Result, Shape, Storage, Tensor};
use rayon::prelude::*;

use super::buffer::zeros;
use super::composed;
use super::fusion::fused;
use super::node::node;
use super::slices::{floats, with_floats, within};

/// Rows `ids [..]` (`u32`) of `table [V, D]`: `[.., D]`. The table gets a gradient.
///
/// # Errors
/// When an id is not below `V`, or is not a `u32`.
pub fn gather_rows(table: &Tensor, ids: &Tensor) -> Result<Tensor> {
    table.dims2()?;
    if !fused(&[table]) || ids.dtype() != DType::U32 || !ids.device().is_cpu() {
        let ids = ids.detach().contiguous()?;
        let rows = composed::gather_rows(&table.detach(), &ids)?;
        return counted(table, ids.reshape(((), 1))?, rows);
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
        let ids = ids.detach().contiguous()?;
        let rows = composed::gather_row_sums(&table.detach(), &ids)?;
        return counted(table, ids.reshape(((), summed.max(1)))?, rows);
    }
    let op = GatherRows {
        summed: Some(summed),
    };
    table.contiguous()?.apply_op2(&ids.contiguous()?, op)
}

/// Rows `ids [R]` of `x [M, D]`, all different from each other: `[R, D]`. Where the fused [`gather_rows`] does not run, its
/// gradient is much faster than that of rows which may repeat.
///
/// # Errors
/// When an id is not below `M`.
pub fn pick_rows(x: &Tensor, ids: &[u32]) -> Result<Tensor> {
    let (available, _) = x.dims2()?;
    let rows = Tensor::new(ids, x.device())?;
    if fused(&[x]) || !x.track_op() {
        return gather_rows(x, &rows);
    }
    // For each row of `x` where its gradient is; zero is read for the largest number.
    let mut places = vec![u32::MAX; available];
    for (at, &id) in ids.iter().enumerate() {
        match places.get_mut(id as usize) {
            Some(place) => *place = at as u32,
            None => candle_core::bail!("pick_rows: row {id} of {available}"),
        }
    }
    let places = Tensor::new(places, x.device())?;
    let picked = x.detach().contiguous()?.index_select(&rows, 0)?;
    node(&[x], picked, move |grad| {
        Ok(vec![Some(grad.index_select(&places, 0)?)])
    })
}

/// Elements of the matrix of counts that one matrix product of a gradient takes.
const COUNTS_AT_ONCE: usize = 1 << 26;

/// For each row of a table of `height` the sum of the rows of `values [R, D]` that have its number among their `ids [R, S]`, as
/// matrix products: what a row gets is added at once.
fn sums_by_row(values: &Tensor, ids: &Tensor, height: usize) -> Result<Tensor> {
    let (count, summed) = ids.dims2()?;
    let (dtype, device) = (values.dtype(), values.device());
    let at_once = (COUNTS_AT_ONCE / height.max(1)).max(1);
    let mut sum: Option<Tensor> = None;
    for start in (0..count).step_by(at_once) {
        let taken = at_once.min(count - start);
        let ids = ids.narrow(0, start, taken)?.contiguous()?;
        let values = values.narrow(0, start, taken)?.contiguous()?;
        let ones = Tensor::ones((taken, summed), dtype, device)?;
        let counts = Tensor::zeros((taken, height), dtype, device)?;
        let counts = counts.scatter_add(&ids, &ones, 1)?;
        let part = counts.t()?.matmul(&values)?;
        sum = Some(match sum {
            Some(sum) => (sum + part)?,
            None => part,
        });
    }
    match sum {
        Some(sum) => Ok(sum),
        None => Tensor::zeros((height, values.dim(1)?), dtype, device),
    }
}

/// `rows`, each a sum of the rows `ids [R, S]` of `table [V, D]`, with the gradient of [`sums_by_row`].
fn counted(table: &Tensor, ids: Tensor, rows: Tensor) -> Result<Tensor> {
    let (height, width) = table.dims2()?;
    node(&[table], rows, move |grad| {
        let grad = grad.reshape(((), width))?;
        Ok(vec![Some(sums_by_row(&grad, &ids, height)?)])
    })
}

/// Sums of the rows of `values [R, C]` by number: those with number `v` in `ids [R]` (`u32`) are added to row `v` of the result
/// `[V, C]`, where `V` is `height`. Nothing gets a gradient.
///
/// # Errors
/// When an id is not below `V`, or shapes do not match.
pub fn add_rows(values: &Tensor, ids: &Tensor, height: usize) -> Result<Tensor> {
    let (values, ids) = (values.detach().contiguous()?, ids.detach().contiguous()?);
    if !fused(&[&values]) || ids.dtype() != DType::U32 || !ids.device().is_cpu() {
        return sums_by_row(&values, &ids.unsqueeze(1)?, height);
    }
    let (rows, _) = values.dims2()?;
    if ids.dims1()? != rows {
        candle_core::bail!("add_rows: {:?} by {:?}", values.shape(), ids.shape());
    }
    if let Some(id) = ids
        .to_vec1::<u32>()?
        .iter()
        .find(|&&id| id as usize >= height)
    {
        candle_core::bail!("add_rows: row {id} of a table of {height}");
    }
    scattered(&values, &ids, (height, 1))
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
    if !codes.device().is_cpu() {
        // Reading the codes would wait for the device.
        let firsts: Vec<u32> = (0..stages).map(|stage| (stage * height) as u32).collect();
        let firsts = Tensor::new(firsts, codes.device())?;
        return codes.reshape(shape)?.broadcast_add(&firsts);
    }
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
        let dtable = scattered(
            &grad.contiguous()?,
            ids,
            (table.dim(0)?, self.summed.unwrap_or(1)),
        )?;
        Ok((Some(dtable), None))
    }
}

/// A table of `height` rows, to which every row of `values [.., D]` is added `summed` times, each time to the next of `ids`. Both are
/// on the CPU.
fn scattered(values: &Tensor, ids: &Tensor, (height, summed): (usize, usize)) -> Result<Tensor> {
    let width = values.dim(D::Minus1)?;
    let (storage, layout) = ids.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        candle_core::bail!("expected a tensor on the CPU");
    };
    let ids = within(storage.as_slice::<u32>()?, layout)?;
    let mut table = zeros(height * width);
    with_floats([values], |[values]| {
        if height > 0 && width > 0 {
            scatter(ids, values, (width, summed), &mut table);
        }
        Ok(())
    })?;
    Tensor::from_vec(table, (height, width), values.device())
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
