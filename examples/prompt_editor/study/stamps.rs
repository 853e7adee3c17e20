//! The patches that the codes of the model stand for.

use bevy_genie::genie_model::{Error, WorldModel, patches_to_frames};
use bevy_genie::prelude::*;
use candle_core::Tensor;

use crate::drawing::{Area, Canvas};
use crate::palette::Stamp;

/// The patches that codes stand for: each is decoded in the middle of a frame full of it. Codes that the encoder does not give
/// back for their own patch are left out, as nothing in the footage uses them.
pub(super) fn stamps(
    model: &WorldModel,
    codes: std::ops::Range<usize>,
) -> Result<Vec<Stamp>, Error> {
    let config = model.config();
    let (width, height, patch) = (
        config.frame_width,
        config.frame_height,
        config.tokenizer.patch,
    );
    let (columns, rows) = (width.div_ceil(patch), height.div_ceil(patch));
    let stages = model.tokenizer().quantizer().stages();
    let per_frame = columns * rows * stages;
    let mut tokens = Vec::with_capacity(codes.len() * per_frame);
    for code in codes.clone() {
        // Later stages refine; the first one says what it is.
        tokens.extend((0..per_frame).map(|at| if at % stages == 0 { code as u32 } else { 0 }));
    }
    let tokens = Tensor::from_vec(tokens, (codes.len(), 1, per_frame), model.device())?;
    let drawn = model.tokenizer().reconstruct(&tokens)?;
    let seen: Vec<Vec<u32>> = model
        .tokenizer()
        .tokenize(&drawn)?
        .flatten(1, 2)?
        .to_vec2()?;
    let frames = patches_to_frames(&drawn, height, width, patch)?;
    let middle = ((columns / 2 * patch) as i32, (rows / 2 * patch) as i32);
    let at = (rows / 2 * columns + columns / 2) * stages;
    let mut stamps = Vec::new();
    for ((code, frame), seen) in codes.zip(frames.chunks_exact(width * height * 3)).zip(seen) {
        if seen[at] != code as u32 {
            continue;
        }
        let frame = Canvas::from(&GeniePicture::from_rgb(width, height, frame.to_vec())?);
        let edge = patch as i32;
        let area = Area {
            from: middle,
            to: (middle.0 + edge, middle.1 + edge),
        };
        stamps.push(Stamp {
            code: code as u32,
            picture: frame.part(area),
        });
    }
    Ok(stamps)
}
