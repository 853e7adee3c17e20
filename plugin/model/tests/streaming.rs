//! Streaming inference against plain recomputation, and the promises of a rollout.
#![allow(clippy::unwrap_used)]

mod common;
mod levels;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{Device, IndexOp, Tensor};
use common::{picture, prepended_config, random_world, residual_config, small_config};
use genie_model::{
    Fit, GenieConfig, MaskedTokens, Rollout, SamplerSettings, UnmaskingOrder, WorldModel,
    set_preemption_hook,
};

const ACTIONS: [usize; 8] = [1, 3, 0, 2, 2, 1, 0, 3];

fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
    let difference = (a - b).unwrap().abs().unwrap().flatten_all().unwrap();
    difference.max(0).unwrap().to_scalar().unwrap()
}

fn mask(world: &WorldModel) -> u32 {
    world.config().tokenizer.quantizer.codes() as u32
}

/// Codes that nobody drew, to ask for the logits of later stages.
fn some_codes(world: &WorldModel) -> Vec<u32> {
    let count = world.config().codes_per_frame() as u32;
    (0..count).map(|i| (7 * i + 3) % mask(world)).collect()
}

/// Logits of all stages, each given the earlier ones of [`some_codes`].
fn logits_of_stages(world: &WorldModel, hidden: &Tensor) -> Vec<Tensor> {
    let (dynamics, codes) = (world.dynamics(), some_codes(world));
    let shape = (codes.len() / dynamics.stages(), dynamics.stages());
    let codes = Tensor::from_vec(codes, shape, &Device::Cpu).unwrap();
    let embeddings = world.token_embeddings();
    dynamics.logits_given(hidden, embeddings, &codes).unwrap()
}

/// The same of the next frame of a world that streams.
fn streamed_logits(rollout: &Rollout, action: usize) -> Vec<Tensor> {
    let codes = some_codes(rollout.model());
    let logits = rollout.next_logits_given(action, &codes).unwrap();
    let first = rollout.next_logits(action).unwrap();
    assert_eq!(largest_difference(&first, &logits[0]).to_bits(), 0);
    assert_eq!(logits.len(), rollout.model().dynamics().stages());
    logits
}

/// The same from one ordinary pass over all frames since the prompt.
fn recomputed_logits(world: &WorldModel, tokens: &[Vec<u32>], actions: &[usize]) -> Vec<Tensor> {
    let n = tokens[0].len();
    let mask = mask(world);
    let mut ids: Vec<u32> = tokens.concat();
    ids.extend(vec![mask; n]);
    let frames = tokens.len() + 1;
    let ids = Tensor::from_vec(ids, (1, frames, n), &Device::Cpu).unwrap();
    let start = world.action_count() as u32;
    let led: Vec<u32> = [start]
        .into_iter()
        .chain(actions.iter().map(|&a| a as u32))
        .collect();
    let led = Tensor::new(led.as_slice(), &Device::Cpu).unwrap();
    let actions = world
        .action_embeddings()
        .index_select(&led, 0)
        .unwrap()
        .unsqueeze(0)
        .unwrap();
    let hidden = world
        .dynamics()
        .forward_window(world.token_embeddings(), &ids, &actions)
        .unwrap();
    let last = hidden.i((0, frames - 1)).unwrap().contiguous().unwrap();
    logits_of_stages(world, &last)
}

fn cached_equals_recomputed(config: &GenieConfig) {
    let world = random_world(config, 1);
    let mut rollout = world.prompt(&picture(32, 2), 3).unwrap();
    let mut tokens = vec![rollout.tokens().to_vec()];
    // Until the window is full, nothing is evicted.
    let reach = config.dynamics.transformer.window - 1;
    for frame in 1..=reach {
        let actions = &ACTIONS[..frame];
        let cached = streamed_logits(&rollout, actions[frame - 1]);
        let recomputed = recomputed_logits(&world, &tokens, actions);
        for (stage, (cached, recomputed)) in cached.iter().zip(&recomputed).enumerate() {
            let off = largest_difference(cached, recomputed);
            assert!(
                off < 1e-4,
                "frame {frame}, stage {stage}: logits differ by {off}"
            );
        }
        rollout.step(actions[frame - 1]).unwrap();
        tokens.push(rollout.tokens().to_vec());
    }
}

#[test]
fn cached_logits_equal_recomputed_ones() {
    cached_equals_recomputed(&small_config());
}

#[test]
fn cached_logits_equal_recomputed_ones_with_an_action_token() {
    cached_equals_recomputed(&prepended_config());
}

#[test]
fn cached_logits_equal_recomputed_ones_of_several_codes_per_token() {
    cached_equals_recomputed(&residual_config());
}

