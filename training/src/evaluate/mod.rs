//! Evaluation of a world: image quality, controllability, and long play.
//!
//! [`evaluate`] measures a [`WorldModel`] on a dataset and returns an [`Evaluation`]:
//!
//! - **tokenizer PSNR**: real frames against their reconstruction;
//! - **controllability** (the paper's delta-t PSNR): PSNR of the frame `t` steps after a real prompt against a rollout
//!   under the actions inferred from the real frames, minus the same under uniformly random actions, at t = 4;
//! - **usage** of each latent action in the real footage; those of at least 3 % are *in use* (of more than eight actions as much less: 1.2 % of 20);
//! - **faithfulness**: how often the latent action model infers from a generated transition the action that was commanded;
//! - **adjacency violations**: pairs of adjacent tokens in random play that no real frame shows;
//! - **survival** of the hero of the built-in gameplay under random play;
//! - **one picture**: ten frames from one picture under inferred actions, by PSNR and SSIM;
//! - **health**: the loss on what changes, under the inferred action and under others;
//! - **agreement** with the true actions, where they are known;
//! - **blocked actions**: where a true action did not have its usual effect (a step into a wall), the world does what the
//!   footage did.
//!
//! The latent actions of real clips are inferred as training has them: by the latent action encoder or, where a player was found, by what is
//! seen of that and by how likely the world's own dynamics find each transition under each action. The actions of dreams are inferred
//! without the dynamics, which would judge themselves. Controllability, one picture and health go by actions that the same dynamics helped to
//! choose after they saw the next frame: they come out a little better for that alone, as with any encoder that learnt beside its dynamics.
//!
//! True actions are a file beside the footage. Nothing that learns a world reads them, with one exception: training with
//! `action_source = "given"` or `"labelled"`, which takes what was pressed for the latent actions. Otherwise they are read here, by `genie actions`, which
//! scores the actions that it found, and by `genie label --labelled`, which names latent actions by the keys of a share of the transitions.
//!
//! # The judge
//!
//! Faithfulness is a self-judgement: what found the actions says whether dreams show them. Where true actions are known, a judge says it
//! that sees neither the world nor its dreams while it learns: a classifier ([`Judge`]) of true actions, from real footage alone.
//!
//! - **Who learns from what.** Half of the clips (or another dataset of the same game, [`KnownActions::learn`]) are the judge's to learn
//!   from; they also make the table from latent to true actions. Only the other clips are scored and begin dreams.
//! - **actions**: information of the inferred latent action about the true one, beside what the judge sees of the true action in the
//!   same frames, and their ratio. Where actions are hidden, also that of what players are offered, which is less.
//! - **obedience**: each latent action in use stands for the true action that leads to it most often where true actions count alike. It
//!   is commanded in dreams, and the judge says which true action it sees. Every latent action counts alike. Chance is the same
//!   verdicts with commands dealt out at random. The score is the gain over chance in dreams as a share of that in real footage.
//!   Steps 1 to 3 and 4 to 7 are dreamt after sixteen real frames, the last four of which the world is shown; steps 16 to 31 and 64 to
//!   79 are those of random play, which begins from one real picture.
//!
//! The judge looks at the whole picture and at the change of every pixel, by a convolutional network; the motion of every patch is asked too where
//! that helps on real clips that the judge holds back. It finds no player, so that it does not share the rule by which worlds of
//! the input `agent` find theirs.
//!
//! Limits. A small thing in a crowded picture may be seen by a tracker of the player and escape the judge: then too little
//! counts as visible, and the ratio comes out too high.
//! A true action that is not visible (a jump in the air) weighs nothing. The judge is small, and learns from
//! thousands of transitions. Commands are held for 1 to 8 frames whatever the player in the footage did, so that a score a little above
//! 1 is possible; steps 1 to 3 follow a change of action, which the yardstick does not: there a score is a little too low. A latent action
//! that goes with many true actions alike cannot be obeyed. The judge sees whether a player does what is commanded, not whether the rest
//! of the picture makes sense. Clips that were cut from one episode may be on both sides: another dataset to learn from is the better
//! trial.
//!
//! A PSNR is taken per frame from the mean squared error over all its pixel values (0 to 255), capped at 60 dB and
//! averaged in dB. The same seed gives the same figures; [`Spread`] shows how they vary over several evaluations, with other seeds
//! or on other footage, which is more than the standard error over the clips of one evaluation.

