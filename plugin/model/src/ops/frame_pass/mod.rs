//! Single frames through a whole stack of spatiotemporal blocks, for play.
//!
//! A frame has few tokens, so that calls, copies and threads that wait for each other would cost more than the arithmetic.
//! Here the weights are packed once, and a task takes some tokens of one world through a block at a time: everything
//! but spatial attention works on each token alone. Tasks meet once per block, where every token needs the keys and
//! values of its whole frame. Results do not depend on how the tokens are shared out.
#![allow(unsafe_code)]

mod kernel;
mod scratch;
mod task;
mod weights;

use rayon::prelude::*;

use self::kernel::section;
use self::scratch::Scratch;
use self::task::{Context, Task};
pub(crate) use self::task::{OwnKeyValue, PassRow};
pub(crate) use self::weights::{PackedBlockWeights, PackedStack};
use super::rotary::rotary_angles;
use super::simd::padded;
use super::slices::SharedPointer;
use crate::preemption::preemption_point;

impl PackedStack {
    /// Frames `x [R, N, D]` through all blocks: the outputs of the rows that want one, in order, and keys and values per
    /// block of the rows that want them.
    ///
    /// # Panics
    /// If `x` or the pasts do not have the sizes above.
    pub(crate) fn pass(
        &self,
        x: &[f32],
        tokens: usize,
        rows: &[PassRow<'_>],
    ) -> (Vec<f32>, Vec<Vec<OwnKeyValue>>) {
        let (width, inner_width) = (self.sizes.width, self.sizes.heads * self.sizes.head_width);
        assert_eq!(x.len(), rows.len() * tokens * width, "rows of frames");
        if let Some((cos, _)) = &self.places {
            assert_eq!(
                2 * cos.len(),
                tokens * self.sizes.head_width,
                "tokens of the grid"
            );
        }
        for row in rows {
            assert_eq!(row.past.len(), self.layers(), "a past for every block");
            let mut frames = row.past.iter().flatten();
            let whole = |v: &[f32]| v.len() == tokens * inner_width;
            assert!(frames.all(|(k, v)| whole(k) && whole(v)), "whole frames");
        }
        let mut tasks = self.share_out(tokens, rows);
        for task in &mut tasks {
            task.load(x, tokens, width);
        }
        let columns = padded(tokens);
        let head = padded(self.sizes.head_width);
        // Written by the tasks of one block while those of the block before may still be read: hence two.
        let mut keys = vec![0f32; 2 * rows.len() * self.sizes.heads * head * columns];
        let mut values = vec![0f32; 2 * rows.len() * self.sizes.heads * tokens * head];
        let mut states: Vec<Vec<OwnKeyValue>> = rows
            .iter()
            .map(|row| {
                let fresh = || vec![0f32; tokens * inner_width];
                let wanted = if row.state { self.layers() } else { 0 };
                (0..wanted).map(|_| (fresh(), fresh())).collect()
            })
            .collect();
        let context = Context {
            stack: self,
            rows,
            angles: rows
                .iter()
                .map(|row| rotary_angles(&[row.time], self.sizes.head_width))
                .collect(),
            tokens,
            columns,
            keys: SharedPointer::new(&mut keys),
            values: SharedPointer::new(&mut values),
            states: states
                .iter_mut()
                .map(|blocks| {
                    blocks
                        .iter_mut()
                        .map(|(k, v)| (SharedPointer::new(k), SharedPointer::new(v)))
                        .collect()
                })
                .collect(),
        };
        for meeting in 0..=self.layers() {
            let work = |task: &mut Task| {
                preemption_point();
                // SAFETY: tasks write their own tokens of the shared buffers only, and read the half that no task writes.
                unsafe { section(&context, task, meeting) };
            };
            if let [task] = tasks.as_mut_slice() {
                work(task);
            } else {
                tasks.par_iter_mut().for_each(work);
            }
        }
        drop(context);
        let mut places = Vec::with_capacity(rows.len());
        let mut outputs = 0;
        for row in rows {
            places.push(outputs);
            outputs += usize::from(row.output);
        }
        let mut out = vec![0f32; outputs * tokens * width];
        for task in tasks {
            for (local, &row) in task.rows.iter().enumerate() {
                if rows[row].output {
                    let from = &task.scratch.x[local * task.padded * width..];
                    let to = (places[row] * tokens + task.first) * width;
                    let len = task.count * width;
                    out[to..to + len].copy_from_slice(&from[..len]);
                }
            }
            self.spare().push(task.scratch);
        }
        states.retain(|blocks| !blocks.is_empty());
        (out, states)
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Scratch>> {
        // Buffers are as good after a panic as before.
        self.spare
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A task takes some tokens of a row and of the rows that come after it.
    fn share_out(&self, tokens: usize, rows: &[PassRow<'_>]) -> Vec<Task> {
        let first: Vec<usize> = (0..rows.len())
            .filter(|&row| rows[row].after.is_none())
            .collect();
        let parts = rayon::current_num_threads().div_ceil(first.len().max(1));
        let share = tokens.div_ceil(parts).next_multiple_of(8);
        let mut tasks = Vec::new();
        for row in first {
            // Rows whose output is not needed come first: the last block need not finish them.
            let mut group = vec![row];
            group.extend((0..rows.len()).filter(|&other| rows[other].after == Some(row)));
            group.sort_by_key(|&row| rows[row].output);
            for start in (0..tokens).step_by(share) {
                let count = share.min(tokens - start);
                let mut scratch = self.spare().pop().unwrap_or_default();
                let padded_count = count.next_multiple_of(8);
                scratch.fit(self.sizes, group.len(), padded_count, padded(tokens));
                tasks.push(Task {
                    after: group
                        .iter()
                        .map(|&row| {
                            let before = rows[row].after?;
                            group.iter().position(|&other| other == before)
                        })
                        .collect(),
                    unfinished: group.iter().filter(|&&row| !rows[row].output).count(),
                    rows: group.clone(),
                    first: start,
                    count,
                    padded: padded_count,
                    scratch,
                });
            }
        }
        tasks
    }
}
