//! Names and keys for latent actions, from what they do on the screen.
//!
//! No true action is read, unless a share of them is asked for ([`LabelOptions::labelled`]). The effect of a latent action is measured by motion on the screen in two sources
//! (a third, random play, says which actions dreams show: the others are [hidden](ActionLabel::hidden)):
//!
//! - **real** transitions, grouped by the action that the latent action model infers from them;
//! - **generated** transitions, in which an action is held for a few frames from prompts at rest.
//!
//! For each action both give how often the player's figure moves left, moves right, stands still, begins to rise from rest,
//! and falls. [`name_actions`] derives names and default keys from these shares.

mod counting;
mod directions;
mod dreamt;
mod footage_names;
mod motion;
mod motion_estimator;
mod naming;
mod offered;
mod pressed;
mod reference;

use std::fmt::{Display, Formatter};

use genie_model::{ActionLabel, SamplerSettings, WorldModel};

use counting::{count_real, rests, usual_speeds};
use directions::{has_gravity, name_directions};
use dreamt::goes_as_named;
pub use footage_names::name_codes;
pub use motion::{Camera, Motion, hero_motion};
use motion_estimator::{MotionEstimator, shows_hero};
use naming::name_actions_with_dreams;
pub use naming::{ActionEffect, Effects, name_actions};
use offered::offer;
pub use offered::{DreamReadings, WhyHidden};
use pressed::name_by_keys;

use crate::dataset::Dataset;
use crate::evaluate::{
    ActionInference, Advance, EvaluateError, EvaluateOptions, FEW_ACTIONS, Footage, MOST_SEGMENTS,
    PressedKeys, READ_FRAMES, WorldParts, Worlds, commanded_and_read, pressed_keys,
};

/// Options of [`label`].
#[derive(Clone, Debug, PartialEq)]
pub struct LabelOptions {
    /// Segments of real footage that are measured, for a world of eight actions or fewer; one of more has as many more.
    pub clips: usize,
    /// Prompts from which every action is held.
    pub prompts: usize,
    /// Frames for which it is held.
    pub hold: usize,
    /// How frames are sampled.
    pub sampler: SamplerSettings,
    /// Seed of everything that is random.
    pub seed: u64,
    /// Share of the dataset's transitions, above 0 and at most 1, of which the true action is read, to name actions by the keys that they
    /// belong to; `None` reads none.
    pub labelled: Option<f64>,
}

impl Default for LabelOptions {
    fn default() -> Self {
        Self {
            clips: 64,
            prompts: 24,
            hold: 6,
            sampler: SamplerSettings::default(),
            seed: 0,
            labelled: None,
        }
    }
}

impl LabelOptions {
    /// About what naming takes, in frames dreamt by many worlds together, with so many actions.
    pub fn expected_frames(&self, actions: usize) -> f64 {
        (self.held_frames(actions) + self.read_frames(actions)) / (1.0 - SEEN_SHARE)
    }

    /// Frames in which actions are held from rest.
    fn held_frames(&self, actions: usize) -> f64 {
        (actions * self.prompts * self.hold) as f64
    }

    /// Frames in which actions are commanded at random and read.
    fn read_frames(&self, actions: usize) -> f64 {
        (self.segments(actions) * READ_FRAMES) as f64
    }

    /// Segments that are measured in a world of so many actions: each action is commanded as often, however many there are.
    fn segments(&self, actions: usize) -> usize {
        let wanted = self.clips.saturating_mul(actions).div_ceil(FEW_ACTIONS);
        wanted.min(MOST_SEGMENTS).max(self.clips)
    }

    /// Whether they can be used, before any work is done.
    ///
    /// # Errors
    /// A count out of range, or a setting of the sampler.
    pub fn check(&self) -> Result<(), EvaluateError> {
        for (what, most, found) in [
            ("clips", MOST_SEGMENTS, self.clips),
            ("prompts", MOST_PROMPTS, self.prompts),
            ("hold", MOST_PROMPTS, self.hold),
        ] {
            if !(1..=most).contains(&found) {
                return Err(EvaluateError::Count { what, most, found });
            }
        }
        self.sampler.validate()?;
        Ok(())
    }
}

/// Names of all latent actions, and the measurements behind them.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// One label per latent action; all names differ.
    pub labels: Vec<ActionLabel>,
    /// Measured effects of each action.
    pub effects: Vec<Effects>,
    /// As which actions dreams under each action were read.
    pub readings: DreamReadings,
    /// Why players are not offered an action; `None` of those that they are.
    pub hidden: Vec<Option<WhyHidden>>,
    /// What each action belongs to by what was pressed; empty if no true action was read, `None` for an action that they hardly show.
    pub pressed: Vec<Option<PressedKeys>>,
}

