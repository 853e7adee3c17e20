//! The Rust side of `tests/pytorch`: writes reference outputs and does work on demand, so that a `PyTorch` model can be
//! compared with this one and the two can alternate in one run.
//!
//! `cargo run --example beside_pytorch CHECKPOINT` reads one [`Request`] a line from
//! standard input, as JSON, and answers each with one line of JSON on standard output.

mod footage;
mod reference;
mod training;

use std::io::{BufRead, Write};
use std::path::PathBuf;

use genie_model::checkpoint::Checkpoint;
use genie_model::ops::{MatmulPrecision, matmul_precision, set_matmul_precision};
use genie_model::{Fit, Rollout, SamplerSettings, UnmaskingOrder, WorldModel};
use genie_training::allocator::{Allocator, keep_freed_memory};
use genie_training::train::TrainConfig;
use serde::{Deserialize, Serialize};

use self::training::{Phase, Trainer};

/// The allocator of the `genie` command.
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

type Failure = Box<dyn std::error::Error>;

/// A request of the other side.
#[derive(Debug, Deserialize)]
#[serde(tag = "work", rename_all = "snake_case", deny_unknown_fields)]
enum Request {
    /// Write the reference outputs to this safetensors file.
    Reference { path: PathBuf },
    /// Generate frames of some worlds in one batch, in confidence order with these steps, windows full.
    Rollout {
        worlds: usize,
        steps: usize,
        frames: usize,
    },
    /// Take training steps: shapes and optimiser of the `platformer` configuration.
    Train {
        phase: Phase,
        bf16: bool,
        steps: usize,
    },
}

/// The answer to a request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// The file is written.
    Written,
    /// The frames are generated, or the steps taken.
    Done {
        /// Whether matrix products used bf16.
        bf16: bool,
    },
}

/// What is kept between requests.
struct Side {
    world: WorldModel,
    checkpoint: Checkpoint,
    config: TrainConfig,
    rollouts: Vec<Rollout>,
    trainer: Option<(Phase, Trainer)>,
}

impl Side {
    fn answer(&mut self, request: Request) -> Result<Answer, Failure> {
        set_matmul_precision(MatmulPrecision::F32);
        match request {
            Request::Reference { path } => {
                let tensors = reference::tensors(&self.world, &self.checkpoint, &self.config)?;
                candle_core::safetensors::save(&tensors, path)?;
                Ok(Answer::Written)
            }
            Request::Rollout {
                worlds,
                steps,
                frames,
            } => self.rollout(worlds, steps, frames),
            Request::Train { phase, bf16, steps } => self.train(phase, bf16, steps),
        }
    }

    fn rollout(&mut self, worlds: usize, steps: usize, frames: usize) -> Result<Answer, Failure> {
        let sampler = SamplerSettings {
            steps,
            order: UnmaskingOrder::Confidence,
            adjacency: 0.0,
            action_guidance: None,
            ..SamplerSettings::default()
        };
        let actions = vec![0; worlds];
        if self.rollouts.len() != worlds {
            self.rollouts = (0..worlds as u64)
                .map(|seed| {
                    let frame = footage::frame(seed)?;
                    let sampler = sampler.clone();
                    self.world
                        .prompt_with(&frame, seed, Fit::default(), sampler)
                })
                .collect::<Result<_, _>>()?;
            for _ in 0..self.world.dynamics().window() {
                Rollout::step_all(&mut self.rollouts.iter_mut().collect::<Vec<_>>(), &actions)?;
            }
        }
        for rollout in &mut self.rollouts {
            rollout.set_sampler(sampler.clone())?;
        }
        let mut rollouts: Vec<_> = self.rollouts.iter_mut().collect();
        for _ in 0..frames {
            Rollout::step_all(&mut rollouts, &actions)?;
        }
        Ok(done())
    }

    fn train(&mut self, phase: Phase, bf16: bool, steps: usize) -> Result<Answer, Failure> {
        if bf16 {
            set_matmul_precision(MatmulPrecision::Bf16);
        }
        if self.trainer.as_ref().is_none_or(|(held, _)| *held != phase) {
            let trainer = Trainer::new(phase, &self.checkpoint, &self.config)?;
            self.trainer = Some((phase, trainer));
        }
        let (_, trainer) = self.trainer.as_mut().expect("it was just made");
        for _ in 0..steps {
            trainer.step()?;
        }
        Ok(done())
    }
}

fn done() -> Answer {
    let bf16 = matmul_precision() == MatmulPrecision::Bf16;
    Answer::Done { bf16 }
}

fn main() -> Result<(), Failure> {
    keep_freed_memory();
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: beside_pytorch CHECKPOINT")?;
    let mut side = Side {
        world: WorldModel::load(&path)?,
        checkpoint: Checkpoint::read(&path)?,
        config: toml::from_str(include_str!("../../configs/platformer.toml"))?,
        rollouts: Vec::new(),
        trainer: None,
    };
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = side.answer(serde_json::from_str(&line?)?)?;
        writeln!(output, "{}", serde_json::to_string(&answer)?)?;
        output.flush()?;
    }
    Ok(())
}
