//! Reconstruction and controllability: PSNR against real frames.

use genie_model::{frames_to_patches, patches_to_frames, psnr};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::agreement::Inferred;
use super::course::Course;
use super::footage::LEAST_FRAMES;
use super::statistics::mean;
use super::{EvaluateError, EvaluateOptions, Footage, WorldParts, Worlds, standard_error};

/// Steps after the prompt at which the paper judges.
const STEPS: usize = 4;
const _: () = assert!(LEAST_FRAMES == STEPS + 2);

/// Rollouts against the real frames that followed their prompts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Controllability {
    /// From one prompt frame: the paper's setting.
    pub one_prompt_frame: PromptFigures,
    /// From two prompt frames, which show the velocity too.
    pub two_prompt_frames: PromptFigures,
    /// PSNR in dB at t = 4 of a world in which nothing ever moves: the (last) prompt frame itself.
    pub copy_psnr: f64,
}

/// PSNR figures of rollouts, all in dB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromptFigures {
    /// PSNR at t = 4 under the actions inferred from the real frames.
    pub inferred_psnr: f64,
    /// PSNR at t = 4 under random actions: uniform over all latent actions, a new one for every step.
    pub random_psnr: f64,
    /// Their difference, the paper's controllability.
    pub delta_psnr: f64,
    /// Standard error of that difference over the prompts.
    pub delta_standard_error: f64,
    /// `inferred_psnr` at t = 1 to 4.
    pub inferred_by_step: Vec<f64>,
    /// `random_psnr` at t = 1 to 4.
    pub random_by_step: Vec<f64>,
}

impl PromptFigures {
    /// Figures from the PSNR of every prompt at every step.
    fn new(inferred: &[Vec<f64>], random: &[Vec<f64>]) -> Self {
        let by_step = |figures: &[Vec<f64>]| -> Vec<f64> {
            (0..STEPS)
                .map(|step| {
                    let at: Vec<f64> = figures.iter().map(|prompt| prompt[step]).collect();
                    mean(&at)
                })
                .collect()
        };
        let deltas: Vec<f64> = inferred
            .iter()
            .zip(random)
            .map(|(inferred, random)| inferred[STEPS - 1] - random[STEPS - 1])
            .collect();
        let (inferred_by_step, random_by_step) = (by_step(inferred), by_step(random));
        Self {
            inferred_psnr: inferred_by_step[STEPS - 1],
            random_psnr: random_by_step[STEPS - 1],
            delta_psnr: mean(&deltas),
            delta_standard_error: standard_error(&deltas),
            inferred_by_step,
            random_by_step,
        }
    }
}

/// PSNR of reconstructed frames in dB, mean over all frames of segments as long as the tokenizer's window.
pub(super) fn tokenizer_psnr(parts: &WorldParts, footage: &Footage) -> Result<f64, EvaluateError> {
    let config = parts.config();
    let (height, width) = (config.frame_height, config.frame_width);
    let patch = config.tokenizer.patch;
    let tokenizer = parts.world.tokenizer();
    let window = tokenizer.encoder_window().max(tokenizer.decoder_window());
    let mut figures = Vec::new();
    for segment in &footage.segments {
        let frames = (segment.bytes.len() / parts.frame_bytes()).min(window);
        let real = &segment.bytes[..frames * parts.frame_bytes()];
        let patches = frames_to_patches(real, height, width, patch, parts.world.device())?;
        let tokens = tokenizer.tokenize(&patches.unsqueeze(0)?)?;
        let patches = tokenizer.reconstruct(&tokens)?.squeeze(0)?;
        let seen = patches_to_frames(&patches, height, width, patch)?;
        let pairs = real
            .chunks_exact(parts.frame_bytes())
            .zip(seen.chunks_exact(parts.frame_bytes()));
        figures.extend(pairs.map(|(real, seen)| psnr(real, seen)));
    }
    Ok(mean(&figures))
}

/// Controllability from one and from two prompt frames. Both predict the same real frames, and rollouts under inferred
/// and under random actions draw the same random numbers, so that differences are due to the actions.
pub(super) fn measure(
    parts: &WorldParts,
    footage: &Footage,
    inferred: &[Inferred],
    options: &EvaluateOptions,
    course: &Course<'_>,
) -> Result<Controllability, EvaluateError> {
    let size = parts.frame_bytes();
    let clips: Vec<&[u8]> = footage
        .segments
        .iter()
        .map(|segment| &segment.bytes[..LEAST_FRAMES * size])
        .collect();
    // inferred[clip][i] leads from frame i to frame i + 1; the (last) prompt is frame 1.
    let inferred: Vec<Vec<usize>> = inferred.iter().map(|it| it.actions.clone()).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed ^ 0x7261_6e64);
    let random: Vec<Vec<usize>> = clips
        .iter()
        .map(|_| {
            (0..=STEPS)
                .map(|_| rng.random_range(0..parts.world.action_count()))
                .collect()
        })
        .collect();
    let at = |frame: usize| -> Vec<&[u8]> {
        clips
            .iter()
            .map(|clip| &clip[frame * size..][..size])
            .collect()
    };
    let one = Worlds::start(parts, &at(1), options.seed, &options.sampler)?;
    let mut two = Worlds::start(parts, &at(0), options.seed, &options.sampler)?;
    let first: Vec<usize> = inferred.iter().map(|actions| actions[0]).collect();
    two.observe(parts, &at(1), &first)?;
    let dreamt = std::cell::Cell::new(0);
    let follow = |worlds: &Worlds, actions: &[Vec<usize>]| {
        let mut worlds = worlds.clone();
        let mut figures = vec![Vec::with_capacity(STEPS); clips.len()];
        for step in 1..=STEPS {
            let now: Vec<usize> = actions.iter().map(|actions| actions[step]).collect();
            worlds.step(&now)?;
            dreamt.set(dreamt.get() + clips.len());
            course.within(dreamt.get() as f64)?;
            let real = at(step + 1);
            for ((figures, frame), real) in figures.iter_mut().zip(worlds.frames()).zip(real) {
                figures.push(psnr(frame.pixels(), real));
            }
        }
        Ok::<_, EvaluateError>(figures)
    };
    let figures = |worlds: &Worlds| {
        Ok::<_, EvaluateError>(PromptFigures::new(
            &follow(worlds, &inferred)?,
            &follow(worlds, &random)?,
        ))
    };
    let copies: Vec<f64> = at(1)
        .iter()
        .zip(at(STEPS + 1))
        .map(|(prompt, real)| psnr(prompt, real))
        .collect();
    Ok(Controllability {
        one_prompt_frame: figures(&one)?,
        two_prompt_frames: figures(&two)?,
        copy_psnr: mean(&copies),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_that_obeys_has_a_positive_delta() {
        let obeys = vec![vec![30.0, 28.0, 27.0, 26.0], vec![30.0, 30.0, 30.0, 24.0]];
        let strays = vec![vec![25.0, 23.0, 22.0, 21.0], vec![25.0, 25.0, 25.0, 21.0]];
        let figures = PromptFigures::new(&obeys, &strays);
        assert!((figures.delta_psnr - 4.0).abs() < 1e-12);
        assert!((figures.inferred_psnr - figures.random_psnr - 4.0).abs() < 1e-12);
        assert!((figures.delta_standard_error - 1.0).abs() < 1e-12);
        assert!((figures.inferred_by_step[1] - 29.0).abs() < 1e-12);
        assert!(PromptFigures::new(&strays, &obeys).delta_psnr < 0.0);
    }
}
