//! A picture as the model sees it: encoded, decoded and compared.

use bevy_genie::genie_model::{
    Error, Fnv1a, WorldModel, frames_to_patches, patches_to_frames, psnr,
};
use bevy_genie::prelude::*;

/// What has been found out about a picture.
#[derive(Clone, Debug)]
pub(crate) struct Reconstruction {
    /// The picture as the model's tokens draw it.
    pub(crate) picture: GeniePicture,
    /// Codes of the patches, row by row.
    pub(crate) tokens: Vec<u32>,
    /// Patches in a row.
    pub(crate) columns: usize,
    /// Size `V` of the codebook.
    pub(crate) codes: usize,
    /// Decibels between the picture and its reconstruction.
    pub(crate) psnr: f64,
    /// The largest mean error of a channel in each patch, 0 to 255.
    pub(crate) errors: Vec<f32>,
    /// Share of the patches that stand beside one that the footage never shows there; `None` where the model does not know.
    pub(crate) misplaced: Option<f32>,
}

/// Share of misplaced patches from which a picture is said to be strange. New frames of the footage have fewer.
const STRANGE: f32 = 0.2;

impl Reconstruction {
    /// Share of the patches that the model draws visibly otherwise.
    pub(crate) fn foreign_share(&self) -> f32 {
        let off = self.errors.iter().filter(|error| **error > 8.0).count();
        off as f32 / self.errors.len().max(1) as f32
    }

    /// How far the picture is outside the model's experience.
    pub(crate) fn in_words(&self) -> String {
        let misplaced = self.misplaced.unwrap_or(0.0);
        let verdict = match self.psnr {
            30.0.. if misplaced >= STRANGE => {
                "Known patches, put together as the model has never seen them: it may change what you see."
            }
            38.0.. => "Just like what the model was trained on.",
            30.0.. => "Close to what the model knows.",
            22.0.. => "Strange to the model: it will change what you see.",
            _ => "Foreign to the model: it sees another picture than you.",
        };
        let off = (100.0 * self.foreign_share()).round();
        let beside = self.misplaced.map_or_else(String::new, |share| {
            format!(
                " {:.0} % stand where they never stood in the footage.",
                100.0 * share
            )
        });
        format!(
            "{verdict} Reconstruction {:.1} dB, {off:.0} % of the patches differ visibly.{beside}",
            self.psnr
        )
    }

    /// A number that is another one for another reconstruction.
    pub(crate) fn version(&self) -> u64 {
        let tokens = self.tokens.iter().map(|token| u64::from(*token));
        Fnv1a::of(tokens.chain([self.psnr.to_bits()]))
    }

    /// How many patches of the picture have each code of the codebook.
    pub(crate) fn uses(&self) -> Vec<u32> {
        let mut uses = vec![0; self.codes];
        for token in &self.tokens {
            if let Some(count) = uses.get_mut(*token as usize) {
                *count += 1;
            }
        }
        uses
    }
}

/// Encodes and decodes a picture of the model's size.
pub(super) fn reconstruct(
    model: &WorldModel,
    picture: &GeniePicture,
) -> Result<Reconstruction, Error> {
    let config = model.config();
    let (width, height, patch) = (
        config.frame_width,
        config.frame_height,
        config.tokenizer.patch,
    );
    let picture = picture.fitted(width, height, GenieFit::Crop)?;
    let patches = frames_to_patches(picture.pixels(), height, width, patch, model.device())?;
    let tokens = model.tokenizer().tokenize(&patches.unsqueeze(1)?)?;
    let drawn = model.tokenizer().reconstruct(&tokens)?;
    let pixels = patches_to_frames(&drawn, height, width, patch)?;
    let stages = model.tokenizer().quantizer().stages();
    let codes: Vec<u32> = tokens.flatten_all()?.to_vec1()?;
    let redrawn = GeniePicture::from_rgb(width, height, pixels)?;
    let columns = width.div_ceil(patch);
    let adjacency = model.adjacency().filter(|_| stages == 1);
    let misplaced = adjacency.map(|adjacency| {
        let places = codes.iter().enumerate();
        let wrong = places.filter(|&(place, &code)| !adjacency.fits(&codes, place, code));
        wrong.count() as f32 / codes.len().max(1) as f32
    });
    Ok(Reconstruction {
        misplaced,
        errors: patch_errors(&picture, &redrawn, patch),
        psnr: psnr(picture.pixels(), redrawn.pixels()),
        tokens: codes.into_iter().step_by(stages.max(1)).collect(),
        codes: config.tokenizer.quantizer.codes(),
        picture: redrawn,
        columns,
    })
}

fn patch_errors(a: &GeniePicture, b: &GeniePicture, patch: usize) -> Vec<f32> {
    let (width, height) = (a.width(), a.height());
    let columns = width.div_ceil(patch);
    let mut sums = vec![([0u32; 3], 0u32); columns * height.div_ceil(patch)];
    let pairs = a.pixels().chunks_exact(3).zip(b.pixels().chunks_exact(3));
    for (at, (a, b)) in pairs.enumerate() {
        let (sum, count) = &mut sums[at / width / patch * columns + at % width / patch];
        for (sum, (a, b)) in sum.iter_mut().zip(a.iter().zip(b)) {
            *sum += u32::from(a.abs_diff(*b));
        }
        *count += 1;
    }
    let most = |sum: [u32; 3]| sum.into_iter().max().unwrap_or_default() as f32;
    sums.into_iter()
        .map(|(sum, count)| most(sum) / count.max(1) as f32)
        .collect()
}
