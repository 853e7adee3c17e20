//! The time of each part of a cached frame.

use std::time::Instant;

use candle_core::Tensor;
use genie_model::{
    Error, SamplerSettings, StreamRow, TransformerCache, Wanted, WorldModel, frames_to_patches,
    median, patches_to_frames,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::peak::Peak;
use super::recomputed::sample;
use super::steady_play::History;
use genie_training::plan::Operations;

/// Milliseconds of each part of a step of all worlds together; medians.
#[derive(Debug, Clone, Copy, Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the names of the JSON say the unit"
)]
pub(super) struct PartTimes {
    /// The tokenizer's encoder on a new prompt; once per world, not per frame.
    pub(super) encode_ms: f64,
    /// The dynamics pass that finishes the last frame and starts the next one; once per frame.
    pub(super) first_pass_ms: f64,
    /// A dynamics pass over the frame's tokens alone; once per further `MaskGIT` step.
    pub(super) further_pass_ms: f64,
    /// What finishing the last frame would cost as a pass of its own.
    pub(super) clean_pass_ms: f64,
    /// Logits and the choice of tokens; once per `MaskGIT` step.
    pub(super) sampling_ms: f64,
    /// The tokenizer's decoder and the pixels; once per frame.
    pub(super) decode_ms: f64,
}

/// Share of the peak that each part reaches; sampling is hardly arithmetic.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct PartShares {
    pub(super) encode: f64,
    pub(super) first_pass: f64,
    pub(super) further_pass: f64,
    pub(super) clean_pass: f64,
    pub(super) decode: f64,
}

impl PartTimes {
    /// The parts of `worlds` worlds beside the peak.
    pub(super) fn shares(&self, worlds: usize, operations: &Operations, peak: &Peak) -> PartShares {
        let share = |operations, milliseconds| peak.share(worlds as f64 * operations, milliseconds);
        PartShares {
            encode: share(operations.encode, self.encode_ms),
            first_pass: share(operations.first_pass, self.first_pass_ms),
            further_pass: share(operations.further_pass, self.further_pass_ms),
            clean_pass: share(operations.clean_pass, self.clean_pass_ms),
            decode: share(operations.decode, self.decode_ms),
        }
    }
}

/// Repetitions of each part, after one that is not counted.
const REPETITIONS: usize = 9;

fn time(mut part: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    part()?;
    let mut seconds = Vec::with_capacity(REPETITIONS);
    for _ in 0..REPETITIONS {
        let begun = Instant::now();
        part()?;
        seconds.push(begun.elapsed().as_secs_f64());
    }
    Ok(1e3 * median(seconds).unwrap_or(0.0))
}

/// Times every part for worlds with this past.
pub(super) fn measure(
    world: &WorldModel,
    history: &History,
    sampler: &SamplerSettings,
) -> Result<PartTimes, Error> {
    let config = world.config();
    let (height, width) = (config.frame_height, config.frame_width);
    let patch = config.tokenizer.patch;
    let (dynamics, tokenizer) = (world.dynamics(), world.tokenizer());
    let embeddings = world.token_embeddings();
    let (worlds, codes) = (history.tokens.len(), config.codes_per_frame());
    let frames = history.tokens[0].len();
    let ids_at = |frame: usize| -> Result<Tensor, Error> {
        let ids: Vec<u32> = history
            .tokens
            .iter()
            .flat_map(|past| past[frame].clone())
            .collect();
        Ok(Tensor::from_vec(ids, (worlds, codes), world.device())?)
    };
    let actions_at = |frame: usize| -> Result<Tensor, Error> {
        let rows: Vec<u32> = history.actions.iter().map(|past| past[frame]).collect();
        let rows = Tensor::new(rows.as_slice(), world.device())?;
        Ok(world.action_embeddings().index_select(&rows, 0)?)
    };

    // Caches as they are when the last frame of the past is the newest one, not yet in them.
    let mut pasts = vec![TransformerCache::default(); worlds];
    let mut decoder_pasts = pasts.clone();
    for frame in 0..frames - 1 {
        let ids = ids_at(frame)?;
        let rows = rows(&pasts, frame as u64, Wanted::State);
        let (_, states) = dynamics.stream(embeddings, &ids, &actions_at(frame)?, &rows)?;
        let decoder_rows = self::rows(&decoder_pasts, frame as u64, Wanted::State);
        let (_, decoder_states) = tokenizer.reconstruct_stream(&ids, &decoder_rows)?;
        for (past, state) in pasts.iter_mut().zip(states) {
            past.push(state, dynamics.window());
        }
        for (past, state) in decoder_pasts.iter_mut().zip(decoder_states) {
            past.push(state, tokenizer.decoder_window());
        }
    }
    let now = frames as u64 - 1;
    let (clean, led) = (ids_at(frames - 1)?, actions_at(frames - 1)?);
    let mask = config.tokenizer.quantizer.codes() as u32;
    let masked = Tensor::full(mask, (worlds, codes), world.device())?;

    let picture = vec![128; worlds * height * width * 3];
    let patches = frames_to_patches(&picture, height, width, patch, world.device())?;
    let nothing = vec![TransformerCache::default(); worlds];
    let encode_ms = time(|| {
        let (ids, _) = tokenizer.tokenize_stream(&patches, &rows(&nothing, 0, Wanted::Output))?;
        ids.to_vec2::<u32>()?;
        Ok(())
    })?;
    let both = Tensor::cat(&[&clean, &masked], 0)?;
    let both_led = Tensor::cat(&[&led, &led], 0)?;
    let first_pass_ms = time(|| {
        let mut all = rows(&pasts, now, Wanted::State);
        all.extend(pasts.iter().enumerate().map(|(index, cache)| StreamRow {
            time: now + 1,
            cache,
            after: Some(index),
            wanted: Wanted::Output,
        }));
        dynamics.stream(embeddings, &both, &both_led, &all)?;
        Ok(())
    })?;
    let mut hidden = None;
    let further_pass_ms = time(|| {
        hidden = Some(
            dynamics
                .stream(
                    embeddings,
                    &masked,
                    &led,
                    &rows(&pasts, now, Wanted::Output),
                )?
                .0,
        );
        Ok(())
    })?;
    let clean_pass_ms = time(|| {
        dynamics.stream(embeddings, &clean, &led, &rows(&pasts, now, Wanted::State))?;
        Ok(())
    })?;
    let mut rngs: Vec<_> = (0..worlds as u64).map(ChaCha8Rng::seed_from_u64).collect();
    let hidden = hidden.expect("the part above ran");
    let before = vec![vec![0; codes]; worlds];
    let sampling_ms = time(|| {
        let mut next = vec![vec![mask; codes]; worlds];
        sample(world, sampler, &hidden, &before, &mut next, 0, &mut rngs)
    })?;
    let decode_ms = time(|| {
        let (patches, _) =
            tokenizer.reconstruct_stream(&clean, &rows(&decoder_pasts, now, Wanted::Both))?;
        patches_to_frames(&patches, height, width, patch)?;
        Ok(())
    })?;
    Ok(PartTimes {
        encode_ms,
        first_pass_ms,
        further_pass_ms,
        clean_pass_ms,
        sampling_ms,
        decode_ms,
    })
}

/// One frame of every world, each against its own cache.
fn rows(caches: &[TransformerCache], time: u64, wanted: Wanted) -> Vec<StreamRow<'_>> {
    caches
        .iter()
        .map(|cache| StreamRow {
            time,
            cache,
            after: None,
            wanted,
        })
        .collect()
}
