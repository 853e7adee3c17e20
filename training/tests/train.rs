//! Training end to end on a tiny world: resuming, and independence from the true actions.
#![allow(clippy::unwrap_used)]

mod tiny_training;

use std::path::Path;

use candle_core::Device;
use genie_model::checkpoint::{Checkpoint, WeightFormat};
use genie_model::{Frame, LatentActionInput, QuantizerConfig, WorldModel};
use genie_training::dataset::{Dataset, DatasetWriter, FrameFormat, TrueActions};
use genie_training::evaluate::{EvaluateOptions, evaluate};
use genie_training::gameplay::{GameplayOptions, generate_dataset};
use genie_training::train::{
    ActionCount, ActionSource, CorruptionConfig, Ended, InitialWeights, StageChoice, TrainConfig,
    TrainError, TrainingPhase, time_steps, train,
};
use tiny_training::{config, footage};

fn world(run: &Path) -> Vec<u8> {
    std::fs::read(run.join("world.genie.safetensors")).unwrap()
}

#[test]
fn a_stopped_run_goes_on_to_the_same_world() {
    let folder = tempfile::tempdir().unwrap();
    let (data, one, two) = (
        folder.path().join("data"),
        folder.path().join("one"),
        folder.path().join("two"),
    );
    footage(&data);
    let config = config();
    let never = |_: &str, _: u64| false;
    let ended = train(&config, &data, &one, false, &Device::Cpu, &never).unwrap();
    assert_eq!(ended, Ended::Complete);
    // The true actions are for evaluation only: without them the same world comes out.
    std::fs::remove_file(data.join("true_actions.bin")).unwrap();
    for (phase, stop_at) in [("tokenizer", 3), ("dynamics", 11), ("dynamics", 22)] {
        let stop = |name: &str, steps: u64| name == phase && steps == stop_at;
        let resume = two.exists();
        let ended = train(&config, &data, &two, resume, &Device::Cpu, &stop).unwrap();
        assert_eq!(ended, Ended::Stopped);
    }
    // Tokens are kept, and made anew where they are damaged.
    let tokens = two.join("dynamics/tokens/shard-00000.tokens");
    let kept = std::fs::read(&tokens).unwrap();
    std::fs::write(&tokens, &kept[..kept.len() / 2]).unwrap();
    let ended = train(&config, &data, &two, true, &Device::Cpu, &never).unwrap();
    assert_eq!(ended, Ended::Complete);
    assert_eq!(world(&one), world(&two));
    assert_eq!(std::fs::read(&tokens).unwrap(), kept);
    for name in ["tokenizer", "dynamics"] {
        let lines = |run: &Path| -> Vec<serde_json::Value> {
            let text = std::fs::read_to_string(run.join(name).join("metrics.jsonl")).unwrap();
            text.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        };
        let (a, b) = (lines(&one), lines(&two));
        assert_eq!(a.len(), b.len());
    }
    let loaded = WorldModel::load(one.join("world.genie.safetensors")).unwrap();
    assert_eq!(loaded.action_count(), 6);
    assert!(loaded.latent_action_model().is_some());
}

/// Footage of a player, and a training on the actions that are found in it.
fn on_found_actions(data: &Path) -> TrainConfig {
    generate_dataset(data, 8, 60, 5, GameplayOptions::ALIGNED, &|_| ()).unwrap();
    let mut config = config();
    config.model.latent_actions.input = LatentActionInput::Agent;
    config.model.latent_actions.actions = 5;
    // A frame's tokens are its own, so that steps read what was kept.
    config.model.tokenizer.encoder.window = 1;
    config
}

