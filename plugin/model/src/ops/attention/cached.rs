//! Attention of one new frame to the finished ones before it, whose keys and values are kept.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::kernel::prepare_row;
use crate::ops::constants::MASKED_LOGIT;
use crate::ops::key_value::KeyValue;
use crate::ops::rotary::rotary_angles;
use crate::ops::simd::{Lanes, add_scaled, dot, exp, multiversion, padded};
use crate::ops::slices::{floats, with_floats};

/// Inputs of one world's position in [`cached_temporal_attention`](crate::ops::cached_temporal_attention).
struct CachedWorld<'a> {
    keys: Vec<&'a [f32]>,
    values: Vec<&'a [f32]>,
}

pub(super) fn cached_on_cpu(
    qkv: &Tensor,
    q_scale: &Tensor,
    k_scale: &Tensor,
    heads: usize,
    times: &[u64],
    past: &[Vec<&KeyValue>],
) -> Result<(Tensor, Vec<KeyValue>)> {
    let (worlds, positions, packed) = qkv.dims3()?;
    let (width, d) = (packed / 3, packed / 3 / heads);
    let (qkv, q_scale, k_scale) = (
        qkv.contiguous()?,
        q_scale.contiguous()?,
        k_scale.contiguous()?,
    );
    let device = qkv.device().clone();
    let mut out = vec![0f32; worlds * positions * width];
    let mut entries = Vec::with_capacity(worlds);
    for world in 0..worlds {
        let (cos, sin) = rotary_angles(&times[world..=world], d);
        let held: Vec<_> = past[world]
            .iter()
            .map(|e| (e.keys.storage_and_layout(), e.values.storage_and_layout()))
            .collect();
        let mut frames = CachedWorld {
            keys: Vec::with_capacity(held.len()),
            values: Vec::with_capacity(held.len()),
        };
        for ((keys, keys_layout), (values, values_layout)) in &held {
            let (candle_core::Storage::Cpu(keys), candle_core::Storage::Cpu(values)) =
                (&**keys, &**values)
            else {
                candle_core::bail!("expected keys and values on the CPU");
            };
            frames.keys.push(floats(keys, keys_layout)?);
            frames.values.push(floats(values, values_layout)?);
        }
        let mut keys = vec![0f32; positions * width];
        let mut values = vec![0f32; positions * width];
        with_floats([&qkv, &q_scale, &k_scale], |[qkv, q_scale, k_scale]| {
            let mut padded_q = vec![0f32; padded(d)];
            let mut padded_k = vec![0f32; padded(d)];
            for i in 0..d {
                padded_q[i] = q_scale[i] / (d as f32).sqrt();
                padded_k[i] = k_scale[i];
            }
            let qkv = &qkv[world * positions * packed..][..positions * packed];
            let out = &mut out[world * positions * width..][..positions * width];
            // Threads pay off for many frames only.
            let per_task = (16 * 1024 / ((frames.keys.len() + 4) * width)).max(1);
            out.par_chunks_mut(per_task * width)
                .zip(keys.par_chunks_mut(per_task * width))
                .zip(values.par_chunks_mut(per_task * width))
                .zip(qkv.par_chunks(per_task * packed))
                .enumerate()
                .for_each(|(task, (((out, keys), values), qkv))| {
                    let call = CachedCall {
                        first: task * per_task,
                        d,
                        width,
                        frames: &frames,
                        q_scale: &padded_q,
                        k_scale: &padded_k,
                        angles: (&cos, &sin),
                    };
                    // SAFETY: the kernel indexes rows of `width` within these chunks and within the cached frames,
                    // whose shapes were checked.
                    #[allow(unsafe_code)]
                    unsafe {
                        cached_rows(&call, qkv, out, keys, values);
                    }
                });
            Ok(())
        })?;
        entries.push(KeyValue {
            keys: Tensor::from_vec(keys, (positions, width), &device)?,
            values: Tensor::from_vec(values, (positions, width), &device)?,
        });
    }
    Ok((
        Tensor::from_vec(out, (worlds, positions, width), &device)?,
        entries,
    ))
}

/// What [`cached_rows`] needs besides the rows it works on.
struct CachedCall<'a> {
    /// Position of the first row.
    first: usize,
    d: usize,
    width: usize,
    frames: &'a CachedWorld<'a>,
    q_scale: &'a [f32],
    k_scale: &'a [f32],
    angles: (&'a [f32], &'a [f32]),
}

multiversion! {
    #[allow(unsafe_code, unsafe_op_in_unsafe_fn)]
    unsafe fn cached_rows(
        call: &CachedCall<'_>, qkv: &[f32], out: &mut [f32], keys: &mut [f32], values: &mut [f32],
    ) = cached_body
}

#[allow(unsafe_code, unsafe_op_in_unsafe_fn, clippy::inline_always)]
#[inline(always)]
unsafe fn cached_body<L: Lanes>(
    call: &CachedCall<'_>,
    qkv: &[f32],
    out: &mut [f32],
    keys: &mut [f32],
    values: &mut [f32],
) {
    let (d, width) = (call.d, call.width);
    let n = call.q_scale.len();
    let past = call.frames.keys.len();
    let angles = Some((call.angles.0.as_ptr(), call.angles.1.as_ptr()));
    let mut unit = vec![0f32; n];
    let mut query = vec![0f32; n];
    let mut key = vec![0f32; n];
    let mut weights = vec![-MASKED_LOGIT; padded(past + 1)];
    for row in 0..out.len() / width {
        for h in (0..width).step_by(d) {
            let from = qkv.as_ptr().add(row * 3 * width + h);
            let (u, q, k) = (unit.as_mut_ptr(), query.as_mut_ptr(), key.as_mut_ptr());
            prepare_row::<L>(from, d, call.q_scale, angles, u, q);
            prepare_row::<L>(from.add(width), d, call.k_scale, angles, u, k);
            let here = row * width + h;
            keys[here..here + d].copy_from_slice(&key[..d]);
            let own = std::slice::from_raw_parts(from.add(2 * width), d);
            values[here..here + d].copy_from_slice(own);

            let there = (call.first + row) * width + h;
            weights.fill(-MASKED_LOGIT);
            for (weight, frame) in weights.iter_mut().zip(&call.frames.keys) {
                *weight = dot::<L>(q, frame[there..there + d].as_ptr(), d);
            }
            weights[past] = dot::<L>(q, k, d);
            let mut largest = weights[past];
            for weight in &weights[..past] {
                largest = if *weight > largest { *weight } else { largest };
            }
            let mut i = 0;
            while i < weights.len() {
                let place = weights.as_mut_ptr().add(i);
                L::store(place, exp::<L>(L::sub(L::load(place), L::splat(largest))));
                i += L::WIDTH;
            }
            let sum: f32 = weights[..=past].iter().sum();
            let out = out[here..here + d].as_mut_ptr();
            for (weight, frame) in weights.iter().zip(&call.frames.values) {
                add_scaled::<L>(out, frame[there..there + d].as_ptr(), *weight / sum, d);
            }
            add_scaled::<L>(out, own.as_ptr(), weights[past] / sum, d);
        }
    }
}
