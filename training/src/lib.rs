//! Turns gameplay video into playable Genie worlds: footage, datasets, training, evaluation and labels behind the
//! `genie` command. Video in, one checkpoint out; nothing here depends on a game engine.
//!
//! ```text
//!  video, or gameplay ──► dataset ──► train ──► world.genie.safetensors ──► label ──► play
//!                            │                            │
//!                            └──────── evaluate ◄─────────┘
//! ```
//!
//! - [`gameplay`]: a built-in platformer that makes unlabelled footage;
//! - [`actions`]: the player and its actions, found in video alone;
//! - [`ingest`]: any video into a dataset;
//! - [`dataset`]: clips in shards, and how batches of them are drawn;
//! - [`train`]: the two phases of training, resumable at every step;
//! - [`evaluate`]: image quality, controllability and long play of a trained world;
//! - [`label`]: names and keys for the latent actions;
//! - [`dream`]: all of it in one call, within a given time, with a report;
//! - [`plan`]: the cost of a training before it begins;
//! - [`pictures`]: sheets, strips and GIFs of frames.
//!
//! # Example
//!
//! Footage of the built-in platformer, a world trained on it, and its figures:
//!
//! ```no_run
//! use std::path::Path;
//!
//! use candle_core::Device;
//! use genie_model::WorldModel;
//! use genie_training::evaluate::{EvaluateOptions, evaluate};
//! use genie_training::gameplay::{GameplayOptions, generate_dataset};
//! use genie_training::train::{RunFolder, TrainConfig, train};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (data, run) = (Path::new("data/platformer"), Path::new("runs/platformer"));
//! let footage = generate_dataset(data, 100, 200, 0, GameplayOptions::default(), &|_| ())?;
//!
//! let config = TrainConfig::platformer();
//! let resume = false;
//! train(&config, data, run, resume, &Device::Cpu, &|_phase, _step| false)?;
//!
//! let world = WorldModel::load(RunFolder::world_of(run))?;
//! let options = EvaluateOptions::default();
//! println!("{}", evaluate(&world, &footage.dataset, None, &options, &|_| Ok(()))?);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `h264` | yes | decodes films in H.264 without the program `ffmpeg` |
//! | `cuda` | no | trains and plays on graphics processors of NVIDIA; needs the CUDA toolkit |
//! | `metal` | no | trains and plays on graphics processors of Apple |
//! | `mpi` | no | trains in several processes that MPI started; needs an MPI library, such as Open MPI |
//! | `accelerate` | no | uses Apple's Accelerate library on the processor |

pub mod actions;
pub mod allocator;
pub mod dataset;
pub mod dream;
pub mod evaluate;
mod file_error;
pub mod gameplay;
pub mod ingest;
pub mod label;
pub mod pictures;
pub mod plan;
mod token_pairs;
pub mod train;

pub use file_error::FileError;