/// Where the player is found in the footage, no rule and no true action is asked: without them the same player is found, and the same world
/// comes out.
#[test]
fn a_run_on_found_actions_goes_on_to_the_same_world() {
    let folder = tempfile::tempdir().unwrap();
    let [data, one, two] = ["data", "one", "two"].map(|name| folder.path().join(name));
    let mut config = on_found_actions(&data);
    let never = |_: &str, _: u64| false;
    train(&config, &data, &one, false, &Device::Cpu, &never).unwrap();
    std::fs::remove_file(data.join("true_actions.bin")).unwrap();
    let stop = |name: &str, steps: u64| name == "dynamics" && steps == 11;
    train(&config, &data, &two, false, &Device::Cpu, &stop).unwrap();
    let tokens = two.join("dynamics/tokens/shard-00000.tokens");
    let kept = std::fs::read(&tokens).unwrap();
    let mut damaged = kept.clone();
    damaged[1000] ^= 1;
    std::fs::write(&tokens, &damaged).unwrap();
    train(&config, &data, &two, true, &Device::Cpu, &never).unwrap();
    assert_eq!(world(&one), world(&two));
    assert_eq!(std::fs::read(&tokens).unwrap(), kept);

    // Evaluation infers actions with what the checkpoint holds.
    let world = WorldModel::load(one.join("world.genie.safetensors")).unwrap();
    assert_eq!(world.action_count(), 5);
    assert!(world.latent_action_model().is_none() && world.agent().is_some());
    let options = EvaluateOptions {
        clips: 4,
        horizon: 1,
        survival: 1,
        ..EvaluateOptions::default()
    };
    let dataset = Dataset::open(&data).unwrap();
    let figures = evaluate(&world, &dataset, None, &options, &|_| Ok(())).unwrap();
    let usage: f64 = figures.usage.iter().map(|action| action.usage).sum();
    assert!((usage - 1.0).abs() < 1e-9);
    assert!(figures.usage.iter().filter(|it| it.usage > 0.05).count() >= 3);

    // Found anew, the number is the footage's.
    config.action_count = ActionCount::Footage;
    let three = folder.path().join("three");
    let stop = |name: &str, _: u64| name == "tokenizer";
    train(&config, &data, &three, false, &Device::Cpu, &stop).unwrap();
    let text = std::fs::read_to_string(three.join("config.toml")).unwrap();
    let chosen: TrainConfig = toml::from_str(&text).unwrap();
    assert!((4..=20).contains(&chosen.model.latent_actions.actions));
}

/// A training goes on from a finished world: its tokenizer and its actions stay what they are, in footage that it has not seen too. Stopped, it goes on without
/// that world's file.
#[test]
fn a_training_goes_on_from_a_finished_world() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["data", "more", "first", "on", "stopped", "anew"];
    let [data, more, first, on, stopped, anew] = names.map(|name| folder.path().join(name));
    let config = on_found_actions(&data);
    generate_dataset(&more, 6, 60, 77, GameplayOptions::ALIGNED, &|_| ()).unwrap();
    let never = |_: &str, _: u64| false;
    train(&config, &data, &first, false, &Device::Cpu, &never).unwrap();
    let start = folder.path().join("start.genie.safetensors");
    let mut former = Checkpoint::read(first.join("world.genie.safetensors")).unwrap();
    former.actions[2].name = "jump".to_owned();
    former.write(&start, WeightFormat::F32).unwrap();

    // What the configuration says of the model is that world's.
    let mut config = TrainConfig {
        start_from: Some(start.clone()),
        ..config
    };
    config.model.latent_actions.actions = 9;
    config.action_count = ActionCount::Footage;
    config.model.dynamics.transformer.layers += 1;
    train(&config, &more, &on, false, &Device::Cpu, &never).unwrap();
    let world = Checkpoint::read(on.join("world.genie.safetensors")).unwrap();
    assert_eq!(world.config, former.config);
    assert_eq!(world.actions, former.actions);
    assert_eq!(world.agent, former.agent);
    assert_eq!(world.provenance["started_from"], "start.genie.safetensors");
    let values = |world: &Checkpoint, name: &str| -> Vec<f32> {
        let tensor = world.tensors[name].flatten_all().unwrap();
        tensor.to_vec1().unwrap()
    };
    for name in former.tensors.keys() {
        let same = values(&world, name) == values(&former, name);
        assert!(!name.starts_with("tokenizer.") || same, "{name}");
    }
    assert_ne!(
        values(&world, "dynamics.head"),
        values(&former, "dynamics.head")
    );
    // Its weights are what the training starts from.
    let mut one_step = config.clone();
    (one_step.dynamics.steps, one_step.dynamics.learning_rate) = (1, 1e-12);
    let still = folder.path().join("still");
    train(&one_step, &more, &still, false, &Device::Cpu, &never).unwrap();
    let still = Checkpoint::read(still.join("world.genie.safetensors")).unwrap();
    for name in former.tensors.keys() {
        assert_eq!(values(&still, name), values(&former, name), "{name}");
    }

    // Before the dynamics have saved a state.
    let stop = |name: &str, steps: u64| name == "dynamics" && steps == 1;
    train(&config, &more, &stopped, false, &Device::Cpu, &stop).unwrap();
    std::fs::rename(&start, folder.path().join("elsewhere")).unwrap();
    let never_found = train(&config, &more, &anew, false, &Device::Cpu, &never).unwrap_err();
    assert!(
        never_found.to_string().contains("start.genie.safetensors"),
        "{never_found}"
    );
    // Nor does it take up another one.
    let mut another = config.clone();
    another.start_from = Some(on.join("world.genie.safetensors"));
    let refused = train(&another, &more, &stopped, true, &Device::Cpu, &never).unwrap_err();
    assert!(refused.to_string().contains("start_from is"), "{refused}");
    train(&config, &more, &stopped, true, &Device::Cpu, &never).unwrap();
    let of = |run: &Path| std::fs::read(run.join("world.genie.safetensors")).unwrap();
    assert!(of(&on) == of(&stopped));

    // Found anew, the actions of the same footage are those of another player, each in the place of a former one.
    std::fs::rename(folder.path().join("elsewhere"), &start).unwrap();
    config.new_actions = true;
    config.seed = 5;
    train(&config, &more, &anew, false, &Device::Cpu, &never).unwrap();
    let world = Checkpoint::read(anew.join("world.genie.safetensors")).unwrap();
    assert_eq!(world.actions.len(), former.actions.len());
    assert_ne!(world.agent, former.agent);
    assert!(world.actions.iter().all(|action| action.name != "jump"));
    let rows = |world: &Checkpoint| {
        let codes = world.tensors["latent_actions.codebook"].to_vec2::<f32>();
        codes.unwrap()
    };
    let found = std::fs::read(anew.join("found_actions.json")).unwrap();
    let found: serde_json::Value = serde_json::from_slice(&found).unwrap();
    for (new, place) in found["places"].as_array().unwrap().iter().enumerate() {
        let place = place.as_u64().unwrap() as usize;
        assert_eq!(rows(&world)[new], rows(&former)[place], "{new}");
    }
}

