//! Whole training steps of composed operations, as graphics processors run them, against those of fused operations; and runs that go
//! on from one to the other.
#![allow(clippy::unwrap_used)]

mod tiny_training;

use candle_core::{DType, Device};
use genie_model::ops::with_composed;
use genie_model::{ActionConditioning, LatentActionInput, QuantizerConfig, WorldModel};
use genie_training::train::{
    ActionSource, BlockMatrices, Comparison, CorruptionConfig, Ended, Place, Precision,
    TrainConfig, TrainingPhase, compare, train,
};
use tiny_training::footage;

fn config() -> TrainConfig {
    let mut config = tiny_training::config();
    (config.tokenizer.steps, config.dynamics.steps) = (30, 6);
    for phase in [&mut config.tokenizer, &mut config.dynamics] {
        phase.optimiser.block_matrices = BlockMatrices::Muon;
    }
    config.corruption.scheduled_sampling = CorruptionConfig::default().scheduled_sampling;
    config.actions_frozen = 0;
    config
}

/// Configurations that take every branch of the model.
fn configurations() -> Vec<(&'static str, TrainConfig)> {
    let of = |change: &dyn Fn(&mut TrainConfig)| tiny_training::changed(&config(), change);
    let others = vec![
        (
            "an action as a token",
            of(&|c| c.model.dynamics.conditioning = ActionConditioning::Prepended),
        ),
        (
            "places that attention knows",
            of(&|c| c.model.dynamics.transformer.rotary_space = true),
        ),
        (
            "contexts that the model samples",
            // Surely in the third step, which is compared.
            of(&|c| (c.corruption.scheduled_sampling, c.dynamics.steps) = (1.0, 2)),
        ),
        (
            "sampled contexts of several codes",
            of(&|c| {
                (c.corruption.scheduled_sampling, c.dynamics.steps) = (1.0, 2);
                c.model.tokenizer.quantizer = QuantizerConfig::Vq {
                    codes: 64,
                    dim: 16,
                    stages: 2,
                };
            }),
        ),
        (
            "differences between frames",
            of(&|c| c.model.latent_actions.input = LatentActionInput::Differences),
        ),
        (
            "actions that are unknown",
            of(&|c| c.corruption.unknown_actions = 0.5),
        ),
        (
            "AdamW for all weights",
            of(&|c| {
                for phase in [&mut c.tokenizer, &mut c.dynamics] {
                    phase.optimiser.block_matrices = BlockMatrices::AdamW;
                }
            }),
        ),
        (
            "actions that are given",
            of(&|c| {
                c.action_source = ActionSource::Given;
                c.corruption.impossible_actions = 0.0;
            }),
        ),
    ];
    // The first four are those that slower tests take.
    let kinds = tiny_training::kinds(&config());
    [vec![("tiny", config())], kinds, others].concat()
}

#[test]
fn composed_steps_have_the_losses_and_gradients_of_fused_ones() {
    let folder = tempfile::tempdir().unwrap();
    footage(folder.path());
    let places = [false, true].map(|composed| Place {
        device: Device::Cpu,
        composed,
    });
    for (name, config) in configurations() {
        for phase in TrainingPhase::ALL {
            let [fused, composed] = &places;
            let ways = [(&config, fused), (&config, composed)];
            let found = compare(folder.path(), phase, 3, ways).unwrap();
            assert!(
                found.losses.iter().all(|loss| loss.is_finite()),
                "{found:?}"
            );
            assert!(
                found.loss_difference < 1e-4
                    && found.same_state_loss_difference < 1e-4
                    && found.gradient_difference < 1e-4
                    && found.variable_difference < 1e-3,
                "{name}: {found:?}"
            );
        }
    }
}

/// Steps that are taken from another's states have its losses, wherever steps of their own would lead.
#[test]
fn steps_from_the_same_states_do_not_move_apart() {
    let folder = tempfile::tempdir().unwrap();
    footage(folder.path());
    let place = Place {
        device: Device::Cpu,
        composed: false,
    };
    let config = config();
    let mut faster = config.clone();
    faster.tokenizer.learning_rate *= 8.0;
    faster.dynamics.learning_rate *= 8.0;
    for phase in TrainingPhase::ALL {
        let ways = [(&config, &place), (&faster, &place)];
        let found = compare(folder.path(), phase, 4, ways).unwrap();
        assert!(found.loss_difference > 1e-3, "{found:?}");
        assert!(found.same_state_loss_difference < 1e-6, "{found:?}");
    }
}

