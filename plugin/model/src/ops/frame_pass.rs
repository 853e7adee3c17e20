//! Single frames through a whole stack of spatiotemporal blocks, for play.
//!
//! A frame has few tokens, so that calls, copies and threads that wait for each other would cost more than the arithmetic.
//! Here the weights are packed once, and a task takes some tokens of one world through a block at a time: everything
//! but spatial attention works on each token alone. Tasks meet once per block, where every token needs the keys and
//! values of its whole frame. Results do not depend on how the tokens are shared out.
#![allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]

use std::sync::Mutex;

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::attention::prepare_row;
use super::constants::MASKED_LOGIT;
use super::packed::{PackedWeight, normalise_rows, packable};
use super::rotary::{TokenGrid, rotary_angles};
use super::simd::{Lanes, Strided, add_scaled, dot, exp, multiversion, padded, product};
use super::slices::SharedPointer;
use super::sublayer::{AttentionWeights, FeedForwardWeights};
use crate::preemption::preemption_point;

/// The weights of one block, as they are before packing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackedBlockWeights<'a> {
    pub(crate) spatial: &'a AttentionWeights,
    pub(crate) temporal: &'a AttentionWeights,
    pub(crate) feed_forward: &'a FeedForwardWeights,
}

/// A stack of blocks with packed weights.
#[derive(Debug)]
pub(crate) struct PackedStack {
    blocks: Vec<Block>,
    heads: usize,
    head_width: usize,
    width: usize,
    hidden: usize,
    /// Cosines and sines `[N, d / 2]` of the tokens' places, where spatial attention knows them.
    places: Option<(Vec<f32>, Vec<f32>)>,
    /// Memory of tasks that are done, for those to come.
    spare: Mutex<Vec<Scratch>>,
}

#[derive(Debug)]
struct Block {
    spatial: Attention,
    temporal: Attention,
    up: PackedWeight,
    down: PackedWeight,
}

#[derive(Debug)]
struct Attention {
    qkv: PackedWeight,
    out: PackedWeight,
    /// Padded to whole vectors; that of the queries divided by the root of the head width, which scales the logits.
    q_scale: Vec<f32>,
    k_scale: Vec<f32>,
}

/// One frame in a pass.
#[derive(Clone, Debug)]
pub(crate) struct PassRow<'a> {
    /// Index of the frame in its world.
    pub(crate) time: u64,
    /// Per block, keys and values `[N, I]` of the finished frames that this one sees, oldest first.
    pub(crate) past: Vec<Vec<(&'a [f32], &'a [f32])>>,
    /// The row of this pass that holds the frame just before this one, if it is seen.
    pub(crate) after: Option<usize>,
    /// Whether the frame's own keys and values are wanted.
    pub(crate) state: bool,
    /// Whether its output is wanted.
    pub(crate) output: bool,
}

/// Keys and values `[N, I]` of one frame in one block.
pub(crate) type OwnKeyValue = (Vec<f32>, Vec<f32>);

impl Attention {
    fn new(weights: &AttentionWeights) -> Result<Self> {
        let scale = |scale: &Tensor, root: f32| -> Result<Vec<f32>> {
            let mut scale = scale.to_vec1::<f32>()?;
            for v in &mut scale {
                *v /= root;
            }
            scale.resize(padded(scale.len()), 0.0);
            Ok(scale)
        };
        let root = (weights.q_scale.elem_count() as f32).sqrt();
        Ok(Self {
            qkv: PackedWeight::new(&weights.qkv, Some(&weights.norm))?,
            out: PackedWeight::new(&weights.out, None)?,
            q_scale: scale(&weights.q_scale, root)?,
            k_scale: scale(&weights.k_scale, 1.0)?,
        })
    }
}

