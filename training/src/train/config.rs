//! The configuration of `genie train`: the model, the two phases and the seed, in one TOML file.

use std::path::{Path, PathBuf};

use candle_core::DType;
use genie_model::ops::MatmulPrecision;
use genie_model::{GenieConfig, LatentActionInput};
use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::loss_weights::LossWeights;
use super::phase_config::PhaseConfig;
use super::stage_choice::StageChoice;
use crate::actions::AgentSettings;

/// A training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
// Each switch is a line of its own in a TOML file.
#[allow(clippy::struct_excessive_bools)]
pub struct TrainConfig {
    /// Seed of everything that is random in the run.
    pub seed: u64,
    /// Matrix products in bfloat16 where the processor has instructions for it: several times faster, slightly noisier.
    #[serde(default)]
    pub bf16: bool,
    /// The type of activations on graphics processors.
    #[serde(default)]
    pub precision: Precision,
    /// Transformers keep only the inputs of their blocks for the gradient and compute what is inside again: a step takes about a third
    /// longer and a fraction of the memory.
    #[serde(default)]
    pub recompute: bool,
    /// Seconds between saved states.
    #[serde(default = "two_minutes")]
    pub save_every: f64,
    /// The tokenizer's phase.
    pub tokenizer: PhaseConfig,
    /// The phase of latent actions and dynamics.
    pub dynamics: PhaseConfig,
    /// Corruption of the context of the dynamics model.
    #[serde(default)]
    pub corruption: CorruptionConfig,
    /// Share of frames that are fully masked; the others are masked at a random rate.
    #[serde(default = "default_fully_masked")]
    pub fully_masked: f32,
    /// Whether the dynamics loss reaches the latent action encoder. The paper trains the encoder on pixels alone, which
    /// small models do not manage.
    #[serde(default = "default_true")]
    pub dynamics_trains_actions: bool,
    /// Where weights start.
    #[serde(default)]
    pub initial_weights: InitialWeights,
    /// Steps at the beginning in which the latent action model stays as it was initialised, so that the dynamics model learns
    /// to use actions before its gradient changes them.
    #[serde(default)]
    pub actions_frozen: u64,
    /// Whether the footage shows a world with gravity: then downward motion is no action, and no latent action is initialised
    /// as that.
    #[serde(default)]
    pub gravity: bool,
    /// Where the actions come from.
    #[serde(default)]
    pub action_source: ActionSource,
    /// Most of the transitions, as a share of all, whose true action is read where the source is `labelled`.
    #[serde(default = "all_labels")]
    pub labelled_share: f64,
    /// Share of the steps of the dynamics after which found actions are read anew, by what the dynamics tell of them too; 0 for never.
    #[serde(default)]
    pub actions_revised_at: f64,
    /// Where the number of actions comes from, for the input `agent`. A world that a training goes on from keeps its number.
    #[serde(default)]
    pub action_count: ActionCount,
    /// A finished world that the training goes on from, with its sizes, its tokenizer and its weights, in place of a new one: for more
    /// footage of the same game, or more steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_from: Option<PathBuf>,
    /// Whether actions are found anew in the footage where a training goes on from a world: as many, each in the place of the one that it is most
    /// often seen with. Otherwise the player that the world has found is followed, so that each stays what it was.
    #[serde(default)]
    pub new_actions: bool,
    /// Chooses the stages of the tokenizer's quantizer from the footage when a run begins, in place of those that the model
    /// says; the run's `config.toml` says which.
    #[serde(default)]
    pub choose_stages: Option<StageChoice>,
    /// How much the parts of the losses weigh.
    #[serde(default)]
    pub losses: LossWeights,
    /// How the player is looked for in the footage, where the input of the latent actions is `agent`.
    #[serde(default)]
    pub agent: AgentSettings,
    /// The model; last, because TOML wants tables behind plain values.
    pub model: GenieConfig,
}

impl TrainConfig {
    /// How the shipped world was trained: `configs/platformer.toml`.
    pub fn platformer() -> Self {
        toml::from_str(include_str!("../../configs/platformer.toml"))
            .expect("a test reads the same file")
    }

    /// How footage of any game is trained on: `configs/game.toml`.
    pub fn game() -> Self {
        toml::from_str(include_str!("../../configs/game.toml")).expect("a test reads the same file")
    }

    /// The paper's own latent actions, small: `configs/paper_actions.toml`.
    pub fn paper_actions() -> Self {
        toml::from_str(include_str!("../../configs/paper_actions.toml"))
            .expect("a test reads the same file")
    }

