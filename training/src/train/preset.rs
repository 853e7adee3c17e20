//! Trainings by name: the paper's, with its hyperparameters, and ours.

use genie_model::GenieConfig;

use super::{CorruptionConfig, InitialWeights, OptimiserConfig, PhaseConfig, TrainConfig};

/// Learning rate of the paper's tokenizer at its height.
const PAPER_TOKENIZER_RATE: f64 = 3e-4;
/// Learning rate of the paper's latent actions and dynamics at its height.
const PAPER_DYNAMICS_RATE: f64 = 3e-5;

impl TrainConfig {
    /// A training by name: `game` for any game, `platformer` as shipped, `paper-actions` for the paper's own latent actions in a small model;
    /// and by the name of its model, see [`GenieConfig::preset`]: `coinrun` and `paper-41M` to `paper-10.1B` with the hyperparameters of the
    /// paper (appendices C to F), as far as it gives them. `None` for other names.
    ///
    /// The paper's: a tokenizer of 300,000 steps at a learning rate of 3e-4, 48 clips of 16 frames a step; latent actions and
    /// dynamics at 3e-5, 36 clips and 200,000 steps for `CoinRun`, 256 clips and 200,000 steps for the scaling study, 512 clips
    /// and 125,000 steps for the largest model; `AdamW` with decays of 0.9 and 0.9 and a weight decay of 1e-4. All weights start at
    /// random, the latent actions learn from pixels alone, nothing in the past is corrupted, and masks are drawn evenly between
    /// half of the tokens and all. Its learning rates fall to a tenth along a cosine; here they fall to nothing along a line.
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "game" => return Some(Self::game()),
            "platformer" => return Some(Self::platformer()),
            "paper-actions" => return Some(Self::paper_actions()),
            _ => {}
        }
        let (batch, steps) = match name {
            "coinrun" => (36, 200_000),
            "paper-10.1B" => (512, 125_000),
            _ => (256, 200_000),
        };
        let model = (name == "coinrun" || name.starts_with("paper-"))
            .then(|| GenieConfig::preset(name))
            .flatten()?;
        let phase = |steps, batch, learning_rate, warmup| PhaseConfig {
            steps,
            batch,
            accumulate: 1,
            clip_frames: 16,
            learning_rate,
            warmup,
            decay: 1.0,
            optimiser: OptimiserConfig {
                beta1: 0.9,
                beta2: 0.9,
                weight_decay: 1e-4,
                ..OptimiserConfig::default()
            },
            pictures_every: 5000,
        };
        let mut config = Self {
            tokenizer: phase(300_000, 48, PAPER_TOKENIZER_RATE, 10_000),
            dynamics: phase(steps, batch, PAPER_DYNAMICS_RATE, 5000),
            corruption: CorruptionConfig {
                tokens: 0.0,
                ..CorruptionConfig::default()
            },
            fully_masked: 0.0,
            dynamics_trains_actions: false,
            initial_weights: InitialWeights::Random,
            ..Self::platformer()
        };
        config.model = model;
        config.choose_stages = None;
        config.actions_frozen = 0;
        config.gravity = false;
        Some(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trainings_of_the_paper_have_its_models_and_pixels_teach_their_actions() {
        for name in ["coinrun", "paper-41M", "paper-10.1B"] {
            let config = TrainConfig::preset(name).unwrap();
            assert_eq!(Some(&config.model), GenieConfig::preset(name).as_ref());
            config.model.validate().unwrap();
            assert!(!config.dynamics_trains_actions, "{name}");
            assert!(config.model.latent_actions.decoder.is_some(), "{name}");
        }
        assert_eq!(
            TrainConfig::preset("platformer"),
            Some(TrainConfig::platformer())
        );
        assert_eq!(TrainConfig::preset("game"), Some(TrainConfig::game()));
        let paper = TrainConfig::preset("paper-actions").unwrap();
        assert!(!paper.dynamics_trains_actions && paper.initial_weights == InitialWeights::Random);
        assert!(paper.model.latent_actions.decoder.is_some());
        assert_eq!(TrainConfig::preset("paper-12M"), None);
    }
}
