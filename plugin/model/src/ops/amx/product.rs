//! Matrix products by tiles, shared between threads.
#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    clippy::inline_always,
    clippy::wildcard_imports,
    clippy::needless_range_loop
)]

use rayon::prelude::*;

use super::factor::Factor;
use super::packing::{INNER, Part, SIDE, buffer, pack, tiles_of};
use super::unit::{TileUnit, multiply};

/// Rows of `a` that one task packs and multiplies.
const ROWS_PER_TASK: usize = 128;
/// Inner elements that are packed at a time when the sum is long.
const LONG_STEP: usize = 512;
/// A sum is split between at most this many tasks, a number that does not depend on threads.
const LONG_PARTS: usize = 8;

fn check((m, n, k): (usize, usize, usize), a: Factor<'_>, b: Factor<'_>, out: &[f32]) {
    let last = |f: Factor<'_>, rows: usize, columns: usize| {
        (rows - 1) * f.row_stride + (columns - 1) * f.column_stride
    };
    assert!(
        last(a, m, k) < a.data.len() && last(b, k, n) < b.data.len() && out.len() == m * n,
        "factors hold what their shapes say"
    );
    assert!(
        (a.row_stride == 1 || a.column_stride == 1) && (b.row_stride == 1 || b.column_stride == 1),
        "one stride of each factor is one"
    );
}

pub(super) fn product(
    (m, n, k): (usize, usize, usize),
    a: Factor<'_>,
    b: Factor<'_>,
    out: &mut [f32],
    accumulate: bool,
) {
    if m == 0 || n == 0 || k == 0 {
        if !accumulate {
            out.fill(0.0);
        }
        return;
    }
    check((m, n, k), a, b, out);
    if k > 2 * LONG_STEP && k > m && k > n {
        long_product((m, n, k), a, b, out, accumulate);
    } else {
        row_product((m, n, k), a, b, out, accumulate);
    }
}

/// Many rows: `b` is packed once, rows of `a` by the tasks that need them.
fn row_product(
    (m, n, k): (usize, usize, usize),
    a: Factor<'_>,
    b: Factor<'_>,
    out: &mut [f32],
    accumulate: bool,
) {
    let steps = k.div_ceil(INNER);
    let mut packed_b = buffer(tiles_of(n) * steps);
    // A pair of tiles of columns each.
    packed_b
        .par_chunks_mut(2 * SIDE * steps)
        .with_min_len(4)
        .enumerate()
        .for_each(|(pair, to)| {
            let start = pair * 2 * SIDE;
            let part = Part {
                outer_start: start,
                outers: (n - start).min(2 * SIDE),
                inner_start: 0,
                inners: k,
            };
            // SAFETY: `check` has made sure that the factor holds all of the part, and `to` holds two runs.
            unsafe {
                pack(
                    b.data.as_ptr(),
                    b.column_stride,
                    b.row_stride,
                    part,
                    true,
                    to.as_mut_ptr(),
                );
            }
        });
    let rows_per_task = ROWS_PER_TASK.min(m.div_ceil(4).next_multiple_of(2 * SIDE));
    out.par_chunks_mut(rows_per_task * n)
        .enumerate()
        .for_each_init(
            || buffer(tiles_of(rows_per_task) * steps),
            |packed_a, (task, out)| {
                let rows = out.len() / n;
                let part = Part {
                    outer_start: task * rows_per_task,
                    outers: rows,
                    inner_start: 0,
                    inners: k,
                };
                // SAFETY: as above; `out` holds `rows` rows of `n`, and tiles are configured before they are used.
                unsafe {
                    pack(
                        a.data.as_ptr(),
                        a.row_stride,
                        a.column_stride,
                        part,
                        false,
                        packed_a.as_mut_ptr(),
                    );
                    let unit = TileUnit::new();
                    multiply(
                        (rows, n),
                        packed_a.as_ptr(),
                        packed_b.as_ptr(),
                        steps,
                        out.as_mut_ptr(),
                        n,
                        accumulate,
                    );
                    drop(unit);
                }
            },
        );
}

/// A long sum: parts of it by different tasks into outputs of their own, which are then added in order.
fn long_product(
    (m, n, k): (usize, usize, usize),
    a: Factor<'_>,
    b: Factor<'_>,
    out: &mut [f32],
    accumulate: bool,
) {
    let per_part = k.div_ceil(LONG_STEP).div_ceil(LONG_PARTS) * LONG_STEP;
    let parts = k.div_ceil(per_part);
    let mut partial = vec![0f32; parts * m * n];
    partial
        .par_chunks_mut(m * n)
        .enumerate()
        .for_each(|(index, partial)| {
            let steps = LONG_STEP / INNER;
            let mut packed_a = buffer(tiles_of(m) * steps);
            let mut packed_b = buffer(tiles_of(n) * steps);
            let end = k.min((index + 1) * per_part);
            let mut start = index * per_part;
            while start < end {
                let inners = (end - start).min(LONG_STEP);
                let part = |outers| Part {
                    outer_start: 0,
                    outers,
                    inner_start: start,
                    inners,
                };
                // SAFETY: as in `row_product`; the packed buffers hold a whole step and a part is never longer.
                unsafe {
                    let (to_a, to_b) = (packed_a.as_mut_ptr(), packed_b.as_mut_ptr());
                    let (from_a, from_b) = (a.data.as_ptr(), b.data.as_ptr());
                    pack(from_a, a.row_stride, a.column_stride, part(m), false, to_a);
                    pack(from_b, b.column_stride, b.row_stride, part(n), true, to_b);
                    let unit = TileUnit::new();
                    multiply(
                        (m, n),
                        to_a,
                        to_b,
                        inners.div_ceil(INNER),
                        partial.as_mut_ptr(),
                        n,
                        start > index * per_part,
                    );
                    drop(unit);
                }
                start += inners;
            }
        });
    let size = m * n;
    out.par_chunks_mut(4096)
        .enumerate()
        .for_each(|(chunk, out)| {
            let start = chunk * 4096;
            if !accumulate {
                out.fill(0.0);
            }
            for part in 0..parts {
                let from = &partial[part * size + start..][..out.len()];
                for (o, p) in out.iter_mut().zip(from) {
                    *o += p;
                }
            }
        });
}
