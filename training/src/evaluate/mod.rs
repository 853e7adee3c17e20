//! Evaluation of a world: image quality, controllability, and long play.
//!
//! [`evaluate`] measures a [`WorldModel`] on a dataset and returns an [`Evaluation`]:
//!
//! - **tokenizer PSNR**: real frames against their reconstruction;
//! - **controllability** (the paper's delta-t PSNR): PSNR of the frame `t` steps after a real prompt against a rollout
//!   under the actions inferred from the real frames, minus the same under uniformly random actions, at t = 4;
//! - **usage** of each latent action in the real footage; those of at least 3 % are *in use*;
//! - **faithfulness**: how often the latent action model infers from a generated transition the action that was commanded;
//! - **adjacency violations**: pairs of adjacent tokens in random play that no real frame shows;
//! - **survival** of the hero of the built-in gameplay under random play;
//! - **agreement** with the true actions, where they are known: only evaluation reads them;
//! - **blocked actions**: where a true action did not have its usual effect (a step into a wall), the world does what the
//!   footage did.
//!
//! A PSNR is taken per frame from the mean squared error over all its pixel values (0 to 255), capped at 60 dB and
//! averaged in dB. The same seed gives the same figures; [`Spread`] shows how they vary over several evaluations, with other seeds
//! or on other footage, which is more than the standard error over the clips of one evaluation.

mod adjacency;
mod agreement;
mod blocked;
mod controllability;
mod error;
mod footage;
mod inference;
mod json;
mod play;
mod random_play;
mod report;
mod spread;
mod statistics;
mod untrained;

use genie_model::{SamplerSettings, WorldModel};
use serde::{Deserialize, Serialize};

pub use adjacency::AdjacencyViolations;
pub use agreement::{ActionUsage, Information, TrueActionAgreement};
pub use blocked::{BlockedAction, BlockedActions};
pub use controllability::{Controllability, PromptFigures};
pub use error::EvaluateError;
pub(crate) use footage::MOST_SEGMENTS;
pub use footage::{Footage, Segment, WorldParts};
pub use inference::ActionInference;
pub use json::write_json;
pub use play::Worlds;
pub use random_play::{
    ActionFaithfulness, Faithfulness, HeroShares, HorizonFaithfulness, Survival, SurvivalAfter,
};
pub use spread::{FigureSpread, Spread};
pub use statistics::{Contingency, standard_error};
pub use untrained::untrained_checkpoint;

use crate::dataset::{Dataset, TrueActions};

/// Options of [`evaluate`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvaluateOptions {
    /// Number of prompts, and so of worlds.
    pub clips: usize,
    /// How frames are sampled.
    pub sampler: SamplerSettings,
    /// Seed of everything that is random.
    pub seed: u64,
    /// Longest horizon at which faithfulness is judged; of 1, 16, 64 and 256 those up to it.
    pub horizon: usize,
    /// Longest horizon at which heroes are counted; of 20, 100 and 1000 frames those up to it.
    pub survival: usize,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self {
            clips: 64,
            sampler: SamplerSettings::default(),
            seed: 0,
            horizon: 256,
            survival: 100,
        }
    }
}

impl EvaluateOptions {
    /// Whether they can be used, before any work is done.
    ///
    /// # Errors
    /// A count out of range, or a setting of the sampler.
    pub fn check(&self) -> Result<(), EvaluateError> {
        for (what, most, found) in [
            ("clips", MOST_SEGMENTS, self.clips),
            ("horizon", random_play::MOST_STEPS, self.horizon),
            ("survival", random_play::MOST_STEPS, self.survival),
        ] {
            if !(1..=most).contains(&found) {
                return Err(EvaluateError::Count { what, most, found });
            }
        }
        self.sampler.validate()?;
        Ok(())
    }
}

/// Everything that [`evaluate`] measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The options.
    pub options: EvaluateOptions,
    /// PSNR of reconstructed real frames in dB.
    pub tokenizer_psnr: f64,
    /// Controllability of rollouts.
    pub controllability: Controllability,
    /// How often each latent action happens in the real footage.
    pub actions: Vec<ActionUsage>,
    /// Whether generated transitions show the action commanded.
    pub faithfulness: Faithfulness,
    /// Adjacency violations under random play.
    pub adjacency_violations: AdjacencyViolations,
    /// Survival of the hero; for built-in footage only.
    pub survival: Option<Survival>,
    /// Agreement of latent and true actions, where these are known.
    pub true_actions: Option<TrueActionAgreement>,
    /// Outcomes of blocked actions, where true actions are known.
    pub blocked_actions: Option<BlockedActions>,
}