    /// Checks the values of a configuration that is to be found at `path`.
    ///
    /// # Errors
    /// [`TrainError::Config`] or [`TrainError::Model`] says which value cannot be used.
    pub fn validate(&self, path: &Path) -> Result<(), TrainError> {
        self.model.validate()?;
        let phases = [("tokenizer", &self.tokenizer), ("dynamics", &self.dynamics)];
        let problems = phases
            .into_iter()
            .filter_map(|(name, phase)| Some(format!("{name}.{}", phase.problem()?)));
        let shares = [
            ("corruption.tokens", self.corruption.tokens),
            ("corruption.actions", self.corruption.actions),
            (
                "corruption.unknown_actions",
                self.corruption.unknown_actions,
            ),
            (
                "corruption.impossible_actions",
                self.corruption.impossible_actions,
            ),
            (
                "corruption.scheduled_sampling",
                self.corruption.scheduled_sampling,
            ),
            ("fully_masked", self.fully_masked),
            ("actions_revised_at", self.actions_revised_at as f32),
        ];
        let shares = shares
            .into_iter()
            .filter(|(_, share)| !(0.0..=1.0).contains(share))
            .map(|(name, _)| format!("{name} must be 0 to 1"));
        let no_encoder = self.model.latent_actions.input == LatentActionInput::Agent;
        let given = (self.action_source == ActionSource::Given && no_encoder).then(|| {
            "action_source = \"given\" needs an encoder that learns to see them: model.latent_actions.input = \"motion\"".to_owned()
        });
        let labelled = (self.action_source == ActionSource::Labelled && !no_encoder).then(|| {
            "action_source = \"labelled\" needs the player in the footage: model.latent_actions.input = \"agent\"".to_owned()
        });
        let counted = (self.action_count == ActionCount::Footage && !no_encoder).then(|| {
            "action_count = \"footage\" needs the player in the footage: model.latent_actions.input = \"agent\", or action_count = \"model\" for as many as model.latent_actions.actions says".to_owned()
        });
        let agent = (self.agent.problem()).map(|problem| format!("agent.{problem}"));
        let followed = (self.agent.player > 1 && !no_encoder).then(|| {
            "agent.player needs the player in the footage: model.latent_actions.input = \"agent\"".to_owned()
        });
        let labelled_share = (!(self.labelled_share > 0.0 && self.labelled_share <= 1.0))
            .then(|| "labelled_share must be above 0 and at most 1".to_owned());
        let save_every = (!(self.save_every >= 0.0 && self.save_every.is_finite()))
            .then(|| "save_every must be 0 or more seconds".to_owned());
        let given = given
            .into_iter()
            .chain(labelled)
            .chain(counted)
            .chain(agent)
            .chain(followed)
            .chain(labelled_share)
            .chain(save_every)
            .chain(self.losses.problem());
        let stages = self.choose_stages.as_ref().and_then(StageChoice::problem);
        let stages = stages.map(|problem| format!("choose_stages.{problem}"));
        match problems.chain(shares).chain(stages).chain(given).next() {
            None => Ok(()),
            Some(reason) => Err(TrainError::Config {
                path: path.to_owned(),
                reason,
            }),
        }
    }

    /// How matrix products are to be computed.
    pub fn matmul_precision(&self) -> MatmulPrecision {
        if self.bf16 {
            MatmulPrecision::Bf16
        } else {
            MatmulPrecision::F32
        }
    }

    /// The type of activations where they are not fused.
    pub fn activations(&self) -> DType {
        match self.precision {
            Precision::F32 => DType::F32,
            Precision::Bf16 => DType::BF16,
            Precision::F16 => DType::F16,
        }
    }

    /// Probability of scheduled sampling in this step of the dynamics.
    pub(super) fn scheduled_sampling_at(&self, step: u64) -> f32 {
        let from = self.corruption.scheduled_sampling_from;
        let since = step.saturating_sub(from) as f64;
        let progress = since / self.dynamics.steps.saturating_sub(from).max(1) as f64;
        self.corruption.scheduled_sampling * progress as f32
    }
}

/// The type that numbers are computed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// float32.
    #[default]
    F32,
    /// bfloat16 inside transformers, for activations and their gradients. Weights, their gradients, what the optimiser remembers,
    /// losses and tokens stay float32, and so do saved states.
    Bf16,
    /// float16 in the same places: finer than bfloat16, of a smaller range, for graphics processors without the latter. Losses are scaled
    /// for the gradients, by a factor that follows what they have room for.
    F16,
}

impl Precision {
    /// Its name in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::Bf16 => "bfloat16",
            Self::F16 => "float16",
        }
    }
}

/// Where the actions of a world come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionSource {
    /// They are learned from video alone.
    #[default]
    Learned,
    /// They are those that the footage says: the true actions of the dataset. The encoder of the latent action model learns to see
    /// them.
    Given,
    /// They are those that the footage says of some transitions, a hundredth or more. What was pressed in the others is read from the pictures
    /// of the player that was found, by what is learned of these transitions and of all without labels. Of the things that may be the player it is
    /// the one whose motion tells what was pressed in them, where one clearly does.
    Labelled,
}

/// Where the number of latent actions comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionCount {
    /// The model's configuration says it.
    #[default]
    Model,
    /// It is chosen from the footage when a run begins; the run's `config.toml` says which.
    Footage,
}

