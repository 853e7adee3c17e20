//! Matrix products in `bf16` on the tile unit of recent server processors (Intel AMX), summed in `f32`.
//!
//! The tile instructions are written as assembly because their intrinsics are not stable. Operands are packed to `bf16`
//! (rounded to nearest even) in blocks of 16 rows by 32 inner elements; four tiles of the output are kept in tile
//! registers while the inner dimension runs by.
#![allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]

/// One factor: element `(row, column)` at `row * row_stride + column * column_stride`; one of the strides is 1.
#[derive(Clone, Copy)]
pub(super) struct Factor<'a> {
    pub(super) data: &'a [f32],
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

/// Whether this processor and its operating system support tiles, and the level in use permits them.
pub(super) fn available() -> bool {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    {
        use super::level::{SimdLevel, simd_level};
        use std::sync::OnceLock;
        static AVAILABLE: OnceLock<bool> = OnceLock::new();
        *AVAILABLE.get_or_init(|| simd_level() == SimdLevel::Avx512 && tiles::request())
    }
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    false
}

/// `out[m, n] (+)= a[m, k] b[k, n]`, `out` row by row. Only when [`available`].
pub(super) fn product(
    (m, n, k): (usize, usize, usize),
    a: Factor<'_>,
    b: Factor<'_>,
    out: &mut [f32],
    accumulate: bool,
) {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    tiles::product((m, n, k), a, b, out, accumulate);
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    {
        let _ = (m, n, k, a, b, out, accumulate);
        unreachable!("only called when available");
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod tiles {
    #![allow(clippy::wildcard_imports, clippy::needless_range_loop)]

    use std::arch::{asm, x86_64::*};

    use rayon::prelude::*;

    use super::super::simd::x86::transpose_registers;
    use super::Factor;

    /// Rows (or columns of output) of a tile.
    const SIDE: usize = 16;
    /// Inner elements of a tile.
    const INNER: usize = 32;
    /// `bf16` elements of a tile.
    const TILE: usize = SIDE * INNER;
    /// Rows of `a` that one task packs and multiplies.
    const ROWS_PER_TASK: usize = 128;
    /// Inner elements that are packed at a time when the sum is long.
    const LONG_STEP: usize = 512;
    /// A sum is split between at most this many tasks, a number that does not depend on threads.
    const LONG_PARTS: usize = 8;

    /// Whether the processor has the tile unit and the kernel permits its use.
    pub(super) fn request() -> bool {
        let leaf = __cpuid_count(7, 0);
        let bf16 = leaf.edx >> 22 & 1 == 1;
        let tile = leaf.edx >> 24 & 1 == 1;
        if !(bf16
            && tile
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512bf16"))
        {
            return false;
        }
        // arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)
        let result: i64;
        // SAFETY: a system call that reads no memory of ours; it clobbers rcx and r11 as all do.
        unsafe {
            asm!(
                "syscall",
                inlateout("rax") 158i64 => result,
                in("rdi") 0x1023i64,
                in("rsi") 18i64,
                lateout("rcx") _,
                lateout("r11") _,
                options(nostack)
            );
        }
        result == 0
    }

    /// Packed operand: tiles of `u16`, aligned to cache lines.
    #[derive(Clone, Copy)]
    #[repr(C, align(64))]
    struct Line([u16; 32]);

    /// Tiles along a dimension, rounded up to an even number because four are computed at a time.
    fn tiles_of(n: usize) -> usize {
        n.div_ceil(2 * SIDE) * 2
    }

    fn buffer(tiles: usize) -> Vec<Line> {
        vec![Line([0; 32]); tiles * SIDE]
    }

    /// Rounds 32 floats, the low half first.
    #[inline(always)]
    unsafe fn round(low: __m512, high: __m512) -> __m512i {
        std::mem::transmute(_mm512_cvtne2ps_pbh(high, low))
    }

    /// Puts pairs `(a_i, b_i)` side by side: one line of a tile whose inner elements are two rows of the source.
    #[inline(always)]
    unsafe fn interleave(a: __m512, b: __m512) -> __m512i {
        let a = _mm512_cvtepu16_epi32(std::mem::transmute::<__m256bh, __m256i>(
            _mm512_cvtneps_pbh(a),
        ));
        let b = _mm512_cvtepu16_epi32(std::mem::transmute::<__m256bh, __m256i>(
            _mm512_cvtneps_pbh(b),
        ));
        _mm512_or_si512(a, _mm512_slli_epi32::<16>(b))
    }

    /// Loads up to 16 floats, zeros beyond `count`.
    #[inline(always)]
    unsafe fn load(p: *const f32, count: usize) -> __m512 {
        if count >= 16 {
            _mm512_loadu_ps(p)
        } else {
            _mm512_maskz_loadu_ps((1u16 << count) - 1, p)
        }
    }

    /// Packs one tile with `outer` on the 16 side and `inner` on the 32 side, both counted from `source`, and cut off
    /// after `outers` and `inners`. The plain order holds 16 lines of 32 inner elements; the paired order 16 lines of
    /// 16 outer elements, each with two inner elements, which is its transpose in units of pairs.
    #[inline(always)]
    unsafe fn pack_tile(
        source: *const f32,
        inner_stride: usize,
        outer_stride: usize,
        (outers, inners): (usize, usize),
        paired: bool,
        to: *mut Line,
    ) {
        let mut lines = [_mm512_setzero_si512(); SIDE];
        let contiguous_inner = inner_stride == 1;
        if contiguous_inner {
            // One line for each outer element: the plain order.
            for o in 0..SIDE.min(outers) {
                let p = source.add(o * outer_stride);
                let low = load(p, inners.min(16));
                let high = if inners > 16 {
                    load(p.add(16), inners - 16)
                } else {
                    _mm512_setzero_ps()
                };
                lines[o] = round(low, high);
            }
        } else {
            // One line for each pair of inner elements: the paired order.
            for pair in 0..SIDE.min(inners.div_ceil(2)) {
                let p = source.add(2 * pair * inner_stride);
                let first = load(p, outers.min(16));
                let second = if 2 * pair + 1 < inners {
                    load(p.add(inner_stride), outers.min(16))
                } else {
                    _mm512_setzero_ps()
                };
                lines[pair] = interleave(first, second);
            }
        }
        if contiguous_inner == paired {
            lines = transpose_registers(lines);
        }
        for (i, line) in lines.iter().enumerate() {
            _mm512_store_si512(to.add(i).cast(), *line);
        }
    }

    /// What to pack: `outer` elements from `outer_start`, `inner` elements from `inner_start`.
    #[derive(Clone, Copy)]
    struct Part {
        outer_start: usize,
        outers: usize,
        inner_start: usize,
        inners: usize,
    }

    /// Packs the outer tiles of `part`, each a run of its inner tiles.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn pack(
        source: *const f32,
        outer_stride: usize,
        inner_stride: usize,
        part: Part,
        paired: bool,
        to: *mut Line,
    ) {
        let inner_tiles = part.inners.div_ceil(INNER);
        let outer_tiles = tiles_of(part.outers);
        for index in 0..outer_tiles * inner_tiles {
            // Along the source's rows, so that memory is read in order.
            let (tile, inner_tile) = if inner_stride == 1 {
                (index / inner_tiles, index % inner_tiles)
            } else {
                (index % outer_tiles, index / outer_tiles)
            };
            let outer = tile * SIDE;
            let outers = part.outers.saturating_sub(outer).min(SIDE);
            let inner = inner_tile * INNER;
            let inners = (part.inners - inner).min(INNER);
            let place = to.add((tile * inner_tiles + inner_tile) * SIDE);
            // An outer tile beyond the end stays zero, and its address is never formed.
            let source = if outers == 0 {
                source
            } else {
                source.add(
                    (part.outer_start + outer) * outer_stride
                        + (part.inner_start + inner) * inner_stride,
                )
            };
            pack_tile(
                source,
                inner_stride,
                outer_stride,
                (outers, inners),
                paired,
                place,
            );
        }
    }

    /// The layout of the tile registers: eight of 16 lines of 64 bytes.
    #[repr(C, align(64))]
    struct TileConfig {
        palette: u8,
        start_row: u8,
        reserved: [u8; 14],
        line_bytes: [u16; 16],
        lines: [u8; 16],
    }

    static CONFIG: TileConfig = TileConfig {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        line_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
        lines: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
    };

    /// Holds the tile unit of this thread configured.
    struct TileUnit;

    impl TileUnit {
        unsafe fn new() -> Self {
            asm!("ldtilecfg [{}]", in(reg) &raw const CONFIG, options(nostack, readonly));
            Self
        }
    }

    impl Drop for TileUnit {
        fn drop(&mut self) {
            // SAFETY: the unit is configured for as long as `self` lives.
            unsafe { asm!("tilerelease", options(nostack, nomem)) };
        }
    }

    /// A 32 x 32 block of output from two runs of `steps` tiles of each operand.
    #[inline(always)]
    unsafe fn four_tiles(
        a: *const Line,
        b: *const Line,
        steps: usize,
        out: *mut f32,
        out_stride: usize,
        accumulate: bool,
    ) {
        let run = steps * SIDE;
        let below = out.add(SIDE * out_stride);
        let stride = out_stride * 4;
        if accumulate {
            asm!(
                "tileloadd tmm0, [{o0} + {s}*1]",
                "tileloadd tmm1, [{o0} + {s}*1 + 64]",
                "tileloadd tmm2, [{o1} + {s}*1]",
                "tileloadd tmm3, [{o1} + {s}*1 + 64]",
                o0 = in(reg) out, o1 = in(reg) below, s = in(reg) stride,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                options(nostack, readonly)
            );
        } else {
            asm!(
                "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                options(nostack, nomem)
            );
        }
        // The tile registers live across these blocks: the compiler never uses them itself.
        asm!(
            "2:",
            "tileloadd tmm4, [{a0} + {s}*1]",
            "tileloadd tmm6, [{b0} + {s}*1]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{b1} + {s}*1]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{a1} + {s}*1]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {a0}, 1024",
            "add {a1}, 1024",
            "add {b0}, 1024",
            "add {b1}, 1024",
            "dec {n}",
            "jnz 2b",
            a0 = inout(reg) a => _, a1 = inout(reg) a.add(run) => _,
            b0 = inout(reg) b => _, b1 = inout(reg) b.add(run) => _,
            n = inout(reg) steps => _, s = in(reg) 64usize,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack, readonly)
        );
        asm!(
            "tilestored [{o0} + {s}*1], tmm0",
            "tilestored [{o0} + {s}*1 + 64], tmm1",
            "tilestored [{o1} + {s}*1], tmm2",
            "tilestored [{o1} + {s}*1 + 64], tmm3",
            o0 = in(reg) out, o1 = in(reg) below, s = in(reg) stride,
            options(nostack)
        );
    }

    /// `out[m, n] (+)= a b` from packed operands with `steps` inner tiles.
    unsafe fn multiply(
        (m, n): (usize, usize),
        a: *const Line,
        b: *const Line,
        steps: usize,
        out: *mut f32,
        out_stride: usize,
        accumulate: bool,
    ) {
        let run = steps * SIDE;
        let mut edge = [0f32; 4 * SIDE * SIDE];
        for row in (0..m).step_by(2 * SIDE) {
            for column in (0..n).step_by(2 * SIDE) {
                let a = a.add(row / SIDE * run);
                let b = b.add(column / SIDE * run);
                let (rows, columns) = ((m - row).min(2 * SIDE), (n - column).min(2 * SIDE));
                let place = out.add(row * out_stride + column);
                if rows == 2 * SIDE && columns == 2 * SIDE {
                    four_tiles(a, b, steps, place, out_stride, accumulate);
                    continue;
                }
                four_tiles(a, b, steps, edge.as_mut_ptr(), 2 * SIDE, false);
                for r in 0..rows {
                    for c in 0..columns {
                        let place = place.add(r * out_stride + c);
                        let v = edge[r * 2 * SIDE + c];
                        *place = if accumulate { *place + v } else { v };
                    }
                }
            }
        }
    }

    fn check((m, n, k): (usize, usize, usize), a: Factor<'_>, b: Factor<'_>, out: &[f32]) {
        let last = |f: Factor<'_>, rows: usize, columns: usize| {
            (rows - 1) * f.row_stride + (columns - 1) * f.column_stride
        };
        assert!(
            last(a, m, k) < a.data.len() && last(b, k, n) < b.data.len() && out.len() == m * n,
            "factors hold what their shapes say"
        );
        assert!(
            (a.row_stride == 1 || a.column_stride == 1)
                && (b.row_stride == 1 || b.column_stride == 1),
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

    const _: () = assert!(size_of::<Line>() * SIDE == TILE * 2);
}