impl PackedStack {
    /// Packs blocks of `heads` heads each. `None` where the weights are trained, not on the CPU, or there are no blocks.
    ///
    /// # Errors
    /// When shapes do not match.
    pub(crate) fn new<'a>(
        blocks: impl Iterator<Item = PackedBlockWeights<'a>>,
        heads: usize,
        grid: Option<TokenGrid>,
    ) -> Result<Option<Self>> {
        let mut packed = Vec::new();
        let (mut head_width, mut width, mut hidden) = (0, 0, 0);
        for block in blocks {
            let ff = block.feed_forward;
            for w in [block.spatial, block.temporal] {
                if !packable(&[&w.norm, &w.qkv, &w.q_scale, &w.k_scale, &w.out]) {
                    return Ok(None);
                }
            }
            if !packable(&[&ff.norm, &ff.up, &ff.down]) {
                return Ok(None);
            }
            head_width = block.spatial.q_scale.elem_count();
            (hidden, width) = ff.up.dims2()?;
            packed.push(Block {
                spatial: Attention::new(block.spatial)?,
                temporal: Attention::new(block.temporal)?,
                up: PackedWeight::new(&ff.up, Some(&ff.norm))?,
                down: PackedWeight::new(&ff.down, None)?,
            });
        }
        Ok((!packed.is_empty()).then_some(Self {
            blocks: packed,
            heads,
            head_width,
            width,
            hidden,
            places: grid.map(|grid| grid.angles(head_width)),
            spare: Mutex::default(),
        }))
    }

    /// Number of blocks.
    pub(crate) fn layers(&self) -> usize {
        self.blocks.len()
    }

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
        let (width, inner_width) = (self.width, self.heads * self.head_width);
        assert_eq!(x.len(), rows.len() * tokens * width, "rows of frames");
        if let Some((cos, _)) = &self.places {
            assert_eq!(
                2 * cos.len(),
                tokens * self.head_width,
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
        let head = padded(self.head_width);
        // Written by the tasks of one block while those of the block before may still be read: hence two.
        let mut keys = vec![0f32; 2 * rows.len() * self.heads * head * columns];
        let mut values = vec![0f32; 2 * rows.len() * self.heads * tokens * head];
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
                .map(|row| rotary_angles(&[row.time], self.head_width))
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
                scratch.fit(self, group.len(), padded_count, padded(tokens));
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

/// What all tasks of a pass share.
struct Context<'a> {
    stack: &'a PackedStack,
    rows: &'a [PassRow<'a>],
    /// Per row, cosines and sines of its time.
    angles: Vec<(Vec<f32>, Vec<f32>)>,
    tokens: usize,
    /// Tokens, padded to whole vectors.
    columns: usize,
    /// Spatial keys, turned: `[2, R, heads, padded head, columns]`.
    keys: SharedPointer,
    /// Spatial values: `[2, R, heads, tokens, padded head]`.
    values: SharedPointer,
    /// Per row and block, temporal keys and values `[N, I]`.
    states: Vec<Vec<(SharedPointer, SharedPointer)>>,
}

/// Tokens `first .. first + count` of the rows `rows`.
struct Task {
    rows: Vec<usize>,
    /// For each row, where in `rows` the frame before it is.
    after: Vec<Option<usize>>,
    /// Number of rows, at the start, whose output is not wanted.
    unfinished: usize,
    first: usize,
    count: usize,
    /// `count`, padded to what the kernels want; the tokens beyond are zeros.
    padded: usize,
    scratch: Scratch,
}

/// Memory of a task, row by row of `rows`, each of `padded` tokens.
#[derive(Debug, Default)]
struct Scratch {
    x: Vec<f32>,
    normed: Vec<f32>,
    qkv: Vec<f32>,
    /// Spatial queries `[rows, heads, padded, padded head]`.
    queries: Vec<f32>,
    mixed: Vec<f32>,
    hidden: Vec<f32>,
    /// `[padded, columns]`.
    weights: Vec<f32>,
    /// `[padded, padded head]`.
    head: Vec<f32>,
    /// Two rows of a head.
    pair: Vec<f32>,
    logits: Vec<f32>,
}

impl Scratch {
    fn fit(&mut self, stack: &PackedStack, rows: usize, count: usize, columns: usize) {
        let inner_width = stack.heads * stack.head_width;
        let head = padded(stack.head_width);
        let tokens = rows * count;
        for (buffer, len) in [
            (&mut self.x, tokens * stack.width),
            (&mut self.normed, tokens * stack.width),
            (&mut self.qkv, tokens * 3 * inner_width),
            (&mut self.queries, tokens * stack.heads * head),
            (&mut self.mixed, tokens * inner_width),
            (&mut self.hidden, tokens * stack.hidden),
            (&mut self.weights, count * columns),
            (&mut self.head, count * head),
            (&mut self.pair, 2 * head),
        ] {
            buffer.clear();
            buffer.resize(len, 0.0);
        }
    }
}