/// A world whose encoder sees its actions keeps their labels and keys, has none to find anew, and takes no keys but its own.
#[test]
fn a_training_goes_on_from_a_world_with_an_encoder() {
    let folder = tempfile::tempdir().unwrap();
    let [data, first, on, refused] =
        ["data", "first", "on", "refused"].map(|name| folder.path().join(name));
    footage(&data);
    let config = config();
    let never = |_: &str, _: u64| false;
    train(&config, &data, &first, false, &Device::Cpu, &never).unwrap();
    let start = folder.path().join("start.genie.safetensors");
    let mut former = Checkpoint::read(first.join("world.genie.safetensors")).unwrap();
    former.actions[1].name = "jump".to_owned();
    former.actions[1].keys = vec![vec!["Space".to_owned()]];
    former.write(&start, WeightFormat::F16).unwrap();
    let config = TrainConfig {
        start_from: Some(start),
        ..config
    };
    train(&config, &data, &on, false, &Device::Cpu, &never).unwrap();
    let world = Checkpoint::read(on.join("world.genie.safetensors")).unwrap();
    assert_eq!(world.actions, former.actions);
    assert!(world.has_latent_action_encoder());

    // A copy that an earlier try has left is nothing to a run that does not start from it.
    let alone = folder.path().join("alone");
    std::fs::create_dir(&alone).unwrap();
    std::fs::copy(
        on.join("start.genie.safetensors"),
        alone.join("start.genie.safetensors"),
    )
    .unwrap();
    let new = TrainConfig {
        start_from: None,
        ..config.clone()
    };
    train(&new, &data, &alone, false, &Device::Cpu, &never).unwrap();
    let world = Checkpoint::read(alone.join("world.genie.safetensors")).unwrap();
    assert_eq!(world.actions[1].name, "action_1");

    let said = |change: &dyn Fn(&mut TrainConfig)| {
        let mut config = config.clone();
        change(&mut config);
        let error = train(&config, &data, &refused, false, &Device::Cpu, &never).unwrap_err();
        error.to_string()
    };
    let new = said(&|config| config.new_actions = true);
    assert!(
        new.contains("start.genie.safetensors") && new.contains("new_actions"),
        "{new}"
    );
    let given = said(&|config| config.action_source = ActionSource::Given);
    assert!(given.contains("action_0, jump"), "{given}");
}

/// Half-way the dynamics are asked what they make of the actions that were found. A run that ended before, after or amid that goes on to the
/// same world.
#[test]
fn found_actions_are_read_anew_once_and_wherever_the_run_was_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let [data, one, two] = ["data", "one", "two"].map(|name| folder.path().join(name));
    let mut config = on_found_actions(&data);
    config.actions_revised_at = 0.5;
    let half = config.dynamics.steps / 2;
    let never = |_: &str, _: u64| false;
    train(&config, &data, &one, false, &Device::Cpu, &never).unwrap();
    let stop = |name: &str, steps: u64| name == "dynamics" && steps == half - 1;
    train(&config, &data, &two, false, &Device::Cpu, &stop).unwrap();
    let found = |run: &Path| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(run.join("found_actions.json")).unwrap()).unwrap()
    };
    assert_eq!(found(&two).get("revision"), None);
    // One that was killed when they had been read anew, and its state had not been saved since.
    std::fs::copy(
        one.join("found_actions.json"),
        two.join("found_actions.json"),
    )
    .unwrap();
    for stop_at in [half + 1, half + 2] {
        let stop = |name: &str, steps: u64| name == "dynamics" && steps == stop_at;
        train(&config, &data, &two, true, &Device::Cpu, &stop).unwrap();
    }
    train(&config, &data, &two, true, &Device::Cpu, &never).unwrap();
    assert_eq!(world(&one), world(&two));
    assert_eq!(found(&one), found(&two));
    let found = found(&one);
    assert_eq!(found["revision"]["step"], half);
    let count = |codes: &serde_json::Value| {
        let clips = codes.as_array().unwrap().iter();
        clips.map(|it| it.as_array().unwrap().len()).sum::<usize>()
    };
    assert_eq!(count(&found["revision"]["codes"]), count(&found["codes"]));
    assert_eq!(count(&found["codes"]), 8 * 59);

    // A codes file that does not fit is refused.
    let text = std::fs::read_to_string(one.join("found_actions.json")).unwrap();
    let other = text.replace("\"revision\":{\"step\":", "\"revision\":{\"step\":1");
    let broken = other.replacen("\"codes\":[[", "\"codes\":[[0,", 1);
    std::fs::write(two.join("found_actions.json"), broken).unwrap();
    let refused = train(&config, &data, &two, true, &Device::Cpu, &never).unwrap_err();
    assert!(refused.to_string().contains("other footage"), "{refused}");
}