mod action_information;
mod action_table;
mod adjacency;
mod agreement;
mod blocked;
mod commands;
mod controllability;
mod course;
mod error;
mod evaluation;
mod footage;
mod health;
mod horizons;
mod inference;
mod json;
mod judge;
mod judged_dreams;
mod judging;
mod known_actions;
mod known_transitions;
mod obedience;
mod offered_actions;
mod one_picture;
mod options;
mod play;
mod pressed_keys;
mod random_play;
mod recording;
mod report;
mod sampling_choice;
mod spread;
mod ssim;
mod statistics;
mod untrained;
mod verdicts;

use genie_model::WorldModel;

pub use action_information::ActionInformation;
pub use adjacency::AdjacencyViolations;
pub(crate) use agreement::FEW_ACTIONS;
pub use agreement::{ActionUsage, Information, TrueActionAgreement};
pub use blocked::{BlockedAction, BlockedActions};
pub use controllability::{Controllability, PromptFigures};
pub use course::{Advance, expected_frames};
pub use error::EvaluateError;
pub use evaluation::Evaluation;
pub(crate) use footage::MOST_SEGMENTS;
pub use footage::{Footage, Segment, WorldParts};
pub use health::Health;
pub use inference::{ActionInference, PlayerPlaces};
pub use json::write_json;
pub use judge::Judge;
pub use known_actions::KnownActions;
pub use obedience::{CommandedAction, HorizonObedience, Obedience, Recognised};
pub use offered_actions::plain_actions;
pub use one_picture::OnePicture;
pub use options::EvaluateOptions;
pub use play::Worlds;
pub use pressed_keys::{PressedKeys, pressed_actions, pressed_keys};
pub use random_play::{
    ActionFaithfulness, Faithfulness, HeroShares, HorizonFaithfulness, Survival, SurvivalAfter,
};
pub(crate) use random_play::{READ_FRAMES, commanded_and_read};
pub use sampling_choice::{SamplingChoice, choose_sampling, frames_for_choice};
pub use spread::{FigureSpread, Spread};
pub use ssim::ssim;
pub use statistics::{Contingency, standard_error};
pub use untrained::untrained_checkpoint;

use crate::dataset::Dataset;
use course::{Course, Work};
use horizons::Horizon;
use judged_dreams::dreams_from_histories;
use judging::Judging;
use recording::Recorder;