/// A step in several passes, and one that keeps less for its gradient, is the same step.
#[test]
fn passes_and_recomputation_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    footage(folder.path());
    let place = Place {
        device: Device::Cpu,
        composed: false,
    };
    for (name, mut config) in configurations().into_iter().take(4) {
        for phase in [&mut config.tokenizer, &mut config.dynamics] {
            phase.batch = 4;
        }
        // From the first step on, so that sampled contexts are among what is compared. With several codes per token their chance
        // is the same too.
        config.corruption.scheduled_sampling = 1.0;
        config.dynamics.steps = 2;
        let mut passes = config.clone();
        passes.tokenizer.accumulate = 2;
        passes.dynamics.accumulate = 4;
        let mut recomputed = config.clone();
        recomputed.recompute = true;
        for phase in TrainingPhase::ALL {
            for (other, bar) in [(&passes, 1e-5), (&recomputed, 1e-6)] {
                let found = compare(
                    folder.path(),
                    phase,
                    2,
                    [(&config, &place), (other, &place)],
                );
                let found = found.unwrap();
                assert!(
                    found.first_loss_difference < bar
                        && found.gradient_difference < bar
                        && found.loss_difference < 1e-4,
                    "{name}: {found:?}"
                );
            }
        }
    }
}

/// Steps with activations of a precision beside those in float32, over steps that are apart by what rounding does to them: for each
/// configuration and phase.
fn reduced_beside_float32(precision: Precision, check: &dyn Fn(TrainingPhase, Comparison)) {
    let folder = tempfile::tempdir().unwrap();
    footage(folder.path());
    let place = Place {
        device: Device::Cpu,
        composed: true,
    };
    for (name, mut config) in configurations().into_iter().take(4) {
        // Which transitions are relabelled is a choice that rounding may turn over: another loss, and no error of the activations.
        config.corruption.impossible_actions = 0.0;
        let reduced = TrainConfig {
            precision,
            ..config.clone()
        };
        let recomputed = TrainConfig {
            recompute: true,
            ..reduced.clone()
        };
        for phase in TrainingPhase::ALL {
            let ways = [(&config, &place), (&reduced, &place)];
            let found = compare(folder.path(), phase, 8, ways).unwrap();
            println!(
                "{name}, {}: losses {:.1e}, gradients {:.1e}",
                phase.name(),
                found.loss_difference,
                found.gradient_difference
            );
            check(phase, found);
            let ways = [(&reduced, &place), (&recomputed, &place)];
            let found = compare(folder.path(), phase, 1, ways).unwrap();
            assert!(found.gradient_difference < 1e-5, "{name}: {found:?}");
        }
    }
}

/// bfloat16 has eight bits of mantissa.
#[test]
fn bfloat16_activations_follow_float32() {
    reduced_beside_float32(Precision::Bf16, &|phase, found| {
        // Some vectors are nearest to another code then, which is another gradient.
        let (losses, gradients) = match phase {
            TrainingPhase::Tokenizer => (3e-2, 0.3),
            TrainingPhase::Dynamics => (2e-3, 2e-2),
        };
        assert!(
            found.first_loss_difference < 2e-3
                && found.loss_difference < losses
                && found.gradient_difference < gradients,
            "{found:?}"
        );
        // It is rounded indeed.
        assert!(found.gradient_difference > 1e-4, "{found:?}");
    });
}

/// float16 has eleven, and a scaled loss: gradients are nearer by a factor of ten.
#[test]
fn float16_activations_follow_float32() {
    reduced_beside_float32(Precision::F16, &|phase, found| {
        let (losses, gradients) = match phase {
            TrainingPhase::Tokenizer => (2e-2, 5e-2),
            TrainingPhase::Dynamics => (1e-3, 1e-3),
        };
        assert!(
            found.first_loss_difference < 2e-3
                && found.loss_difference < losses
                && found.gradient_difference < gradients,
            "{found:?}"
        );
        assert!(found.gradient_difference > 1e-5, "{found:?}");
    });
}