/// The paper's recipe: the encoder learns from the pixel decoder alone, beside the dynamics, whose gradient is stopped.
#[test]
fn actions_are_learned_from_pixels_alone_as_in_the_paper() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    footage(&data);
    let mut config = config();
    config.dynamics_trains_actions = false;
    config.initial_weights = InitialWeights::Random;
    config.actions_frozen = 0;
    config.corruption = CorruptionConfig::default();
    config.dynamics.steps = 120;
    config.dynamics.learning_rate = 3e-3;
    let latent = &mut config.model.latent_actions;
    latent.input = LatentActionInput::Pixels;
    latent.decoder = Some(latent.encoder.clone());
    let never = |_: &str, _: u64| false;
    let mut first = config.clone();
    first.dynamics.steps = 1;
    let begun = folder.path().join("begun");
    train(&first, &data, &begun, false, &Device::Cpu, &never).unwrap();
    train(&config, &data, &run, false, &Device::Cpu, &never).unwrap();

    let text = std::fs::read_to_string(run.join("dynamics/metrics.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let figure = |line: &serde_json::Value, name: &str| line[name].as_f64().unwrap();
    let (early, late) = (&lines[0], lines.last().unwrap());
    assert!(
        figure(late, "pixel_mse") < 0.8 * figure(early, "pixel_mse"),
        "{early} {late}"
    );
    assert!(figure(late, "actions_used") >= 2.0, "{late}");
    // The encoder's weights move: the pixel decoder's gradient reaches them through the codes.
    let encoder = |run: &Path| {
        let state = run.join("dynamics/state.safetensors");
        let tensors = candle_core::safetensors::load(state, &Device::Cpu).unwrap();
        let weight = &tensors["latent_actions.encoder.embed.weight"];
        weight.flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    let (before, after) = (encoder(&begun), encoder(&run));
    assert!(before.iter().zip(&after).any(|(a, b)| (a - b).abs() > 1e-3));
    // It is no part of a world that is played: the decoder was for training.
    let loaded = WorldModel::load(run.join("world.genie.safetensors")).unwrap();
    assert!(loaded.config().latent_actions.decoder.is_none());
}

#[test]
fn the_configurations_in_the_folder_can_be_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let config: TrainConfig = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        config.validate(&path).unwrap();
        count += 1;
    }
    assert!(count >= 3);
}

/// The number of codes is chosen when a run begins, and is the run's from then on.
#[test]
fn a_run_with_several_codes_per_token_goes_on_to_the_same_world() {
    let folder = tempfile::tempdir().unwrap();
    let (data, one, two) = (
        folder.path().join("data"),
        folder.path().join("one"),
        folder.path().join("two"),
    );
    footage(&data);
    let mut config = config();
    // No start is as good as that, so that all stages are taken.
    config.choose_stages = Some(StageChoice {
        psnr: 99.0,
        least_gain: -99.0,
        most: 3,
    });
    let never = |_: &str, _: u64| false;
    train(&config, &data, &one, false, &Device::Cpu, &never).unwrap();
    for (phase, stop_at) in [("tokenizer", 3), ("dynamics", 11)] {
        let stop = |name: &str, steps: u64| name == phase && steps == stop_at;
        let resume = two.exists();
        train(&config, &data, &two, resume, &Device::Cpu, &stop).unwrap();
    }
    train(&config, &data, &two, true, &Device::Cpu, &never).unwrap();
    assert_eq!(world(&one), world(&two));
    let run: TrainConfig =
        toml::from_str(&std::fs::read_to_string(one.join("config.toml")).unwrap()).unwrap();
    assert_eq!(run.model.tokenizer.quantizer.stages(), 3);
    let loaded = WorldModel::load(one.join("world.genie.safetensors")).unwrap();
    assert_eq!(loaded.config().tokenizer, run.model.tokenizer);
    assert!(loaded.adjacency().is_none());
    let prompt = Frame::filled(64, 64, [90, 160, 230]);
    let mut rollout = loaded.prompt(&prompt, 1).unwrap();
    rollout.step(2).unwrap();
    assert_eq!(rollout.tokens().len(), 3 * 64);
}

