//! The allocator of programs that train.
//!
//! A training step allocates and frees hundreds of megabytes in large buffers. [`Allocator`] does that faster than most, but gives memory
//! back to the system after a second, and the system fills what it hands out with zeros: that was a fifth of a step.

use std::ffi::{c_int, c_long};

pub use mimalloc::MiMalloc as Allocator;

/// `mi_option_purge_delay` of its second and third version.
const PURGE_DELAY: c_int = 15;
/// How long freed memory is kept: over a step of a model that the machine suits.
const MILLISECONDS: c_long = 10_000;

/// Has [`Allocator`] keep freed memory from one step to the next, unless the environment variable `MIMALLOC_PURGE_DELAY` says otherwise. For
/// programs that have it as their global allocator, at their beginning.
pub fn keep_freed_memory() {
    if std::env::var_os("MIMALLOC_PURGE_DELAY").is_some() {
        return;
    }
    #[allow(unsafe_code)]
    // SAFETY: the function is a part of the allocator that is linked above, takes any value, and ignores options that it does not know.
    unsafe {
        mi_option_set(PURGE_DELAY, MILLISECONDS);
    }
}

#[allow(unsafe_code)]
unsafe extern "C" {
    fn mi_option_set(option: c_int, value: c_long);
}
