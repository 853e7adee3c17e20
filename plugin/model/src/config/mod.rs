//! The one configuration from which every model is built, and its presets.

mod presets;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::ops::TokenGrid;
use crate::sampler::GUIDANCE;

/// More stages than this are refused.
const MOST_STAGES: usize = 16;

/// A whole Genie: frame size, tokenizer, latent actions and dynamics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenieConfig {
    /// Height of a frame in pixels.
    pub frame_height: usize,
    /// Width of a frame in pixels.
    pub frame_width: usize,
    /// Frames per second of the footage, and so the natural tick rate of the world.
    pub frames_per_second: f32,
    /// The video tokenizer (paper section 2.2).
    pub tokenizer: TokenizerConfig,
    /// The latent action model (paper section 2.1).
    pub latent_actions: LatentActionConfig,
    /// The dynamics model (paper section 2.3).
    pub dynamics: DynamicsConfig,
}

/// Size of one spatiotemporal transformer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformerConfig {
    /// Number of spatiotemporal blocks; each has a spatial attention, a temporal attention and one feed-forward.
    pub layers: usize,
    /// Width `D` of the residual stream.
    pub width: usize,
    /// Number of attention heads.
    pub heads: usize,
    /// Width of one head; `heads * head_width` may differ from `width`.
    pub head_width: usize,
    /// Width of the feed-forward's hidden layer as a multiple of `width`.
    pub feed_forward: usize,
    /// Number of frames that temporal attention sees, its own included.
    pub window: usize,
    /// Whether spatial attention rotates queries and keys by row and column, as temporal attention does by time, so that
    /// relations between neighbours are learned once for all positions.
    #[serde(default)]
    pub rotary_space: bool,
}

/// How the tokenizer's encoder output becomes a token: one of `V` codes, or several of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum QuantizerConfig {
    /// Vector quantisation (van den Oord et al. 2017) with a codebook of `codes` vectors of `dim` values; with more than one
    /// stage residual (Lee et al. 2022): each stage quantises what the ones before left over, with a codebook of its own.
    Vq {
        /// Codebook size `V` of each stage.
        codes: usize,
        /// Width of a code.
        dim: usize,
        /// Number `Q` of stages, and so of codes of a token.
        #[serde(default = "one_stage", skip_serializing_if = "is_one_stage")]
        stages: usize,
    },
    /// Finite scalar quantisation (Mentzer et al. 2023): one number of levels per dimension, `V` is their product.
    Fsq {
        /// Levels of each dimension, each at least 2.
        levels: Vec<usize>,
    },
}

/// Configuration of the [`VideoTokenizer`](crate::VideoTokenizer).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerConfig {
    /// Side of a square patch in pixels: one token per patch.
    pub patch: usize,
    /// Codebook.
    pub quantizer: QuantizerConfig,
    /// Encoder, pixels to codes.
    pub encoder: TransformerConfig,
    /// Decoder, codes to pixels.
    pub decoder: TransformerConfig,
}

/// Input of the latent action model's encoder, made from two successive frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LatentActionInput {
    /// Both frames, as in the paper. Needs large models and long training.
    Pixels,
    /// The difference of the frames, which leaves out the scenery that stays.
    Differences,
    /// For each patch, how well it is explained by the other frame under each of a set of shifts: motion without
    /// colour, so that an action means the same in every theme. See [`motion_features`](crate::motion_features).
    Motion,
    /// None: the actions of footage come from a player that is found in it and followed, and the model has no encoder. It keeps one code
    /// per action.
    Agent,
}

/// Configuration of the [`LatentActionModel`](crate::LatentActionModel).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatentActionConfig {
    /// Number `A` of latent actions.
    pub actions: usize,
    /// Width of an action code; codes lie on the unit sphere.
    pub dim: usize,
    /// Side of a square patch in pixels.
    pub patch: usize,
    /// What the encoder sees.
    pub input: LatentActionInput,
    /// Encoder, transitions to actions; unused where the input is [`LatentActionInput::Agent`].
    #[serde(default = "unused_transformer")]
    pub encoder: TransformerConfig,
    /// Decoder, past frames and actions to the next frame's pixels; without one the encoder learns only from the
    /// dynamics model's prediction of the next frame's tokens.
    pub decoder: Option<TransformerConfig>,
}

/// How the dynamics model is conditioned on the latent action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionConditioning {
    /// Its embedding is added to every token of the frame (the paper's choice, section 2.3).
    Added,
    /// It is one more token in front of the frame's tokens.
    Prepended,
}

