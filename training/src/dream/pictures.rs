//! What the world looks like beside real footage.

use std::cell::Cell;

use genie_model::{SamplerSettings, WorldModel, frames_to_patches, patches_to_frames};

use super::DreamError;
use super::beginnings::{Beginning, best};
use crate::dataset::Dataset;
use crate::evaluate::{Advance, EvaluateError, Footage, WorldParts, Worlds};
use crate::pictures::{RgbFrame, sheet_png};

/// Frames in a row, rows of reconstructions and rollouts, and how much pictures are enlarged.
const FRAMES: usize = 10;
const ROWS: usize = 3;
/// Clips among which those are chosen that show the player.
const CANDIDATES: usize = 12;
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

/// Clips of real footage and the frames in them that worlds begin from.
struct Shown {
    /// Those that show the player come first.
    clips: Vec<Clip>,
    /// The picture that the strips of the actions begin from.
    first: Vec<u8>,
}

/// A clip, its latent actions, and the frame that is shown first.
struct Clip {
    bytes: Vec<u8>,
    actions: Vec<usize>,
    start: usize,
}

impl Shown {
    /// Chooses frames in which the player is in sight and has room to move, where a player is known and found.
    fn choose(parts: &WorldParts, dataset: &Dataset, seed: u64) -> Result<Self, EvaluateError> {
        let footage = Footage::choose(parts, dataset, CANDIDATES, seed)?;
        let config = parts.config();
        let size = [config.frame_width, config.frame_height];
        let bytes: Vec<&[u8]> = footage.segments.iter().map(|it| &it.bytes[..]).collect();
        let places = parts.player_places(&bytes)?;
        let beginnings: Vec<Option<Beginning>> = (0..bytes.len())
            .map(|clip| {
                let frames = bytes[clip].len() / parts.frame_bytes();
                let end = (frames + 1).saturating_sub(FRAMES).max(1);
                best(&places.as_ref()?[clip], size, end)
            })
            .collect();
        let mut order: Vec<usize> = (0..bytes.len()).collect();
        order.sort_by_key(|&clip| beginnings[clip].is_none());
        let room = |clip: usize| beginnings[clip].map_or(-1.0, |it| it.room);
        let roomiest = order.iter().copied().rev();
        let roomiest = roomiest.max_by(|&a, &b| room(a).total_cmp(&room(b)));
        let start = |clip: usize| beginnings[clip].map_or(0, |it| it.frame);
        let first = roomiest.map_or_else(Vec::new, |clip| {
            let frames = bytes[clip].chunks_exact(parts.frame_bytes());
            frames
                .skip(start(clip))
                .take(1)
                .flatten()
                .copied()
                .collect()
        });
        order.truncate(ROWS);
        let shown: Vec<&[u8]> = order.iter().map(|&clip| bytes[clip]).collect();
        let clips = order.into_iter().zip(parts.infer(&shown)?);
        let clips = clips.map(|(clip, actions)| Clip {
            bytes: bytes[clip].to_vec(),
            actions,
            start: start(clip),
        });
        Ok(Self {
            clips: clips.collect(),
            first,
        })
    }
}

impl Clip {
    /// The frames that are shown, of so many bytes each.
    fn frames(&self, size: usize) -> Vec<Vec<u8>> {
        frames_of(&self.bytes[self.start * size..], size)
    }
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
    let shown = Shown::choose(&parts, dataset, seed)?;
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
    let actions = action_strips(&parts, &shown, seed, &advance)?
        .into_iter()
        .zip(world.actions())
        .map(|(row, label)| {
            let hidden = if label.hidden {
                " (hidden: not shown)"
            } else {
                ""
            };
            Ok((format!("{}{hidden}", label.name), png(&vec![row])?))
        })
        .collect::<Result<_, DreamError>>()?;
    Ok(Pictures {
        reconstructions: png(&reconstructions(&parts, &shown)?)?,
        rollouts: png(&rollouts(&parts, &shown, seed, &advance)?)?,
        actions,
    })
}

fn frames_of(segment: &[u8], size: usize) -> Vec<Vec<u8>> {
    let frames = segment.chunks_exact(size).take(FRAMES);
    frames.map(<[u8]>::to_vec).collect()
}

fn reconstructions(parts: &WorldParts, shown: &Shown) -> Result<Rows, EvaluateError> {
    let config = parts.config();
    let (height, width) = (config.frame_height, config.frame_width);
    let (patch, size) = (config.tokenizer.patch, parts.frame_bytes());
    let tokenizer = parts.world.tokenizer();
    let mut rows = Vec::new();
    for clip in shown.clips.iter().take(2) {
        let real = clip.frames(size);
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
    shown: &Shown,
    seed: u64,
    advance: &Advance<'_>,
) -> Result<Rows, EvaluateError> {
    let size = parts.frame_bytes();
    let mut rows = Vec::new();
    for clip in &shown.clips {
        let real = clip.frames(size);
        let mut world = Worlds::start(parts, &[&real[0]], seed, &SamplerSettings::default())?;
        let mut generated = vec![real[0].clone()];
        for &action in clip.actions[clip.start..].iter().take(real.len() - 1) {
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
    shown: &Shown,
    seed: u64,
    advance: &Advance<'_>,
) -> Result<Vec<Vec<Vec<u8>>>, EvaluateError> {
    let count = parts.world.action_count();
    let first = &shown.first[..];
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
