//! Large buffers, written by all threads from the start.
//!
//! New memory costs a page fault for every four kilobytes, and reused memory must be zeroed. Done by one thread while the others
//! wait, that was a sixth of a training step.

use std::mem::MaybeUninit;

use rayon::prelude::*;

/// Elements that one task writes. Smaller buffers are not worth waking the threads for.
const CHUNK: usize = 64 * 1024;

/// `n` zeros.
pub(super) fn zeros(n: usize) -> Vec<f32> {
    written(n, CHUNK, |_, part| part.fill(MaybeUninit::new(0.0)))
}

/// The same values again.
pub(super) fn copied(values: &[f32]) -> Vec<f32> {
    written(values.len(), CHUNK, |start, part| {
        part.write_copy_of_slice(&values[start..][..part.len()]);
    })
}

/// `row`, `times` times over.
pub(super) fn repeated(row: &[f32], times: usize) -> Vec<f32> {
    let width = row.len().max(1);
    let rows_per_chunk = (CHUNK / width).max(1);
    written(row.len() * times, rows_per_chunk * width, |_, part| {
        for part in part.chunks_exact_mut(width) {
            part.write_copy_of_slice(row);
        }
    })
}

/// A buffer of `n` elements, of which `write` writes all parts of `chunk` elements, the last of which may be shorter. It gets
/// each part with the place where it starts.
pub(super) fn written(
    n: usize,
    chunk: usize,
    write: impl Fn(usize, &mut [MaybeUninit<f32>]) + Sync,
) -> Vec<f32> {
    let mut values = Vec::with_capacity(n);
    let places = &mut values.spare_capacity_mut()[..n];
    if n <= chunk {
        write(0, places);
    } else {
        let parts = places.par_chunks_mut(chunk).enumerate();
        parts.for_each(|(i, part)| write(i * chunk, part));
    }
    // SAFETY: there is room for `n`, and the callers above write every element of each part.
    #[allow(unsafe_code)]
    unsafe {
        values.set_len(n);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn buffers_are_what_one_thread_makes(width in 0usize..300, times in 0usize..3000) {
            let row: Vec<f32> = (0..width).map(|i| i as f32 + 0.5).collect();
            let expected = row.repeat(times);
            prop_assert_eq!(&repeated(&row, times), &expected);
            prop_assert_eq!(&copied(&expected), &expected);
            prop_assert_eq!(zeros(expected.len()), vec![0.0; expected.len()]);
        }
    }
}