/// Configuration of the [`DynamicsModel`](crate::DynamicsModel).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DynamicsConfig {
    /// The decoder-only MaskGIT transformer.
    pub transformer: TransformerConfig,
    /// How the latent action enters.
    pub conditioning: ActionConditioning,
    /// Loss weight of a token that differs from the frame before; any other token's weight is 1. Changes are rare, and they
    /// are what a player looks at. Sampling undoes half of it, see
    /// [`undo_changed_weight`](crate::DynamicsModel::undo_changed_weight).
    #[serde(default = "unweighted")]
    pub changed_weight: f32,
    /// The [`action_guidance`](crate::SamplerSettings::action_guidance) that the world is played with where the sampler asks for no
    /// other, 0 to 10. 0, for none, is left out of files.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub action_guidance: f32,
    /// What the sampler's [`temperature`](crate::SamplerSettings::temperature) is multiplied by, above 0 and at most 2: a world that was
    /// trained for a short time is surer of the likeliest tokens than of the others. 1 is left out of files.
    #[serde(default = "unchanged", skip_serializing_if = "is_unchanged")]
    pub temperature: f32,
}

fn unchanged() -> f32 {
    1.0
}

// By reference, as serde calls it.
#[allow(clippy::trivially_copy_pass_by_ref, clippy::float_cmp)]
fn is_unchanged(value: &f32) -> bool {
    *value == 1.0
}

// By reference, as serde calls it.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(value: &f32) -> bool {
    *value == 0.0
}

fn unused_transformer() -> TransformerConfig {
    TransformerConfig {
        layers: 0,
        width: 2,
        heads: 1,
        head_width: 2,
        feed_forward: 1,
        window: 1,
        rotary_space: false,
    }
}

fn unweighted() -> f32 {
    1.0
}

