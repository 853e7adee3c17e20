//! Training steps, the tokenizer and rollouts of the `platformer` preset with untrained weights, which are as fast as
//! trained ones: `cargo bench --profile dev --bench phases`.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use candle_core::{Device, Tensor};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use genie_model::ops::{MatmulPrecision, matmul_precision, set_matmul_precision};
use genie_model::{
    Fit, Frame, GenieConfig, Rollout, SamplerSettings, StreamRow, TransformerCache, Wanted,
    WorldModel, frames_to_patches, patches_to_frames,
};
use genie_training::allocator::{Allocator, keep_freed_memory};
use genie_training::evaluate::untrained_checkpoint;
use genie_training::gameplay::{GameplayOptions, GameplayRules, generate_clip, generate_dataset};
use genie_training::train::{TrainConfig, TrainingPhase, time_steps};

/// As in the `genie` command.
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// Seed of footage and weights.
const SEED: u64 = 0;

fn training_steps(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let options = GameplayOptions::ALIGNED;
    generate_dataset(folder.path(), 8, 24, SEED, options, &|_| ()).unwrap();
    let mut group = c.benchmark_group("training step");
    // Steps take long, and every sample begins with one that is not counted.
    group.sampling_mode(SamplingMode::Flat);
    for phase in TrainingPhase::ALL {
        for precision in [MatmulPrecision::F32, MatmulPrecision::Bf16] {
            set_matmul_precision(precision);
            let available = matmul_precision() == precision;
            set_matmul_precision(MatmulPrecision::F32);
            if !available {
                continue;
            }
            let config = TrainConfig {
                bf16: precision == MatmulPrecision::Bf16,
                ..TrainConfig::platformer()
            };
            let id = BenchmarkId::new(phase.name(), format!("{precision:?}"));
            group.bench_function(id, |b| {
                b.iter_custom(|steps| {
                    time_steps(&config, folder.path(), phase, steps as usize, &Device::Cpu)
                        .unwrap()
                        .iter()
                        .map(|time| time.whole)
                        .sum()
                });
            });
        }
    }
    group.finish();
}

fn untrained_world() -> WorldModel {
    let checkpoint = untrained_checkpoint(&GenieConfig::platformer(), SEED).unwrap();
    WorldModel::new(checkpoint, &Device::Cpu).unwrap()
}

fn row(cache: &TransformerCache, time: u64, wanted: Wanted) -> [StreamRow<'_>; 1] {
    [StreamRow {
        time,
        cache,
        after: None,
        wanted,
    }]
}

/// One frame as in play, and a clip as in training.
fn tokenizer(c: &mut Criterion, world: &WorldModel) {
    let config = world.config();
    let (height, width) = (config.frame_height, config.frame_width);
    let patch = config.tokenizer.patch;
    let tokenizer = world.tokenizer();
    let frames = 16;
    let (pixels, _) = generate_clip(GameplayRules::ALIGNED, SEED, 0, frames);
    let clip = frames_to_patches(&pixels, height, width, patch, &Device::Cpu).unwrap();
    let frame = clip.narrow(0, 0, 1).unwrap().contiguous().unwrap();
    let clip = clip.unsqueeze(0).unwrap();
    let (ids, clip_ids) = {
        let ids = tokenizer.tokenize(&clip).unwrap();
        (ids.get(0).unwrap().narrow(0, 0, 1).unwrap(), ids)
    };
    let ids = ids.contiguous().unwrap();

    let mut group = c.benchmark_group("tokenizer");
    group.throughput(Throughput::Elements(1));
    let nothing = TransformerCache::default();
    group.bench_function("encode/1 frame", |b| {
        b.iter(|| {
            let rows = row(&nothing, 0, Wanted::Output);
            let (ids, _) = tokenizer.tokenize_stream(&frame, &rows).unwrap();
            ids.to_vec2::<u32>().unwrap()
        });
    });
    let mut past = TransformerCache::default();
    let window = tokenizer.decoder_window();
    for time in 0..window as u64 {
        let rows = row(&past, time, Wanted::State);
        let (_, mut states) = tokenizer.reconstruct_stream(&ids, &rows).unwrap();
        past.push(states.remove(0), window);
    }
    group.bench_function("decode/1 frame", |b| {
        b.iter(|| {
            let rows = row(&past, window as u64, Wanted::Both);
            let (patches, _) = tokenizer.reconstruct_stream(&ids, &rows).unwrap();
            patches_to_frames(&patches, height, width, patch).unwrap()
        });
    });
    group.throughput(Throughput::Elements(frames as u64));
    let id = format!("encode/{frames} frames");
    group.bench_function(id, |b| b.iter(|| tokenizer.tokenize(&clip).unwrap()));
    let id = format!("decode/{frames} frames");
    group.bench_function(id, |b| {
        b.iter(|| -> Tensor { tokenizer.reconstruct(&clip_ids).unwrap() });
    });
    group.finish();
}

/// Frames of worlds whose windows are full, default sampler, decoding included.
fn rollouts(c: &mut Criterion, world: &WorldModel) {
    let (pixels, _) = generate_clip(GameplayRules::ALIGNED, SEED, 1, 1);
    let config = world.config();
    let prompt = Frame::from_rgb(config.frame_width, config.frame_height, pixels).unwrap();
    let mut group = c.benchmark_group("rollout step");
    for batch in [1, 4, 16] {
        let mut rollouts: Vec<Rollout> = (0..batch)
            .map(|seed| {
                let sampler = SamplerSettings::default();
                world
                    .prompt_with(&prompt, seed, Fit::default(), sampler)
                    .unwrap()
            })
            .collect();
        let actions: Vec<usize> = (0..rollouts.len())
            .map(|index| index % world.action_count())
            .collect();
        let mut step = || {
            let mut worlds: Vec<&mut Rollout> = rollouts.iter_mut().collect();
            Rollout::step_all(&mut worlds, &actions).unwrap();
        };
        for _ in 0..world.dynamics().window() {
            step();
        }
        group.throughput(Throughput::Elements(batch));
        group.bench_function(BenchmarkId::from_parameter(batch), |b| b.iter(&mut step));
    }
    group.finish();
}

fn main() {
    keep_freed_memory();
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let world = untrained_world();
    tokenizer(&mut criterion, &world);
    rollouts(&mut criterion, &world);
    training_steps(&mut criterion);
    criterion.final_summary();
}