/// Measures a world on a dataset, with its true actions if they are known. `progress` is called with the share done.
///
/// # Errors
/// Footage that does not fit the world or is too short, a checkpoint without the latent action encoder, or a model that
/// breaks down.
pub fn evaluate(
    world: &WorldModel,
    dataset: &Dataset,
    true_actions: Option<&TrueActions>,
    options: &EvaluateOptions,
    progress: &dyn Fn(f64),
) -> Result<Evaluation, EvaluateError> {
    options.check()?;
    let parts = WorldParts::new(world)?;
    let footage = Footage::choose(&parts, dataset, options.clips, options.seed)?;
    progress(0.02);
    let tokenizer_psnr = controllability::tokenizer_psnr(&parts, &footage)?;
    progress(0.05);
    let inferred = agreement::infer(&parts, &footage)?;
    let controllability = controllability::measure(&parts, &footage, &inferred, options)?;
    progress(0.1);
    let actions = agreement::usage(&parts, &inferred);
    let agreement =
        true_actions.and_then(|known| agreement::agree(&parts, &footage, &inferred, known));
    let blocked_actions = match (true_actions, &agreement) {
        (Some(known), Some(agreement)) => {
            let known = (known, agreement.table.as_slice());
            blocked::measure(&parts, &footage, &inferred, known, options)?
        }
        _ => None,
    };
    progress(0.15);
    let play = random_play::play(&parts, &footage, &actions, options, &|share| {
        progress(0.15 + 0.85 * share);
    })?;
    Ok(Evaluation {
        options: options.clone(),
        tokenizer_psnr,
        controllability,
        actions,
        faithfulness: play.faithfulness,
        adjacency_violations: play.adjacency_violations,
        survival: play.survival,
        true_actions: agreement,
        blocked_actions,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::gameplay::{GameplayOptions, GameplayRules, generate_dataset};
    use candle_core::Device;
    use genie_model::GenieConfig;

    pub(crate) fn tiny_world(seed: u64) -> WorldModel {
        let checkpoint = untrained_checkpoint(&GenieConfig::tiny(), seed).unwrap();
        WorldModel::new(checkpoint, &Device::Cpu).unwrap()
    }

    pub(crate) fn tiny_dataset(folder: &std::path::Path, clips: usize, frames: usize) -> Dataset {
        generate_dataset(
            folder,
            clips,
            frames,
            5,
            GameplayOptions {
                rules: GameplayRules::ALIGNED,
                video: None,
            },
            &|_| (),
        )
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
        let figures = evaluate(&world, &dataset, Some(&truth), &options(), &|_| ()).unwrap();

        let usage: f64 = figures.actions.iter().map(|action| action.usage).sum();
        assert!((usage - 1.0).abs() < 1e-9);
        let in_use = figures.actions.iter().filter(|a| a.in_use).count();
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
        assert!(known.steer.unwrap().true_entropy > 0.3);
        if let Some(blocked) = &figures.blocked_actions {
            assert!(blocked.transitions() < 12 * 39);
            assert!(blocked.as_in_footage() + blocked.as_commanded() <= 1.0);
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
        let again = evaluate(&world, &dataset, Some(&truth), &options(), &|_| ()).unwrap();
        assert_eq!(again, figures);
    }

    #[test]
    fn footage_that_does_not_fit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = tiny_dataset(&folder.path().join("short"), 2, 5);
        let world = tiny_world(1);
        let error = evaluate(&world, &dataset, None, &options(), &|_| ()).unwrap_err();
        assert!(
            matches!(error, EvaluateError::TooShort { needed: 6, .. }),
            "{error}"
        );
        let dataset = tiny_dataset(&folder.path().join("long"), 2, 8);
        let mut config = GenieConfig::tiny();
        config.frame_width = 32;
        let checkpoint = untrained_checkpoint(&config, 1).unwrap();
        let narrow = WorldModel::new(checkpoint, &Device::Cpu).unwrap();
        let error = evaluate(&narrow, &dataset, None, &options(), &|_| ()).unwrap_err();
        assert!(error.to_string().contains("32x64"), "{error}");
        let mut checkpoint = untrained_checkpoint(&GenieConfig::tiny(), 1).unwrap();
        checkpoint
            .tensors
            .retain(|name, _| !name.starts_with("latent_actions.encoder."));
        let stripped = WorldModel::new(checkpoint, &Device::Cpu).unwrap();
        let error = evaluate(&stripped, &dataset, None, &options(), &|_| ()).unwrap_err();
        assert!(matches!(error, EvaluateError::NoActionEncoder), "{error}");
    }
}