/// Footage of at least 40x24 pixels: a square that goes up and down over a slope of grey.
fn wide_footage(folder: &Path, (width, height): (usize, usize)) {
    let format = FrameFormat {
        height,
        width,
        frames_per_second: 10.0,
    };
    let mut writer = DatasetWriter::create(folder, format).unwrap();
    for clip in 0..6_usize {
        let frames = (0..16_usize).flat_map(|time| {
            let (left, top) = (5 * clip, (time + clip) % 16);
            (0..height * width).flat_map(move |pixel| {
                let (x, y) = (pixel % width, pixel / width);
                if (left..left + 8).contains(&x) && (top..top + 8).contains(&y) {
                    [230, 60, 40]
                } else {
                    let (across, down) = (160 * x / width, 150 * y / height);
                    [across as u8, across as u8, down as u8]
                }
            })
        });
        writer
            .push_clip(&frames.collect::<Vec<u8>>(), None)
            .unwrap();
    }
    writer.finish().unwrap();
}

/// 160x90 footage with patches of 4 pixels for tokens and of 16 for latent actions, both of which reach beyond the lower edge, as in the paper.
#[test]
fn footage_of_the_papers_size_is_padded_and_cropped_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (width, height) = (160, 90);
    wide_footage(&data, (width, height));
    for input in [LatentActionInput::Pixels, LatentActionInput::Motion] {
        let run = folder.path().join(format!("{input:?}"));
        let mut config = short();
        config.corruption = CorruptionConfig::default();
        let model = &mut config.model;
        (model.frame_width, model.frame_height) = (width, height);
        model.tokenizer.patch = 4;
        let latent = &mut model.latent_actions;
        (latent.patch, latent.input) = (16, input);
        if input == LatentActionInput::Pixels {
            latent.decoder = Some(latent.encoder.clone());
            config.dynamics_trains_actions = false;
        } else {
            // Relabelling goes by motion, too.
            config.corruption.impossible_actions = 0.5;
        }
        let never = |_: &str, _: u64| false;
        train(&config, &data, &run, false, &Device::Cpu, &never).unwrap();
        let loaded = WorldModel::load(run.join("world.genie.safetensors")).unwrap();
        let prompt = Frame::filled(width, height, [90, 90, 60]);
        let mut rollout = loaded.prompt(&prompt, 1).unwrap();
        rollout.step(1).unwrap();
        assert_eq!(rollout.tokens().len(), 40 * 23);
        let frame = rollout.frame();
        assert_eq!((frame.width(), frame.height()), (width, height));
    }
}

/// A quantizer without a codebook (FSQ), and frames that are no squares: the tokenizer learns, and the world plays.
#[test]
fn fixed_codes_and_frames_that_are_no_squares_are_trained() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    wide_footage(&data, (40, 24));
    let mut config = config();
    (config.model.frame_width, config.model.frame_height) = (40, 24);
    config.model.tokenizer.quantizer = QuantizerConfig::Fsq {
        levels: vec![8, 5, 5],
    };
    config.tokenizer.steps = 150;
    config.tokenizer.learning_rate = 3e-3;
    let never = |_: &str, _: u64| false;
    train(&config, &data, &run, false, &Device::Cpu, &never).unwrap();

    let text = std::fs::read_to_string(run.join("tokenizer/metrics.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let psnr = |line: &serde_json::Value| line["psnr"].as_f64().unwrap();
    let (early, late) = (&lines[0], lines.last().unwrap());
    assert!(psnr(late) > psnr(early) + 3.0, "{early} {late}");
    let loaded = WorldModel::load(run.join("world.genie.safetensors")).unwrap();
    let prompt = Frame::filled(40, 24, [90, 90, 60]);
    let mut rollout = loaded.prompt(&prompt, 1).unwrap();
    rollout.step(1).unwrap();
    assert_eq!(
        (rollout.frame().width(), rollout.frame().height()),
        (40, 24)
    );
    assert_eq!(rollout.tokens().len(), 5 * 3);
}

#[test]
fn a_run_is_not_overwritten_or_mixed_with_another() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    footage(&data);
    let mut config = config();
    let at_once = |_: &str, _: u64| true;
    train(&config, &data, &run, false, &Device::Cpu, &at_once).unwrap();
    let error = train(&config, &data, &run, false, &Device::Cpu, &at_once).unwrap_err();
    assert!(matches!(error, TrainError::RunExists { .. }), "{error}");
    config.seed = 4;
    let error = train(&config, &data, &run, true, &Device::Cpu, &at_once).unwrap_err();
    assert!(matches!(error, TrainError::OtherConfig { .. }), "{error}");
    config.seed = 3;
    config.model.frame_width = 128;
    let error = train(&config, &data, &run, true, &Device::Cpu, &at_once).unwrap_err();
    assert!(matches!(error, TrainError::Footage { .. }), "{error}");
}

