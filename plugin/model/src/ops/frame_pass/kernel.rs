//! The arithmetic of a task.
#![allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]

use super::task::{Context, Task};
use crate::ops::attention::prepare_row;
use crate::ops::constants::MASKED_LOGIT;
use crate::ops::packed::normalise_rows;
use crate::ops::simd::{Lanes, Strided, add_scaled, dot, exp, multiversion, padded, product};

multiversion! {
    pub(super) unsafe fn section(context: &Context<'_>, task: &mut Task, meeting: usize) = section_body
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
    let (heads, head) = (
        context.stack.sizes.heads,
        padded(context.stack.sizes.head_width),
    );
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
    let (heads, d, head) = (
        stack.sizes.heads,
        stack.sizes.head_width,
        padded(stack.sizes.head_width),
    );
    let (inner_width, columns) = (heads * d, context.columns);
    let weights = &stack.blocks[block].spatial;
    let s = &mut task.scratch;
    normalise_rows::<L>(&s.x, stack.sizes.width, &mut s.normed);
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
    let (heads, d, head) = (
        stack.sizes.heads,
        stack.sizes.head_width,
        padded(stack.sizes.head_width),
    );
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
    let (heads, d, head) = (
        stack.sizes.heads,
        stack.sizes.head_width,
        padded(stack.sizes.head_width),
    );
    let inner_width = heads * d;
    let weights = &stack.blocks[block].temporal;
    let s = &mut task.scratch;
    normalise_rows::<L>(&s.x, stack.sizes.width, &mut s.normed);
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
        &mut s.x[from * stack.sizes.width..],
        true,
    );
}

/// The feed-forward branch.
#[inline(always)]
unsafe fn feed_forward<L: Lanes>(context: &Context<'_>, task: &mut Task, block: usize) {
    let stack = context.stack;
    let from = first_row(context, task, block) * task.padded;
    let s = &mut task.scratch;
    let x = &mut s.x[from * stack.sizes.width..];
    let normed = &mut s.normed[from * stack.sizes.width..];
    let hidden = &mut s.hidden[from * stack.sizes.hidden..];
    normalise_rows::<L>(x, stack.sizes.width, normed);
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
