//! Which temperature and action guidance suit a world: those under which it stays near real footage, and obeys.
//!
//! A world that was trained for a short time is surer of the likeliest tokens than of the others. To lead away from what a world expects
//! without knowing the action (action guidance) makes it obey where actions change little, and tears the picture where they change much.
//!
//! Each choice dreams what real clips show, once under the actions that are inferred from them and once under random ones. Its figure is the
//! PSNR of the former, and how much that is above the PSNR of the latter: the paper's controllability (section 3), of one to four steps.
//! A choice under which less moves than in the footage is none, whatever its figure: where a world is unsure, the likeliest next picture is the
//! same one.

use genie_model::{GenieConfig, SamplerSettings, WorldModel, psnr};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::course::Advance;
use super::statistics::mean;
use super::{EvaluateError, Footage, WorldParts, Worlds};
use crate::dataset::Dataset;

/// Frames that are generated from each prompt.
const STEPS: usize = 4;
/// Temperatures that are tried.
const TEMPERATURES: [f32; 3] = [1.0, 0.6, 0.35];
/// Parts of the world's own action guidance that are tried.
const GUIDANCE: [f32; 3] = [1.0, 0.5, 0.0];
/// By how many dB the figure of another choice must be above that of the world's own.
const LEAST_GAIN: f64 = 0.5;
/// By how many dB the figure of a choice with less action guidance must be above all those with the world's own. Guidance is there so that dreams obey, which
/// the figure says little about: it is given up only where it clearly tears the picture.
const LEAST_GAIN_WITH_LESS_GUIDANCE: f64 = 3.0;
/// How much of a dream must change, as a share of what changes in the footage; no less than under the world's own settings where that is not
/// reached, so that labelling a world again and again does not lead it to a standstill.
const LEAST_CHANGE: f64 = 0.8;
/// From how much on a value of a pixel has changed.
const CHANGED: u8 = 24;

/// How a world is sampled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingChoice {
    /// See [`DynamicsConfig::temperature`](genie_model::DynamicsConfig::temperature).
    pub temperature: f32,
    /// See [`DynamicsConfig::action_guidance`](genie_model::DynamicsConfig::action_guidance).
    pub action_guidance: f32,
}

impl SamplingChoice {
    /// Those of a world.
    fn of(world: &WorldModel) -> Self {
        let dynamics = &world.config().dynamics;
        Self {
            temperature: dynamics.temperature,
            action_guidance: dynamics.action_guidance,
        }
    }

    /// Plays a world so.
    pub fn apply(self, config: &mut GenieConfig) {
        config.dynamics.temperature = self.temperature;
        config.dynamics.action_guidance = self.action_guidance;
    }

    /// What is tried for a world; its own come first.
    fn tried(self) -> Vec<Self> {
        let mut all = vec![self];
        for action_guidance in GUIDANCE.map(|share| share * self.action_guidance) {
            for temperature in TEMPERATURES {
                let choice = Self {
                    temperature,
                    action_guidance,
                };
                if !all.contains(&choice) {
                    all.push(choice);
                }
            }
        }
        all
    }

    /// The sampler that a world of the settings `own` is played with, so that it is as this says.
    fn sampler(self, own: Self) -> SamplerSettings {
        SamplerSettings {
            temperature: self.temperature / own.temperature,
            action_guidance: Some(self.action_guidance),
            ..SamplerSettings::default()
        }
    }
}

/// About how many frames a choice from so many prompts dreams, of worlds that dream together.
pub fn frames_for_choice(prompts: usize) -> f64 {
    (2 * GUIDANCE.len() * TEMPERATURES.len() * prompts * STEPS) as f64
}

