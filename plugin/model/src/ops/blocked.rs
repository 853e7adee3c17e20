//! Matrix products in `f32`, blocked for the caches.
//!
//! The second factor is packed once into panels of 32 columns; rows of the output are shared between threads, and the
//! sum over the inner dimension runs in a fixed order, so that results do not depend on the number of threads.
#![allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]

use rayon::prelude::*;

use super::amx::Factor;
use super::simd::{self, Lanes, Strided, multiversion};

/// Columns of a panel.
pub(super) const PANEL: usize = 32;
/// Inner elements of a block: a panel of them fits the first cache.
const INNER: usize = 256;
/// Products with fewer multiplications than this are done by the calling thread.
const WORTH_THREADS: usize = 64 * 64 * 64;

/// `out[m, n] (+)= a[m, k] b[k, n]`, `out` row by row.
pub(super) fn product(
    (m, n, k): (usize, usize, usize),
    a: Factor<'_>,
    b: Factor<'_>,
    out: &mut [f32],
    accumulate: bool,
) {
    assert!(
        a.data.len() == m * k && b.data.len() == k * n && out.len() == m * n,
        "factors and product hold what the shape says"
    );
    if m == 0 || n == 0 || k == 0 {
        if !accumulate {
            out.fill(0.0);
        }
        return;
    }
    let mut packed = vec![0f32; n.div_ceil(PANEL) * PANEL * k];
    let pack_one = |(panel, to): (usize, &mut [f32])| {
        // SAFETY: the kernel reads columns below `n` of all `k` rows, and writes `k` rows of a panel.
        unsafe { pack(b, (n, k), panel * PANEL, to) }
    };
    let threads = m * n * k > WORTH_THREADS;
    if threads {
        packed
            .par_chunks_mut(PANEL * k)
            .enumerate()
            .for_each(pack_one);
    } else {
        packed.chunks_mut(PANEL * k).enumerate().for_each(pack_one);
    }
    let rows = m.div_ceil(4).next_multiple_of(8).clamp(16, 96);
    let multiply_one = |(task, out): (usize, &mut [f32])| {
        // SAFETY: the kernel stays within the rows of `out`, the same rows of `a`, and the packed panels.
        unsafe { multiply(a, task * rows, &packed, (n, k), out, accumulate) }
    };
    if threads {
        out.par_chunks_mut(rows * n)
            .enumerate()
            .for_each(multiply_one);
    } else {
        out.chunks_mut(rows * n).enumerate().for_each(multiply_one);
    }
}

/// Packs the columns of `b [k, n]` into panels of [`PANEL`] columns, for [`multiply_body`].
pub(super) fn packed((n, k): (usize, usize), b: Factor<'_>) -> Vec<f32> {
    assert!(b.data.len() == k * n, "a factor holds what its shape says");
    let mut panels = vec![0f32; n.div_ceil(PANEL) * PANEL * k];
    for (panel, to) in panels.chunks_mut((PANEL * k).max(1)).enumerate() {
        // SAFETY: the kernel reads columns below `n` of all `k` rows, and writes `k` rows of a panel.
        unsafe { pack(b, (n, k), panel * PANEL, to) }
    }
    panels
}