/// The pass that training uses gives the masked frame the logits that play gives it.
fn training_equals_streaming(config: &GenieConfig) {
    let world = random_world(config, 4);
    let mut rollout = world.prompt(&picture(32, 5), 6).unwrap();
    let mut tokens = vec![rollout.tokens().to_vec()];
    let mut cached = Vec::new();
    for &action in &ACTIONS[..4] {
        cached.push(streamed_logits(&rollout, action));
        rollout.step(action).unwrap();
        tokens.push(rollout.tokens().to_vec());
    }
    let n = tokens[0].len();
    let mask = mask(&world);
    let context = Tensor::from_vec(tokens.concat(), (1, 5, n), &Device::Cpu).unwrap();
    let masked = Tensor::full(mask, (1, 5, n), &Device::Cpu).unwrap();
    let tensors = common::random_tensors(config, 4);
    let numbers: Vec<u32> = ACTIONS[..4].iter().map(|&a| a as u32).collect();
    let numbers = Tensor::new(numbers.as_slice(), &Device::Cpu).unwrap();
    let codes = tensors["latent_actions.codebook"]
        .index_select(&numbers, 0)
        .unwrap();
    let tokens = MaskedTokens { context, masked };
    let hidden = world
        .dynamics()
        .forward(
            &tokens,
            &codes.unsqueeze(0).unwrap(),
            world.token_embeddings(),
        )
        .unwrap();
    for (frame, cached) in cached.iter().enumerate() {
        let hidden = hidden.i((0, frame + 1)).unwrap().contiguous().unwrap();
        let trained = logits_of_stages(&world, &hidden);
        for (stage, (cached, trained)) in cached.iter().zip(&trained).enumerate() {
            let off = largest_difference(cached, trained);
            assert!(
                off < 1e-4,
                "frame {frame}, stage {stage}: logits differ by {off}"
            );
        }
    }
}

#[test]
fn training_pass_equals_streaming() {
    training_equals_streaming(&small_config());
}

#[test]
fn training_pass_equals_streaming_with_an_action_token() {
    training_equals_streaming(&prepended_config());
}

#[test]
fn training_pass_equals_streaming_of_several_codes_per_token() {
    training_equals_streaming(&residual_config());
}

#[test]
fn decoder_streams_what_it_computes_for_a_clip() {
    decoder_streams(&small_config());
    decoder_streams(&residual_config());
}

fn decoder_streams(config: &GenieConfig) {
    let world = random_world(config, 7);
    let mut rollout = world.prompt(&picture(32, 8), 9).unwrap();
    let mut tokens = rollout.tokens().to_vec();
    let mut last = Vec::new();
    for &action in &ACTIONS[..3] {
        last = rollout.step(action).unwrap().pixels().to_vec();
        tokens.extend(rollout.tokens());
    }
    let tokens = Tensor::from_vec(tokens, (1, 4, ()), &Device::Cpu).unwrap();
    let patches = world.tokenizer().reconstruct(&tokens).unwrap();
    let frames = genie_model::patches_to_frames(&patches, 32, 32, 8).unwrap();
    let whole = &frames[3 * 32 * 32 * 3..];
    let worst = whole.iter().zip(&last).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst <= Some(1), "pixels differ by {worst:?}");
}

fn play(rollout: &mut Rollout, frames: usize) -> Vec<Vec<u8>> {
    (0..frames)
        .map(|i| {
            rollout
                .step(ACTIONS[i % ACTIONS.len()])
                .unwrap()
                .pixels()
                .to_vec()
        })
        .collect()
}

#[test]
fn replays_forks_and_saves_go_on_bit_for_bit() {
    goes_on_bit_for_bit(&small_config());
    goes_on_bit_for_bit(&residual_config());
}

fn goes_on_bit_for_bit(config: &GenieConfig) {
    let world = random_world(config, 10);
    let mut first = world.prompt(&picture(32, 11), 12).unwrap();
    let beginning = play(&mut first, 9);
    let mut again = world.prompt(&picture(32, 11), 12).unwrap();
    assert_eq!(beginning, play(&mut again, 9), "a replay");
    let mut fork = first.clone();
    let bytes = first.to_bytes().unwrap();
    let mut resumed = Rollout::from_bytes(&world, &bytes).unwrap();
    assert_eq!(resumed.frame(), first.frame());
    let onward = play(&mut first, 12);
    assert_eq!(onward, play(&mut fork, 12), "a fork");
    assert_eq!(onward, play(&mut resumed, 12), "a saved world");
    let mut other_seed = world.prompt(&picture(32, 11), 13).unwrap();
    assert_ne!(beginning, play(&mut other_seed, 9), "the seed matters");
}

#[test]
fn a_save_of_another_checkpoint_or_a_damaged_one_is_refused() {
    let world = random_world(&small_config(), 14);
    let mut rollout = world.prompt(&picture(32, 15), 16).unwrap();
    play(&mut rollout, 3);
    let bytes = rollout.to_bytes().unwrap();
    let other = random_world(&small_config(), 15);
    let error = Rollout::from_bytes(&other, &bytes).unwrap_err().to_string();
    assert!(error.contains("checkpoint"), "{error}");
    for cut in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        assert!(Rollout::from_bytes(&world, &bytes[..cut]).is_err());
    }
}

