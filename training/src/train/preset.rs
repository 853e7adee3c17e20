//! Trainings by name: the paper's, with its hyperparameters, and ours.

use genie_model::GenieConfig;

use super::{
    CorruptionConfig, DecayCurve, InitialWeights, OptimiserConfig, PhaseConfig, Precision,
    TrainConfig,
};

/// Learning rate of the paper's tokenizer at its height, and the share of it that is left in the end.
const PAPER_TOKENIZER_RATE: (f64, f64) = (3e-4, 1.0);
/// The same of its latent actions and dynamics.
const PAPER_DYNAMICS_RATE: (f64, f64) = (3e-5, 0.1);

/// The names of [`TrainConfig::preset`] in words.
pub const PRESETS: &str = "game, game-small, game-large, platformer, paper-actions, coinrun, paper-41M, paper-96M, paper-192M, paper-404M, paper-811M, paper-1.6B, paper-2.7B and paper-10.1B";

/// Trainings for any game, from the smallest dynamics to the largest.
pub const GAME_PRESETS: [&str; 3] = ["game-small", "game", "game-large"];
/// Layers and width of the smallest and of the largest.
const SMALL: (usize, usize) = (3, 128);
const LARGE: (usize, usize) = (6, 320);

impl TrainConfig {
    /// A training by name: `game` for any game, `game-small` and `game-large` for less time or a faster machine, `platformer` as shipped, `paper-actions` for the paper's own latent actions in a small model;
    /// and by the name of its model, see [`GenieConfig::preset`]: `coinrun` and `paper-41M` to `paper-10.1B` with the hyperparameters of the
    /// paper (appendices C to F), as far as it gives them. `None` for other names.
    ///
    /// The paper's: a tokenizer of 300,000 steps at a learning rate of 3e-4, with 48 clips of 16 frames a step for `CoinRun` and 64 (the
    /// smaller of two batches that it compares) for the others; latent actions and dynamics at 3e-5, which falls to a tenth along a
    /// cosine, with 36 clips and 200,000 steps for `CoinRun`, 256 clips and 200,000 steps for the scaling study, 512 clips
    /// and 125,000 steps for the largest model; `AdamW` with decays of 0.9 and 0.9 and a weight decay of 1e-4. All weights start at
    /// random, the latent actions learn from pixels alone, nothing in the past is corrupted, and masks are drawn evenly between
    /// half of the tokens and all. Activations are bfloat16 on graphics processors.
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "game" => return Some(Self::game()),
            "game-small" => return Some(Self::game_of(SMALL)),
            "game-large" => return Some(Self::game_of(LARGE)),
            "platformer" => return Some(Self::platformer()),
            "paper-actions" => return Some(Self::paper_actions()),
            _ => {}
        }
        let (tokenizer_batch, batch, steps) = match name {
            "coinrun" => (48, 36, 200_000),
            "paper-10.1B" => (64, 512, 125_000),
            _ => (64, 256, 200_000),
        };
        let model = (name == "coinrun" || name.starts_with("paper-"))
            .then(|| GenieConfig::preset(name))
            .flatten()?;
        let phase = |steps, batch, (learning_rate, final_share): (f64, f64), warmup| PhaseConfig {
            steps,
            batch,
            accumulate: 1,
            clip_frames: 16,
            learning_rate,
            warmup,
            decay: 1.0,
            decay_curve: DecayCurve::Cosine,
            final_share,
            optimiser: OptimiserConfig {
                beta1: 0.9,
                beta2: 0.9,
                weight_decay: 1e-4,
                ..OptimiserConfig::default()
            },
            pictures_every: 5000,
        };
        let mut config = Self {
            tokenizer: phase(300_000, tokenizer_batch, PAPER_TOKENIZER_RATE, 10_000),
            dynamics: phase(steps, batch, PAPER_DYNAMICS_RATE, 5000),
            corruption: CorruptionConfig {
                tokens: 0.0,
                ..CorruptionConfig::default()
            },
            fully_masked: 0.0,
            dynamics_trains_actions: false,
            precision: Precision::Bf16,
            initial_weights: InitialWeights::Random,
            ..Self::platformer()
        };
        config.model = model;
        config.choose_stages = None;
        Some(config)
    }

    /// The training for any game with dynamics of so many layers and such a width.
    fn game_of((layers, width): (usize, usize)) -> Self {
        let mut config = Self::game();
        let transformer = &mut config.model.dynamics.transformer;
        (transformer.layers, transformer.width) = (layers, width);
        transformer.heads = width / transformer.head_width;
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trainings_of_the_paper_have_its_models_and_pixels_teach_their_actions() {
        let names = PRESETS
            .split([',', ' '])
            .filter(|it| !it.is_empty() && *it != "and");
        let names: Vec<&str> = names.collect();
        assert_eq!(names.len(), 14);
        assert!(names.iter().all(|name| TrainConfig::preset(name).is_some()));
        let ours = [
            "game",
            "game-small",
            "game-large",
            "platformer",
            "paper-actions",
        ];
        for name in names.into_iter().filter(|name| !ours.contains(name)) {
            let config = TrainConfig::preset(name).unwrap();
            assert_eq!(Some(&config.model), GenieConfig::preset(name).as_ref());
            config.validate(std::path::Path::new(name)).unwrap();
            // Tables 8 and 9: warmups, and learning rates from their height to their end.
            for (phase, warmup, [high, low]) in [
                (&config.tokenizer, 10_000, [3e-4, 3e-4]),
                (&config.dynamics, 5_000, [3e-5, 3e-6]),
            ] {
                assert_eq!(phase.warmup, warmup);
                let near =
                    |step, rate: f64| (phase.learning_rate_at(step) / rate - 1.0).abs() < 0.02;
                assert!(near(warmup, high) && near(phase.steps - 1, low), "{name}");
                assert!(near(warmup / 2, high / 2.0));
            }
            assert!(!config.dynamics_trains_actions, "{name}");
            assert_eq!(config.precision, Precision::Bf16, "{name}");
            assert!(config.model.latent_actions.decoder.is_some(), "{name}");
        }
        assert_eq!(
            TrainConfig::preset("platformer"),
            Some(TrainConfig::platformer())
        );
        assert_eq!(TrainConfig::preset("game"), Some(TrainConfig::game()));
        let games = GAME_PRESETS.map(|name| TrainConfig::preset(name).unwrap());
        for game in &games {
            game.validate(std::path::Path::new("game")).unwrap();
        }
        let parameters = games.map(|game| game.model.dynamics.transformer);
        assert!(parameters.is_sorted_by_key(|it| it.layers * it.width * it.width));
        let paper = TrainConfig::preset("paper-actions").unwrap();
        assert!(!paper.dynamics_trains_actions && paper.initial_weights == InitialWeights::Random);
        assert!(paper.model.latent_actions.decoder.is_some());
        assert_eq!(TrainConfig::preset("paper-12M"), None);
    }
}
