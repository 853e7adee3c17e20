//! Ten frames from one picture under inferred actions, against the real ones: the protocol by which `GenieRedux` (Kazemi et al.
//! 2024, Savov et al. 2025) reports PSNR and SSIM of `CoinRun`.

use std::fmt::{Display, Formatter, Result as FmtResult};

use genie_model::psnr;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::agreement::Inferred;
use super::course::Course;
use super::ssim::ssim;
use super::statistics::mean;
use super::{EvaluateError, EvaluateOptions, Footage, WorldParts, Worlds, standard_error};

/// Frames that are generated.
const FRAMES: usize = 10;

/// How near worlds come to ten real frames when they are shown the picture before them and the actions inferred between them.
///
/// Each figure is taken frame by frame, PSNR in dB, and averaged. [`ssim`](fn@super::ssim) says which SSIM it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnePicture {
    /// Frames generated from each picture.
    pub frames: usize,
    /// Pictures.
    pub clips: usize,
    /// Mean PSNR in dB.
    pub psnr: f64,
    /// Its standard error over pictures.
    pub psnr_standard_error: f64,
    /// Mean SSIM.
    pub ssim: f64,
    /// Its standard error over pictures.
    pub ssim_standard_error: f64,
    /// Mean PSNR of each frame, the first one first.
    pub psnr_by_frame: Vec<f64>,
    /// Mean SSIM of each frame.
    pub ssim_by_frame: Vec<f64>,
    /// Mean PSNR of the picture itself, as if nothing ever moved.
    pub copy_psnr: f64,
    /// Mean SSIM of the picture itself.
    pub copy_ssim: f64,
}

/// PSNR and SSIM of a frame.
type Figures = (f64, f64);

/// Measures the segments that have ten frames after the first; `None` where none has.
pub(super) fn measure(
    parts: &WorldParts,
    footage: &Footage,
    inferred: &[Inferred],
    options: &EvaluateOptions,
    course: &Course<'_>,
) -> Result<Option<OnePicture>, EvaluateError> {
    let size = parts.frame_bytes();
    let chosen: Vec<(&[u8], &[usize])> = (footage.segments.iter().zip(inferred))
        .filter(|(segment, _)| segment.bytes.len() / size > FRAMES)
        .map(|(segment, inferred)| (&segment.bytes[..], &inferred.actions[..]))
        .collect();
    if chosen.is_empty() {
        return Ok(None);
    }
    let config = parts.config();
    let (height, width) = (config.frame_height, config.frame_width);
    let at = |frame: usize| -> Vec<&[u8]> {
        (chosen.iter())
            .map(|(bytes, _)| &bytes[frame * size..][..size])
            .collect()
    };
    let compare = |real: &[u8], seen: &[u8]| -> Figures {
        (psnr(real, seen), ssim(real, seen, height, width))
    };
    let pictures = at(0);
    let seed = options.seed ^ 0x7069_6374;
    let mut worlds = Worlds::start(parts, &pictures, seed, &options.sampler)?;
    let (mut dreamt, mut copied) = (Vec::new(), Vec::new());
    for frame in 1..=FRAMES {
        let now: Vec<usize> = chosen
            .iter()
            .map(|(_, actions)| actions[frame - 1])
            .collect();
        worlds.step(&now)?;
        course.within((frame * chosen.len()) as f64)?;
        let real = at(frame);
        let seen: Vec<&[u8]> = worlds.frames().map(genie_model::Frame::pixels).collect();
        let compared: Vec<(Figures, Figures)> = (0..chosen.len())
            .into_par_iter()
            .map(|clip| {
                let copy = compare(real[clip], pictures[clip]);
                (compare(real[clip], seen[clip]), copy)
            })
            .collect();
        let (seen, copies): (Vec<Figures>, Vec<Figures>) = compared.into_iter().unzip();
        dreamt.push(seen);
        copied.push(copies);
    }
    Ok(Some(OnePicture::new(&dreamt, &copied)))
}

impl OnePicture {
    /// From the figures of every frame of every clip, [frame, clip].
    fn new(dreamt: &[Vec<Figures>], copied: &[Vec<Figures>]) -> Self {
        let by_frame = |of: fn(&Figures) -> f64| -> Vec<f64> {
            (dreamt.iter())
                .map(|clips| mean(&clips.iter().map(of).collect::<Vec<_>>()))
                .collect()
        };
        let clips = dreamt.first().map_or(0, Vec::len);
        let by_clip = |of: fn(&Figures) -> f64| -> Vec<f64> {
            (0..clips)
                .map(|clip| {
                    let frames = dreamt.iter().map(|clips| of(&clips[clip]));
                    mean(&frames.collect::<Vec<_>>())
                })
                .collect()
        };
        let copy =
            |of: fn(&Figures) -> f64| mean(&copied.iter().flatten().map(of).collect::<Vec<_>>());
        let psnr: fn(&Figures) -> f64 = |it| it.0;
        let ssim: fn(&Figures) -> f64 = |it| it.1;
        Self {
            frames: dreamt.len(),
            clips,
            psnr: mean(&by_clip(psnr)),
            psnr_standard_error: standard_error(&by_clip(psnr)),
            ssim: mean(&by_clip(ssim)),
            ssim_standard_error: standard_error(&by_clip(ssim)),
            psnr_by_frame: by_frame(psnr),
            ssim_by_frame: by_frame(ssim),
            copy_psnr: copy(psnr),
            copy_ssim: copy(ssim),
        }
    }
}

impl Display for OnePicture {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        writeln!(
            f,
            "\none picture, {} frames  PSNR {:.2} ± {:.2} dB (copy {:.2}), SSIM {:.3} ± {:.3} (copy {:.3})",
            self.frames,
            self.psnr,
            self.psnr_standard_error,
            self.copy_psnr,
            self.ssim,
            self.ssim_standard_error,
            self.copy_ssim
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_means_over_frames_and_errors_over_clips() {
        let dreamt = [
            vec![(30.0, 0.9), (20.0, 0.5)],
            vec![(28.0, 0.7), (18.0, 0.3)],
        ];
        let copied = [vec![(10.0, 0.1), (12.0, 0.3)], vec![(8.0, 0.0), (6.0, 0.0)]];
        let figures = OnePicture::new(&dreamt, &copied);
        assert_eq!((figures.frames, figures.clips), (2, 2));
        assert!((figures.psnr - 24.0).abs() < 1e-12 && (figures.ssim - 0.6).abs() < 1e-12);
        assert!((figures.psnr_by_frame[1] - 23.0).abs() < 1e-12);
        // The clips have 29 and 19 dB.
        assert!((figures.psnr_standard_error - 5.0).abs() < 1e-12);
        assert!((figures.copy_psnr - 9.0).abs() < 1e-12);
    }
}