impl Task {
    fn load(&mut self, x: &[f32], tokens: usize, width: usize) {
        for (local, &row) in self.rows.iter().enumerate() {
            let from = &x[(row * tokens + self.first) * width..][..self.count * width];
            self.scratch.x[local * self.padded * width..][..from.len()].copy_from_slice(from);
        }
    }
}

multiversion! {
    unsafe fn section(context: &Context<'_>, task: &mut Task, meeting: usize) = section_body
}

/// What lies between two meetings: the rest of the block before, and the spatial keys and values of the block after.
#[inline(always)]
unsafe fn section_body<L: Lanes>(context: &Context<'_>, task: &mut Task, meeting: usize) {
    if meeting > 0 {
        mix_frame::<L>(context, task, meeting - 1);
        mix_time::<L>(context, task, meeting - 1);
        feed_forward::<L>(context, task, meeting - 1);
    }
    if meeting < context.stack.layers() {
        offer_frame::<L>(context, task, meeting);
    }
}

/// Where a row's spatial keys, and values, of a block lie.
#[inline(always)]
unsafe fn shared(context: &Context<'_>, block: usize, row: usize) -> (*mut f32, *mut f32) {
    let (heads, head) = (context.stack.heads, padded(context.stack.head_width));
    let place = (block % 2) * context.rows.len() + row;
    (
        context
            .keys
            .get()
            .add(place * heads * head * context.columns),
        context
            .values
            .get()
            .add(place * heads * context.tokens * head),
    )
}

/// Spatial queries, which stay here, and keys and values, which the whole frame sees.
#[inline(always)]
unsafe fn offer_frame<L: Lanes>(context: &Context<'_>, task: &mut Task, block: usize) {
    let stack = context.stack;
    let (heads, d, head) = (stack.heads, stack.head_width, padded(stack.head_width));
    let (inner_width, columns) = (heads * d, context.columns);
    let weights = &stack.blocks[block].spatial;
    let s = &mut task.scratch;
    normalise_rows::<L>(&s.x, stack.width, &mut s.normed);
    weights.qkv.multiply::<L>(&s.normed, &mut s.qkv, false);
    let (unit, ready) = (s.pair.as_mut_ptr(), s.pair.as_mut_ptr().add(head));
    for (local, &row) in task.rows.iter().enumerate() {
        let (keys, values) = shared(context, block, row);
        for t in 0..task.count {
            let token = task.first + t;
            let from = s
                .qkv
                .as_ptr()
                .add((local * task.padded + t) * 3 * inner_width);
            let angles = stack.places.as_ref().map(|(cos, sin)| {
                let at = token * (d / 2);
                (cos[at..].as_ptr(), sin[at..].as_ptr())
            });
            for h in 0..heads {
                let from = from.add(h * d);
                let query = ((local * heads + h) * task.padded + t) * head;
                let query = s.queries.as_mut_ptr().add(query);
                prepare_row::<L>(from, d, &weights.q_scale, angles, unit, query);
                prepare_row::<L>(
                    from.add(inner_width),
                    d,
                    &weights.k_scale,
                    angles,
                    unit,
                    ready,
                );
                let keys = keys.add(h * head * columns + token);
                for i in 0..d {
                    *keys.add(i * columns) = *ready.add(i);
                }
                let value = values.add((h * context.tokens + token) * head);
                std::ptr::copy_nonoverlapping(from.add(2 * inner_width), value, d);
            }
        }
    }
}

/// Spatial attention and its projection back.
#[inline(always)]
unsafe fn mix_frame<L: Lanes>(context: &Context<'_>, task: &mut Task, block: usize) {
    let stack = context.stack;
    let (heads, d, head) = (stack.heads, stack.head_width, padded(stack.head_width));
    let (inner_width, columns, tokens) = (heads * d, context.columns, context.tokens);
    let s = &mut task.scratch;
    for (local, &row) in task.rows.iter().enumerate() {
        let (keys, values) = shared(context, block, row);
        for h in 0..heads {
            let queries = Strided {
                data: s
                    .queries
                    .as_ptr()
                    .add((local * heads + h) * task.padded * head),
                row_stride: head,
                column_stride: 1,
            };
            let weights = s.weights.as_mut_ptr();
            let shape = (task.padded, columns, d);
            let keys = keys.add(h * head * columns);
            product::<L>(shape, queries, keys, columns, weights, columns, false);
            let seen = Strided {
                data: weights,
                row_stride: columns,
                column_stride: 1,
            };
            let mut inverse = [0f32; 8];
            let values = values.add(h * tokens * head);
            let out = s.head.as_mut_ptr();
            for t in (0..task.count).step_by(8) {
                for (i, inverse) in inverse.iter_mut().enumerate() {
                    *inverse = exponentials::<L>(weights.add((t + i) * columns), tokens, columns);
                }
                let (seen, out) = (
                    Strided {
                        data: seen.data.add(t * columns),
                        ..seen
                    },
                    out.add(t * head),
                );
                product::<L>((8, head, tokens), seen, values, head, out, head, false);
                for (i, inverse) in inverse.iter().take(task.count - t).enumerate() {
                    let to = (local * task.padded + t + i) * inner_width + h * d;
                    let (from, to) = (out.add(i * head), s.mixed.as_mut_ptr().add(to));
                    for j in 0..d {
                        *to.add(j) = *from.add(j) * inverse;
                    }
                }
            }
        }
    }
    let out = &stack.blocks[block].spatial.out;
    out.multiply::<L>(&s.mixed, &mut s.x, true);
}

/// Logits to their exponentials, zero beyond the last token; returns the inverse of their sum.
#[inline(always)]
unsafe fn exponentials<L: Lanes>(row: *mut f32, tokens: usize, columns: usize) -> f32 {
    for i in tokens..columns {
        *row.add(i) = -MASKED_LOGIT;
    }
    let mut largest = L::splat(-MASKED_LOGIT);
    for i in (0..columns).step_by(L::WIDTH) {
        largest = L::max(largest, L::load(row.add(i)));
    }
    let largest = L::splat(L::largest(largest));
    let mut sum = L::splat(0.0);
    for i in (0..columns).step_by(L::WIDTH) {
        let e = exp::<L>(L::sub(L::load(row.add(i)), largest));
        L::store(row.add(i), e);
        sum = L::add(sum, e);
    }
    // What lies beyond the last token adds less than the sum can show.
    1.0 / L::sum(sum)
}

/// Attention of each token to its own past, and its projection back. In the last block, rows whose output is not needed
/// only leave their keys and values.
#[inline(always)]
unsafe fn mix_time<L: Lanes>(context: &Context<'_>, task: &mut Task, block: usize) {
    let stack = context.stack;
    let (heads, d, head) = (stack.heads, stack.head_width, padded(stack.head_width));
    let inner_width = heads * d;
    let weights = &stack.blocks[block].temporal;
    let s = &mut task.scratch;
    normalise_rows::<L>(&s.x, stack.width, &mut s.normed);
    weights.qkv.multiply::<L>(&s.normed, &mut s.qkv, false);
    let (unit, ready) = (s.pair.as_mut_ptr(), s.pair.as_mut_ptr().add(head));
    let row_of = |local: usize, t: usize| (local * task.padded + t) * 3 * inner_width;
    for (local, &row) in task.rows.iter().enumerate() {
        let (cos, sin) = &context.angles[row];
        let angles = Some((cos.as_ptr(), sin.as_ptr()));
        let state = context.states[row].get(block);
        for t in 0..task.count {
            let from = s.qkv.as_mut_ptr().add(row_of(local, t));
            for h in 0..heads {
                for (part, scale) in [&weights.q_scale, &weights.k_scale].into_iter().enumerate() {
                    let at = from.add(part * inner_width + h * d);
                    prepare_row::<L>(at, d, scale, angles, unit, ready);
                    std::ptr::copy_nonoverlapping(ready, at, d);
                }
            }
            if let Some((keys, values)) = state {
                let to = (task.first + t) * inner_width;
                let (keys, values) = (keys.get().add(to), values.get().add(to));
                let key = from.add(inner_width);
                std::ptr::copy_nonoverlapping(key, keys, inner_width);
                std::ptr::copy_nonoverlapping(key.add(inner_width), values, inner_width);
            }
        }
    }
    let first = first_row(context, task, block);
    let s = &mut task.scratch;
    for (local, &row) in task.rows.iter().enumerate().skip(first) {
        let past = &context.rows[row].past[block];
        let seen = past.len() + usize::from(task.after[local].is_some()) + 1;
        s.logits.clear();
        s.logits.resize(padded(seen), -MASKED_LOGIT);
        for t in 0..task.count {
            let own = s.qkv.as_ptr().add(row_of(local, t));
            let there = (task.first + t) * inner_width;
            let fresh = task.after[local].map(|before| s.qkv.as_ptr().add(row_of(before, t)));
            for h in 0..heads {
                let query = own.add(h * d);
                // Keys and values of the frames seen, oldest first.
                let frames = past.iter().map(|(keys, values)| {
                    let at = there + h * d;
                    (keys.as_ptr().add(at), values.as_ptr().add(at))
                });
                let newest = fresh.into_iter().chain([own]).map(|qkv| {
                    let key = qkv.add(inner_width + h * d);
                    (key, key.add(inner_width))
                });
                let logits = s.logits.as_mut_ptr();
                let mut largest = -MASKED_LOGIT;
                for (i, (key, _)) in frames.clone().chain(newest.clone()).enumerate() {
                    let logit = dot::<L>(query, key, d);
                    *logits.add(i) = logit;
                    largest = if logit > largest { logit } else { largest };
                }
                let mut sums = L::splat(0.0);
                for i in (0..s.logits.len()).step_by(L::WIDTH) {
                    let e = exp::<L>(L::sub(L::load(logits.add(i)), L::splat(largest)));
                    L::store(logits.add(i), e);
                    sums = L::add(sums, e);
                }
                let inverse = 1.0 / L::sum(sums);
                let to = (local * task.padded + t) * inner_width + h * d;
                let to = &mut s.mixed[to..to + d];
                to.fill(0.0);
                for (i, (_, value)) in frames.chain(newest).enumerate() {
                    add_scaled::<L>(to.as_mut_ptr(), value, *logits.add(i) * inverse, d);
                }
                for i in seen..s.logits.len() {
                    *logits.add(i) = -MASKED_LOGIT;
                }
            }
        }
    }
    let from = first * task.padded;
    weights.out.multiply::<L>(
        &s.mixed[from * inner_width..],
        &mut s.x[from * stack.width..],
        true,
    );
}

/// The feed-forward branch.
#[inline(always)]
unsafe fn feed_forward<L: Lanes>(context: &Context<'_>, task: &mut Task, block: usize) {
    let stack = context.stack;
    let from = first_row(context, task, block) * task.padded;
    let s = &mut task.scratch;
    let x = &mut s.x[from * stack.width..];
    let normed = &mut s.normed[from * stack.width..];
    let hidden = &mut s.hidden[from * stack.hidden..];
    normalise_rows::<L>(x, stack.width, normed);
    let block = &stack.blocks[block];
    block.up.multiply::<L>(normed, hidden, false);
    let whole = hidden.len() / L::WIDTH * L::WIDTH;
    for i in (0..whole).step_by(L::WIDTH) {
        let place = hidden.as_mut_ptr().add(i);
        let v = L::max(L::load(place), L::splat(0.0));
        L::store(place, L::mul(v, v));
    }
    for v in &mut hidden[whole..] {
        *v = v.max(0.0) * v.max(0.0);
    }
    block.down.multiply::<L>(hidden, x, true);
}

/// First of the task's rows that goes through the second half of a block.
#[inline(always)]
fn first_row(context: &Context<'_>, task: &Task, block: usize) -> usize {
    if block + 1 == context.stack.layers() {
        task.unfinished
    } else {
        0
    }
}
