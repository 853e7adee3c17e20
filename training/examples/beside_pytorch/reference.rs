//! Inputs and outputs of this implementation, as one flat list of named tensors.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use genie_model::checkpoint::Checkpoint;
use genie_model::{
    Error, Fit, Frame, SamplerSettings, StreamRow, TransformerCache, UnmaskingOrder, Wanted,
    WorldModel, frames_to_patches,
};
use genie_training::train::TrainConfig;

use crate::footage;
use crate::training::{Phase, Trainer};

/// Frames of the clip: more than the window.
const FRAMES: usize = 24;
/// Optimiser steps whose losses are kept.
const STEPS: usize = 5;

/// Everything that the `PyTorch` model is compared on.
pub(crate) fn tensors(
    world: &WorldModel,
    checkpoint: &Checkpoint,
    config: &TrainConfig,
) -> Result<HashMap<String, Tensor>, Error> {
    let mut tensors = HashMap::new();
    clip(world, &mut tensors)?;
    rollout(world, &mut tensors)?;
    for (name, phase) in [
        ("tokenizer", Phase::Tokenizer),
        ("dynamics", Phase::Dynamics),
    ] {
        let reference = Trainer::new(phase, checkpoint, config)?.reference(STEPS)?;
        let named = reference
            .into_iter()
            .map(|(key, tensor)| (format!("{name}.{key}"), tensor));
        tensors.extend(named);
    }
    Ok(tensors)
}

/// A real clip: patches, tokens and reconstruction, and the logits of every frame but the first given those before it,
/// once fully masked and once with two of three tokens masked, frame by frame with caches.
fn clip(world: &WorldModel, tensors: &mut HashMap<String, Tensor>) -> Result<(), Error> {
    let (config, device) = (world.config(), &Device::Cpu);
    let (height, width) = (config.frame_height, config.frame_width);
    let (tokenizer, dynamics) = (world.tokenizer(), world.dynamics());
    let bytes = footage::clips(1, FRAMES);
    let patches = frames_to_patches(&bytes, height, width, config.tokenizer.patch, device)?;
    let ids = tokenizer.tokenize(&patches.unsqueeze(0)?)?;
    let pixels = tokenizer.reconstruct(&ids)?;
    let ids = ids.squeeze(0)?;

    let start = world.action_count() as u32;
    let actions: Vec<u32> = (0..FRAMES as u32)
        .map(|t| if t == 0 { start } else { t % start })
        .collect();
    let codes = config.tokenizer.quantizer.codes() as u32;
    let (mut fully, mut partly) = (Vec::new(), Vec::new());
    let mut cache = TransformerCache::default();
    let mut frame = Frame::from_rgb(width, height, bytes[..height * width * 3].to_vec())?;
    let mut rollout = world.prompt_with(&frame, 0, Fit::default(), SamplerSettings::default())?;
    for t in 0..FRAMES - 1 {
        fully.push(rollout.next_logits(actions[t + 1] as usize)?);
        let pass = |ids: &Tensor, t: usize, cache: &TransformerCache| {
            let action = Tensor::new(&actions[t..=t], device)?;
            let action = world.action_embeddings().index_select(&action, 0)?;
            let row = [StreamRow {
                time: t as u64,
                cache,
                after: None,
                wanted: Wanted::Both,
            }];
            dynamics.stream(world.token_embeddings(), &ids.unsqueeze(0)?, &action, &row)
        };
        let (_, mut states) = pass(&ids.get(t)?, t, &cache)?;
        cache.push(states.swap_remove(0), dynamics.window());
        let mut some: Vec<u32> = ids.get(t + 1)?.to_vec1()?;
        for (index, token) in some.iter_mut().enumerate() {
            if index % 3 > 0 {
                *token = codes;
            }
        }
        let (hidden, _) = pass(&Tensor::new(some, device)?, t + 1, &cache)?;
        partly.push(dynamics.logits(&hidden)?.squeeze(0)?);
        let next = &bytes[(t + 1) * height * width * 3..][..height * width * 3];
        frame = Frame::from_rgb(width, height, next.to_vec())?;
        rollout.observe(&frame, actions[t + 1] as usize)?;
    }
    tensors.extend([
        (
            "clip.frames".to_owned(),
            Tensor::from_vec(bytes, (FRAMES, height, width, 3), device)?,
        ),
        ("clip.tokens".to_owned(), ids),
        ("clip.pixels".to_owned(), pixels.squeeze(0)?),
        ("clip.actions".to_owned(), Tensor::new(actions, device)?),
        (
            "clip.logits_fully_masked".to_owned(),
            Tensor::stack(&fully, 0)?,
        ),
        (
            "clip.logits_partly_masked".to_owned(),
            Tensor::stack(&partly, 0)?,
        ),
    ]);
    Ok(())
}

/// A greedy rollout: the likeliest tokens, the most confident first.
fn rollout(world: &WorldModel, tensors: &mut HashMap<String, Tensor>) -> Result<(), Error> {
    let device = &Device::Cpu;
    let sampler = SamplerSettings {
        steps: 2,
        temperature: 0.0,
        order: UnmaskingOrder::Confidence,
        order_noise: 0.0,
        adjacency: 0.0,
        action_guidance: None,
        ..SamplerSettings::default()
    };
    let mut rollout = world.prompt_with(&footage::frame(1)?, 0, Fit::default(), sampler)?;
    let mut tokens = rollout.tokens().to_vec();
    let mut frames = rollout.frame().pixels().to_vec();
    let actions: Vec<u32> = (0..FRAMES)
        .map(|t| (t / 4 % world.action_count()) as u32)
        .collect();
    for &action in &actions[1..] {
        frames.extend(rollout.step(action as usize)?.pixels());
        tokens.extend(rollout.tokens());
    }
    let frame = rollout.frame();
    let shape = (FRAMES, frame.height(), frame.width(), 3);
    tensors.extend([
        (
            "rollout.prompt".to_owned(),
            Tensor::from_slice(
                footage::frame(1)?.pixels(),
                (frame.height(), frame.width(), 3),
                device,
            )?,
        ),
        ("rollout.actions".to_owned(), Tensor::new(actions, device)?),
        (
            "rollout.tokens".to_owned(),
            Tensor::from_vec(tokens, (FRAMES, ()), device)?,
        ),
        (
            "rollout.frames".to_owned(),
            Tensor::from_vec(frames, shape, device)?,
        ),
    ]);
    Ok(())
}