/// A run of few steps, to its end.
fn short() -> TrainConfig {
    let mut config = config();
    config.tokenizer.steps = 3;
    config.dynamics.steps = 3;
    config.initial_weights = InitialWeights::Random;
    config
}

/// The first step's figures, of the same weights and clips.
fn first_figures(config: &TrainConfig, data: &Path, run: &Path, phase: &str) -> serde_json::Value {
    let never = |_: &str, _: u64| false;
    train(config, data, run, false, &Device::Cpu, &never).unwrap();
    let text = std::fs::read_to_string(run.join(phase).join("metrics.jsonl")).unwrap();
    serde_json::from_str(text.lines().next().unwrap()).unwrap()
}

#[test]
fn what_the_losses_weigh_is_the_configurations() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let data = at("data");
    footage(&data);
    let mut config = short();
    let latent = &mut config.model.latent_actions;
    latent.input = LatentActionInput::Pixels;
    latent.decoder = Some(latent.encoder.clone());
    let of = |config: &TrainConfig, run: &str, phase: &str| {
        let figures = first_figures(config, &data, &at(run), phase);
        figures["loss"].as_f64().unwrap()
    };
    let usual = ["tokenizer", "dynamics"].map(|phase| of(&config, phase, phase));
    config.losses.absolute_error = 0.0;
    let without = of(&config, "without", "tokenizer");
    assert!(without < usual[0], "{without} {usual:?}");
    config.losses.commitment = 0.0;
    assert!(of(&config, "uncommitted", "tokenizer") < without);
    let mut config = TrainConfig {
        model: config.model,
        ..short()
    };
    config.losses.action_pixels = 0.0;
    let without = of(&config, "unseen", "dynamics");
    assert!(without < usual[1] - 1e-6, "{without} {usual:?}");
}

