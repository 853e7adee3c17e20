//! Operands packed to `bf16` tiles.
#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    clippy::inline_always,
    clippy::wildcard_imports,
    clippy::needless_range_loop
)]

use std::arch::x86_64::*;

use crate::ops::simd::x86::transpose_registers;

/// Rows (or columns of output) of a tile.
pub(super) const SIDE: usize = 16;
/// Inner elements of a tile.
pub(super) const INNER: usize = 32;
/// `bf16` elements of a tile.
const TILE: usize = SIDE * INNER;

const _: () = assert!(size_of::<Line>() * SIDE == TILE * 2);

/// Packed operand: tiles of `u16`, aligned to cache lines.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line([u16; 32]);

/// Tiles along a dimension, rounded up to an even number because four are computed at a time.
pub(super) fn tiles_of(n: usize) -> usize {
    n.div_ceil(2 * SIDE) * 2
}

pub(super) fn buffer(tiles: usize) -> Vec<Line> {
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
pub(super) struct Part {
    pub(super) outer_start: usize,
    pub(super) outers: usize,
    pub(super) inner_start: usize,
    pub(super) inners: usize,
}

/// Packs the outer tiles of `part`, each a run of its inner tiles.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) unsafe fn pack(
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