/// Share of the time that real footage takes.
const SEEN_SHARE: f64 = 0.3;
/// Most prompts and most frames held: far more than naming needs.
const MOST_PROMPTS: usize = 1024;

/// Measures the effect of each latent action of a world and names it. `advance` is called with the share done, and may end the work.
///
/// # Errors
/// Footage that does not fit the world, a checkpoint without the latent action encoder, a model that breaks down, or what `advance`
/// returns.
pub fn label(
    world: &WorldModel,
    dataset: &Dataset,
    options: &LabelOptions,
    advance: &Advance<'_>,
) -> Result<Labels, EvaluateError> {
    options.check()?;
    let parts = WorldParts::new(world)?;
    let segments = options.segments(world.action_count());
    let footage = Footage::choose(&parts, dataset, segments, options.seed)?;
    // First, since it says at once whether the dataset knows what was pressed.
    let pressed = (options.labelled)
        .map(|share| pressed_keys(&parts, dataset, share, options.seed))
        .transpose()?;
    let config = parts.config();
    let size = (config.frame_height, config.frame_width);
    let clips: Vec<&[u8]> = (footage.segments.iter())
        .map(|segment| &segment.bytes[..])
        .collect();
    advance(0.0)?;
    let (estimator, motions) = if let ActionInference::Agent(agent) = &parts.actions {
        MotionEstimator::for_player(agent.clone(), size, &clips)?
    } else {
        let estimator = if shows_hero(&parts, &footage) {
            MotionEstimator::HeroDetector
        } else {
            MotionEstimator::for_camera_of(clips.iter().copied(), size)
        };
        let motions = estimator.motions(&clips)?;
        (estimator, motions)
    };
    let inferred = parts.infer_by_sight(&clips)?;
    advance(SEEN_SHARE)?;
    let seen: Vec<(Vec<Motion>, Vec<usize>)> = motions.into_iter().zip(inferred).collect();
    let speeds = usual_speeds(seen.iter().flat_map(|(motions, _)| motions));
    let mut effects = count_real(&seen, world.action_count(), speeds);
    let frame = parts.frame_bytes();
    let prompts = prompts_at_rest(&footage, &seen, (frame, options.prompts));
    let actions = effects.len() as f64;
    let (held_frames, read_frames) = (
        options.held_frames(effects.len()),
        options.read_frames(effects.len()),
    );
    let held_share = (1.0 - SEEN_SHARE) * held_frames / (held_frames + read_frames);
    for (action, effects) in effects.iter_mut().enumerate() {
        let pictures: Vec<&[u8]> = (prompts.iter())
            .map(|&(segment, at)| &clips[segment][at * frame..][..frame])
            .collect();
        let mut worlds = Worlds::start(&parts, &pictures, options.seed, &options.sampler)?;
        let commands = vec![action; prompts.len()];
        // What came before the prompt is for the eyes of the estimator alone.
        let before = |at: usize| at.min(estimator.frames_before());
        let real = |&(segment, at): &(usize, usize)| {
            clips[segment][(at - before(at)) * frame..at * frame].to_vec()
        };
        let mut played: Vec<Vec<u8>> = prompts.iter().map(real).collect();
        for (played, picture) in played.iter_mut().zip(worlds.map_frames(<[u8]>::to_vec)) {
            played.extend(picture);
        }
        for step in 0..options.hold {
            worlds.step(&commands)?;
            let held = (step + 1) as f64 / options.hold as f64;
            advance(SEEN_SHARE + held_share * (action as f64 + held) / actions)?;
            for (clip, frame) in played.iter_mut().zip(worlds.frames()) {
                clip.extend_from_slice(frame.pixels());
            }
        }
        let played: Vec<&[u8]> = played.iter().map(|clip| &clip[..]).collect();
        for (motions, &(_, at)) in estimator.motions(&played)?.iter().zip(&prompts) {
            effects.generated.add_held(&motions[before(at)..], speeds);
        }
    }
    let labels = if matches!(estimator, MotionEstimator::Player(..)) {
        name_by_motion(&effects, &seen)
    } else {
        name_actions(&effects)
    };
    let usage: Vec<f64> = effects.iter().map(|effects| effects.usage).collect();
    let mut labels = match &pressed {
        Some(pressed) => name_by_keys(labels, &usage, pressed),
        None => labels,
    };
    let shown: Vec<bool> = usage.iter().map(|usage| *usage > 0.0).collect();
    let played = EvaluateOptions {
        clips: segments,
        sampler: options.sampler.clone(),
        seed: options.seed,
        ..EvaluateOptions::default()
    };
    let read_share = 1.0 - SEEN_SHARE - held_share;
    let steps = commanded_and_read(&parts, &footage, &shown, &played, &|share| {
        advance(1.0 - read_share * (1.0 - share))
    })?;
    let readings = DreamReadings::new(steps);
    // A name that says what was pressed promises no motion.
    let goes: Vec<Option<f64>> = (labels.iter().zip(&effects))
        .map(|(label, effects)| goes_as_named(&label.name, &effects.generated, &effects.real))
        .map(|goes| goes.filter(|_| pressed.is_none()))
        .collect();
    // A name that says what was pressed says it wherever the player is.
    let followed = pressed.is_none() && matches!(estimator, MotionEstimator::Player(..));
    let unseen: Vec<bool> = (effects.iter())
        .map(|effects| followed && effects.real.is_unseen())
        .collect();
    let hidden = offer(&mut labels, (&usage, &unseen), &readings, &goes);
    Ok(Labels {
        labels,
        effects,
        readings,
        hidden,
        pressed: pressed.unwrap_or_default(),
    })
}