#[test]
fn what_a_run_is_resumed_with_must_fit_and_what_does_not_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (data, run) = (at("data"), at("run"));
    footage(&data);
    let never = |_: &str, _: u64| false;
    let resume = |config: &TrainConfig, data: &Path, run: &Path| {
        train(config, data, run, true, &Device::Cpu, &never)
    };
    let config = short();
    // A run that is not there is not begun by mistake.
    let said = resume(&config, &data, &at("run")).unwrap_err().to_string();
    assert!(said.contains("no run to resume"), "{said}");
    assert!(!run.exists());
    train(&config, &data, &run, false, &Device::Cpu, &never).unwrap();
    let said = resume(&config, &data, &at("rum")).unwrap_err().to_string();
    assert!(said.contains("beside it: run"), "{said}");

    // Which setting differs is said; what is harmless is no obstacle.
    let mut other = config.clone();
    other.dynamics.batch = 3;
    let said = resume(&other, &data, &run).unwrap_err().to_string();
    assert!(
        said.contains("dynamics.batch is 2 in the run and 3 now"),
        "{said}"
    );
    let mut harmless = config.clone();
    harmless.dynamics.pictures_every = 7;
    harmless.dynamics.learning_rate = 1e-4;
    harmless.dynamics.steps = 5;
    // Where there was no room for what was begun.
    harmless.recompute = true;
    harmless.dynamics.accumulate = 2;
    resume(&harmless, &data, &run).unwrap();

    // Other footage.
    let longer = at("longer");
    generate_dataset(&longer, 7, 16, 5, GameplayOptions::ALIGNED, &|_| ()).unwrap();
    let said = resume(&harmless, &longer, &run).unwrap_err().to_string();
    assert!(
        said.contains("112 frames in 7 clips, not 96 in 6"),
        "{said}"
    );
    let moved = at("moved");
    std::fs::rename(&data, &moved).unwrap();
    resume(&harmless, &moved, &run).unwrap();

    // Dynamics know the tokens of one tokenizer alone.
    let mut longer = harmless.clone();
    longer.tokenizer.steps = 9;
    let error = resume(&longer, &moved, &run).unwrap_err();
    assert!(
        matches!(
            error,
            TrainError::TokenizerInUse {
                trained: 3,
                wanted: 9,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn the_world_of_a_complete_run_is_written_again_and_keeps_its_labels() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    footage(&data);
    let never = |_: &str, _: u64| false;
    let mut config = short();
    train(&config, &data, &run, false, &Device::Cpu, &never).unwrap();
    let first = world(&run);
    let path = run.join("world.genie.safetensors");
    std::fs::remove_file(&path).unwrap();
    train(&config, &data, &run, true, &Device::Cpu, &never).unwrap();
    assert_eq!(world(&run), first);

    // A run that was killed between its last state and its world has the world of an earlier one, and a copy may be cut off.
    let mut earlier = Checkpoint::read(&path).unwrap();
    let steps = ("dynamics_steps".to_owned(), "2".to_owned());
    earlier.provenance.extend([steps]);
    earlier.write(&path, WeightFormat::F16).unwrap();
    train(&config, &data, &run, true, &Device::Cpu, &never).unwrap();
    assert_eq!(world(&run), first);
    std::fs::write(&path, &first[..first.len() / 2]).unwrap();
    train(&config, &data, &run, true, &Device::Cpu, &never).unwrap();
    assert_eq!(world(&run), first);

    let mut checkpoint = Checkpoint::read(&path).unwrap();
    "climb".clone_into(&mut checkpoint.actions[2].name);
    checkpoint.write(&path, WeightFormat::F16).unwrap();
    config.dynamics.steps += 2;
    train(&config, &data, &run, true, &Device::Cpu, &never).unwrap();
    let loaded = WorldModel::load(&path).unwrap();
    assert_eq!(loaded.action_named("climb"), Some(2));
    assert_eq!(loaded.provenance()["dynamics_steps"], "5");
}

#[test]
fn given_actions_are_those_of_the_world_and_its_encoder_learns_to_see_them() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    footage(&data);
    let names =
        serde_json::json!({"keys": ["left", "", "right", "left+space", "space", "right+space"]});
    std::fs::write(data.join("true_actions.json"), names.to_string()).unwrap();
    let mut config = short();
    config.action_source = ActionSource::Given;
    config.corruption.impossible_actions = 0.0;
    let never = |_: &str, _: u64| false;
    train(&config, &data, &run, false, &Device::Cpu, &never).unwrap();
    let loaded = WorldModel::load(run.join("world.genie.safetensors")).unwrap();
    // What was never pressed is no action.
    let truth = TrueActions::open(&data).unwrap();
    let pressed: std::collections::BTreeSet<u8> = (0..6)
        .flat_map(|clip| truth.clip(clip).unwrap().to_vec())
        .collect();
    assert_eq!(loaded.action_count(), pressed.len());
    let right = loaded.action_named("right").unwrap();
    assert_eq!(loaded.actions()[right].keys, [["ArrowRight"]]);
    assert!(loaded.latent_action_model().is_some());
    config.dynamics.steps += 2;
    train(&config, &data, &run, true, &Device::Cpu, &never).unwrap();
    std::fs::remove_file(data.join("true_actions.bin")).unwrap();
    let other = folder.path().join("other");
    let said = train(&config, &data, &other, false, &Device::Cpu, &never)
        .unwrap_err()
        .to_string();
    assert!(said.contains("actions.csv"), "{said}");
}

/// Of footage of which one clip in six says what was pressed, the actions are these keys, and evaluation infers them.
#[test]
fn a_part_of_the_footage_that_is_labelled_names_the_actions_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (all, data, run) = (at("all"), at("data"), at("run"));
    generate_dataset(&all, 12, 60, 5, GameplayOptions::ALIGNED, &|_| ()).unwrap();
    let (all, truth) = (
        Dataset::open(&all).unwrap(),
        TrueActions::open(&all).unwrap(),
    );
    let mut writer = DatasetWriter::create(&data, all.format()).unwrap();
    let mut frames = Vec::new();
    for clip in 0..12 {
        all.read_frames(clip, 0, 60, &mut frames).unwrap();
        let known = truth.clip(clip).filter(|_| clip % 6 == 1);
        writer.push_clip(&frames, known).unwrap();
    }
    writer.finish().unwrap();
    let names =
        serde_json::json!({"keys": ["left", "", "right", "left+space", "space", "right+space"]});
    std::fs::write(data.join("true_actions.json"), names.to_string()).unwrap();

    let mut config = short();
    config.model.latent_actions.input = LatentActionInput::Agent;
    config.model.tokenizer.encoder.window = 1;
    config.action_source = ActionSource::Given;
    let never = |_: &str, _: u64| false;
    let train = |config: &TrainConfig| train(config, &data, &run, false, &Device::Cpu, &never);
    config.model.latent_actions.input = LatentActionInput::Motion;
    let said = train(&config).unwrap_err().to_string();
    assert!(
        said.contains("2 of 12 clips") && said.contains("labelled"),
        "{said}"
    );
    config.model.latent_actions.input = LatentActionInput::Agent;
    config.action_source = ActionSource::Labelled;
    train(&config).unwrap();

    let world = WorldModel::load(run.join("world.genie.safetensors")).unwrap();
    let right = world.action_named("right").unwrap();
    assert_eq!(world.actions()[right].keys, [["ArrowRight"]]);
    let options = EvaluateOptions {
        clips: 8,
        horizon: 1,
        survival: 1,
        ..EvaluateOptions::default()
    };
    let figures = evaluate(&world, &all, Some((&truth).into()), &options, &|_| Ok(())).unwrap();
    let known = figures.true_actions.unwrap();
    assert!(known.all.nats > 0.5, "{:?}", known.all);
}

