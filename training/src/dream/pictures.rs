//! What the world looks like beside real footage.

use std::cell::Cell;

use genie_model::{SamplerSettings, WorldModel, frames_to_patches, patches_to_frames};

use super::DreamError;
use crate::dataset::Dataset;
use crate::evaluate::{Advance, EvaluateError, Footage, WorldParts, Worlds};
use crate::pictures::{RgbFrame, sheet_png};

/// Frames in a row, rows of reconstructions and rollouts, and how much pictures are enlarged.
const FRAMES: usize = 10;
const ROWS: usize = 3;
const SCALE: usize = 2;

/// How many times as long a frame takes that is dreamt alone as one of sixteen together.
const ALONE: f64 = 2.0;

/// Frames that are dreamt for the pictures of a world of so many actions, counted as if they were dreamt together.
pub(super) fn frames_dreamt(actions: usize) -> f64 {
    ALONE * ((FRAMES - 1) * (ROWS + actions)) as f64
}

/// Pictures of a world, each a PNG file.
pub(super) struct Pictures {
    /// Real frames above what the tokenizer makes of them.
    pub(super) reconstructions: Vec<u8>,
    /// Real clips above rollouts from their first frame under the actions inferred from them.
    pub(super) rollouts: Vec<u8>,
    /// One strip per latent action, from the same frame: its name, and the strip.
    pub(super) actions: Vec<(String, Vec<u8>)>,
}

/// Rows of frames as bytes.
type Rows = Vec<Vec<Vec<u8>>>;

/// Makes them from footage, best such as the world never saw.
pub(super) fn pictures(
    world: &WorldModel,
    dataset: &Dataset,
    seed: u64,
    advance: &Advance<'_>,
) -> Result<Pictures, DreamError> {
    let parts = WorldParts::new(world)?;
    let footage = Footage::choose(&parts, dataset, ROWS, seed)?;
    let size = (parts.config().frame_height, parts.config().frame_width);
    let png = |rows: &Rows| -> Result<Vec<u8>, DreamError> {
        let rows = rows
            .iter()
            .map(|row| {
                row.iter()
                    .map(|frame| RgbFrame::new(size.0, size.1, frame))
                    .collect::<Result<Vec<_>, _>>()
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(sheet_png(&rows, SCALE)?)
    };
    let all = frames_dreamt(world.action_count());
    let dreamt = Cell::new(0.0);
    let advance = |frames: f64| {
        dreamt.set(dreamt.get() + frames);
        advance((dreamt.get() / all).min(1.0))
    };
    let actions = action_strips(&parts, &footage, seed, &advance)?
        .into_iter()
        .zip(world.actions())
        .map(|(row, label)| Ok((label.name.clone(), png(&vec![row])?)))
        .collect::<Result<_, DreamError>>()?;
    Ok(Pictures {
        reconstructions: png(&reconstructions(&parts, &footage)?)?,
        rollouts: png(&rollouts(&parts, &footage, seed, &advance)?)?,
        actions,
    })
}

fn frames_of(segment: &[u8], size: usize) -> Vec<Vec<u8>> {
    let frames = segment.chunks_exact(size).take(FRAMES);
    frames.map(<[u8]>::to_vec).collect()
}

fn reconstructions(parts: &WorldParts, footage: &Footage) -> Result<Rows, EvaluateError> {
    let config = parts.config();
    let (height, width) = (config.frame_height, config.frame_width);
    let (patch, size) = (config.tokenizer.patch, parts.frame_bytes());
    let tokenizer = parts.world.tokenizer();
    let mut rows = Vec::new();
    for segment in footage.segments.iter().take(2) {
        let real = frames_of(&segment.bytes, size);
        let patches =
            frames_to_patches(&real.concat(), height, width, patch, parts.world.device())?;
        let tokens = tokenizer.tokenize(&patches.unsqueeze(0)?)?;
        let patches = tokenizer.reconstruct(&tokens)?.squeeze(0)?;
        let seen = patches_to_frames(&patches, height, width, patch)?;
        rows.extend([real, frames_of(&seen, size)]);
    }
    Ok(rows)
}

fn rollouts(
    parts: &WorldParts,
    footage: &Footage,
    seed: u64,
    advance: &Advance<'_>,
) -> Result<Rows, EvaluateError> {
    let size = parts.frame_bytes();
    let mut rows = Vec::new();
    for segment in &footage.segments {
        let real = frames_of(&segment.bytes, size);
        let inferred = parts.infer(&[&segment.bytes])?.swap_remove(0);
        let mut world = Worlds::start(parts, &[&real[0]], seed, &SamplerSettings::default())?;
        let mut generated = vec![real[0].clone()];
        for action in inferred.into_iter().take(real.len() - 1) {
            world.step(&[action])?;
            advance(ALONE)?;
            generated.extend(world.map_frames(<[u8]>::to_vec));
        }
        rows.extend([real, generated]);
    }
    Ok(rows)
}

fn action_strips(
    parts: &WorldParts,
    footage: &Footage,
    seed: u64,
    advance: &Advance<'_>,
) -> Result<Vec<Vec<Vec<u8>>>, EvaluateError> {
    let size = parts.frame_bytes();
    let count = parts.world.action_count();
    let first = &footage.segments[0].bytes[..size];
    let prompts = vec![first; count];
    // The same draws for all, so that they differ by their actions alone.
    let mut rows = vec![vec![first.to_vec()]; count];
    for (action, row) in rows.iter_mut().enumerate() {
        let mut world = Worlds::start(parts, &prompts[..1], seed, &SamplerSettings::default())?;
        for _ in 1..FRAMES {
            world.step(&[action])?;
            advance(ALONE)?;
            row.extend(world.map_frames(<[u8]>::to_vec));
        }
    }
    Ok(rows)
}