/// Measures a world on a dataset, with its true actions if they are known. `advance` is called with the share done, and may end the work.
///
/// # Errors
/// Footage that does not fit the world or is too short, a checkpoint without the latent action encoder, a model that
/// breaks down, or what `advance` returns.
pub fn evaluate(
    world: &WorldModel,
    dataset: &Dataset,
    known: Option<KnownActions<'_>>,
    options: &EvaluateOptions,
    advance: &Advance<'_>,
) -> Result<Evaluation, EvaluateError> {
    options.check()?;
    let parts = WorldParts::new(world)?;
    let footage = Footage::choose(&parts, dataset, options.clips, options.seed)?;
    if let Some((learn, _)) = known.and_then(|known| known.learn) {
        footage::check_size(&parts, learn)?;
    }
    let has_judge = known.is_some() && options.judged_transitions > 0;
    let work = Work::of(options, world.action_count(), known.is_some(), has_judge);
    let course = Course::new(work.total(), advance);
    let tokenizer_psnr = controllability::tokenizer_psnr(&parts, &footage)?;
    course.part_done(work.tokenizer)?;
    let inferred = agreement::infer(&parts, &footage)?;
    course.part_done(work.inference)?;
    let controllability = controllability::measure(&parts, &footage, &inferred, options, &course)?;
    course.part_done(work.controllability)?;
    let one_picture = one_picture::measure(&parts, &footage, &inferred, options, &course)?;
    course.part_done(work.one_picture)?;
    let usage = agreement::usage(&parts, &inferred);
    let health = health::measure(&parts, &footage, &inferred, &usage, options, &course)?;
    course.part_done(work.health)?;
    let true_actions = known.map(|known| known.actions);
    let agreement =
        true_actions.and_then(|known| agreement::agree(&parts, &footage, &inferred, known));
    let blocked_actions = match (true_actions, &agreement) {
        (Some(known), Some(agreement)) => {
            let known = (known, agreement.table.as_slice());
            blocked::measure(&parts, &footage, &inferred, known, options)?
        }
        _ => None,
    };
    course.part_done(work.blocked)?;
    let judging = match known {
        Some(known) if has_judge => Judging::prepare(&parts, dataset, &footage, known, options)?,
        _ => None,
    };
    course.part_done(work.judge)?;
    let scored = |clip: usize| judging.as_ref().is_some_and(|judging| judging.scores(clip));
    let mut dreams = Vec::new();
    if judging.is_some() && !Horizon::up_to(options.horizon, true).is_empty() {
        let in_use = agreement::in_use(&usage);
        let commanded = (&in_use[..], &scored as &dyn Fn(usize) -> bool);
        dreams.push(dreams_from_histories(
            &parts, &footage, &inferred, commanded, options,
        )?);
    }
    course.part_done(work.dreams)?;
    let mut recorders: Vec<Recorder> = (Horizon::up_to(options.horizon, false).into_iter())
        .map(|horizon| Recorder::new(&footage, &scored, horizon))
        .collect();
    let mut watch = |step: usize, commanded: &[usize], worlds: &Worlds| {
        for recorder in &mut recorders {
            recorder.watch(step, commanded, worlds);
        }
    };
    let play = random_play::play(&parts, &footage, &usage, options, &mut watch, &|share| {
        course.within(work.play * share)
    })?;
    dreams.extend(
        recorders
            .into_iter()
            .map(|recorder| recorder.dreams(&parts)),
    );
    let obedience = match &judging {
        Some(judging) => judging.obedience(&usage, options.horizon, &dreams)?,
        None => None,
    };
    course.part_done(work.play)?;
    Ok(Evaluation {
        options: options.as_played(world),
        tokenizer_psnr,
        controllability,
        one_picture,
        health,
        usage,
        faithfulness: play.faithfulness,
        adjacency_violations: play.adjacency_violations,
        survival: play.survival,
        actions: judging.as_ref().map(Judging::information),
        obedience,
        true_actions: agreement,
        blocked_actions,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::dataset::{DatasetWriter, TrueActions};
    use crate::gameplay::{GameplayOptions, generate_dataset};
    use candle_core::Device;
    use genie_model::GenieConfig;

    pub(crate) fn tiny_world(seed: u64) -> WorldModel {
        let checkpoint = untrained_checkpoint(&GenieConfig::tiny(), seed).unwrap();
        WorldModel::new(checkpoint, &Device::Cpu).unwrap()
    }

    pub(crate) fn tiny_dataset(folder: &std::path::Path, clips: usize, frames: usize) -> Dataset {
        generate_dataset(folder, clips, frames, 5, GameplayOptions::ALIGNED, &|_| ())
            .unwrap()
            .dataset
    }

    fn options() -> EvaluateOptions {
        EvaluateOptions {
            clips: 12,
            horizon: 16,
            survival: 20,
            ..EvaluateOptions::default()
        }
    }

    #[test]
    fn an_untrained_world_is_judged_at_chance() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = tiny_dataset(folder.path(), 10, 40);
        let truth = TrueActions::open(folder.path()).unwrap();
        let world = tiny_world(1);
        let figures = evaluate(&world, &dataset, Some((&truth).into()), &options(), &|_| {
            Ok(())
        })
        .unwrap();

        let usage: f64 = figures.usage.iter().map(|action| action.usage).sum();
        assert!((usage - 1.0).abs() < 1e-9);
        let in_use = figures.usage.iter().filter(|a| a.in_use).count();
        assert!((figures.faithfulness.chance * in_use as f64 - 1.0).abs() < 1e-9);
        assert_eq!(
            figures
                .faithfulness
                .horizons
                .iter()
                .map(|h| h.horizon)
                .collect::<Vec<_>>(),
            [1, 16]
        );
        for horizon in &figures.faithfulness.horizons {
            assert_eq!(horizon.judged, 12 * 4);
            let off = (horizon.faithfulness - figures.faithfulness.chance).abs();
            assert!(off < 0.25, "{horizon:?}");
        }
        // Noise does not depend on the action much, and is far from the real frames.
        let control = &figures.controllability;
        assert!(
            control.one_prompt_frame.delta_psnr.abs() < 1.0,
            "{control:?}"
        );
        assert!(control.copy_psnr > control.one_prompt_frame.inferred_psnr);
        assert!(figures.tokenizer_psnr > 0.0 && figures.tokenizer_psnr < 20.0);
        let adjacency = figures.adjacency_violations;
        assert!(adjacency.generated > adjacency.real, "{adjacency:?}");
        let survival = figures.survival.as_ref().unwrap();
        assert!(survival.real.visible > 0.9);
        assert!(survival.after[0].shares.visible < 0.1);
        assert!(survival.throughout.visible < 0.1);
        let known = figures.true_actions.as_ref().unwrap();
        assert_eq!(known.transitions, 12 * 39);
        // Half of the ten clips are scored.
        let actions = figures.actions.as_ref().unwrap();
        assert_eq!(actions.transitions, 5 * 39);
        assert_eq!(actions.learnt_transitions, 5 * 39);
        assert!(actions.information < 0.3, "{actions}");
        let obedience = figures.obedience.as_ref().unwrap();
        let horizons: Vec<_> = obedience.horizons.iter().map(|it| it.horizon).collect();
        assert_eq!(horizons, [1, 4, 16]);
        // Play ends after the 20 steps of survival, and the judge looks one frame ahead.
        assert_eq!(obedience.horizons[2].last, 19);
        for at in &obedience.horizons {
            let gain = at.dream.accuracy - at.dream.chance;
            assert!(gain.abs() < 0.3, "{obedience}");
        }
        let one = figures.one_picture.as_ref().unwrap();
        assert_eq!((one.frames, one.clips), (10, 12));
        assert!(
            one.psnr < one.copy_psnr && one.ssim < one.copy_ssim,
            "{one}"
        );
        let health = figures.health.as_ref().unwrap();
        assert!(health.own_loss > 2.0 && health.explained < 0.2, "{health}");
        assert!(known.steer.unwrap().true_entropy > 0.3);
        if let Some(blocked) = &figures.blocked_actions {
            assert!(blocked.transitions() < 12 * 39);
            assert!(blocked.as_in_footage() + blocked.as_commanded() <= 1.0);
        }

        // The names in the JSON are what people compare.
        let json = serde_json::to_value(&figures).unwrap();
        for name in ["information", "visible_information", "decoding_accuracy"] {
            assert!(json["actions"][name].is_number(), "{name}");
        }
        assert!(json["obedience"]["footage"]["accuracy"].is_number());
        for at in json["obedience"]["horizons"].as_array().unwrap() {
            for name in ["accuracy", "chance"] {
                assert!(at["dream"][name].is_number(), "{at}");
            }
        }
        // Every figure is a finite number: JSON writes the others as null.
        let json = serde_json::to_string(&figures).unwrap();
        assert!(!json.contains("null"), "{json}");
        assert_eq!(serde_json::from_str::<Evaluation>(&json).unwrap(), figures);
        let table = figures.to_string();
        assert!(
            table.contains("faithfulness") && !table.contains("NaN"),
            "{table}"
        );
        // The same seed gives the same figures.
        let again = evaluate(&world, &dataset, Some((&truth).into()), &options(), &|_| {
            Ok(())
        })
        .unwrap();
        assert_eq!(again, figures);
    }

    #[test]
    fn an_evaluation_tells_how_far_it_is_and_ends_when_it_is_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = tiny_dataset(folder.path(), 4, 20);
        let truth = TrueActions::open(folder.path()).unwrap();
        let world = tiny_world(1);
        let options = EvaluateOptions {
            clips: 3,
            horizon: 4,
            survival: 1,
            judged_transitions: 30,
            ..EvaluateOptions::default()
        };
        let told = std::cell::RefCell::new(Vec::new());
        let run = |end: f64| {
            told.borrow_mut().clear();
            let known = Some((&truth).into());
            evaluate(&world, &dataset, known, &options, &|share| {
                told.borrow_mut().push(share);
                if share >= end {
                    Err(EvaluateError::Stopped)
                } else {
                    Ok(())
                }
            })
        };
        assert!(run(2.0).is_ok());
        let all = told.borrow().clone();
        assert!(
            all.is_sorted() && all.len() > 20 && (all[all.len() - 1] - 1.0).abs() < 1e-9,
            "{all:?}"
        );
        // At each of them.
        for &end in all.iter().step_by(5) {
            assert!(matches!(run(end), Err(EvaluateError::Stopped)));
            let last = told.borrow().last().copied().unwrap();
            assert!((last - end).abs() < 1e-9);
        }
    }

    #[test]
    fn footage_that_is_not_said_to_be_the_built_in_game_is_not_taken_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let said = tiny_dataset(&folder.path().join("said"), 4, 20);
        let truth = TrueActions::open(said.folder()).unwrap();
        let unsaid = folder.path().join("unsaid");
        let mut writer = DatasetWriter::create(&unsaid, said.format()).unwrap();
        let mut frames = Vec::new();
        for clip in 0..4 {
            said.read_frames(clip, 0, 20, &mut frames).unwrap();
            writer.push_clip(&frames, truth.clip(clip)).unwrap();
        }
        let unsaid = writer.finish().unwrap();
        let options = EvaluateOptions {
            clips: 3,
            horizon: 1,
            survival: 1,
            judged_transitions: 0,
            ..EvaluateOptions::default()
        };
        let world = tiny_world(1);
        for (dataset, built_in) in [(said, true), (unsaid, false)] {
            let known = Some((&truth).into());
            let figures = evaluate(&world, &dataset, known, &options, &|_| Ok(())).unwrap();
            assert_eq!(figures.survival.is_some(), built_in);
            let known = figures.true_actions.unwrap();
            assert_eq!(known.steer.is_some(), built_in);
            assert_eq!(known.jump.is_some(), built_in);
        }
    }

    #[test]
    fn without_true_actions_nothing_is_said_about_them() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = tiny_dataset(folder.path(), 3, 14);
        let truth = TrueActions::open(folder.path()).unwrap();
        let options = EvaluateOptions {
            clips: 3,
            horizon: 1,
            survival: 1,
            ..EvaluateOptions::default()
        };
        let world = tiny_world(1);
        let without_judge = EvaluateOptions {
            judged_transitions: 0,
            ..options.clone()
        };
        for (known, options) in [(None, options), (Some((&truth).into()), without_judge)] {
            let figures = evaluate(&world, &dataset, known, &options, &|_| Ok(())).unwrap();
            assert!(figures.health.is_some() && figures.one_picture.is_some());
            let json = serde_json::to_value(&figures).unwrap();
            assert!(json.get("actions").is_none() && json.get("obedience").is_none());
            assert!(!figures.to_string().contains("obedience"), "{figures}");
        }
    }

    #[test]
    fn footage_that_does_not_fit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = tiny_dataset(&folder.path().join("short"), 2, 5);
        let world = tiny_world(1);
        let error = evaluate(&world, &dataset, None, &options(), &|_| Ok(())).unwrap_err();
        assert!(
            matches!(error, EvaluateError::TooShort { needed: 6, .. }),
            "{error}"
        );
        let dataset = tiny_dataset(&folder.path().join("long"), 2, 8);
        let mut config = GenieConfig::tiny();
        config.frame_width = 32;
        let checkpoint = untrained_checkpoint(&config, 1).unwrap();
        let narrow = WorldModel::new(checkpoint, &Device::Cpu).unwrap();
        let error = evaluate(&narrow, &dataset, None, &options(), &|_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("32x64"), "{error}");
        let mut checkpoint = untrained_checkpoint(&GenieConfig::tiny(), 1).unwrap();
        checkpoint
            .tensors
            .retain(|name, _| !name.starts_with("latent_actions.encoder."));
        let stripped = WorldModel::new(checkpoint, &Device::Cpu).unwrap();
        let error = evaluate(&stripped, &dataset, None, &options(), &|_| Ok(())).unwrap_err();
        assert!(matches!(error, EvaluateError::NoActionEncoder), "{error}");
    }
}
