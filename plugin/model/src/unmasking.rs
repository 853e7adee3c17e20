//! One MaskGIT step on frames of several worlds: logits of one stage of codes after the other, a draw from each, and the choice
//! of the tokens that are kept.

use candle_core::{DType, Tensor};
use rand_chacha::ChaCha8Rng;

use crate::sampler::Draws;
use crate::{Error, SamplerSettings, WorldModel, ops};

/// A frame whose tokens are being decided.
#[derive(Debug)]
pub struct UnmaskedFrame<'a> {
    /// How it is sampled.
    pub sampler: &'a SamplerSettings,
    /// Codes `[N Q]` of the frame before.
    pub before: &'a [u32],
    /// Its own codes `[N Q]`; `V` where a token is masked.
    pub tokens: &'a mut [u32],
    /// Where chance comes from.
    pub rng: &'a mut ChaCha8Rng,
}

/// Decides some of the masked tokens of `frames` by their hidden states `[B, N, D]`, in step `step` (from 0) of as many as their
/// samplers say. Frames whose samplers have fewer steps stay as they are.
///
/// # Errors
/// [`Error::NonFinite`] if the model breaks down, [`Error::Tensor`] on shapes that do not fit.
pub fn unmask_frames(
    model: &WorldModel,
    hidden: &Tensor,
    frames: &mut [UnmaskedFrame],
    step: usize,
) -> Result<(), Error> {
    let broken = || Error::NonFinite {
        part: "dynamics model",
    };
    let (dynamics, adjacency) = (model.dynamics(), model.adjacency());
    let stages = dynamics.stages();
    let logits = dynamics.logits(hidden)?.to_dtype(DType::F32)?;
    let mut first_logits = logits.flatten_from(1)?.to_vec2::<f32>()?;
    let mut draws = Vec::with_capacity(frames.len());
    for (frame, logits) in frames.iter_mut().zip(&mut first_logits) {
        let before: Vec<u32> = frame.before.iter().step_by(stages).copied().collect();
        dynamics.undo_changed_weight(logits, &before);
        draws.push(if step < frame.sampler.steps {
            let (sampler, tokens) = (frame.sampler, &*frame.tokens);
            let drawn = sampler.draw(tokens, stages, logits, adjacency, frame.rng);
            drawn.ok_or_else(broken)?
        } else {
            Draws::default()
        });
    }
    draw_later_codes(model, hidden, frames, &mut draws)?;
    for ((frame, draws), logits) in frames.iter_mut().zip(&draws).zip(&first_logits) {
        let (sampler, drawn_by) = (frame.sampler, (logits.as_slice(), adjacency));
        if step < sampler.steps && !sampler.keep(frame.tokens, draws, step, drawn_by, frame.rng) {
            return Err(broken());
        }
    }
    Ok(())
}

/// Draws the codes of all stages but the first for all tokens in `draws`.
fn draw_later_codes(
    model: &WorldModel,
    hidden: &Tensor,
    frames: &mut [UnmaskedFrame],
    draws: &mut [Draws],
) -> Result<(), Error> {
    let dynamics = model.dynamics();
    let stages = dynamics.stages();
    let (_, per_frame, _) = hidden.dims3()?;
    let rows: Vec<u32> = draws
        .iter()
        .enumerate()
        .flat_map(|(frame, draws)| {
            let places = draws.places.iter();
            places.map(move |place| (frame * per_frame + place) as u32)
        })
        .collect();
    if stages == 1 || rows.is_empty() {
        return Ok(());
    }
    let count = rows.len();
    let rows = Tensor::from_vec(rows, count, hidden.device())?;
    let hidden = ops::gather_rows(&hidden.flatten_to(1)?, &rows)?;
    for stage in 1..stages {
        let earlier = draws.iter().flat_map(|draws| {
            let chosen = move |token: usize| draws.codes[..stage].iter().map(move |it| it[token]);
            (0..draws.places.len()).flat_map(chosen)
        });
        let earlier: Vec<u32> = earlier.collect();
        let earlier = Tensor::from_vec(earlier, (count, stage), hidden.device())?;
        let logits = dynamics.stage_logits(stage, &hidden, model.token_embeddings(), &earlier)?;
        let mut logits = logits
            .to_dtype(DType::F32)?
            .flatten_all()?
            .to_vec1::<f32>()?;
        let codes = logits.len() / count;
        let mut rest = logits.as_mut_slice();
        for (frame, draws) in frames.iter_mut().zip(draws.iter_mut()) {
            let (own, others) = rest.split_at_mut(draws.places.len() * codes);
            rest = others;
            if draws.places.is_empty() {
                continue;
            }
            let before = codes_before(frame.before, draws, stages, codes);
            dynamics.undo_changed_weight(own, &before);
            if !frame.sampler.draw_next(draws, own, frame.rng) {
                return Err(Error::NonFinite {
                    part: "dynamics model",
                });
            }
        }
    }
    Ok(())
}

/// For each token in `draws` the code of the stage to be drawn that it had in the frame `before`; `V` (`codes`) if it has changed
/// in an earlier stage.
fn codes_before(before: &[u32], draws: &Draws, stages: usize, codes: usize) -> Vec<u32> {
    let stage = draws.codes.len();
    let places = draws.places.iter().enumerate();
    let before = places.map(|(token, place)| {
        let before = &before[place * stages..][..stages];
        let same = draws
            .codes
            .iter()
            .zip(before)
            .all(|(it, &b)| it[token] == b);
        if same { before[stage] } else { codes as u32 }
    });
    before.collect()
}