/// The settings under which rollouts under the inferred actions are nearest to the real frames, by their mean PSNR, and furthest above those under
/// random actions; the world's own, unless others are better by 0.5 dB, or by 3 dB with less action guidance. They are tried from so many `prompts`.
///
/// # Errors
/// Footage that does not fit the world, a checkpoint from which no actions can be inferred, a model that breaks down, or what `advance`
/// returns.
pub fn choose_sampling(
    world: &WorldModel,
    dataset: &Dataset,
    prompts: usize,
    seed: u64,
    advance: &Advance<'_>,
) -> Result<SamplingChoice, EvaluateError> {
    let parts = WorldParts::new(world)?;
    let footage = Footage::choose(&parts, dataset, prompts, seed)?;
    let size = parts.frame_bytes();
    let clips: Vec<&[u8]> = footage.segments.iter().map(|it| &it.bytes[..]).collect();
    let actions = parts.infer(&clips)?;
    // As late as there is room for what follows, since actions are inferred from what was before.
    let starts: Vec<usize> = clips
        .iter()
        .map(|clip| (clip.len() / size - 1 - STEPS).min(parts.frames_before()))
        .collect();
    let frames = |after: usize| -> Vec<&[u8]> {
        let places = clips.iter().zip(&starts);
        places
            .map(|(clip, start)| &clip[(start + after) * size..][..size])
            .collect()
    };
    let inferred: [Vec<usize>; STEPS] = std::array::from_fn(|step| {
        let clips = actions.iter().zip(&starts);
        clips
            .map(|(actions, start)| actions[start + step])
            .collect()
    });
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x7361_6d70);
    let random: [Vec<usize>; STEPS] = std::array::from_fn(|_| {
        (clips.iter())
            .map(|_| rng.random_range(0..world.action_count()))
            .collect()
    });
    let own = SamplingChoice::of(world);
    let tried = own.tried();
    let mut rollouts = 0;
    let mut rollout = |choice: &SamplingChoice, commanded: &[Vec<usize>; STEPS]| {
        let mut worlds = Worlds::start(&parts, &frames(0), seed, &choice.sampler(own))?;
        let mut before = worlds.map_frames(<[u8]>::to_vec);
        let (mut nearness, mut changed) = (Vec::new(), Vec::new());
        for (step, now) in commanded.iter().enumerate() {
            worlds.step(now)?;
            let after = worlds.map_frames(<[u8]>::to_vec);
            nearness.extend((after.iter().zip(frames(step + 1))).map(|(it, real)| psnr(it, real)));
            let pairs = before.iter().zip(&after);
            changed.extend(pairs.map(|(before, after)| change(before, after)));
            before = after;
            let done = rollouts * STEPS + step + 1;
            advance(done as f64 / (2 * tried.len() * STEPS) as f64)?;
        }
        rollouts += 1;
        Ok::<_, EvaluateError>((mean(&nearness), mean(&changed)))
    };
    let real: Vec<f64> = (0..STEPS)
        .flat_map(|step| frames(step).into_iter().zip(frames(step + 1)))
        .map(|(before, after)| change(before, after))
        .collect();
    let real = mean(&real);
    let mut figures = Vec::with_capacity(tried.len());
    for choice in &tried {
        let (near, changed) = rollout(choice, &inferred)?;
        let above = near - rollout(choice, &random)?.0;
        tracing::debug!(
            "{choice:?}: {near:.2} dB, {above:.2} dB above random actions, {changed:.3} of it changes (of the footage {real:.3})"
        );
        figures.push(Figure {
            gain: near + above,
            changed,
            less_guided: choice.action_guidance < own.action_guidance,
        });
    }
    Ok(tried[best(&figures, real)])
}

/// What rollouts under a choice show.
#[derive(Debug, Clone, Copy)]
struct Figure {
    /// Their nearness to real frames and how far that is above the nearness under random actions, in dB.
    gain: f64,
    /// Share of them that changes from frame to frame.
    changed: f64,
    /// Whether they are led away less from what is expected without the action than the world asks for.
    less_guided: bool,
}

/// Share of the values of a frame that differ from the frame before.
fn change(before: &[u8], after: &[u8]) -> f64 {
    let pairs = before.iter().zip(after);
    let changed = pairs.filter(|(before, after)| before.abs_diff(**after) > CHANGED);
    changed.count() as f64 / before.len().max(1) as f64
}

