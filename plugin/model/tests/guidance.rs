//! Action guidance against plain recomputation, and what it does to play.
#![allow(clippy::unwrap_used)]

mod common;

use candle_core::{Device, IndexOp, Tensor};
use common::{picture, random_world, small_config};
use genie_model::{Fit, Rollout, SamplerSettings, WorldModel};

/// All tokens in one step, each the likeliest.
fn surest(guidance: f32) -> SamplerSettings {
    SamplerSettings {
        steps: 1,
        temperature: 0.0,
        action_guidance: Some(guidance),
        ..Default::default()
    }
}

fn start(world: &WorldModel, seed: u64, sampler: SamplerSettings) -> Rollout {
    let picture = picture(32, seed);
    world
        .prompt_with(&picture, seed, Fit::Crop, sampler)
        .unwrap()
}

/// Hidden states `[N D]` in order of the frame after the `prompt` under a row of the action embeddings, by an ordinary pass over both.
fn hidden(world: &WorldModel, prompt: &[u32], row: u32) -> Vec<Vec<f32>> {
    let (n, codes) = (prompt.len(), world.config().tokenizer.quantizer.codes());
    let masked = vec![codes as u32; n];
    let ids = Tensor::from_vec([prompt, &masked].concat(), (1, 2, n), &Device::Cpu).unwrap();
    let rows = Tensor::new(&[world.action_count() as u32, row], &Device::Cpu).unwrap();
    let actions = world.action_embeddings().index_select(&rows, 0).unwrap();
    let (dynamics, embeddings) = (world.dynamics(), world.token_embeddings());
    let hidden = dynamics.forward_window(embeddings, &ids, &actions.unsqueeze(0).unwrap());
    hidden.unwrap().i((0, 1)).unwrap().to_vec2().unwrap()
}

fn of_unit_square(values: &[f32]) -> Vec<f32> {
    let square: f32 = values.iter().map(|v| v * v).sum();
    let scale = (square / values.len() as f32).sqrt();
    values.iter().map(|v| v / scale).collect()
}

#[test]
fn guided_tokens_are_those_of_states_led_away_from_the_unknown_action() {
    let world = random_world(&small_config(), 31);
    let codes = world.config().tokenizer.quantizer.codes();
    let unknown = world.action_count() as u32 + 1;
    for (action, guidance) in [(0, 0.5), (2, 1.0), (3, 3.0)] {
        let mut rollout = start(&world, 5, surest(guidance));
        let prompt = rollout.tokens().to_vec();
        let (own, other) = (
            hidden(&world, &prompt, action),
            hidden(&world, &prompt, unknown),
        );
        let led = own.iter().zip(&other).flat_map(|(own, other)| {
            let (own, other) = (of_unit_square(own), of_unit_square(other));
            let led = own.iter().zip(other).map(|(a, b)| a + guidance * (a - b));
            led.collect::<Vec<_>>()
        });
        let led = Tensor::from_iter(led, &Device::Cpu).unwrap();
        let led = led.reshape((prompt.len(), own[0].len())).unwrap();
        let logits = world.dynamics().logits(&led).unwrap();
        let mut logits: Vec<f32> = logits.flatten_all().unwrap().to_vec1().unwrap();
        world.dynamics().undo_changed_weight(&mut logits, &prompt);
        let likeliest = logits.chunks_exact(codes).map(|logits| {
            let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            best.unwrap().0 as u32
        });
        let likeliest: Vec<_> = likeliest.collect();
        rollout.step(action as usize).unwrap();
        assert_eq!(rollout.tokens(), likeliest, "guidance {guidance}");
    }
}

#[test]
fn settings_without_guidance_are_read_as_none_and_wrong_ones_are_refused() {
    let old: SamplerSettings = serde_json::from_str(r#"{"steps": 3}"#).unwrap();
    assert_eq!(old.action_guidance, None);
    for wrong in [-0.1, 10.5, f32::NAN] {
        assert!(surest(wrong).validate().is_err(), "{wrong}");
    }
}

#[test]
fn a_world_says_how_far_its_actions_are_guided() {
    let plain = small_config();
    let mut guided = plain.clone();
    guided.dynamics.action_guidance = 2.0;
    let [plain, guided] = [&plain, &guided].map(|config| random_world(config, 34));
    let play = |world: &WorldModel, action_guidance: Option<f32>| {
        let sampler = SamplerSettings {
            action_guidance,
            ..Default::default()
        };
        let mut rollout = start(world, 3, sampler);
        (0..4).for_each(|frame| drop(rollout.step(frame % 4).unwrap().clone()));
        rollout.tokens().to_vec()
    };
    assert_eq!(play(&guided, None), play(&plain, Some(2.0)));
    assert_eq!(play(&guided, Some(0.0)), play(&plain, None));
    assert_ne!(play(&guided, None), play(&plain, None));
}

#[test]
fn a_temperature_of_the_world_is_that_of_the_sampler_times_its_own() {
    let mut config = small_config();
    let usual = random_world(&config, 31);
    config.dynamics.temperature = 0.4;
    let cooler = random_world(&config, 31);
    let play = |world: &WorldModel, temperature: f32| {
        let sampler = SamplerSettings {
            temperature,
            ..Default::default()
        };
        let mut rollout = start(world, 5, sampler);
        (0..6)
            .map(|step| rollout.step(step % 3).unwrap().clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(play(&cooler, 1.0), play(&usual, 0.4));
    assert_ne!(play(&cooler, 1.0), play(&usual, 1.0));
    for wrong in [0.0, -1.0, 2.5, f32::NAN] {
        config.dynamics.temperature = wrong;
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains("dynamics.temperature"), "{error}");
    }
}