/// Names found actions by the motion of the player in footage, and in dreams if there are any.
fn name_by_motion(effects: &[Effects], seen: &[(Vec<Motion>, Vec<usize>)]) -> Vec<ActionLabel> {
    let real: Vec<Effects> = effects.iter().map(Effects::of_found_actions).collect();
    let dreams: Vec<ActionEffect> = effects.iter().map(|it| it.generated).collect();
    if has_gravity(seen.iter().map(|(motions, _)| &motions[..])) {
        name_actions_with_dreams(&real, &dreams)
    } else {
        name_directions(&real, &dreams)
    }
}

/// Real frames (segment and place in it) in which the figure stands: it neither rose nor fell on the way to them. Any frames where there
/// are none. `frame` is the bytes of one, `count` how many are wanted.
fn prompts_at_rest(
    footage: &Footage,
    seen: &[(Vec<Motion>, Vec<usize>)],
    (frame, count): (usize, usize),
) -> Vec<(usize, usize)> {
    let mut prompts = Vec::new();
    // One from each segment first, then the next ones, so that themes and places differ.
    let longest = seen
        .iter()
        .map(|(motions, _)| motions.len())
        .max()
        .unwrap_or(0);
    // Resting frames come in runs: steps of a few frames find different situations.
    for first in 0..4 {
        for at in (1 + first..longest).step_by(4) {
            for (segment, (motions, _)) in seen.iter().enumerate() {
                let stands = motions.get(at).is_some_and(|_| {
                    rests(&motions[at - 1]) && rests(&motions[at.saturating_sub(2)])
                });
                if stands {
                    prompts.push((segment, at));
                }
                if prompts.len() == count {
                    return prompts;
                }
            }
        }
    }
    if prompts.is_empty() {
        // The last frames have the longest past.
        let last = |segment: usize| footage.segments[segment].bytes.len() / frame - 1;
        let segments = (0..footage.segments.len()).cycle().take(count);
        prompts.extend(segments.map(|segment| (segment, last(segment))));
    }
    prompts
}