multiversion! {
    unsafe fn pack(b: Factor<'_>, shape: (usize, usize), first: usize, to: &mut [f32]) = pack_body
}

multiversion! {
    unsafe fn multiply(
        a: Factor<'_>, first: usize, packed: &[f32], shape: (usize, usize), out: &mut [f32],
        accumulate: bool,
    ) = multiply_body
}

/// Packs the columns from `first` into one panel `[k, PANEL]`, which is zero beyond the last column.
#[inline(always)]
unsafe fn pack_body<L: Lanes>(b: Factor<'_>, (n, k): (usize, usize), first: usize, to: &mut [f32]) {
    let columns = (n - first).min(PANEL);
    let from = b.data.as_ptr().add(first * b.column_stride);
    let to = to.as_mut_ptr();
    if b.column_stride == 1 {
        for row in 0..k {
            let line = from.add(row * b.row_stride);
            std::ptr::copy_nonoverlapping(line, to.add(row * PANEL), columns);
        }
        return;
    }
    let (whole_columns, whole_rows) = if b.row_stride == 1 {
        (columns / 16 * 16, k / 16 * 16)
    } else {
        (0, 0)
    };
    for column in (0..whole_columns).step_by(16) {
        for row in (0..whole_rows).step_by(16) {
            let block = from.add(column * b.column_stride + row);
            L::transpose16(block, b.column_stride, to.add(row * PANEL + column), PANEL);
        }
    }
    for column in 0..columns {
        let start = if column < whole_columns {
            whole_rows
        } else {
            0
        };
        for row in start..k {
            *to.add(row * PANEL + column) =
                *from.add(column * b.column_stride + row * b.row_stride);
        }
    }
}

/// Multiplies the rows of `a` from `first` that `out` has room for.
#[inline(always)]
pub(super) unsafe fn multiply_body<L: Lanes>(
    a: Factor<'_>,
    first: usize,
    packed: &[f32],
    (n, k): (usize, usize),
    out: &mut [f32],
    accumulate: bool,
) {
    let rows = out.len() / n;
    let whole = rows / 8 * 8;
    let from = a.data.as_ptr().add(first * a.row_stride);
    // The last few rows are copied to a block of eight, and edges of the output go through a block of their own.
    let mut rest = if rows > whole {
        vec![0f32; 8 * INNER]
    } else {
        Vec::new()
    };
    let mut edge = [0f32; 8 * PANEL];
    // A transposed factor is copied, or every inner element would be read from a far-away line again for each panel.
    let transposed = a.row_stride == 1 && a.column_stride != 1;
    let mut copied = if transposed {
        vec![0f32; whole * INNER]
    } else {
        Vec::new()
    };
    for inner in (0..k).step_by(INNER) {
        let inners = (k - inner).min(INNER);
        let add = accumulate || inner > 0;
        let source = Strided {
            data: from.add(inner * a.column_stride),
            row_stride: a.row_stride,
            column_stride: a.column_stride,
        };
        for row in whole..rows {
            for i in 0..inners {
                rest[(row - whole) * INNER + i] =
                    *source.data.add(row * a.row_stride + i * a.column_stride);
            }
        }
        let source = if transposed {
            for i in 0..inners {
                let line = source.data.add(i * a.column_stride);
                let to = copied.as_mut_ptr().add(i * whole);
                std::ptr::copy_nonoverlapping(line, to, whole);
            }
            Strided {
                data: copied.as_ptr(),
                row_stride: 1,
                column_stride: whole,
            }
        } else {
            source
        };
        for column in (0..n).step_by(PANEL) {
            let panel = packed.as_ptr().add(column * k + inner * PANEL);
            let columns = (n - column).min(PANEL);
            let place = out.as_mut_ptr().add(column);
            let mut row = 0;
            if columns == PANEL {
                simd::product::<L>((whole, PANEL, inners), source, panel, PANEL, place, n, add);
                row = whole;
            }
            while row < rows {
                let source = if row < whole {
                    Strided {
                        data: source.data.add(row * source.row_stride),
                        ..source
                    }
                } else {
                    Strided {
                        data: rest.as_ptr(),
                        row_stride: INNER,
                        column_stride: 1,
                    }
                };
                let to = edge.as_mut_ptr();
                simd::product::<L>((8, PANEL, inners), source, panel, PANEL, to, PANEL, false);
                for r in 0..(rows - row).min(8) {
                    for c in 0..columns {
                        let place = place.add((row + r) * n + c);
                        let v = edge[r * PANEL + c];
                        *place = if add { *place + v } else { v };
                    }
                }
                row += 8;
            }
        }
    }
}