fn one_stage() -> usize {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn is_one_stage(stages: &usize) -> bool {
    *stages == 1
}

impl QuantizerConfig {
    /// Codebook size `V` of a stage; saturates rather than overflows for absurd levels.
    pub fn codes(&self) -> usize {
        match self {
            Self::Vq { codes, .. } => *codes,
            Self::Fsq { levels } => levels.iter().fold(1, |v, &l| v.saturating_mul(l)),
        }
    }

    /// Width of a code.
    pub fn dim(&self) -> usize {
        match self {
            Self::Vq { dim, .. } => *dim,
            Self::Fsq { levels } => levels.len(),
        }
    }

    /// Number `Q` of codes of a token.
    pub fn stages(&self) -> usize {
        match self {
            Self::Vq { stages, .. } => *stages,
            Self::Fsq { .. } => 1,
        }
    }
}

impl TransformerConfig {
    /// Width of the queries, keys and values of all heads together.
    pub fn attention_width(&self) -> usize {
        self.heads * self.head_width
    }
}

impl GenieConfig {
    /// The grid of the tokens of a frame.
    pub fn token_grid(&self) -> TokenGrid {
        TokenGrid {
            leading: 0,
            rows: self.frame_height.div_ceil(self.tokenizer.patch),
            columns: self.token_columns(),
        }
    }

    /// Tokens in a row of a frame.
    pub fn token_columns(&self) -> usize {
        self.frame_width.div_ceil(self.tokenizer.patch)
    }

    /// Tokens `N` per frame.
    pub fn tokens_per_frame(&self) -> usize {
        self.token_grid().tokens()
    }

    /// Codes `N Q` per frame: `Q` of each token, one token after the other.
    pub fn codes_per_frame(&self) -> usize {
        self.tokens_per_frame() * self.tokenizer.quantizer.stages()
    }

    /// Checks that the sizes fit together and stay within what the code is made for, so that a configuration read
    /// from a file can be trusted afterwards.
    ///
    /// # Errors
    /// [`Error::Config`] says which field is wrong and what it may be.
    pub fn validate(&self) -> Result<(), Error> {
        let sides = [
            ("frame_height", self.frame_height),
            ("frame_width", self.frame_width),
        ];
        for (name, side) in sides {
            check(
                (1..=4096).contains(&side),
                name,
                "between 1 and 4096 pixels",
            )?;
            for (what, patch) in [
                ("tokenizer.patch", self.tokenizer.patch),
                ("latent_actions.patch", self.latent_actions.patch),
            ] {
                check(
                    (1..=side).contains(&patch),
                    what,
                    &format!("1 to {name} ({side})"),
                )?;
            }
        }
        check(
            self.frames_per_second.is_finite() && self.frames_per_second > 0.0,
            "frames_per_second",
            "above 0",
        )?;
        let codes = self.tokenizer.quantizer.codes();
        check(
            (2..=1 << 20).contains(&codes),
            "tokenizer.quantizer",
            "2 to 1048576 codes",
        )?;
        check(
            (1..=MOST_STAGES).contains(&self.tokenizer.quantizer.stages()),
            "tokenizer.quantizer",
            &format!("1 to {MOST_STAGES} stages"),
        )?;
        check(
            (1..=4096).contains(&self.tokenizer.quantizer.dim()),
            "tokenizer.quantizer",
            "1 to 4096 dimensions",
        )?;
        if let QuantizerConfig::Fsq { levels } = &self.tokenizer.quantizer {
            check(
                levels.iter().all(|&l| l >= 2),
                "tokenizer.quantizer",
                "at least 2 levels per dimension",
            )?;
        }
        check(
            (1..=1024).contains(&self.latent_actions.actions),
            "latent_actions.actions",
            "1 to 1024",
        )?;
        check(
            (1..=4096).contains(&self.latent_actions.dim),
            "latent_actions.dim",
            "1 to 4096",
        )?;
        let no_encoder = self.latent_actions.input == LatentActionInput::Agent;
        check(
            !(no_encoder && self.latent_actions.decoder.is_some()),
            "latent_actions.decoder",
            "absent where no encoder would learn from it",
        )?;
        let weight = self.dynamics.changed_weight;
        check(
            weight.is_finite() && weight > 0.0,
            "dynamics.changed_weight",
            "above 0",
        )?;
        check(
            GUIDANCE.contains(&self.dynamics.action_guidance),
            "dynamics.action_guidance",
            "0 to 10",
        )?;
        let temperature = self.dynamics.temperature;
        check(
            temperature > 0.0 && temperature <= 2.0,
            "dynamics.temperature",
            "above 0, at most 2",
        )?;
        let mut transformers = vec![
            ("tokenizer.encoder", &self.tokenizer.encoder),
            ("tokenizer.decoder", &self.tokenizer.decoder),
            ("latent_actions.encoder", &self.latent_actions.encoder),
            ("dynamics.transformer", &self.dynamics.transformer),
        ];
        if let Some(decoder) = &self.latent_actions.decoder {
            transformers.push(("latent_actions.decoder", decoder));
        }
        for (name, transformer) in transformers {
            transformer.validate(name)?;
        }
        Ok(())
    }
}

impl TransformerConfig {
    fn validate(&self, name: &str) -> Result<(), Error> {
        let bounds = [
            ("layers", self.layers, 0, 256),
            ("width", self.width, 1, 16384),
            ("heads", self.heads, 1, 256),
            ("head_width", self.head_width, 2, 1024),
            ("feed_forward", self.feed_forward, 1, 16),
            ("window", self.window, 1, 4096),
        ];
        for (field, value, low, high) in bounds {
            check(
                (low..=high).contains(&value),
                &format!("{name}.{field}"),
                &format!("{low} to {high}, not {value}"),
            )?;
        }
        check(
            self.head_width.is_multiple_of(2),
            &format!("{name}.head_width"),
            "even, for rotary time",
        )
    }
}

fn check(holds: bool, field: &str, expected: &str) -> Result<(), Error> {
    if holds {
        Ok(())
    } else {
        Err(Error::Config {
            field: field.to_owned(),
            expected: expected.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_without_stages_have_one_and_stay_as_they_are() {
        let old = r#"{"vq":{"codes":8,"dim":2}}"#;
        let quantizer: QuantizerConfig = serde_json::from_str(old).unwrap();
        assert_eq!(quantizer.stages(), 1);
        assert_eq!(serde_json::to_string(&quantizer).unwrap(), old);
        let new = r#"{"vq":{"codes":8,"dim":2,"stages":3}}"#;
        let quantizer: QuantizerConfig = serde_json::from_str(new).unwrap();
        assert_eq!(serde_json::to_string(&quantizer).unwrap(), new);
        let mut config = GenieConfig::tiny();
        config.tokenizer.quantizer = quantizer;
        assert_eq!(config.codes_per_frame(), 3 * config.tokens_per_frame());
        for stages in [0, 17] {
            let (codes, dim) = (8, 2);
            config.tokenizer.quantizer = QuantizerConfig::Vq { codes, dim, stages };
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains("stages"), "{message}");
        }
    }

    #[test]
    fn a_patch_that_does_not_fit_the_frame_is_named() {
        let mut config = GenieConfig::platformer();
        config.tokenizer.patch = 65;
        let message = config.validate().unwrap_err().to_string();
        assert!(message.contains("tokenizer.patch"), "{message}");
        let mut config = GenieConfig::platformer();
        config.latent_actions.patch = 65;
        let message = config.validate().unwrap_err().to_string();
        assert!(message.contains("latent_actions.patch"), "{message}");
    }

    #[test]
    fn patches_cover_frames_that_they_do_not_divide() {
        // 942 billion tokens of the paper's largest model: 125,000 steps of 512 clips of 16 frames.
        let config = GenieConfig::paper("10.1B").unwrap();
        assert_eq!(config.tokens_per_frame(), 40 * 23);
        let tokens = 125_000 * 512 * 16 * config.tokens_per_frame();
        assert!((tokens as f64 / 942e9 - 1.0).abs() < 1e-3, "{tokens}");
    }
}