impl Display for Labels {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{:<18} {:>6}  {:^34}  {:^34}",
            "", "", "real transitions", "generated, held from rest"
        )?;
        let columns = "left right jumps falls   px/frame";
        writeln!(
            f,
            "{:<18} {:>6}  {columns:<34}  {columns:<34}  read  keys",
            "action", "usage"
        )?;
        for (action, (label, effects)) in self.labels.iter().zip(&self.effects).enumerate() {
            let name = format!("{action} {}", label.name);
            write!(f, "{name:<18} {:4.1} %", 100.0 * effects.usage)?;
            for effect in [&effects.real, &effects.generated] {
                for part in [
                    effect.left(),
                    effect.right(),
                    effect.jumps(),
                    effect.falling(),
                ] {
                    match part {
                        Some(part) => write!(f, "  {part:.2}")?,
                        None => write!(f, "   -  ")?,
                    }
                }
                write!(
                    f,
                    "  {:+6.2}    ",
                    effect.distance / effect.sideways.max(1.0)
                )?;
            }
            match self.readings.recognised(action) {
                Some(share) => write!(f, "  {share:.2}")?,
                None => write!(f, "   -  ")?,
            }
            let keys: Vec<String> = label.keys.iter().map(|keys| keys.join("+")).collect();
            write!(f, "  {}", keys.join(" or "))?;
            if let Some(why) = self.hidden.get(action).copied().flatten() {
                write!(f, " (hidden: {why})")?;
            }
            let unclear = label.name == format!("action_{action}");
            writeln!(f, "{}", if unclear { " (unclear)" } else { "" })?;
        }
        for (action, pressed) in self.pressed.iter().enumerate() {
            write!(f, "action {action}: ")?;
            match pressed {
                Some(keys) if keys.is_clear() => write!(f, "{}", keys.name())?,
                _ => write!(f, "unclear which keys")?,
            }
            match pressed {
                Some(keys) => writeln!(
                    f,
                    " ({} pressed in {:.0} % of {} labelled transitions, {:.0} % in all of them)",
                    keys.name(),
                    100.0 * keys.share,
                    keys.transitions,
                    100.0 * keys.usual
                )?,
                None => writeln!(f, " (in hardly any labelled transition)")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::tests::{tiny_dataset, tiny_world};
    use crate::gameplay::{FRAME_SIZE, GameplayRules, TrueAction, generate_clip};

    #[test]
    fn an_untrained_world_gets_names_that_differ() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = tiny_dataset(folder.path(), 4, 30);
        let world = tiny_world(2);
        let options = LabelOptions {
            clips: 4,
            prompts: 3,
            hold: 2,
            ..LabelOptions::default()
        };
        let labels = label(&world, &dataset, &options, &|_| Ok(())).unwrap();
        assert_eq!(labels.labels.len(), world.action_count());
        let names: std::collections::BTreeSet<_> = labels.labels.iter().map(|l| &l.name).collect();
        assert_eq!(names.len(), labels.labels.len());
        let usage: f64 = labels.effects.iter().map(|effects| effects.usage).sum();
        assert!((usage - 1.0).abs() < 1e-9);
        let text = labels.to_string();
        assert!(text.lines().count() == world.action_count() + 2);
        // What has no name is said to be unclear.
        let unnamed = labels.labels.iter().enumerate();
        let unnamed = unnamed.filter(|(action, label)| label.name == format!("action_{action}"));
        assert_eq!(text.matches("(unclear)").count(), unnamed.count());
    }

    #[test]
    fn a_share_of_the_true_actions_is_read_and_only_that() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = tiny_dataset(folder.path(), 8, 60);
        let world = tiny_world(2);
        let options = |labelled| LabelOptions {
            clips: 4,
            prompts: 3,
            hold: 2,
            labelled,
            ..LabelOptions::default()
        };
        let count = |labels: &Labels| -> u64 {
            let pressed = labels.pressed.iter().flatten();
            pressed.map(|keys| keys.transitions).sum()
        };
        let some = label(&world, &dataset, &options(Some(0.5)), &|_| Ok(())).unwrap();
        assert_eq!(some.pressed.len(), world.action_count());
        assert!(count(&some) <= 4 * 59, "{some}");
        assert!(count(&some) > 2 * 59, "{some}");
        let none = label(&world, &dataset, &options(None), &|_| Ok(())).unwrap();
        assert!(none.pressed.is_empty());
        assert_eq!(none.effects, some.effects);
        for share in [0.0, 1.5, f64::NAN] {
            let refused = label(&world, &dataset, &options(Some(share)), &|_| Ok(())).unwrap_err();
            assert!(refused.to_string().contains("100 %"), "{refused}");
        }
        let stopped = label(&world, &dataset, &options(None), &|share| {
            if share > 0.5 {
                Err(EvaluateError::Stopped)
            } else {
                Ok(())
            }
        });
        assert!(matches!(stopped, Err(EvaluateError::Stopped)));
        // Where nothing says what was pressed, it is said what would.
        std::fs::remove_file(folder.path().join("true_actions.bin")).unwrap();
        let refused = label(&world, &dataset, &options(Some(0.5)), &|_| Ok(())).unwrap_err();
        assert!(refused.to_string().contains("actions.csv"), "{refused}");
    }

    /// If the latent actions were the true ones, real footage alone would give all of them their names, with the hero detector
    /// and without.
    #[test]
    fn true_actions_get_their_true_names() {
        for shows_hero in [true, false] {
            let clips: Vec<_> = (0..10)
                .map(|clip| generate_clip(GameplayRules::ALIGNED, 9, clip, 100))
                .collect();
            let estimator = if shows_hero {
                MotionEstimator::HeroDetector
            } else {
                let segments = clips.iter().map(|(frames, _)| &frames[..]);
                MotionEstimator::for_camera_of(segments, (FRAME_SIZE, FRAME_SIZE))
            };
            let seen: Vec<(Vec<Motion>, Vec<usize>)> = clips
                .into_iter()
                .map(|(frames, actions)| {
                    let motions = estimator.motions(&[&frames]).unwrap().remove(0);
                    (motions, actions.into_iter().map(usize::from).collect())
                })
                .collect();
            let speeds = usual_speeds(seen.iter().flat_map(|(motions, _)| motions));
            let effects = count_real(&seen, TrueAction::COUNT, speeds);
            let labels = name_actions(&effects);
            let labels = Labels {
                labels,
                effects,
                readings: DreamReadings::default(),
                hidden: Vec::new(),
                pressed: Vec::new(),
            };
            println!("{labels}");
            let names: Vec<&str> = labels.labels.iter().map(|l| l.name.as_str()).collect();
            let expected = ["left", "idle", "right", "left_jump", "jump", "right_jump"];
            assert_eq!(names, expected, "hero detector: {shows_hero}");
        }
    }
}