/// Weights, gradients' memory and codebooks are float32 in the states of such a run, and it goes on in float32.
#[test]
fn a_run_of_reduced_precision_keeps_its_weights_in_float32() {
    for precision in [Precision::Bf16, Precision::F16] {
        let folder = tempfile::tempdir().unwrap();
        let (data, run) = (folder.path().join("data"), folder.path().join("run"));
        footage(&data);
        let config = TrainConfig {
            precision,
            ..config()
        };
        let stop = |name: &str, steps: u64| (name, steps) == ("dynamics", 4);
        let train = |resume, stop: &dyn Fn(&str, u64) -> bool| {
            train(&config, &data, &run, resume, &Device::Cpu, stop).unwrap()
        };
        assert_eq!(with_composed(|| train(false, &stop)), Ended::Stopped);
        for phase in ["tokenizer", "dynamics"] {
            let path = run.join(phase).join("state.safetensors");
            let state = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
            assert!(state.len() > 20);
            let scaled = state.contains_key("loss_scale");
            assert_eq!(scaled, precision == Precision::F16, "{phase}");
            for (name, tensor) in state {
                let counts = name.starts_with("optimiser.steps.") || name.contains("effects");
                assert!(counts || tensor.dtype() == DType::F32, "{name}: {tensor:?}");
            }
        }
        // The CPU's own operations know float32 alone.
        assert_eq!(train(true, &|_, _| false), Ended::Complete);
        WorldModel::load(run.join("world.genie.safetensors")).unwrap();
    }
}

/// Gradients beyond the largest number of float16 cost a step each until the factor of the loss is small enough, and spoil nothing.
#[test]
fn a_loss_that_float16_has_no_room_for_is_scaled_down() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    footage(&data);
    let mut config = TrainConfig {
        precision: Precision::F16,
        ..config()
    };
    // As large as a gradient of the first factor is not.
    config.losses.absolute_error = 1e5;
    config.tokenizer.learning_rate = 1e-7;
    let stop = |name: &str, _: u64| name == "dynamics";
    let ended = with_composed(|| train(&config, &data, &run, false, &Device::Cpu, &stop).unwrap());
    assert_eq!(ended, Ended::Stopped);
    let metrics = std::fs::read_to_string(run.join("tokenizer/metrics.jsonl")).unwrap();
    let last: serde_json::Value = serde_json::from_str(metrics.lines().last().unwrap()).unwrap();
    let (skipped, scale) = (&last["skipped_steps"], &last["loss_scale"]);
    // More than what would end a run whose weights are spoiled.
    assert!(skipped.as_u64().unwrap() > 5, "{last}");
    assert!(scale.as_f64().unwrap() < 65536.0 / 32.0, "{last}");
    assert!(last["loss"].as_f64().unwrap().is_finite(), "{last}");
}

/// What is compared above is not nothing: other footage gives other losses and gradients.
#[test]
fn another_seed_is_another_step() {
    let folder = tempfile::tempdir().unwrap();
    footage(folder.path());
    let place = Place {
        device: Device::Cpu,
        composed: false,
    };
    let losses = |seed| {
        let config = TrainConfig { seed, ..config() };
        let phase = TrainingPhase::Dynamics;
        compare(
            folder.path(),
            phase,
            1,
            [(&config, &place), (&config, &place)],
        )
        .unwrap()
    };
    let (one, two) = (losses(3), losses(4));
    assert!(one.gradient_difference < 1e-12, "{one:?}");
    assert!(
        (one.losses[0] - two.losses[0]).abs() > 1e-4,
        "{one:?} {two:?}"
    );
}

/// States do not say where they were saved.
#[test]
fn a_composed_run_is_resumed_by_a_fused_one_and_the_other_way_round() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    footage(&data);
    let mut config = config();
    config.corruption.scheduled_sampling = 1.0;
    let part = |phase: &'static str, at: u64, resume: bool| {
        let stop = move |name: &str, steps: u64| name == phase && steps == at;
        train(&config, &data, &run, resume, &Device::Cpu, &stop).unwrap()
    };
    // Past the first revival of codes.
    assert_eq!(
        with_composed(|| part("tokenizer", 27, false)),
        Ended::Stopped
    );
    assert_eq!(part("dynamics", 2, true), Ended::Stopped);
    assert_eq!(with_composed(|| part("dynamics", 4, true)), Ended::Stopped);
    assert_eq!(part("nothing", 0, true), Ended::Complete);
    for phase in ["tokenizer", "dynamics"] {
        let metrics = std::fs::read_to_string(run.join(phase).join("metrics.jsonl")).unwrap();
        assert!(metrics.lines().count() >= 1, "{metrics}");
    }
}
