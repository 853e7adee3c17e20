//! How thoroughly a world is labelled and evaluated, by the time that there is, and how long that takes.

use super::DreamError;
use super::dreamer::Dreamer;
use super::forecast::After;
use super::pictures::frames_dreamt;
use super::speed::{TRAINED, seconds_per_frame};
use crate::dataset::{Dataset, TrueActions};
use crate::evaluate::{EvaluateOptions, expected_frames, frames_for_choice};
use crate::label::LabelOptions;
use crate::train::ActionSource;

/// Reading files and writing the page and its pictures, in seconds.
const PAGE_SECONDS: f64 = 2.0;
/// Worlds that dream together in an evaluation.
const WORLDS: usize = 16;

pub(super) fn label_options(dreamer: &Dreamer<'_>) -> LabelOptions {
    let (clips, prompts) = if dreamer.thorough() {
        (64, 24)
    } else {
        (16, 6)
    };
    LabelOptions {
        clips,
        prompts,
        seed: dreamer.options.seed,
        ..LabelOptions::default()
    }
}

pub(super) fn evaluate_options(dreamer: &Dreamer<'_>) -> EvaluateOptions {
    let (clips, horizon, survival, judged_transitions) = if dreamer.thorough() {
        (48, 64, 100, 6_000)
    } else {
        (8, 16, 20, 0)
    };
    EvaluateOptions {
        clips,
        horizon,
        survival,
        judged_transitions,
        seed: dreamer.options.seed,
        ..EvaluateOptions::default()
    }
}

/// The true actions of a dataset, where they are known.
pub(super) fn known_actions(dataset: &Dataset) -> Option<TrueActions> {
    TrueActions::of(dataset).ok().flatten()
}

/// What labels, evaluation and report will take, by the speed of a world as the run trains one; `None` before there is a run.
pub(super) fn expected_after(dreamer: &Dreamer<'_>) -> Result<Option<After>, DreamError> {
    let Some(config) = dreamer.workshop.run_config()? else {
        return Ok(None);
    };
    let each = TRAINED * seconds_per_frame(&config.model, WORLDS, dreamer.device)?;
    let actions = config.model.latent_actions.actions;
    let held_out = Dataset::open(&dreamer.workshop.held_out())?;
    let judged = known_actions(&held_out).is_some();
    let expected = || expected(dreamer, actions, each, judged);
    let after = expected();
    Ok(Some(if dreamer.hurry(after) {
        expected()
    } else {
        after
    }))
}

/// Frames that are dreamt to name so many actions.
fn frames_for_labels(dreamer: &Dreamer<'_>, actions: usize) -> f64 {
    match dreamer.options.actions {
        ActionSource::Learned => label_options(dreamer).expected_frames(actions),
        ActionSource::Given | ActionSource::Labelled => 0.0,
    }
}

/// Frames that are dreamt to choose how the world is sampled.
fn frames_for_sampling(dreamer: &Dreamer<'_>) -> f64 {
    frames_for_choice(label_options(dreamer).prompts)
}

/// Share of the stage that names so many actions in which it is chosen how the world is sampled.
pub(super) fn share_of_choice(dreamer: &Dreamer<'_>, actions: usize) -> f64 {
    let choosing = frames_for_sampling(dreamer);
    choosing / (choosing + frames_for_labels(dreamer, actions))
}

/// What they take for a world of so many actions of which a frame takes `each` seconds.
fn expected(dreamer: &Dreamer<'_>, actions: usize, each: f64, judged: bool) -> After {
    After {
        label: each * (frames_for_sampling(dreamer) + frames_for_labels(dreamer, actions)),
        evaluate: each * expected_frames(&evaluate_options(dreamer), actions, judged),
        report: each * frames_dreamt(actions) + PAGE_SECONDS,
    }
}
