//! Configurations by name.

use super::{
    ActionConditioning, DynamicsConfig, GenieConfig, LatentActionConfig, LatentActionInput,
    QuantizerConfig, TokenizerConfig, TransformerConfig, unused_transformer,
};

impl TransformerConfig {
    fn new(layers: usize, width: usize, heads: usize, head_width: usize, window: usize) -> Self {
        Self {
            layers,
            width,
            heads,
            head_width,
            feed_forward: 4,
            window,
            rotary_space: false,
        }
    }
}

impl GenieConfig {
    /// The shipped world: 64x64 frames at 10 frames a second, sized to train and play on two CPU cores.
    pub fn platformer() -> Self {
        let window = 16;
        Self {
            frame_height: 64,
            frame_width: 64,
            frames_per_second: 10.0,
            tokenizer: TokenizerConfig {
                patch: 8,
                quantizer: QuantizerConfig::Vq {
                    codes: 1024,
                    dim: 128,
                    stages: 1,
                },
                // A window of one: the tokens of a frame depend on that frame alone.
                encoder: TransformerConfig::new(1, 128, 4, 32, 1),
                decoder: TransformerConfig::new(2, 128, 4, 32, 4),
            },
            latent_actions: LatentActionConfig {
                actions: 6,
                dim: 8,
                patch: 8,
                input: LatentActionInput::Agent,
                encoder: unused_transformer(),
                decoder: None,
            },
            dynamics: DynamicsConfig {
                transformer: TransformerConfig {
                    rotary_space: true,
                    ..TransformerConfig::new(6, 128, 4, 32, window)
                },
                conditioning: ActionConditioning::Added,
                changed_weight: 5.0,
                action_guidance: 0.0,
                temperature: 1.0,
            },
        }
    }

    /// [`platformer`](Self::platformer) made small for tests: the same frames and as many actions, one narrow layer everywhere. Its actions are
    /// inferred from motion by an encoder, so that tests have one.
    pub fn tiny() -> Self {
        let mut config = Self::platformer();
        config.latent_actions.input = LatentActionInput::Motion;
        config.tokenizer.quantizer = QuantizerConfig::Vq {
            codes: 64,
            dim: 16,
            stages: 1,
        };
        for transformer in [
            &mut config.tokenizer.encoder,
            &mut config.tokenizer.decoder,
            &mut config.latent_actions.encoder,
            &mut config.dynamics.transformer,
        ] {
            *transformer = TransformerConfig::new(1, 16, 2, 8, 4);
        }
        config
    }

    /// The paper's `CoinRun` case study (appendix F): 64x64 frames, 6 latent actions, width 512 throughout.
    ///
    /// Its layers are built as blocks of two attentions each. Those of [`paper`](Self::paper) are built as half as many; for this
    /// model there is no parameter count to tell which is meant, and this is the larger reading.
    pub fn coinrun() -> Self {
        let window = 16;
        Self {
            frame_height: 64,
            frame_width: 64,
            frames_per_second: 10.0,
            tokenizer: TokenizerConfig {
                patch: 4,
                quantizer: QuantizerConfig::Vq {
                    codes: 1024,
                    dim: 32,
                    stages: 1,
                },
                encoder: TransformerConfig::new(8, 512, 8, 64, window),
                decoder: TransformerConfig::new(8, 512, 8, 64, window),
            },
            latent_actions: LatentActionConfig {
                actions: 6,
                dim: 32,
                patch: 4,
                input: LatentActionInput::Pixels,
                encoder: TransformerConfig::new(8, 512, 8, 64, window),
                decoder: Some(TransformerConfig::new(8, 512, 8, 64, window)),
            },
            dynamics: DynamicsConfig {
                transformer: TransformerConfig::new(12, 512, 8, 64, window),
                conditioning: ActionConditioning::Added,
                changed_weight: 1.0,
                action_guidance: 0.0,
                temperature: 1.0,
            },
        }
    }

    /// The paper's Platformers model with the dynamics of the given row of its scaling table, or `None` for a name
    /// that the table does not have. Names: `41M`, `96M`, `192M`, `404M`, `811M`, `1.6B`, `2.7B` and `10.1B`.
    ///
    /// The paper's tables count attention layers. Its parameter counts (200M for the tokenizer, 300M for the latent action model and
    /// those of the table for the dynamics) fit a spatiotemporal block of one spatial and one temporal attention with a four times
    /// wider feed-forward for every two of them, so that `L` layers are built as `ceil(L / 2)` blocks.
    pub fn paper(dynamics: &str) -> Option<Self> {
        let (layers, heads, width, head_width) = match dynamics {
            "41M" => (18, 8, 512, 64),
            "96M" => (16, 16, 768, 64),
            "192M" => (20, 18, 1024, 64),
            "404M" => (21, 12, 1536, 128),
            "811M" => (20, 20, 2048, 128),
            "1.6B" => (28, 22, 2560, 128),
            "2.7B" => (36, 22, 3072, 128),
            "10.1B" => (48, 36, 5120, 128),
            _ => return None,
        };
        let window = 16;
        let stack = |layers: usize, width, heads, head_width| {
            TransformerConfig::new(layers.div_ceil(2), width, heads, head_width, window)
        };
        Some(Self {
            // Patches reach beyond the lower edge: 23 rows of the tokenizer's, 6 of the latent action model's.
            frame_height: 90,
            frame_width: 160,
            frames_per_second: 10.0,
            tokenizer: TokenizerConfig {
                patch: 4,
                quantizer: QuantizerConfig::Vq {
                    codes: 1024,
                    dim: 32,
                    stages: 1,
                },
                encoder: stack(12, 512, 8, 64),
                decoder: stack(20, 1024, 16, 64),
            },
            latent_actions: LatentActionConfig {
                actions: 8,
                dim: 32,
                patch: 16,
                input: LatentActionInput::Pixels,
                encoder: stack(20, 1024, 16, 64),
                decoder: Some(stack(20, 1024, 16, 64)),
            },
            dynamics: DynamicsConfig {
                transformer: stack(layers, width, heads, head_width),
                conditioning: ActionConditioning::Added,
                changed_weight: 1.0,
                action_guidance: 0.0,
                temperature: 1.0,
            },
        })
    }

    /// A preset by name: `platformer`, `tiny`, `coinrun`, or a row of the paper's scaling table such as `paper-41M`.
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "platformer" => Some(Self::platformer()),
            "tiny" => Some(Self::tiny()),
            "coinrun" => Some(Self::coinrun()),
            other => Self::paper(other.strip_prefix("paper-")?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_valid_and_survive_json() {
        for name in ["platformer", "tiny", "coinrun", "paper-41M", "paper-10.1B"] {
            let config = GenieConfig::preset(name).unwrap();
            config.validate().unwrap();
            let json = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<GenieConfig>(&json).unwrap(), config);
        }
        assert!(GenieConfig::preset("paper-12M").is_none());
    }
}