/// Where weights start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InitialWeights {
    /// Codebooks and embeddings start from statistics of the footage, its patches and its motion; all else at random.
    #[default]
    Footage,
    /// All at random, as in the paper; small models hardly learn from there.
    Random,
}

fn default_fully_masked() -> f32 {
    0.5
}

fn two_minutes() -> f64 {
    120.0
}

fn all_labels() -> f64 {
    1.0
}

fn default_true() -> bool {
    true
}

/// Corruption of what the dynamics model is trained on, so that play recovers from its own errors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorruptionConfig {
    /// Highest share of wrong tokens in a clip; the share is drawn evenly from zero to this.
    pub tokens: f32,
    /// Share of transitions that are relabelled with a random latent action. It teaches the model to ignore actions; 0 in the
    /// shipped configurations.
    #[serde(default)]
    pub actions: f32,
    /// Share of transitions whose action the model does not see: it gets the mean of all action codes instead. What it predicts then is
    /// what [`SamplerSettings::action_guidance`](genie_model::SamplerSettings::action_guidance) leads away from (classifier-free
    /// guidance, Ho and Salimans 2022).
    #[serde(default)]
    pub unknown_actions: f32,
    /// Share of transitions that are relabelled with an action which is impossible where they begin (a jump below a ceiling, a
    /// step into a wall) and would have had the same effect: the only examples of such actions. See
    /// [`ActionPrior`](super::ActionPrior) and [`ActionEffects`](super::ActionEffects).
    #[serde(default, alias = "unseen_actions")]
    pub impossible_actions: f32,
    /// Scheduled sampling (Bengio et al. 2015): probability, at the end of the training, that a step has tokens sampled from
    /// the model itself as its context, so that the model learns to recover from its own errors. It rises linearly from zero,
    /// because samples of an untrained model are noise. Such a step takes a third longer.
    #[serde(default, alias = "own_mistakes")]
    pub scheduled_sampling: f32,
    /// Step of the dynamics from which on it rises. A short training has other errors than drift, and learns more in the same time without.
    #[serde(default)]
    pub scheduled_sampling_from: u64,
}

impl Default for CorruptionConfig {
    fn default() -> Self {
        Self {
            tokens: 0.08,
            actions: 0.0,
            unknown_actions: 0.0,
            impossible_actions: 0.0,
            scheduled_sampling: 0.0,
            scheduled_sampling_from: 0,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn scheduled_sampling_rises_to_its_share_from_the_step_where_it_begins() {
        let mut config = TrainConfig::game();
        config.corruption.scheduled_sampling = 0.6;
        config.dynamics.steps = 3000;
        for (from, step, expected) in [
            (0, 0, 0.0),
            (0, 1500, 0.3),
            (1000, 999, 0.0),
            (1000, 1000, 0.0),
            (1000, 2000, 0.3),
            (1000, 3000, 0.6),
            (3000, 2999, 0.0),
            (5000, 2999, 0.0),
        ] {
            config.corruption.scheduled_sampling_from = from;
            let rate = config.scheduled_sampling_at(step);
            assert!((rate - expected).abs() < 1e-6, "{from}, {step}: {rate}");
        }
    }

    #[test]
    fn a_share_of_more_than_all_is_named() {
        let mut config = TrainConfig::game();
        config.corruption.unknown_actions = 1.5;
        let error = config.validate(Path::new("mine.toml")).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("corruption.unknown_actions must be 0 to 1"),
            "{text}"
        );
    }

    #[test]
    fn labels_need_a_player_and_a_share_of_them() {
        let said = |change: fn(&mut TrainConfig)| {
            let mut config = TrainConfig::game();
            config.action_source = ActionSource::Labelled;
            change(&mut config);
            let checked = config.validate(Path::new("mine.toml"));
            checked.err().map(|error| error.to_string())
        };
        assert_eq!(said(|config| config.labelled_share = 0.02), None);
        let wrong = said(|config| config.labelled_share = 0.0).unwrap();
        assert!(wrong.contains("labelled_share"), "{wrong}");
        for source in [ActionSource::Labelled, ActionSource::Learned] {
            let mut config = TrainConfig::platformer();
            config.model.latent_actions.input = LatentActionInput::Pixels;
            config.action_source = source;
            config.action_count = ActionCount::Footage;
            let wrong = config.validate(Path::new("mine.toml")).unwrap_err();
            assert!(wrong.to_string().contains("\"agent\""), "{wrong}");
        }
    }

    #[test]
    fn the_shipped_world_has_the_preset_of_its_name() {
        let config = TrainConfig::platformer();
        assert_eq!(config.model, GenieConfig::platformer());
    }

    #[test]
    fn the_training_for_any_game_can_be_used() {
        let config = TrainConfig::game();
        config.validate(Path::new("game.toml")).unwrap();
        assert_eq!(config.model.latent_actions.input, LatentActionInput::Agent);
    }
}
