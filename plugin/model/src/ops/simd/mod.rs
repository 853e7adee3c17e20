//! Vector arithmetic written once and compiled for each instruction set, chosen when the program runs.
//!
//! A kernel is an `#[inline(always)]` function generic over [`Lanes`]; [`multiversion!`] wraps it in functions that
//! turn AVX-512 or AVX2 on. Everything here is `unsafe` for one reason: pointers must be good for the lanes that are
//! read or written, and the instruction set must be there, which the wrapper has checked.
#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    clippy::inline_always,
    clippy::needless_range_loop,
    clippy::wildcard_imports,
    clippy::missing_safety_doc
)]

mod arithmetic;
mod lanes;
mod portable;
#[cfg(target_arch = "x86_64")]
pub(super) mod x86;

pub(super) use arithmetic::{Strided, add_scaled, dot, exp, product};
pub(super) use lanes::{Lanes, PAD, padded};
pub(super) use portable::Portable;

/// Defines `fn $name` that runs the generic `$body` with the [`Lanes`] of the level in use.
macro_rules! multiversion {
    ($(#[$meta:meta])* $visible:vis unsafe fn $name:ident($($arg:ident: $ty:ty),* $(,)?) = $body:ident) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $visible unsafe fn $name($($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                unsafe fn wide($($arg: $ty),*) {
                    $body::<$crate::ops::simd::x86::Avx512>($($arg),*);
                }
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                unsafe fn middle($($arg: $ty),*) {
                    $body::<$crate::ops::simd::x86::Avx2>($($arg),*);
                }
                match $crate::ops::level::simd_level() {
                    $crate::ops::level::SimdLevel::Avx512 => return wide($($arg),*),
                    $crate::ops::level::SimdLevel::Avx2 => return middle($($arg),*),
                    $crate::ops::level::SimdLevel::Portable => {}
                }
            }
            $body::<$crate::ops::simd::Portable>($($arg),*);
        }
    };
}
pub(super) use multiversion;
