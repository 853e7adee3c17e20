//! The tile unit of a processor.
#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    clippy::inline_always,
    clippy::wildcard_imports,
    clippy::needless_range_loop
)]

use std::arch::{asm, x86_64::*};

use super::packing::{Line, SIDE};

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
pub(super) struct TileUnit;

impl TileUnit {
    pub(super) unsafe fn new() -> Self {
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
pub(super) unsafe fn multiply(
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
