//! Files made before the first release are read still: configurations, runs and checkpoints with old names of settings and
//! tensors.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use candle_core::Device;
use genie_model::checkpoint::Checkpoint;
use genie_model::{
    Frame, GenieConfig, LatentActionInput, SamplerSettings, UnmaskingOrder, WorldModel,
};
use genie_training::gameplay::{GameplayOptions, generate_dataset};
use genie_training::train::{Ended, TrainConfig, train};

/// `configs/platformer.toml` as it was, with the old names.
const CONFIG: &str = include_str!("fixtures/platformer-with-old-names.toml");

#[test]
fn a_configuration_with_the_old_names_is_the_same() {
    assert!(CONFIG.contains("own_mistakes") && CONFIG.contains("unseen_actions"));
    let config: TrainConfig = toml::from_str(CONFIG).unwrap();
    // Actions came from motion then, by a rule.
    let mut expected = TrainConfig::platformer();
    (expected.gravity, expected.actions_frozen) = (true, 100_000);
    let actions = &mut expected.model.latent_actions;
    actions.input = LatentActionInput::Motion;
    (actions.encoder).clone_from(&config.model.latent_actions.encoder);
    assert_eq!(config, expected);
}

#[test]
fn sampler_settings_with_the_old_names_are_the_same() {
    let text = r#"{"steps": 8, "order": "sure_first", "neighbours": 0.7}"#;
    let settings: SamplerSettings = serde_json::from_str(text).unwrap();
    let expected = SamplerSettings {
        steps: 8,
        order: UnmaskingOrder::ConfidenceThreshold,
        adjacency: 0.7,
        ..SamplerSettings::default()
    };
    assert_eq!(settings, expected);
}

#[test]
fn a_run_that_was_begun_with_the_old_names_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    generate_dataset(&data, 4, 16, 5, GameplayOptions::ALIGNED, &|_| ()).unwrap();
    let mut config = TrainConfig::platformer();
    config.model = GenieConfig::tiny();
    for phase in [&mut config.tokenizer, &mut config.dynamics] {
        (phase.steps, phase.batch, phase.clip_frames) = (3, 2, 4);
    }
    let stop = |phase: &str, steps: u64| phase == "dynamics" && steps == 2;
    let ended = train(&config, &data, &run, false, &Device::Cpu, &stop).unwrap();
    assert_eq!(ended, Ended::Stopped);
    let path = run.join("config.toml");
    let new = std::fs::read_to_string(&path).unwrap();
    let old = new
        .replace("impossible_actions", "unseen_actions")
        // Nothing said then when it began.
        .replace("scheduled_sampling_from = 0\n", "")
        .replace("scheduled_sampling", "own_mistakes");
    assert!(old.contains("own_mistakes = ") && !old.contains("_from"));
    std::fs::write(&path, old).unwrap();
    let ended = train(&config, &data, &run, true, &Device::Cpu, &|_, _| false).unwrap();
    assert_eq!(ended, Ended::Complete);
}

#[test]
fn the_shipped_world_is_read_and_plays() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/models/platformer.genie.safetensors");
    let checkpoint = Checkpoint::read(&path).unwrap();
    assert!(checkpoint.adjacency.is_some());
    assert_eq!(checkpoint.config, GenieConfig::platformer());
    let world = WorldModel::new(checkpoint, &Device::Cpu).unwrap();
    let prompt = Frame::filled(64, 64, [90, 160, 230]);
    let frames = || -> Vec<Frame> {
        let mut rollout = world.prompt(&prompt, 7).unwrap();
        (0..3)
            .map(|action| rollout.step(action).unwrap().clone())
            .collect()
    };
    assert_eq!(frames(), frames());
}
