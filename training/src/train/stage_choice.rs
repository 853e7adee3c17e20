//! How many codes a token gets: as many as the footage takes.
//!
//! A game drawn with a few tiles needs one code per patch; one with painted backgrounds shows fog with one. What a data-driven
//! start reconstructs of frames that it was not fitted to is known in a minute, before anything is trained.

use candle_core::{D, Device, Tensor};
use genie_model::{GenieConfig, MOST_PSNR, QuantizerConfig, frames_to_patches};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::data_driven::principal_components;
use super::error::TrainError;
use super::kmeans::{KMEANS_ITERATIONS, kmeans, left_over};
use super::patch_sample::{PatchSample, PatchStatistics};
use crate::dataset::{Dataset, DatasetError};

/// Frames that codebooks are fitted to, the most patches taken of them, and frames that they are judged by.
const FITTED_FRAMES: usize = 3000;
const FITTED_PATCHES: usize = 16_000;
const JUDGED_FRAMES: usize = 64;

/// When tokens have codes enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StageChoice {
    /// PSNR in dB from which no further stage is added. It is that of the data-driven start; training adds some dB.
    pub psnr: f64,
    /// Gain in dB that a further stage has to bring.
    pub least_gain: f64,
    /// The most stages.
    pub most: usize,
}

impl Default for StageChoice {
    fn default() -> Self {
        Self {
            psnr: 35.0,
            least_gain: 0.3,
            most: 6,
        }
    }
}

impl StageChoice {
    /// What is wrong with the values, if anything is.
    pub(super) fn problem(&self) -> Option<&'static str> {
        if !self.psnr.is_finite() {
            Some("psnr must be a number")
        } else if !self.least_gain.is_finite() {
            Some("least_gain must be a number")
        } else if !(1..=16).contains(&self.most) {
            Some("most must be 1 to 16")
        } else {
            None
        }
    }

    /// The number of stages chosen, by the PSNR with one stage, two and so on; `None` while more have to be measured.
    fn decide(&self, psnr: &[f64]) -> Option<usize> {
        let count = psnr.len();
        match *psnr {
            [] => None,
            [.., last] if last >= self.psnr => Some(count),
            [.., before, last] if last - before < self.least_gain => Some(count - 1),
            _ if count >= self.most => Some(count),
            _ => None,
        }
    }
}

/// What [`choose_stages`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct ChosenStages {
    /// The number of stages.
    pub stages: usize,
    /// PSNR in dB of held-out frames with one stage, two and so on, as far as it was measured.
    pub psnr: Vec<f64>,
}

/// Chooses the number of stages of the tokenizer of `config` for some footage: k-means codebooks are fitted to the patches of
/// one half of the clips, stage after stage, and judged by frames of the other half.
///
/// # Errors
/// [`TrainError::Dataset`] if the footage cannot be read.
pub fn choose_stages(
    dataset: &Dataset,
    config: &GenieConfig,
    choice: &StageChoice,
    seed: u64,
) -> Result<ChosenStages, TrainError> {
    let QuantizerConfig::Vq { codes, dim, .. } = config.tokenizer.quantizer else {
        return Ok(ChosenStages {
            stages: 1,
            psnr: Vec::new(),
        });
    };
    let (fitted, judged) = halves(dataset, config, seed)?;
    let (mean, components) = principal_components(&fitted.patches)?;
    let transformers = [&config.tokenizer.encoder, &config.tokenizer.decoder];
    let narrowest = transformers.map(|it| it.width).into_iter().min();
    let dim = dim.min(narrowest.unwrap_or(dim)).min(components.dim(0)?);
    let components = components.narrow(0, 0, dim)?.t()?.contiguous()?;
    let project = |patches: &Tensor| patches.broadcast_sub(&mean)?.matmul(&components);
    let mut to_fit = project(&fitted.patches)?;
    let mut to_judge = project(&judged)?;
    // What the components leave out no code can bring back.
    let lost = (squared_lengths(&judged.broadcast_sub(&mean)?)? - squared_lengths(&to_judge)?)?;
    let values = (judged.dim(1)? * config.tokens_per_frame()) as f64;
    let mut psnr = Vec::new();
    loop {
        let seed = seed.wrapping_add(psnr.len() as u64);
        let book = kmeans(&to_fit, &fitted.weights, codes, KMEANS_ITERATIONS, seed)?;
        to_fit = left_over(&to_fit, &book)?;
        to_judge = left_over(&to_judge, &book)?;
        let errors = (squared_lengths(&to_judge)? + &lost)?;
        let frames = errors.reshape(((), config.tokens_per_frame()))?.sum(1)?;
        let frames = frames.to_vec1::<f32>()?;
        let of_frame = |&error: &f32| -10.0 * (f64::from(error).max(1e-12) / values).log10();
        let sum: f64 = frames.iter().map(|it| of_frame(it).min(MOST_PSNR)).sum();
        psnr.push(sum / frames.len() as f64);
        if let Some(stages) = choice.decide(&psnr) {
            return Ok(ChosenStages { stages, psnr });
        }
    }
}