#[test]
fn two_trainings_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    footage(&data);
    let config = short();
    let second = std::cell::RefCell::new(None);
    let stop = |phase: &str, step: u64| {
        if (phase, step) == ("dynamics", 1) {
            let never = |_: &str, _: u64| false;
            let begun = train(&config, &data, &run, true, &Device::Cpu, &never);
            *second.borrow_mut() = Some(begun);
        }
        false
    };
    let ended = train(&config, &data, &run, false, &Device::Cpu, &stop).unwrap();
    assert_eq!(ended, Ended::Complete);
    let error = second.into_inner().unwrap().unwrap_err();
    assert!(matches!(error, TrainError::Busy { .. }), "{error}");
}

#[test]
fn clips_that_are_too_short_for_either_phase_are_known_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    footage(&data);
    let mut config = short();
    config.dynamics.clip_frames = 17;
    let never = |_: &str, _: u64| false;
    let error = train(&config, &data, &run, false, &Device::Cpu, &never).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("dynamics.clip_frames is 17"), "{said}");
    assert!(said.contains("16 frames"), "{said}");
    // Nothing is in the way of the corrected command.
    config.dynamics.clip_frames = 16;
    train(&config, &data, &run, false, &Device::Cpu, &never).unwrap();
}

#[test]
fn a_run_that_diverged_goes_on_with_a_lower_learning_rate() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    footage(&data);
    let mut config = short();
    config.tokenizer.learning_rate = 1e30;
    config.tokenizer.warmup = 1;
    config.tokenizer.steps = 60;
    let never = |_: &str, _: u64| false;
    let error = train(&config, &data, &run, false, &Device::Cpu, &never).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("tokenizer.learning_rate"), "{said}");
    config.tokenizer.learning_rate = 1e-3;
    config.tokenizer.steps = 3;
    let ended = train(&config, &data, &run, true, &Device::Cpu, &never).unwrap();
    assert_eq!(ended, Ended::Complete);
}

#[test]
fn a_damaged_state_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    footage(&data);
    let config = config();
    let at_once = |_: &str, _: u64| true;
    train(&config, &data, &run, false, &Device::Cpu, &at_once).unwrap();
    let state = run.join("tokenizer/state.safetensors");
    let bytes = std::fs::read(&state).unwrap();
    std::fs::write(&state, &bytes[..bytes.len() / 2]).unwrap();
    let error = train(&config, &data, &run, true, &Device::Cpu, &at_once).unwrap_err();
    assert!(error.to_string().contains("state.safetensors"), "{error}");
}

#[test]
fn a_configuration_that_cannot_be_is_refused_and_the_setting_named() {
    type Change = fn(&mut TrainConfig);
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    footage(&data);
    let wrong: [(&str, Change); 10] = [
        ("tokenizer.batch", |c| c.tokenizer.batch = 0),
        ("dynamics.accumulate", |c| c.dynamics.accumulate = 3),
        ("dynamics.clip_frames", |c| c.dynamics.clip_frames = 1),
        ("corruption.tokens", |c| c.corruption.tokens = 8.0),
        ("corruption.actions", |c| c.corruption.actions = -0.1),
        ("impossible_actions", |c| {
            c.corruption.impossible_actions = f32::NAN;
        }),
        ("scheduled_sampling", |c| {
            c.corruption.scheduled_sampling = -0.1;
        }),
        ("fully_masked", |c| c.fully_masked = 1.5),
        ("losses.commitment", |c| c.losses.commitment = -0.25),
        ("choose_stages.most", |c| {
            let most = 0;
            c.choose_stages = Some(StageChoice {
                most,
                ..StageChoice::default()
            });
        }),
    ];
    for (name, make_wrong) in wrong {
        let mut config = config();
        make_wrong(&mut config);
        let error = train(&config, &data, &run, false, &Device::Cpu, &|_, _| true).unwrap_err();
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
}

#[test]
fn steps_are_timed_without_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    footage(&data);
    let mut config = config();
    for phase in TrainingPhase::ALL {
        let times = time_steps(&config, &data, phase, 3, &Device::Cpu).unwrap();
        assert_eq!(times.len(), 3, "{}", phase.name());
    }
    // Nothing is written beside the footage.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    config.dynamics.batch = 0;
    let error = time_steps(&config, &data, TrainingPhase::Tokenizer, 1, &Device::Cpu).unwrap_err();
    assert!(error.to_string().contains("dynamics.batch"), "{error}");
}