#[test]
fn memory_stays_flat_for_a_thousand_frames() {
    let world = random_world(&small_config(), 17);
    let mut rollout = world.prompt(&picture(32, 18), 19).unwrap();
    play(&mut rollout, 20);
    let full = rollout.memory_bytes();
    play(&mut rollout, 980);
    assert_eq!(rollout.memory_bytes(), full);
    assert_eq!(rollout.time(), 1000);
}

#[test]
fn worlds_stepped_together_give_the_same_frames_as_alone() {
    for config in [small_config(), residual_config()] {
        together_as_alone(&config, [None; 4]);
        together_as_alone(&config, [Some(1.0), None, Some(2.5), Some(0.0)]);
    }
}

/// Worlds with these action guidances.
fn together_as_alone(config: &GenieConfig, guidances: [Option<f32>; 4]) {
    let world = random_world(config, 20);
    let worlds = guidances.into_iter().zip(0..).map(|(guidance, seed)| {
        let sampler = SamplerSettings {
            action_guidance: guidance,
            ..Default::default()
        };
        let picture = picture(32, seed);
        world
            .prompt_with(&picture, seed, Fit::Crop, sampler)
            .unwrap()
    });
    let mut alone: Vec<_> = worlds.collect();
    let mut together = alone.clone();
    for frame in 0..8 {
        let actions = [frame % 4, (frame + 1) % 4, 2, 3];
        for (rollout, action) in alone.iter_mut().zip(actions) {
            rollout.step(action).unwrap();
        }
        let mut batch: Vec<_> = together.iter_mut().collect();
        Rollout::step_all(&mut batch, &actions).unwrap();
    }
    for (a, b) in alone.iter().zip(&together) {
        assert_eq!(a.tokens(), b.tokens());
    }
}

#[test]
fn a_pass_asks_between_its_parts_whether_it_may_go_on() {
    let world = random_world(&small_config(), 22);
    let mut plain = world.prompt(&picture(32, 1), 1).unwrap();
    let mut stopped = plain.clone();
    play(&mut plain, 5);
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .start_handler(move |_| {
            let asked = Arc::clone(&counter);
            set_preemption_hook(move || {
                asked.fetch_add(1, Ordering::Relaxed);
            });
        })
        .build()
        .unwrap();
    pool.install(|| play(&mut stopped, 5));
    let parts = 5 * world.config().dynamics.transformer.layers;
    assert!(asked.load(Ordering::Relaxed) >= parts);
    assert_eq!(plain.tokens(), stopped.tokens());
}

#[test]
fn every_sampler_setting_fills_the_frame() {
    fills_the_frame(&small_config());
    fills_the_frame(&residual_config());
}

fn fills_the_frame(config: &GenieConfig) {
    let world = random_world(config, 21);
    for steps in [1, 2, 4, 25] {
        for order in [
            UnmaskingOrder::Confidence,
            UnmaskingOrder::Random,
            UnmaskingOrder::ConfidenceThreshold,
        ] {
            let sampler = SamplerSettings {
                steps,
                order,
                ..Default::default()
            };
            let mut rollout = world
                .prompt_with(&picture(40, 1), 1, Fit::Crop, sampler)
                .unwrap();
            rollout.step(0).unwrap();
            assert_eq!(rollout.tokens().len(), config.codes_per_frame());
            assert!(rollout.tokens().iter().all(|&t| t < 24));
            let first = rollout.tokens().chunks(config.codes_per_frame() / 16);
            assert!(first.map(|token| token[0]).eq(rollout.first_codes()));
        }
    }
    let bad = SamplerSettings {
        steps: 26,
        ..Default::default()
    };
    assert!(
        world
            .prompt_with(&picture(32, 1), 1, Fit::Crop, bad)
            .is_err()
    );
}

#[test]
fn an_action_that_does_not_exist_leaves_the_world_alone() {
    let world = random_world(&small_config(), 22);
    let mut rollout = world.prompt(&picture(32, 1), 1).unwrap();
    let error = rollout.step(4).unwrap_err().to_string();
    assert!(error.contains('4'), "{error}");
    assert_eq!(rollout.time(), 0);
}

#[test]
fn known_frames_can_be_appended() {
    let world = random_world(&small_config(), 23);
    let mut rollout = world.prompt(&picture(32, 1), 1).unwrap();
    rollout.observe(&picture(32, 2), 1).unwrap();
    let direct = world.prompt(&picture(32, 2), 1).unwrap();
    assert_eq!(rollout.tokens(), direct.tokens());
    assert_eq!(rollout.time(), 1);
    rollout.step(0).unwrap();
}

#[test]
fn the_same_holds_at_every_instruction_set() {
    levels::run_at_other_levels("the_same_holds_at_every_instruction_set");
}