/// Squared lengths `[M]` of vectors `[M, C]`.
fn squared_lengths(vectors: &Tensor) -> candle_core::Result<Tensor> {
    vectors.sqr()?.sum(D::Minus1)
}

/// Patches of every second clip to fit to, and all patches `[F N, P]` of some frames of the others. Of a single clip the second
/// half is held out.
fn halves(
    dataset: &Dataset,
    config: &GenieConfig,
    seed: u64,
) -> Result<(PatchStatistics, Tensor), TrainError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut sample = PatchSample::new(FITTED_PATCHES, seed);
    let mut buffer = Vec::new();
    for _ in 0..FITTED_FRAMES {
        draw_frame(dataset, false, &mut rng, &mut buffer)?;
        sample.add_frame(&buffer, config);
    }
    let mut judged = Vec::new();
    for _ in 0..JUDGED_FRAMES {
        draw_frame(dataset, true, &mut rng, &mut buffer)?;
        judged.extend_from_slice(&buffer);
    }
    let (height, width, patch) = (
        config.frame_height,
        config.frame_width,
        config.tokenizer.patch,
    );
    let judged = frames_to_patches(&judged, height, width, patch, &Device::Cpu)?;
    Ok((sample.statistics(), judged.flatten_to(1)?))
}

/// Reads a random frame of the clips that are held out, or of the others.
fn draw_frame(
    dataset: &Dataset,
    held_out: bool,
    rng: &mut ChaCha8Rng,
    buffer: &mut Vec<u8>,
) -> Result<(), DatasetError> {
    let clips = dataset.clip_count();
    let odd = usize::from(held_out);
    let clip = match clips {
        0 | 1 => 0,
        _ => 2 * rng.random_range(0..(clips + 1 - odd) / 2) + odd,
    };
    let length = dataset.clip_len(clip);
    let at = if clips > 1 {
        rng.random_range(0..length)
    } else if held_out {
        rng.random_range(length / 2..length)
    } else {
        rng.random_range(0..length.div_ceil(2))
    };
    dataset.read_frames(clip, at, 1, buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{DatasetWriter, FrameFormat};

    #[test]
    fn stages_are_added_until_the_picture_is_good_or_they_do_not_help() {
        let choice = StageChoice {
            psnr: 30.0,
            least_gain: 0.5,
            most: 4,
        };
        for (psnr, chosen) in [
            (&[31.0][..], Some(1)),
            (&[25.0], None),
            (&[25.0, 27.0], None),
            (&[25.0, 30.0], Some(2)),
            (&[25.0, 25.2], Some(1)),
            (&[25.0, 27.0, 28.0, 29.0], Some(4)),
        ] {
            assert_eq!(choice.decide(psnr), chosen, "{psnr:?}");
        }
    }

    /// Frames of one flat colour each, or of noise.
    fn chosen(noise: bool) -> ChosenStages {
        let folder = tempfile::tempdir().unwrap();
        let format = FrameFormat {
            height: 16,
            width: 16,
            frames_per_second: 10.0,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut writer = DatasetWriter::create(folder.path(), format).unwrap();
        for clip in 0..6u8 {
            for frame in 0..10u8 {
                let flat = [40 * (clip / 2), 20 * frame, 0].repeat(256);
                let mut bytes = flat;
                if noise {
                    rng.fill(&mut bytes[..]);
                }
                writer.push_frame(&bytes).unwrap();
            }
            writer.end_clip(None).unwrap();
        }
        let dataset = writer.finish().unwrap();
        let mut config = GenieConfig::tiny();
        (config.frame_height, config.frame_width) = (16, 16);
        let choice = StageChoice {
            most: 3,
            least_gain: -100.0,
            ..StageChoice::default()
        };
        choose_stages(&dataset, &config, &choice, 1).unwrap()
    }

    #[test]
    fn flat_pictures_need_one_stage_and_noise_takes_all() {
        let flat = chosen(false);
        assert_eq!((flat.stages, flat.psnr.len()), (1, 1));
        assert!(flat.psnr[0] > 50.0, "{flat:?}");
        let noise = chosen(true);
        assert_eq!((noise.stages, noise.psnr.len()), (3, 3));
        assert!(noise.psnr[2] < 20.0, "{noise:?}");
    }
}