/// The place of the highest figure in which enough changes, unless it gains less than it must on the first; `real` is how much changes in the
/// footage.
fn best(figures: &[Figure], real: f64) -> usize {
    let Some(own) = figures.first() else {
        return 0;
    };
    let least = (LEAST_CHANGE * real).min(own.changed);
    let better = |less_guided: bool| {
        move |best: usize, at: usize| {
            let figure = figures[at];
            let may_be = figure.changed >= least && figure.less_guided == less_guided;
            if may_be && figure.gain > figures[best].gain {
                at
            } else {
                best
            }
        }
    };
    let guided = (0..figures.len()).fold(0, better(false));
    let best = (0..figures.len()).fold(guided, better(true));
    if figures[best].gain >= figures[guided].gain + LEAST_GAIN_WITH_LESS_GUIDANCE {
        best
    } else if figures[guided].gain >= own.gain + LEAST_GAIN {
        guided
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::tests::{tiny_dataset, tiny_world};

    #[test]
    fn a_world_keeps_its_own_settings_unless_others_are_clearly_nearer() {
        let best = |gains: &[f64]| {
            let figures = gains.iter().map(|&gain| Figure {
                gain,
                changed: 0.2,
                less_guided: false,
            });
            best(&figures.collect::<Vec<_>>(), 0.2)
        };
        assert_eq!(best(&[20.0, 20.4, 19.0]), 0);
        assert_eq!(best(&[20.0, 20.6, 20.7, 20.3]), 2);
        assert_eq!(best(&[20.0, f64::NAN, 20.6]), 2);
        let own = SamplingChoice {
            temperature: 1.0,
            action_guidance: 1.0,
        };
        assert_eq!(own.tried().len(), GUIDANCE.len() * TEMPERATURES.len());
        let unguided = SamplingChoice {
            action_guidance: 0.0,
            ..own
        };
        assert_eq!(unguided.tried().len(), TEMPERATURES.len());
        assert_eq!(own.tried()[0], own);
    }

    #[test]
    fn a_world_that_would_freeze_is_not_chosen_however_near_it_stays() {
        let figures = [(20.0, 0.2), (23.0, 0.1), (21.0, 0.17)];
        let figures = figures.map(|(gain, changed)| Figure {
            gain,
            changed,
            less_guided: false,
        });
        assert_eq!(best(&figures, 0.2), 2);
        // What tears changes more than the footage does.
        assert_eq!(best(&figures, 0.1), 1);
        assert_eq!(best(&figures[..2], 0.2), 0);
        // What hardly moves by its own settings is not made to move less.
        assert_eq!(best(&figures, 0.4), 0);
        assert!((change(&[0, 0, 90, 200], &[0, 20, 120, 100]) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn guidance_is_given_up_only_where_it_tears_the_picture() {
        let best = |figures: &[(f64, bool)]| {
            let figures = figures.iter().map(|&(gain, less_guided)| Figure {
                gain,
                changed: 0.2,
                less_guided,
            });
            best(&figures.collect::<Vec<_>>(), 0.2)
        };
        // A little nearer is no reason, neither to the world's own settings nor to another temperature.
        assert_eq!(best(&[(20.0, false), (22.9, true)]), 0);
        assert_eq!(best(&[(20.0, false), (22.0, false), (24.0, true)]), 1);
        assert_eq!(best(&[(20.0, false), (20.2, false), (23.1, true)]), 0);
        assert_eq!(best(&[(20.0, false), (22.0, false), (25.1, true)]), 2);
        assert_eq!(best(&[(20.0, false), (23.2, true), (23.4, true)]), 2);
    }

    #[test]
    fn a_choice_is_the_same_for_the_same_seed_and_can_be_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = tiny_dataset(folder.path(), 4, 12);
        let world = tiny_world(1);
        let told = std::cell::RefCell::new(Vec::new());
        let choose = |end: f64| {
            choose_sampling(&world, &dataset, 24, 3, &|share| {
                told.borrow_mut().push(share);
                if share >= end {
                    Err(EvaluateError::Stopped)
                } else {
                    Ok(())
                }
            })
        };
        let chosen = choose(2.0).unwrap();
        assert!(SamplingChoice::of(&world).tried().contains(&chosen));
        let all = told.borrow().clone();
        assert!(
            all.is_sorted() && (all[all.len() - 1] - 1.0).abs() < 1e-9,
            "{all:?}"
        );
        assert_eq!(choose(2.0).unwrap(), chosen);
        assert!(matches!(choose(0.5), Err(EvaluateError::Stopped)));
    }
}
